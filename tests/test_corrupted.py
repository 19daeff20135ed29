"""Corrupted models, each loaded and run in a process that may die: the first of what ``make fuzz`` does."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, ROOT

pytestmark = pytest.mark.needs("libtvm_runtime")
LIBRARY = "digits/libdeploy.so" if INFO.abi == "classic" else "digits/relax_vm.so"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the libraries are Linux's")
def test_corrupted_models():
    command = [sys.executable, ROOT / "tools" / "fuzz_artifacts.py", "--count", "120", "--first", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "120 variants" in done.stdout


def damaged(models, tmp_path, place, data):
    """The library with other bytes, at a place that is found in it or given."""
    found = bytearray((models / LIBRARY).read_bytes())
    start = found.index(place) if isinstance(place, bytes) else place
    found[start : start + len(data)] = data
    (tmp_path / "damaged.so").write_bytes(found)
    return tmp_path / "damaged.so"


def section(models, kind):
    """The place of a section of a type in the library."""
    data = (models / LIBRARY).read_bytes()
    table, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    return next(
        offset
        for _, each, _, _, offset in (struct.unpack_from("<IIQQQ", data, table + 64 * i) for i in range(count))
        if each == kind
    )


def test_a_function_that_is_nowhere(models, tmp_path):
    """The loader would end the process at the first call."""
    with pytest.raises(tvm.TVMOSError, match=r"expq|damaged"):
        tvm.load_module(damaged(models, tmp_path, b"\0expf\0", b"\0expq\0"))


def test_a_symbol_of_another_name(models, tmp_path):
    name = b"fused_nn_softmax\0" if INFO.abi == "classic" else b"__TVMBackendFreeWorkspace\0"
    with pytest.raises(tvm.TVMOSError, match="another hash"):
        tvm.load_module(damaged(models, tmp_path, name, name.replace(b"e", b"a", 1)))


@pytest.mark.parametrize(
    ("kind", "place", "data"),
    [
        (11, 24 * 4 + 8, b"\x31"),  # a symbol's value
        (11, 24 * 7 + 4, b"\x06"),  # its kind: thread-local
        (0x6FFFFFF6, 0, b"\0\0\0\0"),  # no buckets in the table of hashes
        (4, 0, b"\xff\xff\xff\x7f"),  # where a relocation is for
        (4, 8, b"\x05"),  # its kind
        (6, 0, b"\x0c"),  # a tag of the dynamic section: a function to start with
        (0x6FFFFFFE, 8, b"\xff\xff\xff"),  # where the versions go on
    ],
)
def test_tables_that_do_not_agree(models, tmp_path, kind, place, data):
    with pytest.raises(tvm.TVMOSError, match="it is damaged"):
        tvm.load_module(damaged(models, tmp_path, section(models, kind) + place, data))


def test_what_is_whole_loads(models, tmp_path):
    path = damaged(models, tmp_path, 0, b"\x7f")
    assert tvm.load_module(path).type_key
    np.testing.assert_equal(path.read_bytes(), (models / LIBRARY).read_bytes())


def test_what_a_library_carries(models, tmp_path):
    """A register of the bytecode that is not there, by another number of registers: memory of others', once."""
    if INFO.abi == "classic" and not INFO.has("Relax VM"):
        pytest.skip(f"{INFO.title} has no Relax VM")
    data = (models / "machines" / "relax_identity.so").read_bytes()
    place = data.index(b"\4\0\0\0\0\0\0\0main") + 12
    start, end, arguments, registers = struct.unpack_from("<4q", data, place)
    assert (start, end, arguments, registers) == (0, 4, 1, 2)
    for numbers, match in (
        ((0, 4, 1, 1), "in register 1"),
        ((0, 5, 1, 2), "no instructions"),
        ((-1, 4, 1, 2), "no instructions"),
        ((0, 4, 2, 2), "other numbers"),
    ):
        (tmp_path / "a.so").write_bytes(data[:place] + struct.pack("<4q", *numbers) + data[place + 32 :])
        with pytest.raises(tvm.TVMOSError, match=f"what it carries is damaged.*{match}"):
            tvm.load_module(tmp_path / "a.so")
