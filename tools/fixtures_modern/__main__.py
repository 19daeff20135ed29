"""Build every modern fixture into a folder, then run each: ``fixtures_modern SOURCES OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from fixtures import steps

from . import digits, dtypes, machines, packed, parallel, relax_models, verify

STEPS = (
    ("modern kernels: dtypes and signatures", dtypes.build),
    ("modern kernels: packed calls", packed.build),
    ("modern kernels: parallel loops", parallel.build),
    ("modern Relax: tuple, symbolic, parameters, many", relax_models.build),
    ("modern Relax: nested tuples, shapes", machines.build),
    ("modern Relax: digits", digits.build),
    ("verify with tvm, and with the runtime alone", verify.verify),
)

if __name__ == "__main__":
    steps.run(STEPS, Path(sys.argv[1]), Path(sys.argv[2]))
