"""The programs in examples/ and the Python in README.md, run as a reader would, on every runtime here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_here import INFO
from tvmbind import install

ROOT = Path(__file__).resolve().parent.parent
#: Installed runtimes; with none, whichever one tvmbind finds. The programs are for TVM 0.8 and later: they take back
#: the functions that they registered.
RUNTIMES = {k: v for k, v in install.installed().items() if k not in ("0.5", "0.6")} or {"found": None}
CLASSIC = {
    name: file
    for name, file in RUNTIMES.items()
    if (install.PINS[name].generation if name in install.PINS else INFO.abi) == "classic"
}


@pytest.fixture(params=RUNTIMES.values(), ids=list(RUNTIMES))
def any_runtime(request: pytest.FixtureRequest) -> Path | None:
    """A runtime's library."""
    return request.param


@pytest.fixture(params=CLASSIC.values(), ids=list(CLASSIC))
def runtime(request: pytest.FixtureRequest) -> Path | None:
    """The library of a runtime that has the graph executor, and loads the artefacts in models/."""
    return request.param


def run(runtime: Path | None, *command: object, cwd: Path = ROOT, status: int = 0) -> str:
    """What a Python program prints, on a runtime; nothing may go to standard error."""
    environment = {**os.environ, **({"TVMBIND_LIBRARY": str(runtime)} if runtime else {})}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (status, ""), done.stdout + done.stderr
    return done.stdout


def example(runtime: Path | None, name: str, *arguments: object) -> list[str]:
    return run(runtime, ROOT / "examples" / f"{name}.py", *arguments).splitlines()


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.\d*", line)]


def test_simple(runtime: Path | None) -> None:
    _, a, b, total = example(runtime, "simple")
    assert len(numbers(total)) == 4
    assert numbers(total) == pytest.approx([x + y for x, y in zip(numbers(a), numbers(b))], abs=1e-6)


def test_simple_says_which_library_is_missing() -> None:
    command = [sys.executable, str(ROOT / "examples" / "simple.py"), "nowhere.so"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nowhere.so" in done.stderr.splitlines()[-1]


def test_complex(runtime: Path | None) -> None:
    lines = example(runtime, "complex")
    assert lines[1].removeprefix("executor: a module of type ") in ("GraphExecutor", "GraphRuntime")
    picture = lines[2:10]
    assert {len(line) for line in picture} == {16}
    assert "".join(picture).strip()
    assert re.fullmatch(r"this is a (\d) \(\d\d\.\d% sure\); the label says \1", lines[10])


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (
            "pack_func_convert",
            [
                "converted: PackedFunc",
                "add got 10 and 20",
                "result: 30",
                "add got 10 and 'twenty'",
                "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
            ],
        ),
        (
            "pack_func_register",
            [
                "listed: True",
                "result: 30",
                "replaced: 10 and 20",
                "removed: None",
                "called by a kernel: [1.5 3.  4.5]",
            ],
        ),
        (
            "pack_func_handle_arg",
            ["call got a PackedFunc and (10, 20)", "add got 10 and 20", "result: 30"],
        ),
        (
            "pack_func_closure_arg",
            ["seen: [30, 0.5, 'text', b'bytes', None]", "sum of squares: 74"],
        ),
        (
            "pack_func_closure_return",
            ["returned: PackedFunc", "first: 70 75", "second: 1001"],
        ),
    ],
)
def test_packed_functions(any_runtime: Path | None, name: str, printed: list[str]) -> None:
    assert example(any_runtime, name) == printed


def test_digits(runtime: Path | None, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "digits.png"
    lines = example(runtime, "digits", "--picture", picture)
    said = dict(line.split(maxsplit=1) for line in lines if re.match(r"[a-z]", line))
    assert said["accuracy"] == "360/360 right (100.0%)"
    assert 0 < numbers(said["time"])[0] < 50
    bars = [line.split() for line in lines if re.match(r"    \d ", line)]
    assert [bar[0] for bar in bars] == list("0123456789")
    assert sum(float(bar[-1].rstrip("%")) for bar in bars) == pytest.approx(100, abs=1)
    assert "          10 calls; the label says 9" in lines
    assert said["picture"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_wrong_answer_is_counted_and_marked(runtime: Path | None, tmp_path: Path) -> None:
    code = """
import contextlib, sys
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
import digits

def with_a_wrong_label(path, load=np.load):
    arrays = dict(load(path))
    arrays["labels"][7] = (arrays["labels"][7] + 1) % 10
    return contextlib.nullcontext(arrays)

np.load = with_a_wrong_label
sys.exit(digits.main())
"""
    picture = tmp_path / "digits.png"
    printed = run(runtime, "-c", code, ROOT / "examples", "--picture", picture, status=1)
    assert "accuracy  359/360 right (99.7%)" in printed

    from matplotlib import image

    red, green, blue = (image.imread(picture)[..., channel] for channel in range(3))
    assert ((red > 0.7) & (green < 0.2) & (blue < 0.3)).sum() > 300  # pixels of the frame


def test_imagenet_says_how_to_get_the_network(tmp_path: Path) -> None:
    program = tmp_path / "examples" / "imagenet.py"  # its network would be in tmp_path / "build"
    program.parent.mkdir()
    program.write_bytes((ROOT / "examples" / "imagenet.py").read_bytes())
    done = subprocess.run([sys.executable, str(program)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the network is not compiled yet: make imagenet\n"


@pytest.mark.skipif(not (ROOT / "build" / "imagenet" / "complete").exists(), reason="needs what make imagenet makes")
def test_imagenet(runtime: Path | None, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "imagenet.png"
    lines = example(runtime, "imagenet", "--picture", picture)
    first = {name: lines[lines.index(name) + 1] for name in ("chelsea", "china", "coffee", "flower")}
    assert {name: line.split()[-1] for name, line in first.items()} == {
        "chelsea": "Mau", "china": "palace", "coffee": "espresso", "flower": "lampshade",
    }  # fmt: skip
    assert numbers(first["coffee"])[0] == pytest.approx(77.9, abs=0.2)
    assert lines[-1] == f"picture   {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_readme(runtime: Path | None, tmp_path: Path) -> None:
    """The blocks are one program; what it prints is what the comments beside the prints say."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(promised) >= 7
    program = tmp_path / "readme.py"
    program.write_text(code, encoding="utf-8")
    printed = run(runtime, program, cwd=ROOT / "models").splitlines()
    assert len(printed) == len(promised)
    for line, expected in zip(printed, promised):
        pattern = re.escape(expected).replace(r"\.\.\.", ".*").replace(r"0\.16\-0\.17", r"0\.\S+")
        assert re.fullmatch(pattern, line)


def test_every_example_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f'"{path.stem}"' in source
