"""Errors: their text, kind, class and backtrace."""

from __future__ import annotations

import builtins
import pickle

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, can
from tvmbind import _core
from tvmbind.errors import from_text

KINDS = {
    tvm.TVMValueError: ValueError,
    tvm.TVMTypeError: TypeError,
    tvm.TVMIndexError: IndexError,
    tvm.TVMKeyError: KeyError,
    tvm.TVMAttributeError: AttributeError,
    tvm.TVMNotImplementedError: NotImplementedError,
    tvm.TVMMemoryError: MemoryError,
    tvm.TVMOSError: OSError,
    tvm.TVMAssertionError: AssertionError,
    tvm.TVMArithmeticError: ArithmeticError,
    tvm.InternalError: RuntimeError,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_also_the_builtin(kind):
    assert issubclass(kind, tvm.TVMError)
    assert issubclass(kind, RuntimeError)
    assert issubclass(kind, KINDS[kind])
    error = kind("the text")
    assert str(error) == "the text"
    assert error.backtrace == ""
    assert str(pickle.loads(pickle.dumps(error))) == "the text"


# ------------------------------------------------------------------------------------- from the real runtime


def error_of(call, *args):
    with pytest.raises(tvm.TVMError) as caught:
        call(*args)
    return caught.value


def is_clean(error):
    text = str(error)
    first = text.split("\n")[0]
    return (
        bool(first.strip())
        and not any(mark in text for mark in ("---", "Stack trace", "_ZN", ".cc:", "Check failed", "[bt]", "  0: "))
        and text == text.strip()
    )


@pytest.mark.needs("containers")
def test_a_failed_check_of_the_runtime():
    error = error_of(tvm.get_global_func("runtime.ArraySize"), None)
    if INFO.abi == "classic":
        assert str(error) == "Check failed: args[0].type_code() == kTVMObjectHandle (4 vs. 8)"
        assert "container.cc" in error.backtrace
        assert error.kind in ("InternalError", "TVMError")
    else:
        assert is_clean(error)
        assert isinstance(error, TypeError)
        assert error.backtrace.startswith("Stack trace")
        assert error.kind == "TypeError"
    assert isinstance(error, RuntimeError)


def test_a_wrong_number_of_arguments():
    error = error_of(tvm.get_global_func("runtime.ModuleGetTypeKey"))
    assert is_clean(error)
    said = "expects 1 arguments, but 0 were provided" if INFO.abi == "classic" else "Expected 1 but got 0 arguments"
    if not can("typed functions that count their arguments"):
        said = "not enough argument passed, 0 passed"
    assert said in str(error)
    assert error.backtrace


def test_a_wrong_type_of_argument():
    error = error_of(tvm.get_global_func("runtime.ModuleGetTypeKey"), "text")
    assert is_clean(error)
    assert error.backtrace.strip()
    assert "Module" in str(error)


@pytest.mark.parametrize(
    ("args", "text", "modern"),
    [
        ((), "myadd: num_args should be 3", "Expected 3 arguments"),
        ((np.zeros(2, "float32"),) * 2, "myadd: num_args should be 3", "Expected 3 arguments"),
        ((np.zeros(2, "float64"),) * 3, "myadd.a.dtype is expected to be float32", "expected float32"),
        ((np.zeros((2, 2), "float32"),) * 3, "myadd.a.ndim is expected to equal 1", "expected 1"),
    ],
)
def test_a_compiled_function_refuses_its_arguments(models, args, text, modern):
    """By TVM's own checks, which do not look whether a tensor is one: that is ours."""
    error = error_of(tvm.load_module(models / "myadd" / "libdeploy.so")["myadd"], *args)
    if INFO.abi == "classic":
        assert str(error) == text
        assert error.backtrace.startswith("Stack trace") or INFO.minor < 6
    else:
        assert is_clean(error)
        assert modern in str(error)
        assert "`myadd(x0: Tensor([n], float32), " in str(error)


@pytest.mark.parametrize("name", ["absent.so", "absent", "folder/absent.so"])
def test_loading_what_is_not_there(tmp_path, name):
    error = error_of(tvm.load_module, tmp_path / name)
    assert isinstance(error, OSError)
    assert "absent" in str(error)
    assert "Stack trace" not in str(error)


def test_loading_what_is_no_library(tmp_path):
    file = tmp_path / "wrong.so"
    file.write_bytes(b"not a library" * 100)
    assert isinstance(error_of(tvm.load_module, file), OSError)


def test_a_device_that_is_not_there():
    error = error_of(tvm.empty, (2,), "float32", tvm.cuda(0))
    assert is_clean(error)
    said = "gpu" if INFO.minor < 8 else "cuda" if can("libtvm_runtime") else "libtvm_runtime.so has it"
    assert said in str(error)


def test_no_memory():
    error = error_of(tvm.empty, (2**50,), "int8")
    assert isinstance(error, MemoryError)
    assert "memory" in str(error)


def test_an_error_leaves_nothing_behind(echo):
    for _ in range(3):
        error_of(tvm.get_global_func("runtime.ModuleGetTypeKey"))
        assert echo("fine") == "fine"
    error = error_of(tvm.get_global_func("runtime.ModuleGetTypeKey"), "text")
    assert "expects" not in str(error)


def test_the_return_code_of_an_error_that_is_told_elsewhere():
    """The runtime gives it where a signal's handler failed while it waited for a socket: not to be had here."""
    error_of(tvm.get_global_func("runtime.ModuleGetTypeKey"), "text")  # the last error, of another call
    error = error_of(_core.raise_error, -2)
    assert "code -2" in str(error)
    assert "Module" not in str(error)


# ------------------------------------------------------------------- texts of the versions, as they gave them

OLD = "[12:00:00] /src/runtime/module.cc:9: Check failed: f != nullptr (0 vs. 1) no such thing\n\nStack trace returned 2 entries:\n[bt] (0) lib.so(+0x1)\n"  # noqa: E501
MIDDLE = 'TVMError: Check failed: ret == 0 (-1 vs. 0) : no such thing\nStack trace:\n  File "module.cc", line 3\n  [bt] (0) lib.so\n'  # noqa: E501
BANNER = (
    "TVMError: \n" + "-" * 63 + "\nAn error occurred during the execution of TVM.\n"
    "For more information, please see: https://tvm.apache.org/docs/errors.html\n" + "-" * 63 + "\n"
    "  Check failed: (f != nullptr) is false: no such thing\n"
    "Stack trace:\n  0: tvm::f\n        at /src/a.cc:3\n"
)
NEW = "InternalError: Check failed: (f != nullptr) is false: no such thing\nStack trace:\n  0: _ZN3tvm\n"


@pytest.mark.parametrize("text", [OLD, MIDDLE, BANNER, NEW], ids=["0.5", "0.6", "0.8", "0.13"])
def test_texts_of_every_version(text):
    error = from_text(text)
    assert str(error) == "no such thing"
    assert error.backtrace.startswith("Stack trace")
    assert error.kind in ("TVMError", "InternalError")


@pytest.mark.parametrize(
    "name",
    ["ValueError", "TypeError", "IndexError", "KeyError", "AttributeError", "NotImplementedError", "OSError",
     "FileNotFoundError", "ZeroDivisionError", "MemoryError", "AssertionError", "UnicodeDecodeError",
     "TimeoutError"],
)  # fmt: skip
def test_a_kind_that_python_has(name):
    error = from_text(f"{name}: the text\nStack trace:\n  0: f\n")
    assert isinstance(error, tvm.TVMError)
    assert error.kind == name
    assert str(error) == "the text"
    assert any(isinstance(error, base) for base in getattr(builtins, name).__mro__[:-3])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", "TVMError", "the runtime gave no message"),
        ("\n\n", "TVMError", "the runtime gave no message"),
        ("plain text", "TVMError", "plain text"),
        ("path: not a kind", "TVMError", "path: not a kind"),
        ("my.own.StrangeError: text", "my.own.StrangeError", "text"),
        ("tvm.error.OpNotImplemented: text", "TVMError", "tvm.error.OpNotImplemented: text"),
        ("ValueError: two\nlines", "ValueError", "two\nlines"),
        ("ValueError:", "ValueError", "the runtime gave no message"),
    ],
)
def test_odd_texts(text, kind, message):
    error = from_text(text)
    assert (error.kind, str(error)) == (kind, message)
