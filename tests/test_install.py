"""Getting a runtime: real downloads, real failures, and why a library does not load."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import platformdirs
import pytest

import tvmbind
from tvmbind.install import DEFAULT, PINS
from tvmbind.load_errors import explain, file_problem

Done = subprocess.CompletedProcess[str]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runtimes to install exist for Linux only")


def environment(data: Path, **variables: str) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(data), **variables}


def without_index(data: Path, **variables: str) -> dict[str, str]:
    """pip as on a machine that has no settings, sees no index, and has only what `variables` say."""
    clean = {name: value for name, value in environment(data).items() if not name.startswith("PIP_")}
    return {**clean, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", **variables}


def tvmbind_command(*arguments: str, env: dict[str, str], python: str = sys.executable) -> Done:
    command = [python, "-m", "tvmbind", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)


def library(data: Path, name: str = DEFAULT) -> Path:
    return data / "tvmbind" / "runtimes" / name / "libtvm_runtime.so"


def left_behind(data: Path) -> list[Path]:
    """Files that a failed installation should have cleaned up."""
    return [path for path in data.rglob("*") if path.is_file()]


def load(path: Path | str, **variables: str) -> Done:
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    command = [sys.executable, "-c", code, str(path)]
    return subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def why(path: Path | str) -> str:
    """What is said about a library that the system's loader really refuses."""
    done = load(path)
    assert done.returncode == 1, done
    return explain(done.stderr.strip().splitlines()[-1].partition("OSError: ")[2], path)


@pytest.fixture(scope="session")
def default_install(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The default runtime, downloaded once with whatever settings pip has here."""
    data = tmp_path_factory.mktemp("data")
    done = tvmbind_command("runtime", "install", env=environment(data))
    assert done.returncode == 0, done.stderr
    return data, done


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of 0.8, downloaded by the command that the error for a missing network gives."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", *PINS["0.8"].pip_arguments, "--dest", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture
def runtime(default_install: tuple[Path, Done]) -> Path:
    return library(default_install[0])


# ---- installing ----


def test_install_prints_the_path_and_shows_progress(default_install: tuple[Path, Done]) -> None:
    data, done = default_install
    assert done.stdout == f"{library(data)}\n"
    assert "68 MB download, 5 MB kept" in done.stderr
    assert "Downloading" in done.stderr or "Using cached" in done.stderr
    assert left_behind(data) == [library(data)]
    assert not list((data / "tvmbind" / "runtimes").glob(".download-*"))


def test_installed_library_is_the_pinned_one_and_is_a_runtime(runtime: Path) -> None:
    assert hashlib.sha256(runtime.read_bytes()).hexdigest() == PINS[DEFAULT].library_sha256
    assert file_problem(runtime) is None
    code = "import ctypes, sys; assert ctypes.CDLL(sys.argv[1]).TVMFuncListGlobalNames"
    subprocess.run([sys.executable, "-c", code, str(runtime)], check=True)


def test_what_is_installed_is_not_downloaded_again(default_install: tuple[Path, Done]) -> None:
    data, _ = default_install
    before = library(data).stat()
    done = tvmbind_command("runtime", "install", DEFAULT, env=without_index(data, PIP_NO_INDEX="1"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{library(data)}\n", "")
    assert library(data).stat() == before


def test_a_damaged_library_is_replaced_and_so_is_a_good_one_by_force(tmp_path: Path, wheel: Path) -> None:
    env = without_index(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheel.parent))
    target = library(tmp_path, "0.8")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half")
    assert tvmbind_command("runtime", "install", "0.8", env=env).returncode == 0
    assert hashlib.sha256(target.read_bytes()).hexdigest() == PINS["0.8"].library_sha256
    first = target.stat().st_ino
    assert tvmbind_command("runtime", "install", "0.8", "--force", env=env).returncode == 0
    assert target.stat().st_ino != first


def test_side_by_side_offline_list_path_remove(runtime: Path, wheel: Path, tmp_path: Path) -> None:
    for name in ("0.8", DEFAULT):  # as after two installations; 0.8 comes from a folder, without a network
        library(tmp_path, name).parent.mkdir(parents=True)
    shutil.copy(runtime, library(tmp_path))
    env = without_index(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheel.parent))
    done = tvmbind_command("runtime", "install", "0.8", DEFAULT, env=env)
    assert done.stdout.splitlines() == [str(library(tmp_path, "0.8")), str(library(tmp_path))]

    table = tvmbind_command("runtime", "list", env=env).stdout.splitlines()
    assert table[0].split() == ["NAME", "TVM", "INSTALLED", "SIZE", "PATH"]
    assert table[1].split() == ["0.16", "0.16.dev0", "yes", "4.9", "MB", str(library(tmp_path))]
    assert table[3].split() == ["0.9", "0.9.dev0", "no", "(49", "MB", "download)"]
    rows = json.loads(tvmbind_command("runtime", "list", "--json", env=env).stdout)
    assert [(row["name"], row["installed"], row["default"]) for row in rows] == [
        ("0.16", True, True),
        ("0.19", False, False),
        ("0.9", False, False),
        ("0.8", True, False),
        ("0.6", False, False),
        ("0.5", False, False),
        ("0.27", False, False),
    ]
    paths = {"0.16": str(library(tmp_path)), "0.8": str(library(tmp_path, "0.8"))}
    assert [row["path"] for row in rows] == [paths.get(row["name"]) for row in rows]
    assert [row["size"] for row in rows if row["installed"]] == [4_942_248, 2_634_528]

    assert tvmbind_command("runtime", "path", env=env).stdout == f"{library(tmp_path)}\n"
    assert tvmbind_command("runtime", "path", "0.8", env=env).stdout == f"{library(tmp_path, '0.8')}\n"
    assert tvmbind_command("runtime", "remove", DEFAULT, env=env).returncode == 0
    assert tvmbind_command("runtime", "path", env=env).stdout == f"{library(tmp_path, '0.8')}\n"
    assert not library(tmp_path).parent.exists()


# ---- what goes wrong ----


def fails(done: Done, *parts: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"},
        {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"},
        {"PIP_INDEX_URL": "https://index.invalid/simple"},
        {"PIP_PROXY": "http://127.0.0.1:9"},
    ],
    ids=["refused", "refused-retry", "no-such-host", "proxy"],
)
def test_no_network(tmp_path: Path, variables: dict[str, str]) -> None:
    done = tvmbind_command("runtime", "install", env=without_index(tmp_path, **variables))
    fails(
        done, "TVM 0.16 was not installed: pip cannot reach the package index", "TVMBIND_LIBRARY", "pip said:"
    )
    assert " ".join(PINS[DEFAULT].pip_arguments) in done.stderr  # what to run where there is a network
    assert left_behind(tmp_path) == []


def test_an_index_without_the_package(tmp_path: Path) -> None:
    done = tvmbind_command("runtime", "install", env=without_index(tmp_path, PIP_NO_INDEX="1"))
    fails(done, "the package index that pip uses does not have hhb-tvm", "No matching distribution found")


def test_an_index_without_the_version(tmp_path: Path, wheel: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / wheel.name.replace("2.0.20", "2.0.19")).symlink_to(wheel)
    env = without_index(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(links))
    done = tvmbind_command("runtime", "install", "0.8", env=env)
    fails(done, "your package index has hhb-tvm, but no 2.0.20", "It has 2.0.19.")


def test_a_corrupted_download(tmp_path: Path, wheel: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    changed = bytearray(wheel.read_bytes())
    with zipfile.ZipFile(wheel) as archive:
        changed[archive.getinfo(PINS["0.8"].member).header_offset + 5000] ^= 1
    (links / wheel.name).write_bytes(changed)
    data = tmp_path / "data"
    env = without_index(data, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(links))
    found = hashlib.sha256(changed).hexdigest()
    done = tvmbind_command("runtime", "install", "0.8", env=env)
    fails(done, "is not the one that tvmbind expects", PINS["0.8"].wheel_sha256, found)
    assert left_behind(data) == []


def test_a_download_that_is_cut_short(tmp_path: Path, wheel: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / wheel.name).write_bytes(wheel.read_bytes()[:1_000_000])
    data = tmp_path / "data"
    env = without_index(data, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(links))
    fails(tvmbind_command("runtime", "install", "0.8", env=env), "TVM 0.8 was not installed", "pip said:")
    assert left_behind(data) == []


def test_interrupted(tmp_path: Path) -> None:
    """Only tvmbind gets the signal: it must stop pip, and leave nothing of either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        env = without_index(tmp_path, PIP_INDEX_URL=f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        process = subprocess.Popen(
            [sys.executable, "-m", "tvmbind", "runtime", "install"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        connection, _ = server.accept()  # pip has asked, and will never have an answer
        with connection:
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.endswith("tvmbind: interrupted\n")
    assert "Traceback" not in error
    assert left_behind(tmp_path) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_no_pip(tmp_path: Path) -> None:
    packages = tmp_path / "packages"  # all that is installed here, but pip
    packages.mkdir()
    assert tvmbind.__file__ is not None
    (packages / "tvmbind").symlink_to(Path(tvmbind.__file__).parent)
    for path in Path(platformdirs.__file__).parent.parent.iterdir():
        if not path.name.startswith(("pip", "tvmbind")):
            (packages / path.name).symlink_to(path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    env = environment(tmp_path / "data", PYTHONPATH=str(packages))
    done = tvmbind_command("runtime", "install", env=env, python=str(tmp_path / "venv" / "bin" / "python"))
    fails(done, "the download needs pip", "ensurepip", "TVMBIND_LIBRARY")


def test_another_platform(tmp_path: Path) -> None:
    command = ["setarch", "linux32", sys.executable, "-c", "import platform; print(platform.machine())"]
    if (
        not shutil.which("setarch")
        or subprocess.run(command, capture_output=True, check=False).stdout != b"i686\n"
    ):
        pytest.skip("cannot pose as another machine here")
    command = ["setarch", "linux32", sys.executable, "-m", "tvmbind", "runtime", "install"]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    fails(done, "only for Linux on x86-64", "this is Linux i686", "TVMBIND_LIBRARY", "load_runtime(path)")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    data = tmp_path / "a-file"
    data.touch()
    fails(
        tvmbind_command("runtime", "install", env=environment(data)),
        "cannot install TVM 0.16",
        "Not a directory",
    )


def test_installed_but_the_system_cannot_load_it(default_install: tuple[Path, Done], tmp_path: Path) -> None:
    data, _ = default_install
    (tmp_path / "libgomp.so.1").touch()
    done = tvmbind_command("runtime", "install", env=environment(data, LD_LIBRARY_PATH=str(tmp_path)))
    fails(done, "is installed, but this system cannot load it", "libgomp.so.1, which it needs, is damaged")
    assert library(data).exists()


@pytest.mark.parametrize("action", ["install", "path", "remove"])
def test_unknown_name(tmp_path: Path, action: str) -> None:
    done = tvmbind_command("runtime", action, "../0.16", env=environment(tmp_path))
    fails(done, "there is no runtime called '../0.16' to install: choose from 0.16, 0.19, 0.9, 0.8")


def test_a_misspelt_name_stops_before_any_download(tmp_path: Path) -> None:
    fails(tvmbind_command("runtime", "install", DEFAULT, "0.61", env=environment(tmp_path)), "'0.61'")
    assert left_behind(tmp_path) == []


def test_nothing_installed(tmp_path: Path) -> None:
    env = environment(tmp_path)
    fails(tvmbind_command("runtime", "path", env=env), "run `tvmbind runtime install`")
    fails(tvmbind_command("runtime", "path", "0.9", env=env), "run `tvmbind runtime install 0.9`")
    fails(tvmbind_command("runtime", "remove", "0.9", env=env), "TVM 0.9 is not installed")
    assert tvmbind_command("runtime", "list", env=env).returncode == 0


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["runtime"], ["runtime", "list", "extra"]])
def test_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = tvmbind_command(*arguments, env=environment(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tvmbind")


def test_version_and_help(tmp_path: Path) -> None:
    assert tvmbind_command("--version", env=environment(tmp_path)).stdout.startswith("tvmbind ")
    done = tvmbind_command("--help", env=environment(tmp_path))
    assert done.returncode == 0
    assert "install, list and remove TVM runtimes" in done.stdout


# ---- why a library does not load: each text comes from the system's loader itself ----


@pytest.fixture
def altered(runtime: Path, tmp_path: Path) -> Path:
    """A copy of the runtime, for a test to damage."""
    return Path(shutil.copy(runtime, tmp_path / "libtvm_runtime.so"))


def replace(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


def test_missing_libgomp_names_the_package(altered: Path) -> None:
    text = why(replace(altered, b"libgomp.so.1\0", b"libgomp.so.9\0"))
    assert text.startswith(f"cannot load {altered}: it needs libgomp.so.9, which is not on this system.")
    assert "`apt-get install libgomp1`" in text
    assert "`dnf install libgomp`" in text
    assert "`apk add libgomp`" in text


def compiled(folder: Path, name: str, source: str, *options: str) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    path = folder / name
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", str(path), *options]
    subprocess.run(command, input=source, text=True, check=True)
    return path


@pytest.mark.parametrize(
    ("needed", "advice"),
    [
        ("libtvm_ffi.so", "pip install apache-tvm-ffi"),
        ("libLLVM-99.so", "Only TVM's compiler needs LLVM"),
        ("libcudart.so.99", "built without CUDA"),
        ("libunheard_of.so.3", "ldd"),
    ],
)
def test_missing_dependency(tmp_path: Path, needed: str, advice: str) -> None:
    other = compiled(tmp_path, "other.so", "int other(void) { return 1; }", f"-Wl,-soname,{needed}")
    path = compiled(tmp_path, "model.so", "int other(void); int f(void) { return other(); }", str(other))
    text = why(path)
    assert text.startswith(f"cannot load {path}: it needs {needed}, which is not on this system.")
    assert advice in text


def test_unresolved_symbols(tmp_path: Path) -> None:
    source = "int {0}(void); int f(void) {{ return {0}(); }}"
    model = compiled(tmp_path, "model.so", source.format("TVMBackendAllocWorkspace"), "-Wl,-z,now")
    assert "it needs TVMBackendAllocWorkspace, a function of TVM's runtime" in why(model)
    other = compiled(tmp_path, "other.so", source.format("nobody_has_me"), "-Wl,-z,now")
    assert "no library that it uses has nobody_has_me" in why(other)


def test_system_too_old(altered: Path) -> None:
    text = why(replace(altered, b"GLIBC_2.29\0", b"GLIBC_9.29\0"))
    assert "it needs glibc 9.29" in text
    assert "tvmbind runtime install 0.8" in text


def test_cxx_library_too_old(altered: Path) -> None:
    text = why(replace(altered, b"GLIBCXX_3.4.26\0", b"GLIBCXX_9.4.26\0"))
    assert "a libstdc++ that has GLIBCXX_9.4.26" in text


def test_another_machine(altered: Path) -> None:
    content = bytearray(altered.read_bytes())
    struct.pack_into("<H", content, 18, 183)
    altered.write_bytes(content)
    assert "it is built for aarch64, and this machine is " in why(altered)  # the loader: "No such file"


def test_another_word_size(altered: Path) -> None:
    content = bytearray(altered.read_bytes())
    content[4] = 1
    altered.write_bytes(content)
    assert "it is a 32-bit library, and this Python is 64-bit" in why(altered)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "another kind of file"),
        (b"<html>404 not found</html>" * 9, "another kind of file"),
        (b"PK\x03\x04" + bytes(99), "a zip archive or wheel"),
        (b"MZ" + bytes(99), "a Windows library"),
        (b"!<arch>\n" + bytes(99), "a static archive"),
        (b"\xcf\xfa\xed\xfe" + bytes(99), "a macOS library"),
    ],
)
def test_not_a_library(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "libtvm_runtime.so"
    path.write_bytes(content)
    assert f"it is {kind}, not a Linux shared library" in why(path)


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    assert "there is no such file" in why(tmp_path / "none.so")
    assert "it is a folder, not a library" in why(tmp_path)
    assert "none of the folders that the system searches" in why("libtvm_nowhere.so")


@pytest.mark.parametrize("size", [16, 64, 400, 5_000, 100_000, 3_000_000])
def test_a_library_that_is_cut_short_is_seen_before_it_kills_the_process(altered: Path, size: int) -> None:
    os.truncate(altered, size)
    problem = file_problem(altered)
    assert problem is not None
    assert "cut short" in problem
    assert load(altered).returncode != 0  # -SIGBUS, for some of these sizes


def test_headers_of_nonsense_are_survived(altered: Path) -> None:
    content = altered.read_bytes()[:4096]
    for position in range(4, 64):
        altered.write_bytes(content[:position] + b"\xff" * 8 + content[position + 8 :])
        assert file_problem(altered) is not None


def test_libraries_of_this_process_have_no_problem() -> None:
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if ".so" in line and " /" in line}
    assert paths
    assert [path for path in paths if os.path.exists(path) and file_problem(path)] == []


def test_text_that_is_not_known_is_passed_on() -> None:
    text = explain("something new", "libx.so")
    assert text.startswith("cannot load libx.so: the system's loader refused it.")
    assert text.endswith("The system's loader said: something new")
