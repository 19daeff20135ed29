"""Compile the ONNX file for this machine's processor: ``compile FOLDER``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import onnx
import tvm
from fixtures.digits import save_graph
from fixtures.linking import save_library
from tvm import relay

# What the levels of x86-64 add, by the names of Linux; TVM has kernels for both.
AVX2 = {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def processor():
    """LLVM's name for the level of x86-64 that this machine has."""
    try:
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    flags = set(found[1].split()) if found else set()
    return "x86-64" if not flags >= AVX2 else "x86-64-v4" if flags >= AVX512 else "x86-64-v3"


def main():
    """Write kernels, graph and weights into ``FOLDER/model``."""
    folder = Path(sys.argv[1])
    cpu = sys.argv[2] if len(sys.argv) > 2 else processor()
    name = f"llvm -mtriple=x86_64-unknown-linux-gnu -mcpu={cpu}"
    module, params = relay.frontend.from_onnx(onnx.load(folder / "model.onnx"), freeze_params=True)
    with tvm.transform.PassContext(opt_level=3):
        factory = relay.build(module, target=tvm.target.Target(name, host=name), params=params)
    save_library(factory.get_lib(), folder / "model" / "libdeploy.so")
    save_graph(factory, folder / "model")
    print(f"compiled for {cpu}")


if __name__ == "__main__":
    main()
