"""Install, list and remove TVM runtimes, and say why one does not load.

TVM publishes no runtime by itself. One shared library taken out of a pinned wheel is enough to run
compiled models, so that is what `install` keeps: a few megabytes under the user's data folder, one
folder per version, side by side. Nothing here needs, or loads, the native part of tvmbind.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import load_errors

__all__ = [
    "DEFAULT", "PINS", "InstallError", "Pin", "folder", "install",
    "installed", "pin", "remove",
]  # fmt: skip


class InstallError(RuntimeError):
    """A runtime could not be installed, removed or loaded; the text says why and what to do."""


@dataclass(frozen=True)
class Pin:
    """One runtime that can be installed: where it comes from, and what it must be byte for byte.

    Sizes are in bytes; checksums are SHA-256 in hexadecimal. `python`, `abi` and `platform` are the wheel's
    tags. They only help pip to find the wheel: its library is plain C++, and runs under any Python.
    """

    name: str
    tvm: str
    version: str
    python: str
    abi: str
    wheel_sha256: str
    wheel_size: int
    library_sha256: str
    library_size: int
    platform: str = "manylinux1_x86_64"
    package: str = "hhb-tvm"
    member: str = "tvm/libtvm_runtime.so"
    generation: str = "classic"

    @property
    def requirement(self) -> str:
        """What pip is asked for, such as ``hhb-tvm==3.2.3``."""
        return f"{self.package}=={self.version}"

    @property
    def pip_arguments(self) -> tuple[str, ...]:
        """Arguments that make any pip, on any Python, download this very wheel."""
        tags = ("--python-version", self.python, "--implementation", "cp", "--abi", self.abi)
        only = ("--no-deps", "--only-binary=:all:", "--platform", self.platform)
        return ("download", *only, *tags, self.requirement)

    @property
    def path(self) -> Path:
        """Where the library is once installed."""
        return folder() / self.name / Path(self.member).name


#: hhb-tvm is T-Head's build of TVM. Of a version's wheels these ask the least of the system: glibc 2.29,
#: libstdc++ of gcc 9 (0.8: 2.27, gcc 7). 0.19 is a build for the compiler's users of another project; 0.6 and 0.5
#: are what DLR, Amazon's runtime for compiled models, was linked with: versions on the way to 0.7 and to 0.6, with
#: the C functions of 0.6 and 0.5. The modern one needs libtvm_ffi beside it, which the package apache-tvm-ffi has.
PINS: dict[str, Pin] = {
    item.name: item
    for item in (
        Pin(
            name="0.16",
            tvm="0.16.dev0",
            version="3.2.3",
            python="3.8",
            abi="cp38",
            wheel_sha256="9f75afe2cfe43841b16dc318eb421c2e5dac974fb9e659ceb551c9353e0ea4ef",
            wheel_size=67_774_369,
            library_sha256="aff029a781f5b3c46393de2222e11ca3a021d8fea5593d7eca1e29c640707753",
            library_size=4_942_248,
        ),
        Pin(
            name="0.19",
            tvm="0.19.0",
            version="0.19.0.12",
            python="3.11",
            abi="cp311",
            wheel_sha256="fd389e502d216293be51288fcd73029484488974229a952fe324f4075619af99",
            wheel_size=46_924_288,
            library_sha256="3edd007f507d0c050ce6eee0f28391236e2735051f2cecbfc5537b5c0b72a931",
            library_size=4_857_296,
            platform="manylinux_2_27_x86_64",
            package="xtc-tvm-python-bindings",
        ),
        Pin(
            name="0.9",
            tvm="0.9.dev0",
            version="2.11.4",
            python="3.8",
            abi="cp38",
            wheel_sha256="1e5bff0bbea8c3ee72c9c6deb6428c1f165f562e0e75cab96d261e939476c891",
            wheel_size=48_885_425,
            library_sha256="d1682d998da3a8e2d769c986bea75f5b6af4b88f9db156f47e245d579275d19d",
            library_size=3_470_560,
        ),
        Pin(
            name="0.8",
            tvm="0.8.dev0",
            version="2.0.20",
            python="3.6",
            abi="cp36m",
            wheel_sha256="945351756bddaf94b74f005eee6d51f9f13e375128a951d8a70a46b9b81fe95f",
            wheel_size=47_192_116,
            library_sha256="9be7c730891f008d9140350c81a9b85459916fa97f064244d62cb5d610b99484",
            library_size=2_634_528,
        ),
        Pin(
            name="0.6",
            tvm="0.7.dev0",
            version="1.1",
            python="3.11",
            abi="none",
            wheel_sha256="c55410d2a56b5b8a50a4dc8c2c7409036c5dd7a83cb2e9e6fef46c64bbebf6e9",
            wheel_size=615_331,
            library_sha256="2b4f18601c0b5a50cc66b000e0d8b79f850b01a570c8b1311c936f702d92f6f7",
            library_size=1_558_010,
            package="dlr",
            member="dlr-1.1.data/data/dlr/libdlr.so",
        ),
        Pin(
            name="0.5",
            tvm="0.6.dev0",
            version="1.0",
            python="3.11",
            abi="none",
            wheel_sha256="a3258614eb56091c7aa5a78da639aa404b14c1886085914000253bdfcf6117cc",
            wheel_size=470_787,
            library_sha256="90153abc91175d90269cf2a55783d66e7510956db0e63f5d98fba80729c3687d",
            library_size=1_177_552,
            package="dlr",
            member="dlr-1.0.data/data/dlr/libdlr.so",
        ),
        Pin(
            name="0.27",
            tvm="0.27.0",
            version="0.27.0.post1",
            python="3.11",
            abi="none",
            wheel_sha256="f503fc903b6e16fda5daacac6698ecb8bc38937f57da7aa29f6c7ab169d08657",
            wheel_size=100_544_100,
            library_sha256="43544bbeaea3cd3ffa919f7eac77244753aff28d1440c42f1ba8df03fa6e3948",
            library_size=3_367_432,
            platform="manylinux_2_28_x86_64",
            package="apache-tvm",
            member="tvm/lib/libtvm_runtime.so",
            generation="tvm-ffi",
        ),
    )
}

DEFAULT = "0.16"


def folder() -> Path:
    """Return the folder that holds installed runtimes; it need not exist.

    It is ``runtimes`` in the user's data folder for tvmbind, so XDG_DATA_HOME counts on Linux.
    """
    from platformdirs import user_data_dir  # here, not above: most imports of this module never need it

    return Path(user_data_dir("tvmbind", appauthor=False)) / "runtimes"


def pin(name: str) -> Pin:
    """Return the pin called `name`.

    Raises
    ------
    InstallError
        If there is none of that name; the text lists those that there are.
    """
    try:
        return PINS[name]
    except KeyError:
        known = ", ".join(PINS)
        raise InstallError(f"there is no runtime called {name!r} to install: choose from {known}") from None


def installed() -> dict[str, Path]:
    """Return the installed runtimes, name to library path: the default one first, then the newest.

    Only looks whether the files are there: `install` checks what is in them.
    """
    names = sorted(PINS, key=lambda name: name != DEFAULT)
    return {name: PINS[name].path for name in names if PINS[name].path.is_file()}


def install(name: str = DEFAULT, *, force: bool = False) -> Path:
    """Install one runtime and return the path of its library.

    pip does the download, so the index, proxy, certificates and cache are the ones set for pip. Progress goes
    to standard error. What is there with the right checksum is not downloaded again, unless `force`.
    The library is put in place in one step: a reader sees the old one or the new one, never a part.

    Raises
    ------
    InstallError
        If it cannot be had (platform, pip, network, checksum, disk), or if it is in place but does not load,
        as when libgomp is missing. In that last case it stays installed.
    """
    wanted = pin(name)
    target = wanted.path
    try:
        if force or not target.is_file() or _sha256(target) != wanted.library_sha256:
            _check_platform()
            _fetch(wanted, target)
    except OSError as error:
        raise InstallError(f"cannot install TVM {name} as {target}: {error.strerror or error}") from error
    _check_loads(wanted)
    return target


def remove(name: str) -> None:
    """Remove an installed runtime. A process that has it loaded goes on unharmed.

    Raises
    ------
    InstallError
        If it is unknown, not installed, or may not be removed.
    """
    target = pin(name).path
    try:
        target.unlink()
    except FileNotFoundError:
        raise InstallError(f"TVM {name} is not installed ({target} does not exist)") from None
    except OSError as error:
        raise InstallError(f"cannot remove {target}: {error.strerror}") from error
    if not any(target.parent.iterdir()):
        target.parent.rmdir()


def _check_platform() -> None:
    musl = "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    bits = 8 * struct.calcsize("P")
    if (sys.platform, platform.machine(), bits, musl) != ("linux", "x86_64", 64, False):
        here = f"{platform.system()} {platform.machine()}, {bits}-bit Python{', musl' if musl else ''}"
        raise InstallError(
            "runtimes to install exist only for Linux on x86-64 with glibc and a 64-bit Python; "
            f"this is {here}.\nHere, build TVM's runtime (cmake, then make runtime) and {load_errors.INSTEAD}."
        )


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _fetch(wanted: Pin, target: Path) -> None:
    cost = f"{_megabytes(wanted.wheel_size)} download, {_megabytes(wanted.library_size)} kept"
    _say(f"TVM {wanted.tvm} runtime, out of {wanted.requirement}: {cost}")
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target: os.replace is atomic only within one file system, and /tmp may be small.
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=".download-") as temporary:
        wheel = _download(wanted, Path(temporary))
        _check_sum("the downloaded wheel", wheel, wanted.wheel_sha256)
        library = Path(temporary) / target.name
        with zipfile.ZipFile(wheel) as archive, library.open("wb") as out:
            shutil.copyfileobj(archive.open(wanted.member), out)
        _check_sum(f"{wanted.member} in the wheel", library, wanted.library_sha256)
        library.chmod(0o644)
        target.parent.mkdir(exist_ok=True)
        os.replace(library, target)


def _check_sum(what: str, path: Path, expected: str) -> None:
    found = _sha256(path)
    if found != expected:
        raise InstallError(
            f"{what} is not the one that tvmbind expects, so nothing was installed: it was damaged on the "
            f"way, or your package index serves another file.\nexpected sha256 {expected}\n"
            f"found           {found}\n"
            "Try again after `pip cache purge`. If it stays so, `pip config list` shows where pip looks."
        )


def _download(wanted: Pin, temporary: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise InstallError(
            f"the download needs pip, and this Python ({sys.executable}) has none.\nAdd it with "
            "`python -m ensurepip`, or `uv pip install pip` in an environment that uv made, or your system's "
            f"python3-pip package. Or {load_errors.INSTEAD}."
        )
    wheels, log = temporary / "wheels", temporary / "pip.log"
    command = [sys.executable, "-m", "pip", *wanted.pip_arguments, "--dest", str(wheels), "--log", str(log)]
    # pip unpacks in TMPDIR: what it leaves there when it is interrupted then goes away with our folder.
    environment = {**os.environ, "TMPDIR": str(temporary), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # 2: the progress bar belongs on standard error, and sys.stderr itself may be no real file.
    process = subprocess.Popen(
        command, stdout=2, stderr=subprocess.PIPE, env=environment, encoding="utf-8", errors="replace"
    )
    with process:
        try:
            assert process.stderr is not None
            errors = _relay(process.stderr)
            process.wait()
        except BaseException:
            process.kill()
            raise
    found = list(wheels.glob("*.whl"))
    if process.returncode or len(found) != 1:
        history = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise InstallError(_explain_pip(wanted, errors, history))
    return found[0]


def _relay(stream: IO[str]) -> list[str]:
    """Show pip's warnings as they come, and keep its errors for the message."""
    errors = []
    for line in stream:
        if line.startswith("WARNING:"):
            _say(textwrap.shorten(line, 110, placeholder=" ..."))
        elif line.strip():
            errors.append(line.rstrip())
    return errors


_UNREACHABLE = re.compile(
    r"connection error|connection broken|failed to establish|name resolution|name or service not known"
    r"|timed? ?out|proxyerror|sslerror|problem confirming the ssl|network is unreachable|not a trusted",
    re.IGNORECASE,
)


def _explain_pip(wanted: Pin, errors: list[str], log: str) -> str:
    fetching = [line for line in log.splitlines() if "Could not fetch URL" in line or "Retrying" in line]
    said = [*fetching[-1:], *errors[-6:]]
    evidence = "\n".join([*fetching, *errors])
    versions = re.search(r"\(from versions: (.*?)\)", evidence)
    offline = f"pip {' '.join(wanted.pip_arguments)}"
    if "No space left on device" in evidence:
        cause, advice = "the disk is full", f"Make room in {folder()}, then try again."
    elif versions and versions[1] not in ("", "none"):
        cause = f"your package index has {wanted.package}, but no {wanted.version} for Linux x86-64"
        advice = f"It has {versions[1]}. See with `pip config list` which index pip uses."
    elif _UNREACHABLE.search(evidence):
        cause = "pip cannot reach the package index (no network? a proxy, firewall or certificate?)"
        advice = (
            "Check the network and pip's settings (`pip config list`, HTTPS_PROXY). Or, where there is a "
            f"network, run\n  {offline}\nthen copy the wheel here, and set PIP_NO_INDEX=1 and PIP_FIND_LINKS "
            f"to its folder. Or {load_errors.INSTEAD}."
        )
    elif versions:
        cause = f"the package index that pip uses does not have {wanted.package}"
        advice = "See with `pip config list`, and in PIP_NO_INDEX and PIP_INDEX_URL, which index that is."
    else:
        cause, advice = "pip failed", f"See below what it said. The same download by hand:\n  {offline}"
    lines = [f"  {textwrap.shorten(line, 300, placeholder=' ...')}" for line in said] or ["  (nothing)"]
    return "\n".join([f"TVM {wanted.name} was not installed: {cause}.", advice, "pip said:", *lines])


_LOAD = """
import ctypes, sys
for library in sys.argv[1:]:
    ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
"""


def _check_loads(wanted: Pin) -> None:
    # In a process of its own: a second TVM runtime in this one would abort it.
    target = wanted.path
    libraries = [str(target)]
    if wanted.generation == "tvm-ffi":
        spec = importlib.util.find_spec("tvm_ffi")
        folders = (spec.submodule_search_locations if spec else None) or ()
        libraries[:0] = [str(file) for folder in folders for file in Path(folder, "lib").glob("libtvm_ffi.so")]
    command = [sys.executable, "-I", "-c", _LOAD, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode < 0:
        signal = -done.returncode
        raise InstallError(f"{target} is installed, but loading it kills the process (signal {signal})")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["(nothing)"]
        why = load_errors.explain(said[-1].partition("OSError: ")[2] or said[-1], target)
        raise InstallError(f"TVM's runtime is installed, but this system cannot load it.\n{why}")
