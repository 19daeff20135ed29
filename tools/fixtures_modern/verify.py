"""Run every artefact twice: with tvm, and with nothing but tvm_ffi and the runtime.

``python -m fixtures_modern.verify SOURCES OUT tvm|runtime`` is one of the two.
"""

from __future__ import annotations

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import tvm_ffi
from fixtures.checks import VerificationError, check_digits, check_no_paths, expect
from fixtures.digits_data import load_images

from . import values

FOLDER = "modern"
NUMBERS = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16"),
)
CPU_TYPE, POOLED = 1, 2


def verify(sources, out):
    """Run everything under ``out`` in two processes; raises at the first wrong result."""
    for runtime in ("tvm", "runtime"):
        subprocess.run([sys.executable, "-m", __name__, sources, out, runtime], check=True)
    check_no_paths(out)


def load_runtime(kind):
    """Load what runs the artefacts: ``tvm`` or only its ``runtime`` library."""
    if kind == "tvm":
        import tvm  # noqa: F401
    else:
        (package,) = importlib.util.find_spec("tvm").submodule_search_locations
        ctypes.CDLL(str(Path(package) / "lib" / "libtvm_runtime.so"))
    if ("tvm" in sys.modules) != (kind == "tvm"):
        raise VerificationError(f"tvm is in the wrong process: {kind}")


def tensor(array):
    """A tensor of TVM's own, 64-byte aligned, with a copy of a numpy array."""
    array = np.ascontiguousarray(array).reshape(np.shape(array))
    name = "bool" if array.dtype == bool else array.dtype.name
    allocate = tvm_ffi.get_global_func("runtime.TVMTensorAllocWithScope")
    made = allocate(tvm_ffi.Shape(array.shape), tvm_ffi.dtype(name), tvm_ffi.device("cpu", 0), None)
    fill(made, array)
    return made


def fill(made, array):
    """Copy a contiguous numpy array into a tensor."""
    copy = tvm_ffi.get_global_func("runtime.TVMTensorCopyFromBytes")
    copy(made, ctypes.c_void_p(array.ctypes.data), array.nbytes)


def to_numpy(result):
    """A tensor's values as a numpy array of its dtype, bfloat16 included."""
    name = str(result.dtype)
    array = np.empty(tuple(result.shape), ml_dtypes.bfloat16 if name == "bfloat16" else name)
    copy = tvm_ffi.get_global_func("runtime.TVMTensorCopyToBytes")
    copy(result, ctypes.c_void_p(array.ctypes.data), array.nbytes)
    return array


def call(function, inputs, outputs, *scalars):
    """Call a kernel on copies of numpy arrays; returns the outputs as numpy."""
    results = [tensor(array) for array in outputs]
    function(*map(tensor, inputs), *results, *scalars)
    return [to_numpy(result) for result in results]


def register(name, function):
    """Make a Python function global under a name."""
    tvm_ffi.register_global_func(name, function, override=True)


def machine(library):
    """A Relax VM, ready to run, of an executable."""
    made = tvm_ffi.load_module(str(library))["vm_load_executable"]()
    made["vm_initialization"](CPU_TYPE, 0, POOLED)
    return made


def run(library, name, *inputs):
    """Call a Relax function on numpy arrays, by name and by set_input alike.

    Returns
    -------
    numpy.ndarray or list of numpy.ndarray
        A list when the function returns a tuple.
    """
    vm = machine(library)
    direct = vm[name](*map(tensor, inputs))
    vm["set_input"](name, *map(tensor, inputs))
    vm["invoke_stateful"](name)
    arity = vm["get_output_arity"](name)
    if arity == -1:
        direct = to_numpy(direct)
        expect(f"{library.name}, get_output", to_numpy(vm["get_output"](name)), direct)
        return direct
    direct = [to_numpy(part) for part in direct]
    for index in range(arity):
        expect(f"{library.name}, get_output", to_numpy(vm["get_output"](name, index)), direct[index])
    return direct


def verify_dtypes(folder):
    """Each function of ``dtypes.so``, and ``myadd.so``."""
    add = tvm_ffi.load_module(str(folder / "myadd/libdeploy.so"))["myadd"]
    for n in (0, 1, 7, 1000):
        a, b = np.arange(n, dtype="float32"), np.full(n, 0.5, dtype="float32")
        expect("myadd", call(add, [a, b], [np.zeros_like(a)])[0], a + b)

    module = tvm_ffi.load_module(str(folder / "kernels/dtypes.so"))
    for dtype in NUMBERS:
        x = np.arange(37).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        expect(dtype, call(module[f"twice_{dtype}"], [x], [np.zeros_like(x)])[0], x + x)
    flags = np.array([True, False, True])
    for name, right in (("identity_bool", flags), ("not_bool", ~flags)):
        expect(name, call(module[name], [flags], [np.zeros_like(flags)])[0], right)

    x = np.linspace(-3, 3, 1024, dtype="float32")
    zeros = np.zeros_like(x)
    half = np.float32(1.5)
    scalar = np.array(2.5, dtype="float32")
    volume = x[:24].reshape(2, 3, 4)
    whole = np.trunc(x).astype("int32")
    plane = x[:6].reshape(2, 3)
    cases = (
        ("increment_scalar", [scalar], [np.zeros_like(scalar)], (), [scalar + 1]),
        ("scale_by", [x], [zeros], (3,), [x * 3]),
        ("scale_by_float", [x], [zeros], (1.5,), [x * half]),
        ("scale_add", [x, x], [zeros], (1.5,), [x * half + x]),
        ("split_parts", [x], [whole * 0, zeros], (), [whole, x - whole.astype("float32")]),
        ("reverse_axes", [volume], [np.zeros((4, 3, 2), "float32")], (), [volume.T]),
        ("copy_strided", [plane], [plane * 0], (), [plane]),
    )
    for name, inputs, outputs, scalars, right in cases:
        for got, wanted in zip(call(module[name], inputs, outputs, *scalars), right):
            expect(name, got, wanted)
    verify_strides(module["copy_strided"])
    returned = (module["add_ints"](40, 2), module["add_floats"](0.5, 1.0), module["no_arguments"]())
    if returned != (42, 1.5, 42):
        raise VerificationError(f"the functions without tensors returned {returned}")


def verify_strides(copy_strided):
    """``copy_strided`` on a view that is transposed."""
    plane = np.arange(6, dtype="float32").reshape(2, 3)
    y = tensor(np.zeros((3, 2), "float32"))
    copy_strided(tvm_ffi.from_dlpack(plane.T), y)
    expect("copy_strided of a transposed view", to_numpy(y), plane.T)


def verify_packed(library):
    """Each kernel of ``call_packed.so`` with a Python function behind the name."""
    seen = []

    def scale(x, y):
        # A kernel passes borrowed DLTensor pointers; from_dlpack of one is a segfault.
        fill(y, to_numpy(x) * 3)

    register("tvmbind.test.scale", scale)
    register("tvmbind.test.add", lambda a, b: a + b)
    register("tvmbind.test.map", lambda v: v / 2)
    register("tvmbind.test.tick", lambda: seen.append("tick"))
    register("tvmbind.demo.report", lambda *args: seen.append((*args[:3], tuple(args[3].shape))))
    module = tvm_ffi.load_module(str(library))
    x = np.arange(5, dtype="float32")
    expect("call_scale", call(module["call_scale"], [x], [np.zeros_like(x)])[0], x * 3)
    i = np.arange(5, dtype="int32")
    expect("call_add", call(module["call_add"], [i, i], [np.zeros_like(i)])[0], i * 2)
    d = np.arange(5, dtype="float64")
    expect("call_map", call(module["call_map"], [d], [np.zeros_like(d)])[0], d / 2)
    module["call_tick"]()
    module["call_report"](tensor(x), 2)
    if seen != ["tick", ("step", 0, 0.0, (5,)), ("step", 1, 1.0, (5,))]:
        raise VerificationError(f"call_packed.so called with {seen}")


def verify_parallel(folder):
    """The parallel kernels, their callbacks on whatever thread they come."""
    add = tvm_ffi.load_module(str(folder / "kernels/parallel.so"))["parallel_add"]
    for n in (10, 100_000):
        x = np.arange(n, dtype="float32")
        expect("parallel_add", call(add, [x, x], [np.zeros_like(x)])[0], x + x)
    seen = []
    register("tvmbind.test.visit", lambda i: seen.append(i) or i * i)
    module = tvm_ffi.load_module(str(folder / "kernels/parallel_call.so"))
    module["visit_all"](50)
    (y,) = call(module["visit_map"], [], [np.zeros(50, dtype="int32")])
    expect("visit_map", y, np.arange(50) ** 2)
    if sorted(seen) != sorted([*range(50), *range(50)]):
        raise VerificationError(f"parallel_call.so visited {seen}")


def verify_relax(folder):
    """The small Relax models."""
    x = values.waves(1, 16)
    expect("relax_mlp", run(folder / "relax/relax_mlp.so", "forward", x), values.mlp(x))

    a = np.array([[-1, 0, 1], [2, 3, 4]], dtype="float32")
    b = np.array([[1, 0, -3], [-4, 5, 6]], dtype="float32")
    for got, right in zip(run(folder / "relax/relax_tuple.so", "main", a, b), (a + b, a > b)):
        expect_exactly("relax_tuple", got, right)
    for n in (1, 5):
        x, y = values.waves(n, 4), np.ones((n, 4), "float32")
        expect("relax_symbolic", run(folder / "relax/relax_symbolic.so", "main", x, y), x * 2 + y)
    b = b.astype("int32")
    for got, right in zip(run(folder / "relax/relax_many.so", "main", a, b), values.many(a, b), strict=True):
        expect_exactly("relax_many", got, right)

    load = tvm_ffi.get_global_func("runtime.LoadParams")
    params = load((folder / "relax/relax_params.params").read_bytes())
    weights = [to_numpy(params[name]) for name in values.PARAMS]
    x = values.waves(1, 4)
    expect("relax_params", run(folder / "relax/relax_params.so", "main", x, *weights), values.params(x))


def expect_exactly(name, result, right):
    """Compare arrays, the dtype too."""
    expect(name, result, right)
    if result.dtype != right.dtype:
        raise VerificationError(f"{name} gave {result.dtype}, expected {right.dtype}")


def verify_digits(sources, folder):
    """Both forms of the digits CNN on all test images, against torch."""
    images, labels, probabilities = load_images(sources)
    single = machine(folder / "digits/relax_vm.so")["main"]
    results = np.concatenate([to_numpy(single(tensor(image))) for image in images])
    check_digits("modern", results, labels, probabilities)
    batch = run(folder / "digits/relax_vm_batch.so", "main", images[:, 0])
    check_digits("modern, one batch", batch, labels, probabilities)


def main(sources, out, runtime):
    """Run everything with one runtime."""
    load_runtime(runtime)
    folder = out / FOLDER
    verify_dtypes(folder)
    verify_packed(folder / "kernels/call_packed.so")
    verify_parallel(folder)
    verify_relax(folder)
    verify_digits(sources, folder)
    if ("tvm" in sys.modules) != (runtime == "tvm"):
        raise VerificationError("something imported tvm")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
