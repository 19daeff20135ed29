"""Finding the runtime: which one is taken, what is refused, and what the errors say. Each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tvmbind
from tvmbind import install

ROOT = Path(__file__).parent.parent
SHOW = "import tvmbind as tvm; i = tvm.runtime_info(); print(i.source, '|', i.path, '|', i.abi, i.version)"
CAUGHT = """
import tvmbind as tvm
try:
    {statement}
except tvm.TVMError as error:
    print(type(error).__name__)
    print(error)
else:
    print("no error")
"""


@pytest.fixture(scope="session")
def runtimes():
    """Library files by version, whichever this process has."""
    return {name: str(install.install(name)) for name in ("0.16", "0.9", "0.8")}


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A folder with only what tvmbind needs to be imported: no numpy, no compiler of cffi's, no tvm."""
    import _cffi_backend
    import platformdirs

    folder = tmp_path_factory.mktemp("bare")
    backend = getattr(_cffi_backend, "__file__", None)  # PyPy has it built in
    for file in (*([backend] if backend else []), Path(platformdirs.__file__).parent, Path(tvmbind.__file__).parent):
        (folder / Path(file).name).symlink_to(file)
    return folder


@pytest.fixture
def run(bare, tmp_path):
    """Runs Python that sees only `bare`, no runtime in the environment, and a home of its own."""

    def run(code, *paths, status=0, **env):
        search = os.pathsep.join(map(str, (*paths, bare)))
        hidden = ("TVMBIND_", "PYTHON", "XDG_", "LD_LIBRARY_PATH")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        clean |= {"HOME": str(tmp_path), "PYTHONPATH": search, **{key: str(value) for key, value in env.items()}}
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], env=clean, cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (status, ""), done.stdout
        return done.stdout

    return run


def put_installed(home, library, name="0.16"):
    """What ``tvmbind runtime install`` leaves in the user's data folder."""
    folder = home / ".local" / "share" / "tvmbind" / "runtimes" / name
    folder.mkdir(parents=True)
    (folder / "libtvm_runtime.so").symlink_to(library)
    return folder / "libtvm_runtime.so"


def put_package(folder, library, name="libtvm_runtime.so", lib=False):
    """What an installed Python package tvm has, as far as the search looks."""
    package = folder / "tvm"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')\n")
    file = package / "lib" / name if lib else package / name
    file.symlink_to(library)
    return file


# ---------------------------------------------------------------------------------------------- search order


def test_nothing_is_loaded_until_it_is_needed(run, runtimes):
    code = """
import tvmbind
print([line for line in open("/proc/self/maps") if "libtvm" in line])
tvmbind.runtime_info()
print(any("libtvm" in line for line in open("/proc/self/maps")))
"""
    assert run(code, TVMBIND_LIBRARY=runtimes["0.16"]).split() == ["[]", "True"]


def test_the_environment_comes_first(run, runtimes, tmp_path):
    put_installed(tmp_path, runtimes["0.8"], "0.8")
    package = tmp_path / "packages"
    put_package(package, runtimes["0.8"])
    found = run(SHOW, package, TVMBIND_LIBRARY=runtimes["0.9"])
    assert found == f"TVMBIND_LIBRARY | {runtimes['0.9']} | classic 0.9\n"


def test_a_path_comes_before_the_environment(run, runtimes):
    code = f"import tvmbind as tvm; print(tvm.load_runtime({runtimes['0.9']!r}).source, tvm.runtime_info().version)"
    assert run(code, TVMBIND_LIBRARY=runtimes["0.16"]) == "load_runtime 0.9\n"


@pytest.mark.parametrize("mode", ["RTLD_LOCAL", "RTLD_GLOBAL"])
def test_one_that_is_loaded_already_is_used(run, runtimes, tmp_path, mode):
    put_installed(tmp_path, runtimes["0.16"])
    code = f"import ctypes; ctypes.CDLL({runtimes['0.9']!r}, mode=ctypes.{mode})\n{SHOW}"
    assert run(code) == f"already loaded in this process | {runtimes['0.9']} | classic 0.9\n"


def test_installed_comes_before_packages(run, runtimes, tmp_path):
    file = put_installed(tmp_path, runtimes["0.16"])
    package = tmp_path / "packages"
    put_package(package, runtimes["0.9"])
    assert run(SHOW, package) == f"tvmbind runtime install | {file} | classic 0.16-0.17\n"


def test_of_several_installed_the_default_is_taken(run, runtimes, tmp_path):
    put_installed(tmp_path, runtimes["0.8"], "0.8")
    put_installed(tmp_path, runtimes["0.9"], "0.9")
    assert "| classic 0.9" in run(SHOW)
    put_installed(tmp_path, runtimes["0.16"], "0.16")
    assert "| classic 0.16" in run(SHOW)


def test_the_data_folder_can_be_elsewhere(run, runtimes, tmp_path):
    folder = tmp_path / "data" / "tvmbind" / "runtimes" / "0.16"
    folder.mkdir(parents=True)
    (folder / "libtvm_runtime.so").symlink_to(runtimes["0.16"])
    assert run(SHOW, XDG_DATA_HOME=tmp_path / "data").startswith(f"tvmbind runtime install | {folder}")


@pytest.mark.parametrize("lib", [False, True])
@pytest.mark.parametrize("name", ["libtvm_runtime.so", "libtvm.so"])
def test_a_python_package_is_found_without_importing_it(run, runtimes, tmp_path, name, lib):
    file = put_package(tmp_path / "packages", runtimes["0.16"], name, lib)
    assert run(SHOW, tmp_path / "packages") == f"Python package tvm | {file} | classic 0.16-0.17\n"


def test_the_system_s_library_path(run, runtimes, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libtvm_runtime.so").symlink_to(runtimes["0.16"])
    source, path, version = run(SHOW, LD_LIBRARY_PATH=tmp_path / "lib").strip().split(" | ")
    assert source.startswith("the system")
    assert Path(path).name == "libtvm_runtime.so"
    assert version == "classic 0.16-0.17"


def test_a_damaged_one_is_passed_over(run, runtimes, tmp_path):
    broken = tmp_path / "broken.so"
    broken.write_bytes(Path(runtimes["0.16"]).read_bytes()[:100_000])
    put_installed(tmp_path, broken)
    file = put_package(tmp_path / "packages", runtimes["0.16"])
    assert str(file) in run(SHOW, tmp_path / "packages")


def test_without_any_the_error_lists_the_places_and_the_command(run, tmp_path):
    text = run(CAUGHT.format(statement="tvm.get_global_func('runtime.String')"))
    assert text.startswith("RuntimeNotFoundError\nno TVM runtime was found")
    assert "tvmbind runtime install" in text
    assert "TVMBIND_LIBRARY" in text
    places = [line for line in text.splitlines() if line.startswith("  - ")]
    installed = tmp_path / ".local" / "share" / "tvmbind" / "runtimes" / "0.16" / "libtvm_runtime.so"
    assert any(str(installed) in line for line in places)
    for expected in ("Python package tvm", "/usr/lib", "the system's library path"):
        assert any(expected in line for line in places), expected


@pytest.mark.parametrize(
    "need",
    [
        "tvm.empty((1,))",
        "tvm.register_func('a', lambda: 0)",
        "tvm.list_global_func_names()",
        "tvm.cpu().exist",
        "tvm.convert(lambda: 0)",
        "tvm.system_lib()",
        "tvm.Array([])",
        "tvm.runtime_info()",
        "tvm.load_runtime()",
        "tvm.load_param_dict(open('models/many/deploy.params', 'rb').read())",
    ],
)
def test_whatever_needs_a_runtime_says_there_is_none(run, need):
    assert run(CAUGHT.format(statement=need)).startswith("RuntimeNotFoundError\nno TVM runtime")


@pytest.mark.parametrize(
    ("artefact", "made", "command"),
    [
        ("models/myadd/libdeploy.so", "TVM 0.20 or older", "tvmbind runtime install"),
        ("models/modern/myadd/libdeploy.so", "TVM 0.21 or newer", "pip install apache-tvm-ffi"),
    ],
)
@pytest.mark.parametrize("load", ["load_module", "load_model"])
def test_without_any_an_artefact_says_what_it_needs(run, artefact, made, command, load):
    kind, *text = run(CAUGHT.format(statement=f"tvm.{load}({artefact!r})")).splitlines()
    assert kind == "RuntimeNotFoundError"
    assert text[0].startswith(f"cannot load {ROOT / artefact}: {made} compiled it, and no TVM runtime of the gener")
    assert text[2].strip() == command


def test_it_can_be_found_after_it_was_not(run, runtimes):
    code = f"""
import os, tvmbind as tvm
try:
    tvm.runtime_info()
except OSError as error:
    print(type(error).__name__)
os.environ["TVMBIND_LIBRARY"] = {runtimes["0.16"]!r}
print(tvm.runtime_info().version)
"""
    assert run(code) == "RuntimeNotFoundError\n0.16-0.17\n"


# ---------------------------------------------------------------------------------------------- bad libraries


@pytest.fixture(scope="session")
def bad(tmp_path_factory, runtimes):
    """Files that are no runtime, each with what the error must say of it."""
    folder = tmp_path_factory.mktemp("bad")
    data = Path(runtimes["0.16"]).read_bytes()
    other = bytearray(data)
    other[18] = 183
    (folder / "source.c").write_text("int f(void) { return 1; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", folder / "source.c", "-o", folder / "other.so"], check=True)
    lacking = ["gcc", "-shared", "-fPIC", folder / "source.c", "-o", folder / "libnothere.so"]
    subprocess.run(lacking, check=True)
    link = ["-L", folder, "-Wl,--no-as-needed", "-lnothere", "-o", folder / "lacking.so"]
    subprocess.run(["gcc", "-shared", "-fPIC", folder / "source.c", *link], check=True)
    (folder / "libnothere.so").unlink()
    for name, content in {
        "text.so": b"not a library\n" * 10,
        "empty.so": b"",
        "short.so": data[:40],
        "half.so": data[: len(data) // 2],
        "arm.so": bytes(other),
    }.items():
        (folder / name).write_bytes(content)
    return folder


BAD = {
    "nowhere.so": "no such file",
    "text.so": "not a Linux shared library",
    "empty.so": "not a Linux shared library",
    "short.so": "cut short",
    "half.so": "cut short",
    "arm.so": "aarch64",
    "other.so": "TVMFuncCall",
    "lacking.so": "libnothere.so",
    "": "folder",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_library_in_the_environment(run, bad, runtimes, tmp_path, name):
    """It is refused, and nothing else is taken in its place."""
    put_installed(tmp_path, runtimes["0.16"])
    text = run(CAUGHT.format(statement="tvm.runtime_info()"), TVMBIND_LIBRARY=bad / name)
    assert text.startswith("RuntimeNotFoundError\n")
    assert str(bad / name) in text
    assert BAD[name] in text


@pytest.mark.parametrize("name", BAD)
def test_bad_library_by_path(run, bad, runtimes, name):
    statement = f"tvm.load_runtime({str(bad / name)!r})"
    text = run(CAUGHT.format(statement=statement), TVMBIND_LIBRARY=runtimes["0.16"])
    assert text.startswith("RuntimeNotFoundError\n")
    assert BAD[name] in text


def test_a_good_one_after_a_bad_one(run, bad, runtimes):
    code = f"""
import tvmbind as tvm
for name in {sorted(BAD)!r}:
    try:
        tvm.load_runtime({str(bad)!r} + "/" + name)
    except tvm.TVMError:
        continue
    print("loaded", name)
print(tvm.load_runtime({runtimes["0.16"]!r}).version, tvm.get_global_func("runtime.String")("ok"))
"""
    assert run(code) == "0.16-0.17 ok\n"


@pytest.mark.parametrize("path", ["3", "[]", "True"])
def test_path_of_another_type(run, path):
    code = CAUGHT.replace("tvm.TVMError", "TypeError").format(statement=f"tvm.load_runtime({path})")
    assert run(code).startswith("TypeError")


# ----------------------------------------------------------------------------------------- only one of them


@pytest.mark.parametrize(("first", "second"), [("0.16", "0.9"), ("0.9", "0.16"), ("0.8", "0.9")])
def test_a_second_runtime_is_refused_before_it_is_opened(run, runtimes, first, second):
    code = f"""
import tvmbind as tvm
tvm.load_runtime({runtimes[first]!r})
try:
    tvm.load_runtime({runtimes[second]!r})
except tvm.TVMError as error:
    print(error)
print({os.path.realpath(runtimes[second])!r} in open("/proc/self/maps").read())
print(tvm.get_global_func("runtime.String")("still works"), tvm.runtime_info().path)
"""
    *text, opened, works = run(code).splitlines()
    assert "already has a TVM runtime" in text[0]
    assert runtimes[first] in text[0]
    assert runtimes[second] in text[0]
    assert opened == "False"
    assert works == f"still works {runtimes[first]}"


@pytest.mark.parametrize("how", ["TVMBIND_LIBRARY", "load_runtime"])
@pytest.mark.parametrize("mode", ["RTLD_LOCAL", "RTLD_GLOBAL"])
def test_another_than_the_one_in_the_process_is_refused(run, runtimes, how, mode):
    load = f"import ctypes; ctypes.CDLL({runtimes['0.9']!r}, mode=ctypes.{mode})\n"
    if how == "load_runtime":
        text = run(load + CAUGHT.format(statement=f"tvm.load_runtime({runtimes['0.16']!r})"))
    else:
        text = run(load + CAUGHT.format(statement="tvm.runtime_info()"), TVMBIND_LIBRARY=runtimes["0.16"])
    assert text.startswith("TVMError\n")
    assert "already has a TVM runtime" in text


def test_a_copy_of_the_same_is_another(run, runtimes, tmp_path):
    copy = tmp_path / "libtvm_runtime.so"
    copy.write_bytes(Path(runtimes["0.16"]).read_bytes())
    statement = f"tvm.load_runtime({str(copy)!r})"
    code = f"import tvmbind; tvmbind.runtime_info()\n{CAUGHT.format(statement=statement)}"
    assert "already has a TVM runtime" in run(code, TVMBIND_LIBRARY=runtimes["0.16"])


def test_the_same_again_is_fine(run, runtimes, tmp_path):
    link = tmp_path / "link.so"
    link.symlink_to(runtimes["0.16"])
    code = f"""
import os, pathlib, threading
import tvmbind as tvm
one = tvm.load_runtime({runtimes["0.16"]!r})
for path in ({runtimes["0.16"]!r}, pathlib.Path({runtimes["0.16"]!r}), {str(link)!r}, None):
    assert tvm.load_runtime(path) is one
os.environ["TVMBIND_LIBRARY"] = "/nowhere.so"
assert tvm.load_runtime() is one
print("fine")
"""
    assert run(code) == "fine\n"


def test_many_threads_that_need_it_first(run, runtimes):
    code = """
import threading
import tvmbind as tvm
start, found = threading.Barrier(16), []
def first():
    start.wait()
    found.append((tvm.runtime_info(), tvm.get_global_func("runtime.String")("x")))
threads = [threading.Thread(target=first) for _ in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
print(len(found), len({id(info) for info, _ in found}))
"""
    assert run(code, TVMBIND_LIBRARY=runtimes["0.16"]) == "16 1\n"


# ------------------------------------------------------------------------------------------------ information


INFO = {
    "0.16": ("0.16-0.17", 16, 64, "runtime.BoxBool"),
    "0.9": ("0.9", 9, 128, "takes 10 arguments"),
    "0.8": ("0.8", 8, 128, "runtime.ModuleGetFormat"),
}


@pytest.mark.parametrize("name", INFO)
def test_runtime_info(run, runtimes, name):
    code = """
import tvmbind as tvm
i = tvm.runtime_info()
facts = ("bool arguments", "removes globals", "functions are objects", "graph executor", "TVMFuncCall", "TVMNope")
print(i.path, i.abi, i.version, i.minor, i.alignment, i.source, [i.has(fact) for fact in facts], i.evidence, sep="|")
try:
    i.has("no such fact")
except KeyError:
    print("no such fact")
"""
    first, last = run(code, TVMBIND_LIBRARY=runtimes[name]).splitlines()
    path, abi, version, minor, alignment, source, facts, evidence = first.split("|")
    assert (path, abi, source) == (runtimes[name], "classic", "TVMBIND_LIBRARY")
    assert (version, int(minor), int(alignment)) == INFO[name][:3]
    assert INFO[name][3] in evidence
    assert facts == str([False, True, name != "0.8", True, True, False])
    assert last == "no such fact"


def test_dlpack_version():
    major, minor = tvmbind.dlpack_version().split(".")
    assert (int(major), int(minor)) >= (1, 0)
