"""The rows of the matrix of tests: runtimes by the wheels that have them, and Pythons."""

from __future__ import annotations

from dataclasses import dataclass, replace

FFI = "apache-tvm-ffi"
NEWEST_FFI = (FFI, "0.1.15.post2")  # which says 0.1.16 of itself


def _leave_out(*names: str) -> str:
    return " ".join(("tests", *(f"--ignore=tests/test_{name}.py" for name in names)))


@dataclass(frozen=True)
class Row:
    """A runtime on a Python.

    Attributes
    ----------
    name : str
        What the table calls the runtime.
    wheels : tuple of (str, str)
        Packages and versions that have its libraries.
    python, abi : str
        What to ask pip for: tags of the wheel, which have nothing to do with the Python that runs the tests.
    interpreter : str
        The Python that runs the tests: ``"3.9"`` or ``"pypy3"``; empty for the one that runs the matrix.
    refused : str
        Part of the error if tvmbind refuses the runtime.
    stands_in : str
        A library that the runtime needs and no registry has: an empty one with its symbols stands in for it. It is
        an accelerator's, and no test uses it.
    installs : tuple of str
        What pip is to install into an environment of the row's own, instead of taking a wheel's libraries: TVM with
        its own Python. The runtime is that of the package tvm.
    note : str
        What the table adds to the Python.
    tests : str
        The folder or files of tests, and pytest's options.
    """

    name: str
    wheels: tuple[tuple[str, str], ...] = ()
    python: str = "3.11"
    abi: str = "cp311"
    interpreter: str = ""
    refused: str = ""
    stands_in: str = ""
    installs: tuple[str, ...] = ()
    note: str = ""
    tests: str = _leave_out("install", "benchmarks", "library", "examples")

    @property
    def title(self) -> str:
        """The name, with the Python if it is not the usual one."""
        return f"{self.name}, {self.interpreter}" if self.interpreter else self.name


# What is the same in each row: downloads and benchmarks (`make test` has them), and what starts processes on the
# installed runtimes, the examples and the search for a runtime. The latter two are run once on each Python.
ONCE = _leave_out("install", "benchmarks")
CLASSIC = Row("TVM 0.16", (("hhb-tvm", "3.2.3"),), "3.8", "cp38", tests=ONCE)
MODERN = Row("TVM 0.27, tvm-ffi 0.1.16", (("apache-tvm", "0.27.0.post1"), NEWEST_FFI))
OF_PYPY = "a wheel of its own: PyPy has no stable ABI; the pure core"
MERA = "libmeradna-runtime.x86.so"
# hhb-tvm asks for more than its Python needs: for its compiler.
OF_TVM_0_16 = (
    "--no-deps hhb-tvm==3.2.3",
    "attrs decorator psutil typing_extensions setuptools ml_dtypes<0.5 numpy<2",
)

ROWS = (
    Row("TVM 0.5 (DLR 1.0)", (("dlr", "1.0"),)),
    Row("TVM 0.6 (DLR 1.1)", (("dlr", "1.1"),)),
    Row("TVM 0.8", (("hhb-tvm", "2.0.20"),), "3.6", "cp36m"),
    Row("TVM 0.9", (("hhb-tvm", "2.11.4"),), "3.8", "cp38"),
    Row("TVM 0.10 (MERA 1.3.1)", (("mera-tvm-runtime", "1.3.1"),), "3.8", "cp38", stands_in=MERA),
    Row("TVM 0.10, no RPC, no AOT (MERA 1.5)", (("mera-tvm-runtime", "1.5.0"),), "3.8", "cp38", stands_in=MERA),
    CLASSIC,
    Row("TVM 0.19", (("xtc-tvm-python-bindings", "0.19.0.12"),)),
    Row("TVM 0.21", (("xtc-tvm-python-bindings", "0.21.0.8"),), refused="is of TVM 0.21"),
    Row("tvm-ffi 0.1.0", ((FFI, "0.1.0"),)),
    Row("tvm-ffi 0.1.8", ((FFI, "0.1.8"),)),
    Row("tvm-ffi 0.1.12", ((FFI, "0.1.12"),)),
    Row("tvm-ffi 0.1.16", (NEWEST_FFI,)),
    Row("TVM 0.25, tvm-ffi 0.1.12", (("apache-tvm", "0.25.0"), (FFI, "0.1.12"))),
    Row("TVM 0.26, tvm-ffi 0.1.16", (("apache-tvm", "0.26.0"), NEWEST_FFI)),
    MODERN,
    Row("TVM 0.16, all of libtvm.so, TVM's Python", interpreter="CPython 3.10", installs=OF_TVM_0_16),
    Row("TVM 0.27, TVM's Python", installs=("apache-tvm==0.27.0.post1",)),
    *(
        replace(row, interpreter=interpreter)
        for interpreter in ("CPython 3.9", "CPython 3.10", "CPython 3.12", "CPython 3.13")
        for row in (CLASSIC, MODERN)
    ),
    # matplotlib and tvm-ffi, which the examples use too, have no wheels for PyPy.
    *(
        replace(row, interpreter="PyPy 3.9", note=OF_PYPY, tests=f"{ONCE} --ignore=tests/test_examples.py")
        for row in (CLASSIC, MODERN)
    ),
)
