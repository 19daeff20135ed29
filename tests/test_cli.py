"""The command line: what is printed where, exit codes, and no traceback for a mistake of the user's."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime_here import INFO, need
from tvmbind.cli import demo, main, screen
from tvmbind.install import PINS, installed

Line = Callable[..., str]


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> Line:
    """Runs a line; returns what it prints to standard output, or where it fails to standard error."""

    def line(*words: object, status: int = 0) -> str:
        code = main([str(word) for word in words])
        out, error = capsys.readouterr()
        assert code == status, out + error
        assert "Traceback" not in error
        if status:
            assert out == ""
        return error if status else out

    return line


@pytest.fixture(scope="session")
def digits() -> Path:
    """A whole model: the demo's folder."""
    need("graph executor" if INFO.abi == "classic" else "libtvm_runtime")
    return demo.FILES / INFO.abi


@pytest.fixture(scope="session")
def pictures(models: Path) -> Path:
    """Digits, in an archive of numpy's: images (360, 8, 8) from 0 to 16, labels."""
    return models / "digits" / "test_images.npz"


# ---- the frame ----


def test_no_command_shows_a_page_of_help(line: Line) -> None:
    page = line(status=2)
    assert page.startswith("usage: tvmbind")
    assert "examples:" in page
    assert "Exit codes" in page


@pytest.mark.parametrize(
    ("words", "guess"),
    [(["rnu"], "did you mean 'run'?"), (["run", "x", "--jsn"], "mean '--json'?"), (["runtime", "lst"], "mean 'list'?")],
)
def test_a_misspelt_word_is_guessed(line: Line, words: list[str], guess: str) -> None:
    assert guess in line(*words, status=2)


def test_every_command_has_help_with_examples(line: Line) -> None:
    page = line("--help")
    listed = page.partition("  COMMAND\n")[2].partition("\n\n")[0].splitlines()
    names = [words.split()[0] for words in listed if words[4] != " "]
    assert {"run", "runtime"} <= set(names)
    for name in names:
        text = line(name, "--help")
        assert f"usage: tvmbind {name} " in text
        assert f"  tvmbind {name}" in text.partition("examples:")[2]


def test_python_m_and_a_reader_that_goes_away() -> None:
    command = f"{sys.executable} -m tvmbind runtime list --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout in ("[141\n", "[0\n")  # by then it may have written all


def test_a_terminal_has_colours_unless_it_does_not_want_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    rows = [("a", ("yes", "good"), "x" * 50), ("b", ("no", "dim"), None)]
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen.table(("Name", "Here", "Path"), rows)
    coloured = capsys.readouterr().out
    assert "\x1b[32m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    screen.table(("Name", "Here", "Path"), rows)
    plain = capsys.readouterr().out
    assert "\x1b[32m" not in plain
    assert max(len(re.sub("\x1b.*?m", "", words)) for words in plain.splitlines()) <= 40
    assert plain.count("x") == 50  # folded, not cut
    monkeypatch.delenv("FORCE_COLOR")
    screen.table(("Name", "Here", "Path"), rows)
    assert capsys.readouterr().out.splitlines() == ["NAME  HERE  PATH", f"a     yes   {'x' * 50}", "b     no"]


def test_without_rich_all_is_plain(digits: Path) -> None:
    code = "import sys; sys.modules['rich'] = None; from tvmbind.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "run", str(digits), "--random", "--top", "1"]
    done = subprocess.run(words, env={**os.environ, "FORCE_COLOR": "1"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


# ---- run ----


def test_run_each_gives_the_model_s_answers(line: Line, digits: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    line("run", digits, "-i", f"{pictures}:images", "--each", "--scale", "1/16", "-o", out)
    with np.load(out) as found, np.load(pictures) as data:
        (scores,) = (found[name] for name in found.files)
        assert scores.shape == (360, 10)
        assert (scores.argmax(1) == data["labels"]).all()


def test_run_for_programs(line: Line, digits: Path, pictures: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n", encoding="utf-8")
    with np.load(pictures) as data:
        np.save(tmp_path / "x.npy", data["images"][0] / 16)
        label = int(data["labels"][0])
    document = json.loads(line("run", digits, "-i", tmp_path / "x.npy", "--labels", names, "--top", 2, "--json"))
    (result,) = document["results"]
    best, second = result["outputs"][0]["top"]
    assert best["place"] == label
    assert best["label"] == names.read_text().split()[label]
    assert best["value"] > second["value"]
    assert np.argmax(result["outputs"][0]["values"]) == label


def test_run_takes_pictures_and_standard_input(
    line: Line, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Path
) -> None:
    image = pytest.importorskip("PIL.Image", reason="pictures need pillow")
    with np.load(pictures) as data:
        pixels, label = (data["images"][3] * 15).astype("uint8"), int(data["labels"][3])
    file = tmp_path / "digit.png"
    image.fromarray(pixels).resize((64, 64), image.Resampling.BOX).convert("RGB").save(file)
    words = ("run", digits, "--scale", "1/240", "--top", 1, "--json")
    top = json.loads(line(*words, "-i", file))["results"][0]["outputs"][0]["top"]
    assert top[0]["place"] == label
    raw = io.BytesIO()
    np.save(raw, pixels)

    class Stdin:
        buffer = io.BytesIO(raw.getvalue())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert json.loads(line(*words, "-i", "-"))["results"][0]["outputs"][0]["top"][0]["place"] == label


def test_run_with_random_numbers_is_the_same_each_time(line: Line, digits: Path) -> None:
    first = line("run", digits, "--random")
    assert first == line("run", digits, "--random", "--seed", 0)
    assert first != line("run", digits, "--random", "--seed", 1)


def saved(folder: Path, **arrays: Any) -> None:
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-i", "none.npy"], "none.npy: there is no such file"),
        (["-i", "wide.npy"], "takes shape [1, 1, 8, 8], got [9, 9]"),
        (["-i", "many.npy"], "to run each of its 3 items: --each"),
        (["-i", "text.npy"], "takes numbers"),
        (["-i", "words.txt"], "expected .npy, .npz or a picture"),
        (["-i", "empty"], "empty is empty"),
        (["-i", "cut.npy"], "cannot read"),
        (["-i", "inputs=good.npy"], "did you mean 'input'?"),
        (["-i", "two.npz"], "two.npz:first"),
        (["-i", "two.npz:fist"], "did you mean 'first'?"),
        (["-i", "good.npy:x"], "is no .npz"),
        (["-i", "good.npy", "--scale", "big"], "--scale takes a number"),
        (["-i", "good.npy", "--std", "0"], "cannot be 0"),
        (["-i", "good.npy", "--labels", "words.txt"], "there are 2 labels"),
        (["-i", "good.npy", "-o", "out.txt"], ".npz or .npy"),
        (["-i", "good.npy", "--device", "cpux"], "'cpux'"),
        (["--random", "--dim", "n=3"], "no dimension 'n'"),
        (["--random", "--dim", "n"], "NAME=N"),
        ([], "give it with -i"),
    ],
)
def test_run_says_what_is_wrong(
    line: Line, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = np.zeros((8, 8), "float32")
    many = np.zeros((3, 8, 8), "float32")
    saved(tmp_path, good=good, wide=np.zeros((9, 9), "float32"), many=many, text=np.array("a"))
    np.savez(tmp_path / "two.npz", first=good, second=good)
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "empty").touch()
    (tmp_path / "cut.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:100])
    assert said in line("run", digits, *words, status=1)


def test_the_model_decides_the_generation_of_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {PINS[name].generation for name in installed()}
    if there != {"classic", "tvm-ffi"} or find_spec("tvm_ffi") is None:
        pytest.skip("needs an installed runtime of either generation, and libtvm_ffi")
    monkeypatch.delenv("TVMBIND_LIBRARY", raising=False)
    folder = Path(__file__).parent.parent / "models"
    for words in ("digits/libdeploy.so digits/deploy.json digits/deploy.params", "modern/relax/relax_params.so "
                  "modern/relax/relax_params.params"):  # fmt: skip
        command = [sys.executable, "-m", "tvmbind", "run", *words.split(), "--random"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


# ---- info, functions, doctor, completion ----


def test_info_for_people_and_for_programs(line: Line, digits: Path) -> None:
    page = line("info", digits)
    assert "input: float32[1, 1, 8, 8]" in page
    assert "weights" in page
    report = json.loads(line("info", digits, "--json"))
    assert report["inputs"] == [{"name": "input", "dtype": "float32", "shape": [1, 1, 8, 8]}]
    loaded = json.loads(line("info", digits, "--load", "--json"))
    assert loaded["inputs"] == report["inputs"]
    assert loaded["outputs"][0]["shape"] == [1, 10]
    assert loaded["loaded"]["runtime"] == INFO.title


def test_info_of_several_models(line: Line, models: Path) -> None:
    names = [path.name for path in (models / "machines").glob("*.so")]
    rows = line("info", models / "machines").splitlines()[2:]
    assert sorted(row.split()[0] for row in rows) == sorted(names)
    assert len(json.loads(line("info", models / "machines", "--json"))["reports"]) == len(names)
    assert "several models" in line("info", models / "machines", "--load", status=1)


def test_info_of_no_file_and_of_no_model(line: Line, tmp_path: Path) -> None:
    assert "there is no such file" in line("info", tmp_path / "none.so", status=1)
    (tmp_path / "words.txt").write_text("words")
    assert "is no part of a model" in line("info", tmp_path / "words.txt", status=1)


def test_functions_are_searched(line: Line) -> None:
    names = line("functions").split()
    assert names == sorted(names)
    found = line("functions", "*Module*LOAD*").split()
    assert found == [name for name in names if re.search("module.*load", name.lower())]
    assert json.loads(line("functions", found[0], "--json"))["functions"][0] == found[0]
    assert "none of the" in line("functions", "no.such.thing", status=1)


def test_doctor_finds_what_this_process_has(line: Line) -> None:
    report = json.loads(line("doctor", "--json"))
    assert report["ok"] is True
    assert report["runtime"]["path"] == INFO.path
    assert report["runtime"]["title"] == INFO.title
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert states["extension"] == states["runtime"] == states["numpy"] == "good"
    assert any(place["path"] == INFO.path and place["there"] for place in report["places"]) or INFO.abi == "tvm-ffi"


def test_doctor_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TVMBIND_LIBRARY", str(tmp_path / "none.so"))
    assert main(["doctor"]) == 1
    page = capsys.readouterr().out
    assert "there is no such file" in page
    assert "tvmbind runtime install" in page.partition("To do")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(line: Line, shell: str) -> None:
    pytest.importorskip("argcomplete")
    assert "tvmbind" in line("completion", shell)


def test_completion_completes() -> None:
    pytest.importorskip("argcomplete")
    words = "tvmbind runtime in"
    env = {**os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout", "COMP_LINE": words,
           "COMP_POINT": str(len(words)), "COMP_TYPE": "9"}  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "tvmbind"], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split("\v") == ["install "]


# ---- demo ----


@pytest.mark.usefixtures("digits")
def test_demo_reads_all_digits(line: Line) -> None:
    report = json.loads(line("demo", "--json"))
    assert report["right"] == report["pictures"] == 360
    page = line("demo")
    assert "360 of 360 right" in page
    assert "██" in page


def test_demo_without_a_runtime_says_how_to_get_one(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TVMBIND")}
    done = subprocess.run(
        [sys.executable, "-m", "tvmbind", "demo"], env={**env, "XDG_DATA_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        pytest.skip("a runtime that is no installed one is here")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "tvmbind runtime install" in done.stderr
