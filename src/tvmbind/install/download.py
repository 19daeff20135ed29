"""Getting a runtime's library out of its wheel, which pip downloads; checked by SHA-256 before it is put in place."""

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
from pathlib import Path
from typing import IO

from .. import load_errors
from .pins import InstallError, Pin, folder


def sha256(path: Path) -> str:
    """A file's checksum, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def check_platform() -> None:
    """Checks that there are runtimes for this system.

    Raises
    ------
    InstallError
        If there are none.
    """
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


def fetch(wanted: Pin, target: Path) -> None:
    """Downloads a runtime's wheel and puts its library in place.

    Raises
    ------
    InstallError
        If it cannot be had, or is not the one that was pinned.
    OSError
        If it cannot be written.
    """
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
    found = sha256(path)
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
