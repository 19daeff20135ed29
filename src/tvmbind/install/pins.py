"""The runtimes that can be installed: out of which wheel, what they are byte for byte, and where they go."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class InstallError(RuntimeError):
    """A runtime could not be installed, removed or loaded; the text says why and what to do."""


class Pin(NamedTuple):
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
