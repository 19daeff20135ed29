"""Run tvmbind's command line: ``python -m tvmbind``."""

from __future__ import annotations

import sys

from tvmbind.cli import main

if __name__ == "__main__":
    sys.exit(main())
