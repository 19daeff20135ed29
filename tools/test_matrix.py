"""Runs the test suite on every runtime that can be had, and makes the table of the README.

Usage: ``python tools/test_matrix.py [ROW ...]``, with an interpreter that has tvmbind and its test extra. Each
row is a runtime: its libraries are fetched by pip into build/matrix, and the suite runs in a process of its own
with ``TVMBIND_LIBRARY`` naming them. What a runtime cannot do is skipped by the tests, which say why; the
reasons and their numbers go to docs/matrix.md. The extension is the same file in every row: its checksum is
taken before each.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "matrix"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
BEGIN, END = "<!-- test matrix -->", "<!-- end of the test matrix -->"


@dataclass(frozen=True)
class Row:
    """A runtime: its wheels, as package and version, and what to ask pip for them."""

    name: str
    wheels: tuple[tuple[str, str], ...]
    python: str = "3.11"
    abi: str = "cp311"


ROWS = (
    Row("TVM 0.8", (("hhb-tvm", "2.0.20"),), "3.6", "cp36m"),
    Row("TVM 0.9", (("hhb-tvm", "2.11.4"),), "3.8", "cp38"),
    Row("TVM 0.16", (("hhb-tvm", "3.2.3"),), "3.8", "cp38"),
    Row("tvm-ffi 0.1.0", (("apache-tvm-ffi", "0.1.0"),)),
    Row("tvm-ffi 0.1.8", (("apache-tvm-ffi", "0.1.8"),)),
    Row("tvm-ffi 0.1.12", (("apache-tvm-ffi", "0.1.12"),)),
    Row("tvm-ffi 0.1.15", (("apache-tvm-ffi", "0.1.15.post2"),)),
    Row("TVM 0.25, tvm-ffi 0.1.12", (("apache-tvm", "0.25.0"), ("apache-tvm-ffi", "0.1.12"))),
    Row("TVM 0.26, tvm-ffi 0.1.15", (("apache-tvm", "0.26.0"), ("apache-tvm-ffi", "0.1.15.post2"))),
    Row("TVM 0.27, tvm-ffi 0.1.15", (("apache-tvm", "0.27.0.post1"), ("apache-tvm-ffi", "0.1.15.post2"))),
)


@dataclass
class Result:
    """What a run of the suite gave."""

    row: Row
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    extension: str = ""
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def fetch(row: Row) -> Path:
    """The library to name for a row; its wheels are downloaded and its libraries taken out once."""
    folder = BUILD / re.sub(r"[^\w.]+", "-", row.name)
    for package, version in row.wheels:
        done = folder / f".{package}-{version}"
        if done.exists():
            continue
        downloads = folder / "download"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["-d", str(downloads), "--python-version", row.python, "--implementation", "cp"]
        command += ["--abi", row.abi, "--abi", "none"]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        subprocess.run([*command, f"{package}=={version}"], check=True)
        wheel = next(downloads.glob(f"{package.replace('-', '_')}-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if re.search(r"lib/libtvm_(ffi|runtime|runtime_extra)\.so$|^tvm/libtvm_runtime\.so$", name):
                    (folder / Path(name).name).write_bytes(archive.read(name))
        wheel.unlink()
        done.touch()
    files = [folder / name for name in ("libtvm_runtime.so", "libtvm_ffi.so")]
    return next(file for file in files if file.exists())


def run(row: Row, arguments: list[str]) -> Result:
    """Runs the suite on a row."""
    library, report = fetch(row), BUILD / "report.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
    env = {**os.environ, "TVMBIND_LIBRARY": str(library)}
    log = BUILD / "log.txt"
    with log.open("w") as out:
        status = subprocess.run(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, check=False)
    result = Result(row, seconds=time.monotonic() - started, extension=extension())
    if not report.exists():
        result.failed = 1
        result.failures.append(f"the run ended with status {status.returncode}: {log.read_text()[-2000:]}")
        return result
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            result.skipped += 1
            result.reasons[skipped.get("message", "")] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
            result.failures.append(f"{case.get('classname')}::{case.get('name')}")
        else:
            result.passed += 1
    return result


def extension() -> str:
    """The first digits of the checksum of the compiled extensions."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "src" / "tvmbind").rglob("*.so")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def table(results: list[Result]) -> str:
    """The table, in Markdown."""
    lines = ["| runtime | passed | failed | cannot do | seconds |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {r.row.name} | {r.passed} | {r.failed} | {r.skipped} | {r.seconds:.0f} |" for r in results]
    same = len({r.extension for r in results}) == 1
    python = f"CPython {sys.version.split()[0]}"
    lines += ["", f"The same compiled extension in every row: {'yes' if same else 'NO'}. {python}."]
    return "\n".join(lines)


def write(results: list[Result]) -> None:
    """Puts the table into the README, and what each runtime cannot do into docs/matrix.md."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    readme.write_text(f"{head}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    parts = ["# What the tests skip on each runtime, and why", "", "Made by `make test-matrix`.", ""]
    for result in results:
        parts += [f"## {result.row.name}", ""]
        parts += [f"- {count}: {reason}" for reason, count in result.reasons.most_common()] or ["- nothing"]
        parts += [f"- failed: {name}" for name in result.failures]
        parts.append("")
    (ROOT / "docs" / "matrix.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def main() -> int:
    """Runs the rows that are named, or all; writes the documents only if all were run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", help="parts of the names of rows")
    parser.add_argument("--args", default="", help="arguments for pytest")
    options = parser.parse_args()
    chosen = [row for row in ROWS if not options.rows or any(part in row.name for part in options.rows)]
    BUILD.mkdir(parents=True, exist_ok=True)
    results = []
    for row in chosen:
        print(f"{row.name} ...", end=" ", flush=True)
        results.append(run(row, options.args.split()))
        print(f"{results[-1].passed} passed, {results[-1].failed} failed, {results[-1].skipped} skipped", flush=True)
        for name in results[-1].failures[:20]:
            print(f"    failed: {name}")
    print(table(results))
    if len(chosen) == len(ROWS):
        write(results)
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
