"""Runs the test suite on every runtime and every Python that can be had, and makes the table of the README.

Usage: ``python tools/test_matrix.py [PART ...]``, with an interpreter that has pip. A row is a runtime on a Python
(matrix_rows.py): its libraries are fetched by pip into build/matrix, one wheel of tvmbind is built and installed
into an environment of each Python, and the suite runs with ``TVMBIND_LIBRARY`` naming the libraries. What a runtime
cannot do is skipped by the tests, which say why; the reasons and their numbers go to docs/matrix.md. The extension
is the same file in every row of CPython: its checksum is taken in each.

A row's result is kept in build/matrix/results: what was interrupted goes on with ``--resume``, and rows can be run
one by one, by parts of their titles. The documents are written when every row has a result. Tests that are the same
on each runtime are left out (matrix_rows.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from matrix_places import BUILD, ROOT, CannotRunError, environment, extension, file_name, installed_wheel, library
from matrix_rows import ROWS, Row

BEGIN, END = "<!-- test matrix -->", "<!-- end of the test matrix -->"
_PLACES = ((f"{BUILD}/", ""), (f"{ROOT}/", ""), (str(ROOT), "."), (str(Path.home()), "~"))
RESULTS = BUILD / "results"
LIMIT = 1800
REFUSAL = "import sys, tvmbind\ntry: tvmbind.load_runtime(sys.argv[1])\nexcept tvmbind.TVMError as error: print(error)"


@dataclass
class Result:
    """What a run of the suite gave."""

    title: str
    python: str = ""
    commit: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    extension: str = ""
    wheel: str = ""
    refusal: str = ""
    reasons: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def run(row: Row, arguments: list[str]) -> Result:
    """Runs the suite on a row."""
    file, python = library(row), environment(row)
    version = "import platform as p; print(p.python_implementation(), p.python_version())"
    said = subprocess.run([python, "-c", version], capture_output=True, text=True, check=True).stdout.strip()
    result = Result(row.title, said, _commit(), extension=extension(python), wheel=installed_wheel(python))
    env = {**os.environ, "TVMBIND_LIBRARY": str(file), "PYTHONDONTWRITEBYTECODE": "1"}
    if row.stands_in:
        env["LD_LIBRARY_PATH"] = str(file.parent)
    if row.refused:
        command = [str(python), "-c", REFUSAL, str(file)]
        done = subprocess.run(command, env=env, cwd=BUILD, capture_output=True, text=True, check=False)
        result.refusal = _placeless(done.stdout.strip().replace(f"{file} ", ""))
        result.failed = int(row.refused not in done.stdout or done.returncode != 0)
        return result
    report, log = _file(row, "xml"), _file(row, "log")
    report.unlink(missing_ok=True)
    started = time.monotonic()
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += [*row.tests.split(), *arguments]
    try:
        with log.open("w") as out:
            done = subprocess.run(
                command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, check=False, timeout=LIMIT
            )
        ended = f"with status {done.returncode}"
    except subprocess.TimeoutExpired:
        ended = f"after {LIMIT} seconds, which is the limit"
    result.seconds = time.monotonic() - started
    if not report.exists():
        result.failed = 1
        result.failures.append(_placeless(f"the run ended {ended}: {log.read_text()[-2000:]}"))
        return result
    reasons: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            result.skipped += 1
            reasons[_placeless(skipped.get("message", ""))] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
            result.failures.append(f"{case.get('classname')}::{case.get('name')}")
        else:
            result.passed += 1
    result.reasons = dict(reasons.most_common())
    return result


def _commit() -> str:
    """The commit of what is run; a plus where the tree holds more than that."""
    said = [
        subprocess.run(["git", "-C", str(ROOT), *words.split()], capture_output=True, text=True, check=True).stdout
        for words in ("rev-parse --short HEAD", "status --porcelain --untracked-files=no")
    ]
    return said[0].strip() + ("+" if said[1] else "")


def _placeless(text: str) -> str:
    """A text without where on this machine the repository, the matrix and the home are."""
    for place, instead in _PLACES:
        text = text.replace(place, instead)
    return text


def kept(row: Row) -> Result | None:
    """The result of an earlier run of a row."""
    file = _file(row, "json")
    return Result(**json.loads(file.read_text())) if file.exists() else None


def keep(row: Row, result: Result) -> None:
    """Keeps the result of a row."""
    _file(row, "json").write_text(json.dumps(asdict(result), indent=1))


def _file(row: Row, ending: str) -> Path:
    return RESULTS / f"{file_name(row.title)}.{ending}"


def table(results: list[Result]) -> str:
    """The table and what is to be said of it, in Markdown."""
    lines = ["| runtime | Python | passed | failed | cannot do | seconds |", "|---|---|---:|---:|---:|---:|"]
    notes = {row.title: row.note for row in ROWS}
    for r in results:
        name = r.title.rsplit(", CPython")[0].rsplit(", PyPy")[0]
        python = f"{r.python} ({notes[r.title]})" if notes[r.title] else r.python
        if r.refusal:
            lines.append(f"| {name} | {python} | refused | {r.failed} | | |")
        else:
            lines.append(f"| {name} | {python} | {r.passed} | {r.failed} | {r.skipped} | {r.seconds:.0f} |")
    return "\n".join([*lines, "", " ".join([_same(results), _commits(results), *_failures(results)])])


def _same(results: list[Result]) -> str:
    of_cpython = [r for r in results if "CPython" in r.python]
    files, wheels = ({getattr(r, what) for r in of_cpython} for what in ("extension", "wheel"))
    if not of_cpython:
        return "No row of CPython was run."
    same = {(1, 1): "yes"}.get((len(files), len(wheels)), f"NO, {len(wheels)} wheels, {len(files)} extensions")
    return f"One wheel, and the same compiled extension, unchanged, in every row of CPython: {same}."


def _commits(results: list[Result]) -> str:
    commits = list(dict.fromkeys(r.commit or "?" for r in results))
    return f"Run at commit{'s' * (len(commits) > 1)} {', '.join(commits)}."


def _failures(results: list[Result]) -> list[str]:
    """A sentence for each test that failed somewhere: where it did."""
    where: dict[str, list[str]] = {}
    for r in results:
        for name in r.failures:
            test = name.partition("[")[0] if name.startswith("tests.") else "a run that did not end as it should"
            where.setdefault(test, []).append(r.title)
    return [f"Failed: {test}, on {'; '.join(dict.fromkeys(titles))}." for test, titles in where.items()]


def write(results: list[Result]) -> None:
    """Puts the table into the README and docs/matrix.md, and what each runtime cannot do into the latter."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    readme.write_text(f"{head}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    parts = ["# The tests on every runtime and Python, and what they skip on each, and why", ""]
    parts += ["Made by `make test-matrix`.", "", table(results), ""]
    for result in results:
        parts += [f"## {result.title}", ""]
        if result.refusal:
            parts += [f"Refused: {result.refusal}"]
        else:
            parts += [f"- {count}: {reason}" for reason, count in result.reasons.items()] or ["- nothing"]
        parts += ["- failed: " + " ".join(name.split()) for name in result.failures]
        parts.append("")
    (ROOT / "docs" / "matrix.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def main() -> int:
    """Runs the rows that are named, or all; writes the documents once all have a result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", help="parts of the titles of rows")
    parser.add_argument("--args", default="", help="arguments for pytest")
    parser.add_argument("--resume", action="store_true", help="leave out rows that passed with this wheel already")
    parser.add_argument("--list", action="store_true", help="list the rows' titles and their last results")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    chosen = [row for row in ROWS if not options.rows or any(part in row.title for part in options.rows)]
    for row in chosen:
        old = kept(row)
        if options.list:
            print(f"{row.title}: {f'{old.passed} passed, {old.failed} failed' if old else 'not run'}")
            continue
        try:
            if options.resume and old and not old.failed and old.wheel == installed_wheel(environment(row)):
                continue
            print(f"{row.title} ...", end=" ", flush=True)
            result = run(row, options.args.split())
        except CannotRunError as error:
            why = _placeless(f"it could not be run: {error}")
            result = Result(row.title, python=row.interpreter, failed=1, failures=[why])
        keep(row, result)
        print(result.refusal or f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped", flush=True)
        for name in result.failures[:20]:
            print(f"    failed: {name}")
    results = [result for result in map(kept, ROWS) if result]
    print(table(results))
    if len(results) == len(ROWS) and not options.list:
        write(results)
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
