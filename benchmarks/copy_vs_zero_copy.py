"""What copying costs: arrays from 1 KB to 1 GB in and out, copied and not, beside TVM's own Python.

    python benchmarks/copy_vs_zero_copy.py            some minutes, results in benchmarks/results
    python benchmarks/copy_vs_zero_copy.py --quick    up to 4 MB: half a minute, results in build/bench-quick

Two things that a program does with an array, each in four ways, timed in turns (as timing.py says) in one process for
each size, with TVM's Python on the same runtime: a loop of set_input, run and get_output on a graph whose operator does
nothing, so that all the time is for the data; and a call of a compiled kernel, which adds two arrays. And set_input
alone, of 150 KB and of 600 MB, for it must not depend on the size.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

import commands
import peers

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
SIZES = (KB, 8 * KB, 64 * KB, 512 * KB, 4 * MB, 32 * MB, 256 * MB, GB)
ARRAYS = 9  # of a size, is what all ways together need at most, and a little room
ALIKE = (150 * KB, 600 * MB)  # sizes whose set_input takes the same time


def main() -> int:
    """Measures, shows and saves."""
    return peers.run_inside(__file__, lambda home: _measure(_parse(), home))


def _parse() -> argparse.Namespace:
    return commands.parse(commands.parser(__doc__), {}, {})


def _measure(options: argparse.Namespace, home: peers.Environment) -> int:
    import copies
    import machine
    import readme

    environment, peer = peers.pairs(home)[-2]  # TVM's Python with its fastest FFI
    suite = None
    sizes: dict[str, list[int]] = {copies.EXECUTOR: [], copies.KERNEL: []}
    for size in SIZES:
        for what in sizes:
            if size > 4 * MB and (options.quick or ARRAYS * size > _memory()):
                continue
            rounds = 15 if size <= 4 * MB else 7 if size <= 32 * MB else 3
            suite = _join(suite, _work(environment, peer, what, [size], rounds, 0.005))
            sizes[what].append(size)
    if not options.quick and 4 * sum(ALIKE) < _memory():
        suite = _join(suite, _work(environment, peer, copies.SET_INPUT, list(ALIKE), 51, 0.005))
    assert suite is not None
    facts = {**machine.describe(), **_facts(suite, peer)}
    tables = [(what, _rows(suite, what, sizes[what])) for what in sizes]
    alike = _alike(suite)
    parts = ["# Copies and zero copy", _EXPLANATION, "![Seconds over bytes](copy_vs_zero_copy.png)"]
    for what, rows in tables:
        parts += [f"## {what}", "\n".join(_table(rows))]
    parts += ["## set_input alone", alike, machine.markdown(facts)]
    text = "\n\n".join(parts) + "\n"
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "copy_vs_zero_copy.md").write_text(text, encoding="utf-8")
    suite.dump(str(options.output / "copy_vs_zero_copy.json"), replace=True)
    _plot(tables, options.output / "copy_vs_zero_copy.png", f"{facts['tvmbind']}; {facts['processor']}")
    if options.output == commands.RESULTS:
        readme.put("copies", alike)
    return 0


def _work(environment: peers.Environment, peer: str, what: str, sizes: list[int], rounds: int, seconds: float) -> Any:
    """One process; returns its pyperf suite."""
    myadd = peers.ROOT / "models" / "myadd" / "libdeploy.so"
    sides = ("--peer", peer, "--library", peers.compile_nop(peer), "--myadd", myadd, "--what", what)
    return commands.run_suite(
        environment, "copies.py", *sides, "--rounds", rounds, "--seconds", seconds, "--bytes", *sizes
    )


def _join(suite, other):
    if suite is None:
        return other
    for benchmark in other:
        suite.add_benchmark(benchmark)
    return suite


def _rows(suite, what: str, sizes: list[int]) -> dict[int, dict[str, list[float]]]:
    """The values, in seconds, by size and way."""
    import copies

    def values(way: str, size: int) -> list[float]:
        return list(suite.get_benchmark(f"{what}, {way}, {size}").get_values())

    return {size: {way: values(way, size) for way in copies.WAYS} for size in sizes}


def _table(rows: dict[int, dict[str, list[float]]]) -> list[str]:
    import copies

    ours, *others = copies.WAYS
    heads = ["bytes", ours, *(head for way in others for head in (way, "ratio"))]
    lines = [f"| {' | '.join(heads)} |", f"| ---: {'| ---: ' * (len(heads) - 1)}|"]
    for size, ways in rows.items():
        cells = [_bytes(size), _time(statistics.median(ways[ours]))]
        for way in others:
            ratios = sorted(other / our for our, other in zip(ways[ours], ways[way]))
            spread = f"{_times(statistics.median(ratios))} ({_times(ratios[0])}-{_times(ratios[-1])})"
            cells += [_time(statistics.median(ways[way])), spread]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _alike(suite) -> str:
    """What zero-copy set_input takes of a small and of a large array, and the ratio."""
    import copies

    names = [f"{copies.SET_INPUT}, {copies.OURS}, {size}" for size in ALIKE]
    if names[0] not in suite.get_benchmark_names():
        return "Not measured in this run: set_input of 150 KB and of 600 MB."
    small, large = (list(suite.get_benchmark(name).get_values()) for name in names)
    ratios = sorted(b / a for a, b in zip(small, large))
    middle, low, high = statistics.median(ratios), ratios[len(ratios) // 10], ratios[-len(ratios) // 10]
    return (
        f"`set_input('x', array, copy=False)`, {len(ratios)} pairs: 150 KB takes {_time(statistics.median(small))}, "
        f"600 MB takes {_time(statistics.median(large))}; the ratio is {middle:.2f} (80 % of the pairs: {low:.2f} "
        f"to {high:.2f})."
    )


def _facts(suite, peer: str) -> dict[str, str]:
    metadata = suite.get_metadata()
    return {
        "Python": f"{metadata['python']}, numpy {metadata['numpy_version']}",
        "peer": f"TVM 0.16's Python with its {peer} FFI, from {peers.WHEEL.replace('==', ' ')}",
        "clock": "processor time of the thread",
        "load": commands.load([suite]),
    }


def _plot(tables, path: Path, note: str) -> None:
    import copies
    import plots

    colours = dict(zip(copies.WAYS, (plots.BLUE, plots.GREEN, plots.RED, plots.GREY)))
    figure, axes = plots.pyplot().subplots(1, 2, figsize=(11, 4.8), sharey=True, layout="constrained")
    for axis, (what, rows) in zip(axes, tables):
        for way in copies.WAYS:
            seconds = [statistics.median(ways[way]) for ways in rows.values()]
            axis.plot(list(rows), seconds, marker="o", markersize=4, color=colours[way], label=way)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(list(rows), [_bytes(size) for size in rows], fontsize=8)
        axis.set_title(what, fontsize=10)
        axis.set_xlabel("size of each array")
        plots.bare(axis)
    axes[0].set_ylabel("seconds, log scale (less is better)")
    axes[0].legend(frameon=False, fontsize=9)
    figure.suptitle(f"Arrays in and out of TVM, copied and not\n{note}", fontsize=11)
    plots.save(figure, path)


def _bytes(size: int) -> str:
    for unit, name in ((GB, "GB"), (MB, "MB"), (KB, "KB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def _time(seconds: float) -> str:
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{1e9 * seconds:.0f} ns"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:,.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _memory() -> int:
    """Bytes of memory that are free, as Linux counts them."""
    text = Path("/proc/meminfo").read_text()
    return KB * int(text.partition("MemAvailable:")[2].split()[0])


_EXPLANATION = (
    "An array in, a computation, the result out, by size of the array, in four ways in turns in one process: tvmbind "
    "without a copy, tvmbind with copies, TVM's own Python as it is used (`set_input` and `.numpy()` copy), and TVM's "
    "own Python with what it has without copies (`set_input_zero_copy(from_dlpack(x))`, `np.from_dlpack(out)`). The "
    "ratio says how many times longer that way takes than tvmbind without a copy; in brackets the lowest and the "
    "highest of all pairs. The graph's one operator does nothing; the kernel reads two arrays and writes one, and that "
    "is in all its times. Every loop gives another array than the loop before. KB is 1024 bytes. Made by "
    "`make bench-copies`."
)


if __name__ == "__main__":
    sys.exit(main())
