"""Modules: loading every kind of artefact, refusing everything else, functions that outlive their module."""

from __future__ import annotations

import ctypes
import gc
import shutil
import subprocess
import weakref

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, ROOT, can, need

LIBRARY = "library" if can("libraries called library") else "dso"
CLASSIC = {
    "myadd/libdeploy.so": LIBRARY,
    "digits/libdeploy.so": LIBRARY,
    "many/libdeploy.so": LIBRARY,
    "kernels/call_packed.so": LIBRARY,
    "kernels/dtypes.so": LIBRARY,
    "kernels/parallel.so": LIBRARY,
    "kernels/parallel_call.so": LIBRARY,
    "digits/factory.so": "GraphExecutorFactory",
    "many/factory.so": "GraphExecutorFactory",
    "digits/aot.so": "AotExecutorFactory",
    "digits/relax_vm.so": "relax.Executable",
}
MODERN = {
    "myadd/libdeploy.so": LIBRARY,
    "kernels/call_packed.so": LIBRARY,
    "kernels/dtypes.so": LIBRARY,
    "kernels/parallel.so": LIBRARY,
    "kernels/parallel_call.so": LIBRARY,
    "digits/relax_vm.so": "relax.VMExecutable",
    "relax/relax_mlp.so": "relax.VMExecutable",
    "relax/relax_tuple.so": "relax.VMExecutable",
}
ARTEFACTS = CLASSIC if INFO.abi == "classic" else MODERN
NEEDS = {
    "digits/aot.so": "AOT executor",
    "digits/factory.so": "graph factory",
    "many/factory.so": "graph factory",
    "kernels/call_packed.so": "kernels that call packed functions",
    "kernels/parallel.so": "thread pool",
    "kernels/parallel_call.so": "thread pool",
}
NUM_ARGS = "num_args" if INFO.abi == "classic" else r"Expected \d+ arguments"
c_of_its_generation = pytest.mark.needs("compiled C of its generation")


@pytest.fixture
def myadd(models):
    return tvm.load_module(models / "myadd" / "libdeploy.so")


@pytest.fixture
def dtypes(models):
    return tvm.load_module(models / "kernels" / "dtypes.so")


def add(func, n=5):
    a, b, out = tvm.array(np.arange(n, dtype="float32")), tvm.array(np.ones(n, "float32")), tvm.empty((n,))
    func(a, b, out)
    return out.numpy().tolist()


def compile_c(folder, name, *sources, flags=()):
    out = folder / name
    command = ["gcc", "-O1", "-shared", "-fPIC", *map(str, flags), *map(str, sources), "-o", str(out), "-lm"]
    subprocess.run(command, check=True)
    return out


# ------------------------------------------------------------------------------------------------- loading


@pytest.mark.parametrize("name", ARTEFACTS)
def test_every_fixture_loads(models, name):
    need(*["Relax VM"] if "relax" in name else [NEEDS[name]] if name in NEEDS else [])
    module = tvm.load_module(models / name)
    assert module.type_key == ARTEFACTS[name]
    assert ARTEFACTS[name] in repr(module)


@pytest.mark.parametrize("extension", ["so", "dll", "dylib", "dso"])
def test_every_library_name_loads(models, tmp_path, extension):
    file = tmp_path / f"libdeploy.{extension}"
    shutil.copy(models / "myadd" / "libdeploy.so", file)
    assert add(tvm.load_module(str(file))["myadd"], 3) == [1, 2, 3]


@pytest.mark.parametrize("fmt", ["so", "dll", "dylib", "dso"])
def test_format_wins_over_extension(models, tmp_path, fmt):
    file = tmp_path / "deploy.model"
    shutil.copy(models / "myadd" / "libdeploy.so", file)
    assert add(tvm.load_module(file, fmt)["myadd"], 2) == [1, 2]


def test_relative_path_needs_no_folder(models, tmp_path, monkeypatch):
    shutil.copy(models / "myadd" / "libdeploy.so", tmp_path / "here.so")
    monkeypatch.chdir(tmp_path)
    assert tvm.load_module("here.so").implements_function("myadd")


def test_paths_with_spaces_and_other_letters(models, tmp_path):
    file = tmp_path / "модель 模型 ü.so"
    shutil.copy(models / "myadd" / "libdeploy.so", file)
    assert add(tvm.load_module(file)["myadd"], 2) == [1, 2]
    assert add(tvm.load_module(bytes(file))["myadd"], 2) == [1, 2]


@pytest.mark.parametrize(("name", "fmt"), [("libdeploy.so", "xyz"), ("libdeploy.xyz", ""), ("libdeploy", "")])
def test_wrong_format(models, tmp_path, name, fmt):
    file = tmp_path / name
    shutil.copy(models / "myadd" / "libdeploy.so", file)
    with pytest.raises(tvm.TVMError):
        tvm.load_module(file, fmt)


def test_missing_file(tmp_path):
    with pytest.raises(OSError, match="there is no such file") as caught:
        tvm.load_module(tmp_path / "nope.so")
    assert isinstance(caught.value, tvm.TVMOSError)
    assert "nope.so" in str(caught.value)


def test_a_folder_is_no_module(tmp_path):
    folder = tmp_path / "libdeploy.so"
    folder.mkdir()
    with pytest.raises(tvm.TVMOSError, match="folder"):
        tvm.load_module(folder)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not a library\n", b"MZ\x90\0" * 50, b"PK\3\4" * 50])
def test_file_of_another_kind(tmp_path, content):
    file = tmp_path / "libdeploy.so"
    file.write_bytes(content)
    with pytest.raises(tvm.TVMOSError, match="cannot load"):
        tvm.load_module(file)


def test_c_source_is_no_module(tmp_path):
    source = tmp_path / "myadd.c"
    source.write_text("int myadd(void) { return 0; }\n")
    with pytest.raises(tvm.TVMError):
        tvm.load_module(source)


@pytest.mark.parametrize("part", [0.01, 0.1, 0.3, 0.5, 0.7])
def test_truncated_library(models, tmp_path, part):
    data = (models / "myadd" / "libdeploy.so").read_bytes()
    file = tmp_path / "cut.so"
    file.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(tvm.TVMOSError, match="cut short"):
        tvm.load_module(file)


@pytest.mark.parametrize(
    ("offset", "value", "match"),
    [(18, b"\xb7\0", "aarch64"), (18, b"\x28\0", "arm"), (18, b"\xff\xff", "65535"), (4, b"\1", "32-bit")],
)
def test_library_for_another_processor(models, tmp_path, offset, value, match):
    data = bytearray((models / "myadd" / "libdeploy.so").read_bytes())
    data[offset : offset + len(value)] = value
    file = tmp_path / "other.so"
    file.write_bytes(data)
    with pytest.raises(tvm.TVMOSError, match=match):
        tvm.load_module(file)


def test_library_of_the_other_generation(tmp_path):
    source = tmp_path / "other.c"
    if INFO.abi == "classic":
        source.write_text("void *__tvm_ffi_library_ctx;\nint __tvm_ffi_main(void) { return 0; }\n")
    else:
        source.write_text("void *__TVMFuncCall;\nint myadd(void) { return __TVMFuncCall == 0; }\n")
    file = compile_c(tmp_path, "other.so", source)
    made = "0.21 or newer" if INFO.abi == "classic" else "0.20 or older"
    with pytest.raises(tvm.TVMOSError, match=f"TVM {made} compiled it") as caught:
        tvm.load_module(file)
    assert INFO.path in str(caught.value)
    assert INFO.title in str(caught.value)


def test_a_model_of_the_other_generation():
    name = "modern/digits/relax_vm.so" if INFO.abi == "classic" else "digits/libdeploy.so"
    with pytest.raises(tvm.TVMOSError, match="it needs a runtime of that generation"):
        tvm.load_module(ROOT / "models" / name)


def test_library_that_needs_what_is_not_there(tmp_path):
    source = tmp_path / "lacking.c"
    source.write_text("int no_such_function(void);\nint f(void) { return no_such_function(); }\n")
    file = compile_c(tmp_path, "lacking.so", source, flags=["-Wl,-z,now"])
    with pytest.raises(tvm.TVMError, match="no_such_function"):
        tvm.load_module(file)


@pytest.mark.parametrize(("path", "fmt"), [(3, ""), (None, ""), ("x.so", 3)])
def test_arguments_of_another_type(models, path, fmt):
    with pytest.raises(TypeError):
        tvm.load_module(models / "myadd" / "libdeploy.so" if path == "x.so" else path, fmt)


@pytest.mark.parametrize(("path", "fmt"), [("a\0b.so", ""), ("/nowhere.so", "s\0o")])
def test_nul_in_names(path, fmt):
    with pytest.raises(ValueError, match="NUL"):
        tvm.load_module(path, fmt)


@c_of_its_generation
@pytest.mark.needs("graph executor")
def test_compiled_c_finds_the_runtime(models, tmp_path):
    """Compiled C calls TVMBackendAllocWorkspace by name: the runtime is made visible for it."""
    folder = models / "digits" / "c"
    file = compile_c(tmp_path, "deploy_c.so", folder / "deploy.c", flags=["-I", models / "shim"])
    graph = tvm.graph_executor.create((folder / "deploy.json").read_text(), tvm.load_module(file), tvm.cpu(0))
    graph.load_params((folder / "deploy.params").read_bytes())
    images = np.load(models / "digits" / "test_images.npz")
    graph.run(input=images["images"][0].reshape(1, 1, 8, 8).astype("float32") / 16)
    np.testing.assert_allclose(graph.get_output(0).numpy()[0], images["probabilities"][0], atol=1e-5)


@c_of_its_generation
@pytest.mark.needs("graph executor")
def test_compiled_c_alone_in_a_process(models, tmp_path, run_python):
    """The same where nothing else has made the runtime's symbols visible before."""
    folder = models / "digits" / "c"
    file = compile_c(tmp_path, "alone.so", folder / "deploy.c", flags=["-I", models / "shim"])
    code = f"""
import tvmbind as tvm
g = tvm.graph_executor.create(open({str(folder / "deploy.json")!r}).read(), tvm.load_module({str(file)!r}), tvm.cpu(0))
g.load_params(open({str(folder / "deploy.params")!r}, "rb").read())
g.run(input=tvm.empty((1, 1, 8, 8)).copyfrom(__import__("numpy").ones((1, 1, 8, 8), "float32")))
print(round(float(g.get_output(0).numpy().sum()), 4))
"""
    done = run_python(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1.0", "")


@c_of_its_generation
def test_myadd_from_c(models, tmp_path):
    file = compile_c(tmp_path, "myadd_c.so", models / "myadd" / "myadd.c", flags=["-I", models / "shim"])
    assert add(tvm.load_module(file)["myadd"], 4) == [1, 2, 3, 4]


def test_the_same_file_twice(models):
    one, two = (tvm.load_module(models / "myadd" / "libdeploy.so") for _ in range(2))
    one.close()
    assert add(two["myadd"], 2) == [1, 2]


# --------------------------------------------------------------------------------------------- functions


def test_look_up(myadd):
    assert add(myadd["myadd"]) == add(myadd.get_function("myadd")) == [1, 2, 3, 4, 5]
    assert myadd["myadd"].name == "myadd"
    assert myadd.implements_function("myadd")
    assert not myadd.implements_function("nope")


@pytest.mark.parametrize("name", ["nope", "", "myadd ", "MYADD", "x" * 100_000, "ü", "%s%n"])
def test_missing_function(myadd, name):
    with pytest.raises(tvm.TVMAttributeError, match="has no function") as caught:
        myadd[name]
    assert isinstance(caught.value, AttributeError)
    assert not myadd.implements_function(name)


@pytest.mark.parametrize(
    "name", ["exit", "abort", "read", "exp", "malloc", "dlopen", "TVMFuncCall", "TVMFFIFunctionCall", "printf"]
)
def test_functions_of_the_c_library_are_none_of_the_module(models, name):
    """The system's loader would find them through the module's own dependencies, and calling them would crash."""
    classic = tvm.runtime_info().abi == "classic"
    file = models / ("digits/libdeploy.so" if classic else "kernels/dtypes.so")
    assert hasattr(ctypes.CDLL(str(file)), "exp") or not classic  # it needs libm
    module = tvm.load_module(file)
    assert not module.implements_function(name)
    with pytest.raises(tvm.TVMAttributeError):
        module[name]


@pytest.mark.parametrize(
    "name",
    ["__tvm_dev_mblob", "__tvm_module_ctx", "__TVMFuncCall", "__tvm_ffi__library_bin", "__tvm_ffi__library_ctx",
     "_library_bin", "_library_ctx", "__TVMFFIFunctionCall"],
)  # fmt: skip
def test_data_is_no_function(models, myadd, name):
    assert not myadd.implements_function(name)
    if INFO.has("graph factory"):
        (library,) = tvm.load_module(models / "digits" / "factory.so").imported_modules
        assert not library.implements_function(name)


def test_function_name_of_another_type(myadd):
    with pytest.raises(TypeError, match="int"):
        myadd[5]
    with pytest.raises(ValueError, match="NUL"):
        myadd["my\0add"]


def test_entry_function(myadd, dtypes):
    assert add(myadd.entry_func, 2) == [1, 2]
    assert add(myadd, 2) == [1, 2]
    with pytest.raises(tvm.TVMAttributeError, match="__tvm_main__" if INFO.abi == "classic" else "'main'"):
        dtypes.entry_func  # noqa: B018
    assert not dtypes.implements_function("__tvm_main__")


def test_kernel_says_what_is_wrong(myadd):
    with pytest.raises(tvm.TVMError, match=NUM_ARGS):
        myadd["myadd"]()
    with pytest.raises(tvm.TVMError, match="dtype"):
        myadd["myadd"](*(tvm.empty((2,), "int32") for _ in range(3)))
    with pytest.raises(tvm.TVMError):
        myadd["myadd"](*(tvm.empty((2, 2)) for _ in range(3)))


@pytest.mark.parametrize("let_go", ["close", "del", "with"])
def test_function_outlives_its_module(models, let_go):
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    func = module["myadd"]
    if let_go == "close":
        module.close()
    elif let_go == "with":
        with module:
            pass
    del module
    gc.collect()
    assert add(func, 3) == [1, 2, 3]


def test_import_keeps_the_imported(models, myadd):
    library = tvm.load_module(models / "kernels" / "dtypes.so")
    library.import_module(myadd)
    myadd.close()
    gc.collect()
    assert add(library.get_function("myadd", query_imports=True), 2) == [1, 2]


def test_imports_are_searched_only_when_asked(dtypes, myadd):
    dtypes.import_module(myadd)
    assert dtypes.imported_modules == [myadd]
    assert not dtypes.implements_function("myadd")
    assert dtypes.implements_function("myadd", query_imports=True)
    with pytest.raises(tvm.TVMAttributeError):
        dtypes["myadd"]
    with pytest.raises(tvm.TVMAttributeError, match="or its imports"):
        dtypes.get_function("nope", query_imports=True)


def test_import_cycles_are_refused(models):
    names = ("kernels/dtypes.so", "myadd/libdeploy.so", "kernels/dtypes.so")
    a, b, c = (tvm.load_module(models / name) for name in names)
    with pytest.raises(ValueError, match="import itself"):
        a.import_module(a)
    a.import_module(b)
    with pytest.raises(ValueError, match="import itself"):
        b.import_module(a)
    b.import_module(c)
    with pytest.raises(ValueError, match="import itself"):
        c.import_module(a)
    assert c.imported_modules == []


@pytest.mark.parametrize("wrong", [None, "libdeploy.so", 3])
def test_import_of_another_type(myadd, wrong):
    with pytest.raises(TypeError, match="Module"):
        myadd.import_module(wrong)


@pytest.mark.needs("graph factory")
def test_factory_imports_its_library(models):
    (library,) = tvm.load_module(models / "digits" / "factory.so").imported_modules
    assert library.type_key == LIBRARY
    name = "tvmgen_default_fused_layout_transform"
    assert library.implements_function(name)
    factory = tvm.load_module(models / "digits" / "factory.so")
    assert not factory.implements_function(name)
    with pytest.raises(tvm.TVMError, match="num_args"):
        factory.get_function(name, query_imports=True)()


def test_what_the_runtime_cannot_do_is_an_error(myadd, tmp_path):
    with pytest.raises(tvm.TVMError, match="not support"):
        myadd.save(tmp_path / "copy.so")
    if INFO.abi == "classic":
        with pytest.raises(tvm.TVMError, match="not support"):
            myadd.get_source()
    else:
        assert myadd.get_source() == ""
    assert myadd.format == ""


@pytest.mark.needs("system library")
def test_system_lib():
    assert tvm.system_lib().type_key == LIBRARY
    assert not tvm.system_lib().implements_function("nope")


@pytest.mark.needs("graph factory")
@pytest.mark.parametrize("devices", [(), (5,), ("cpu",), (None,)])
def test_factory_wants_devices(models, devices):
    """Called with none, TVM's own factory of the graph executor is a segmentation fault."""
    factory = tvm.load_module(models / "digits" / "factory.so")
    with pytest.raises((TypeError, tvm.TVMError)):
        factory["default"](*devices)


@pytest.mark.needs("graph factory")
@pytest.mark.parametrize("number", [0, 17, 99, -1, -5])
def test_factory_on_a_device_that_no_tvm_has(models, number):
    factory = tvm.load_module(models / "digits" / "factory.so")
    with pytest.raises((ValueError, tvm.TVMError)):
        factory["default"](tvm.Device(number, 0))


# ---------------------------------------------------------------------------------------- time_evaluator


@pytest.mark.needs("time evaluator")
def test_time_evaluator(dtypes):
    timed = dtypes.time_evaluator("add_ints", number=3, repeat=4)(1, 2)
    assert len(timed.results) == 4
    assert 0 < timed.min <= timed.median <= timed.max < 1
    assert timed.min <= timed.mean <= timed.max
    assert timed.std >= 0
    assert "mean" in str(timed)


@pytest.mark.needs("time evaluator", "kernels that call packed functions")
def test_time_evaluator_calls_as_often_as_it_says(models):
    kernels = tvm.load_module(models / "kernels" / "call_packed.so")
    ticks = []
    tvm.register_func("tvmbind.test.tick", lambda: ticks.append(1), override=True)
    try:
        kernels.time_evaluator("call_tick", number=5, repeat=3)()
    finally:
        if can("removes globals"):
            tvm.remove_global_func("tvmbind.test.tick")
    assert len(ticks) == 1 + 5 * 3  # one to warm up


@pytest.mark.needs("time evaluator")
def test_time_evaluator_raises_what_the_function_raises(dtypes):
    with pytest.raises(tvm.TVMError, match=NUM_ARGS):
        dtypes.time_evaluator("add_ints")()


@pytest.mark.needs("time evaluator")
@pytest.mark.parametrize("name", ["number", "repeat", "repeats_to_cooldown"])
@pytest.mark.parametrize("value", [0, -1, 2**31, 2**40])
def test_time_evaluator_refuses_numbers_that_would_hang_or_crash(dtypes, name, value):
    with pytest.raises(ValueError, match=name):
        dtypes.time_evaluator("no_arguments", **{name: value})


@pytest.mark.needs("time evaluator")
@pytest.mark.parametrize("value", ["3", 2.5, None, float("nan")])
def test_time_evaluator_wants_ints(dtypes, value):
    with pytest.raises(TypeError):
        dtypes.time_evaluator("no_arguments", number=value)


@pytest.mark.needs("time evaluator")
@pytest.mark.parametrize("name", ["min_repeat_ms", "cooldown_interval_ms", "cache_flush_bytes"])
def test_time_evaluator_refuses_negative_numbers(dtypes, name):
    with pytest.raises(ValueError, match=name):
        dtypes.time_evaluator("no_arguments", **{name: -1})


@pytest.mark.needs("time evaluator")
def test_time_evaluator_of_what_is_not_there(dtypes):
    with pytest.raises(tvm.TVMAttributeError):
        dtypes.time_evaluator("nope")
    with pytest.raises(tvm.TVMError, match=r"tvmbind\.test\.nope"):
        dtypes.time_evaluator("no_arguments", f_preproc="tvmbind.test.nope")
    with pytest.raises(TypeError, match="Device"):
        dtypes.time_evaluator("no_arguments", "cpu")


# ------------------------------------------------------------------------------------------------ closing


def test_close(myadd):
    assert not myadd.closed
    with myadd as same:
        assert same is myadd
    assert myadd.closed
    myadd.close()
    assert "closed" in repr(myadd)


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m["myadd"],
        lambda m: m.implements_function("myadd"),
        lambda m: m.type_key,
        lambda m: m.imported_modules,
        lambda m: m.import_module(m),
        lambda m: m.entry_func,
        lambda m: m.get_source(),
        lambda m: m.time_evaluator("myadd"),
        *([lambda m: m.import_module(tvm.system_lib())] if can("system library") else []),
        *([lambda m: tvm.graph_executor.create("{}", m, tvm.cpu(0))] if INFO.has("graph executor") else []),
        lambda m: tvm.get_global_func("runtime.ModuleGetTypeKey")(m),
    ],
)
def test_closed_module_says_so(myadd, use):
    myadd.close()
    with pytest.raises(ValueError):  # noqa: PT011
        use(myadd)


def test_closed_function_says_so(myadd):
    func = myadd["myadd"]
    func.close()
    with pytest.raises(ValueError, match="closed"):
        add(func)


def test_modules_are_collected(models):
    module = tvm.load_module(models / "myadd" / "libdeploy.so")
    gone = weakref.ref(module)
    func = module["myadd"]
    del module
    gc.collect()
    assert gone() is None
    assert add(func, 1) == [1]


def test_equal_modules_are_the_same_module(models):
    module = tvm.load_module(models / "kernels" / "dtypes.so")
    module.import_module(tvm.load_module(models / "myadd" / "libdeploy.so"))
    one, two = module.imported_modules[0], module.imported_modules[0]
    assert one == two
    assert hash(one) == hash(two)
    assert one != module
    assert one != "library"


def test_closed_modules_are_not_each_other(models):
    one, two = (tvm.load_module(models / name) for name in ("myadd/libdeploy.so", "kernels/dtypes.so"))
    seen = {one, two}
    one.close()
    two.close()
    assert one != two
    assert one in seen


def test_made_only_by_functions():
    with pytest.raises(TypeError):
        tvm.Module()
