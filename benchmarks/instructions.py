"""How many instructions a call takes: the same rows as call_overhead.py, counted by valgrind's callgrind.

    python benchmarks/instructions.py               about a minute or two, results in benchmarks/results
    python benchmarks/instructions.py --compare     counts tvmbind's, and fails if a row takes more than it did
    python benchmarks/instructions.py --profile 'run\\(\\)'    the functions that a row's instructions are in

Counts are the same on a busy machine as on a quiet one, and from run to run within a per cent: a regression
shows that no clock would. They are not time: a miss of the cache counts as one instruction. Each row is run
N and 2N times; the difference over N is what one call takes, the loop around it included (some 20).

They hang on the interpreter's build and on the C compiler: compare on one machine.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import peers

RESULT = peers.HERE / "results" / "instructions.json"
TOLERANCE = 0.02  # of a count, and
LEAST = 15  # instructions: what differs from run to run

Counts = dict[str, dict[str, int]]


def main() -> int:
    """Counts, shows, and saves or compares."""
    return peers.run_inside(__file__, lambda home: _count(_parse(), home))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="REGEX", default="", help="rows whose label has this; saves nothing")
    parser.add_argument("--peer", metavar="REGEX", default="cython|tvm-ffi", help="saves nothing")
    parser.add_argument("--compare", action="store_true", help="with what benchmarks/results has; saves nothing")
    parser.add_argument("--profile", metavar="REGEX", help="show the functions that these rows' instructions are in")
    options = parser.parse_args()
    options.only = options.profile or options.only
    return options


def _count(options: argparse.Namespace, home: peers.Environment) -> int:
    if shutil.which("valgrind") is None:
        raise peers.PeerError("instructions are counted by valgrind, and there is none: install it (Debian: valgrind)")
    pairs = [pair for pair in peers.pairs(home) if re.search(options.peer, pair[1])]
    ours_only = options.compare or options.profile is not None
    counts = {}
    for environment, peer in pairs:
        with tempfile.TemporaryDirectory() as folder:
            _run(environment, peer, Path(folder), options.only, ours_only)
            counts[f"{environment.tag}-{peer}"] = read(Path(folder))
            if options.profile:
                _print_profile(Path(folder))
    if options.compare:
        return _compare(counts)
    if not options.profile:
        for title, rows in counts.items():
            print("\n".join(["", title, "", *table(title, rows)]))
        if not options.only and options.peer == "cython|tvm-ffi":
            _save(counts)
    return 0


def _run(environment: peers.Environment, peer: str, folder: Path, only: str, ours_only: bool) -> None:
    """One process under callgrind; the counts are in the folder's files."""
    marks = peers.compile_c(peers.HERE / "marks.c", peers.BUILD / "bench-marks.so")
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'out'}", "--instr-atstart=no"]
    command = [environment.python, peers.HERE / "counter.py", "--peer", peer, "--library", peers.compile_nop(peer)]
    command += ["--marks", marks, "--only", only, *(["--ours"] if ours_only else [])]
    words = [str(word) for word in [*valgrind, *command]]
    done = subprocess.run(words, env=environment.variables, capture_output=True, text=True)
    if done.returncode:
        said = done.stdout + done.stderr
        raise peers.PeerError(f"{environment.tag} with {peer} failed ({done.returncode}):\n{said}")


def read(folder: Path) -> Counts:
    """Instructions of one call by row and side, from callgrind's files."""
    totals: dict[tuple[str, str], dict[int, int]] = {}
    for file in folder.glob("out.*"):
        found = _name_and_total(file)
        if found:
            (side, label, calls), total = found
            totals.setdefault((label, side), {})[calls] = total
    rows: Counts = {}
    for (label, side), by_calls in totals.items():
        few, many = sorted(by_calls)
        rows.setdefault(label, {})[side] = round((by_calls[many] - by_calls[few]) / (many - few))
    return rows


def _name_and_total(file: Path) -> tuple[tuple[str, str, int], int] | None:
    text = file.read_text(encoding="utf-8", errors="replace")
    name = re.search(r"Client Request: \[(.*?)\] (.*), (\d+)$", text, re.MULTILINE)
    total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
    if name is None or total is None:
        return None
    return (name[1], name[2], int(name[3])), int(total[1])


def table(title: str, rows: Counts) -> list[str]:
    """The counts of a Python and a peer, as the lines of a table in Markdown."""
    peer = title.partition("-")[2]
    lines = [f"| operation | tvmbind | {peer} | {peer} / tvmbind |", "| --- | ---: | ---: | ---: |"]
    for label, counts in _in_order(rows):
        ours, theirs = counts["tvmbind"], counts[peer]
        lines.append(f"| {label} | {ours:,} | {theirs:,} | {theirs / ours:.2f} |")
    return lines


def _in_order(rows: Counts) -> list[tuple[str, dict[str, int]]]:
    from operations import OPERATIONS

    return [(row.label, rows[row.label]) for row in OPERATIONS if row.label in rows]


def changes(before: Counts, now: Counts) -> tuple[list[str], list[str]]:
    """Rows where tvmbind takes more instructions than before, and rows where it takes fewer, as lines of text."""
    more, fewer = [], []
    for label, counts in _in_order(now):
        old, new = before.get(label, counts)["tvmbind"], counts["tvmbind"]
        if abs(new - old) > max(LEAST, TOLERANCE * old):
            line = f"{label}: {new:,}, was {old:,} ({100 * (new / old - 1):+.0f} %)"
            (more if new > old else fewer).append(line)
    return more, fewer


def _compare(counts: dict[str, Counts]) -> int:
    kept = json.loads(RESULT.read_text(encoding="utf-8"))
    worse = False
    for title, rows in counts.items():
        if title not in kept["rows"]:
            print(f"{title}: nothing is kept to compare with")
            continue
        more, fewer = changes(kept["rows"][title], rows)
        worse = worse or bool(more)
        print(f"{title}: {len(rows)} rows, {len(more)} take more instructions than at {kept['tvmbind']}")
        for line in [*(f"MORE   {line}" for line in more), *(f"fewer  {line}" for line in fewer)]:
            print(" ", line)
    return 1 if worse else 0


def _print_profile(folder: Path) -> None:
    """Shows, of the longer run of each row, where its instructions are."""
    for file in sorted(folder.glob("out.*"), key=lambda path: int(path.suffix[1:])):
        found = _name_and_total(file)
        if found is None or found[0][2] < 200:
            continue
        (_, label, calls), total = found
        print(f"\n{label}: {total / calls:,.0f} instructions")
        annotate = ["callgrind_annotate", "--threshold=95", str(file)]
        text = subprocess.run(annotate, capture_output=True, text=True).stdout
        parts = re.findall(r"^\s*([\d,]+) \(\s*[\d.]+%\)\s+(?:\?\?\?|\S+?):(.*)", text, re.MULTILINE)
        for count, function in parts[:25]:
            instructions, library = int(count.replace(",", "")) / calls, re.search(r" \[.*/", function)
            print(f"  {instructions:8,.0f}  {function.replace(library[0], ' [') if library else function}")


def _save(counts: dict[str, Counts]) -> None:
    import machine

    facts = machine.describe()
    kept = {"rows": counts, "tvmbind": facts["tvmbind"], "measured on": facts}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    parts = ["# Instructions of a call", _EXPLANATION]
    for title, rows in counts.items():
        parts += [f"## {title}", "\n".join(table(title, rows))]
    parts.append(machine.markdown({**facts, "counted by": _version_of_valgrind()}))
    RESULT.with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print("saved in", RESULT.relative_to(peers.ROOT).parent)


def _version_of_valgrind() -> str:
    return subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout.strip()


_EXPLANATION = (
    "Instructions of one operation, of tvmbind and of a peer on the same runtime, counted by valgrind's callgrind. The "
    "rows are those of [call_overhead.md](call_overhead.md). They are the same on a busy machine: "
    "`make bench-instructions ARGS=--compare` counts again and says which rows take more than these. Made by "
    "`make bench-instructions`."
)


if __name__ == "__main__":
    sys.exit(main())
