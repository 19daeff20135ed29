"""Parameter files: byte for byte TVM's format, and no file, however damaged, does harm."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import ROOT, can, need, of_ml_dtypes

LIST_MAGIC, ARRAY_MAGIC = 0xF7E58D4F05049CB7, 0xDD5E40F096B4A13F
DTYPES = [
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool",
]  # fmt: skip


def example(dtype="float32", shape=(2, 3)):
    return (np.arange(int(np.prod(shape))).reshape(shape) % 2 * 100).astype(dtype)


def by_tvm(params):
    """What TVM's own writer makes of them."""
    need("SaveParams")
    arrays = {name: tvm.array(value) for name, value in params.items()}
    return bytes(tvm.get_global_func("runtime.SaveParams")(tvm.convert(arrays)))


def one(name=b"w", *, magic=ARRAY_MAGIC, device=1, ndim=1, dtype=(2, 32, 1), shape=(2,), nbytes=8, data=bytes(8)):
    """A file of one array, with any number in it changed."""
    head = struct.pack("<QQiiiBBH", magic, 0, device, 0, ndim, *dtype)
    array = head + struct.pack(f"<{len(shape)}qq", *shape, nbytes) + data
    names = struct.pack("<QQQ", LIST_MAGIC, 0, 1) + struct.pack("<Q", len(name)) + name
    return names + struct.pack("<Q", 1) + array


def same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        view = found[name].numpy()
        assert view.dtype == value.dtype
        assert view.shape == value.shape
        assert view.tobytes() == value.tobytes()


# ---------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (3, 0, 2), (1, 2, 1, 2, 1, 2)])
def test_round_trip(dtype, shape):
    params = {"w": example(dtype, shape)}
    same(tvm.load_param_dict(tvm.save_param_dict(params)), params)


def test_round_trip_of_bfloat16():
    params = {"w": np.array([0.5, -2, 3], of_ml_dtypes("bfloat16"))}
    found = tvm.load_param_dict(tvm.save_param_dict(params))
    assert found["w"].dtype == "bfloat16"
    same(found, params)


def test_round_trip_keeps_order_and_names():
    params = {name: example() for name in ("z", "a", "", "ü 模型", "a.b/c:0", "x" * 10_000)}
    same(tvm.load_param_dict(tvm.save_param_dict(params)), params)


def test_round_trip_of_nothing():
    assert tvm.load_param_dict(tvm.save_param_dict({})) == {}


def test_many_arrays():
    params = {f"p{index}": example(shape=(index % 7,)) for index in range(1000)}
    same(tvm.load_param_dict(tvm.save_param_dict(params)), params)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)])
def test_same_bytes_as_tvm(dtype, shape):
    params = {"weight": example(dtype, shape)}
    assert tvm.save_param_dict(params) == by_tvm(params)


@pytest.mark.needs("SaveParams")
def test_tvm_reads_what_we_write():
    params = {f"p{index}": example(dtype) for index, dtype in enumerate(DTYPES)}
    found = dict(tvm.get_global_func("runtime.LoadParams")(tvm.save_param_dict(params)))
    same({name: found[name] for name in params}, params)


def test_we_read_what_tvm_writes():
    params = {f"p{index}": example(dtype) for index, dtype in enumerate(DTYPES)}
    found = tvm.load_param_dict(by_tvm(params))
    same({name: found[name] for name in params}, params)


@pytest.mark.parametrize(
    "name",
    ["digits/deploy.params", "digits/c/deploy.params", "many/deploy.params", "modern/relax/relax_params.params"],
)
def test_a_compiled_model_s_file(name):
    """The format is the same in both generations, and so each reads the other's."""
    data = (ROOT / "models" / name).read_bytes()
    params = tvm.load_param_dict(data)
    assert params
    assert tvm.save_param_dict(params) == data
    if not can("SaveParams"):
        return
    theirs = dict(tvm.get_global_func("runtime.LoadParams")(data))
    same(params, {name: theirs[name].numpy() for name in params})


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, np.frombuffer])
def test_any_buffer_is_read(kind):
    data = tvm.save_param_dict({"w": example()})
    given = np.frombuffer(data, "uint8") if kind is np.frombuffer else kind(data)
    same(tvm.load_param_dict(given), {"w": example()})


def test_what_is_read_is_a_copy():
    data = bytearray(tvm.save_param_dict({"w": example()}))
    params = tvm.load_param_dict(data)
    data[:] = bytes(len(data))
    same(params, {"w": example()})


@pytest.mark.parametrize(
    "value",
    [
        np.asfortranarray(example()),
        example(shape=(4, 6))[::2, ::2],
        example()[::-1],
        np.broadcast_to(np.float32(1), (2, 3)),
        example().astype(">f4"),
        [[1.0, 2.0], [3.0, 4.0]],
        3,
        np.float32(2),
    ],
)
def test_anything_like_an_array_is_written_in_order(value):
    expected = np.asarray(value)
    expected = expected.astype(expected.dtype.newbyteorder("="))
    same(tvm.load_param_dict(tvm.save_param_dict({"w": value})), {"w": np.array(expected, order="C")})


@pytest.mark.parametrize("name", [1, None, b"w", ("a",)])
def test_names_are_text(name):
    with pytest.raises(TypeError, match="names"):
        tvm.save_param_dict({name: example()})


@pytest.mark.parametrize(
    "value", [object(), "text", None, np.array(["a"]), np.array([1], "datetime64[s]"), [[1], [2, 3]]]
)
def test_values_are_arrays(value):
    with pytest.raises((TypeError, ValueError)):
        tvm.save_param_dict({"w": value})


def test_closed_array_is_not_written():
    array = tvm.array(example())
    array.close()
    with pytest.raises(ValueError, match="closed"):
        tvm.save_param_dict({"w": array})


@pytest.mark.parametrize("value", [None, 3, "text", [1, 2]])
def test_only_bytes_are_read(value):
    with pytest.raises(TypeError):
        tvm.load_param_dict(value)


# -------------------------------------------------------------------------------------------- damaged files


def test_every_truncation_is_an_error():
    data = tvm.save_param_dict({"a": example(), "bc": example("int8", (3,)), "": example("int64", ())})
    for length in range(len(data)):
        with pytest.raises(tvm.TVMValueError):
            tvm.load_param_dict(data[:length])


def test_every_damaged_byte_is_an_error_or_another_value():
    """Every byte of a small file, to each of eleven other values: never a crash, never memory without bound."""
    data = tvm.save_param_dict({"a": example(), "b": example("int8", (3,))})
    for place in range(len(data)):
        for change in (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x7F, 0xFE, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= change
            try:
                found = tvm.load_param_dict(damaged)
            except tvm.TVMValueError:
                continue
            assert 1 <= len(found) <= 2
            assert sum(array.nbytes for array in found.values()) <= 27


def test_random_damage():
    random.seed(7)
    data = tvm.save_param_dict({name: example(shape=(random.randrange(5), 3)) for name in "abcdefgh"})
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(random.randrange(1, 8)):
            damaged[random.randrange(len(damaged))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        try:
            found = tvm.load_param_dict(damaged)
        except tvm.TVMValueError:
            continue
        assert sum(array.nbytes for array in found.values()) <= len(damaged)


def test_random_bytes():
    random.seed(8)
    head = struct.pack("<QQ", LIST_MAGIC, 0)
    for length in list(range(40)) * 10:
        with pytest.raises(tvm.TVMValueError):
            tvm.load_param_dict(head + random.randbytes(length))


HOSTILE = {
    "huge number of dimensions": one(ndim=2**31 - 1),
    "negative number of dimensions": one(ndim=-1),
    "negative extent": one(shape=(-2,)),
    "two negative extents": one(ndim=2, shape=(-2, -1)),
    "huge extent": one(shape=(2**62,), nbytes=2**62),
    "extents that overflow to the right size": one(ndim=2, shape=(2**62, 4), nbytes=0, data=b""),
    "extents that overflow beside a zero": one(ndim=3, shape=(2**62, 2**62, 0), nbytes=0, data=b""),
    "negative size": one(nbytes=-8),
    "size that does not fit the shape": one(nbytes=4),
    "huge size": one(nbytes=2**62),
    "no bits": one(dtype=(2, 0, 1), nbytes=0, data=b""),
    "no lanes": one(dtype=(2, 32, 0)),
    "lanes": one(dtype=(2, 32, 4)),
    "255 bits": one(dtype=(2, 255, 1), nbytes=64, data=bytes(64)),
    "unknown type code": one(dtype=(200, 32, 1)),
    "pointers": one(dtype=(3, 64, 1), nbytes=16, data=bytes(16)),
    "another magic number": one(magic=1),
    "another device": one(device=2),
    "negative device": one(device=-1),
    "a name that is no text": one(name=b"\xff\xfe"),
    "a huge name": struct.pack("<QQQQ", LIST_MAGIC, 0, 1, 2**64 - 1),
    "a huge number of names": struct.pack("<QQQ", LIST_MAGIC, 0, 2**64 - 1),
    "names without arrays": struct.pack("<QQQQcQ", LIST_MAGIC, 0, 1, 1, b"w", 0),
    "more arrays than names": struct.pack("<QQQQ", LIST_MAGIC, 0, 0, 5),
    "nothing": b"",
    "zeros": bytes(100),
    "text": b"these are no params of anybody's" * 4,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_numbers(case):
    with pytest.raises(tvm.TVMValueError):
        tvm.load_param_dict(HOSTILE[case])


def test_the_file_that_those_are_made_from_is_right():
    same(tvm.load_param_dict(one()), {"w": np.zeros(2, "float32")})


def test_a_name_given_twice_is_an_error():
    data = one()
    count = struct.pack("<Q", 2)
    array = data[16 + 8 + 9 + 8 :]
    twice = data[:16] + count + data[24:33] * 2 + count + array * 2
    with pytest.raises(tvm.TVMValueError, match="twice"):
        tvm.load_param_dict(twice)


def test_bytes_after_the_end_do_no_harm():
    """TVM reads no further either."""
    same(tvm.load_param_dict(one() + b"more"), {"w": np.zeros(2, "float32")})


def test_the_error_says_where():
    with pytest.raises(tvm.TVMValueError, match=r"array 'w'.*byte \d+"):
        tvm.load_param_dict(one()[:-1])
    with pytest.raises(ValueError, match="no params"):
        tvm.load_param_dict(b"\x50\x4b\x03\x04" * 10)


def test_reading_asks_for_no_more_memory_than_the_file_has(run_python):
    """A file of 100 bytes that announces exabytes: under a limit of address space that allows none of it."""
    done = run_python(
        f"""
import resource, tvmbind as tvm
tvm.load_runtime(); import numpy
cases = {[HOSTILE[case] for case in HOSTILE]!r}
size = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (size + 64 * 2**20, size + 64 * 2**20))
for case in cases:
    try:
        tvm.load_param_dict(case)
    except tvm.TVMValueError:
        continue
    print("not refused", case)
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ------------------------------------------------------------------------------------------- files, read lazily


@pytest.fixture
def written(tmp_path):
    """Writes a params file; returns its path."""

    def write(params):
        (tmp_path / "p").write_bytes(params if isinstance(params, bytes) else tvm.save_param_dict(params))
        return tmp_path / "p"

    return write


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_a_file_is_a_mapping(written, dtype, shape):
    params = {"w": example(dtype, shape), "of another length": example()}
    same(tvm.load_param_dict(written(params)), params)


@pytest.mark.parametrize("name", ["digits/deploy.params", "many/deploy.params", "modern/relax/relax_params.params"])
def test_a_compiled_model_s_file_lazily(name):
    path = ROOT / "models" / name
    params = tvm.load_param_dict(path)
    assert isinstance(params, tvm.ParamFile)
    assert tvm.save_param_dict(params) == path.read_bytes()
    with pytest.raises(KeyError):
        params["nope"]
    assert "nope" not in params


def test_arrays_over_the_file_do_not_change_it(written):
    """Aligned ones are the file's own pages, all others copies; and each array keeps what it needs."""
    params = {f"p{'x' * length}": example(shape=(64,)) for length in range(130)}
    path = written(params)
    before, lazily = path.read_bytes(), tvm.load_param_dict(path)
    arrays = {name: lazily[name] for name in lazily}
    del lazily
    path.unlink()
    same(arrays, params)
    for array in arrays.values():
        array.numpy()[...] = 7
    path.write_bytes(before)
    same(tvm.load_param_dict(path), params)


def test_bfloat16_in_a_file(written):
    params = {"w": np.array([0.5, -2, 3], of_ml_dtypes("bfloat16"))}
    same(tvm.load_param_dict(written(params)), params)


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(written, case):
    with pytest.raises(tvm.TVMValueError):
        tvm.load_param_dict(written(HOSTILE[case]))


def test_every_truncation_of_a_file_is_an_error(written):
    data = tvm.save_param_dict({"a": example(), "bc": example("int8", (3,))})
    for length in range(len(data)):
        with pytest.raises(tvm.TVMValueError):
            tvm.load_param_dict(written(data[:length]))


def test_bytes_after_the_end_of_a_file_are_an_error(written):
    with pytest.raises(tvm.TVMValueError, match="4 bytes follow"):
        tvm.load_param_dict(written(one() + b"more"))


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "nope", tmp_path):
        with pytest.raises(tvm.TVMOSError, match="cannot read"):
            tvm.load_param_dict(path)


def test_a_large_file_takes_no_memory_before_it_is_read(run_python, tmp_path):
    """Of a gigabyte, of which the disk holds next to nothing: opened and one small array read."""
    large = one(b"large", ndim=1, shape=(2**28,), nbytes=2**30, data=b"")
    names = struct.pack("<QQQ", LIST_MAGIC, 0, 2) + struct.pack("<Q", 5) + b"large" + struct.pack("<Q", 1) + b"w"
    head = names + struct.pack("<Q", 2) + large[16 + 8 + 8 + 5 + 8 :]
    with open(tmp_path / "p", "wb") as file:
        file.write(head)
        file.seek(len(head) + 2**30)
        file.write(one()[16 + 8 + 9 + 8 :])
    done = run_python(
        f"""
import pathlib, resource, tvmbind as tvm
tvm.load_runtime(); import numpy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
params = tvm.load_param_dict(pathlib.Path({str(tmp_path / "p")!r}))
print(list(params), params["w"].numpy().tolist())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000)
"""
    )
    assert done.stdout.splitlines() == ["['large', 'w'] [0.0, 0.0]", "True"]
