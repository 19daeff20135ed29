"""`tvmbind run`: feed a model once or many times; print what it gives, or write it to a file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from tvmbind.cli import feeds, models, screen
from tvmbind.cli.command import UserError, add_command, add_json_argument, user_mistakes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_SHOWN = 12  # numbers of an output that are printed as they are
_IN_JSON = 10_000
_MOST_LABELS = 10_000_000


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "run",
        run,
        "run a model on arrays, pictures, standard input or random numbers",
        usage="run PATH ... [-i [NAME=]FILE[:KEY] ...] [option ...]",
        examples=(
            ("run model.so -i x.npy", "one run; prints what comes out"),
            ("run build/ -i photo.jpg --scale 1/255 --labels names.txt", "the five likeliest classes"),
            ("run model.so -i *.png -o out.npz", "many runs, all of their results in one file"),
            ("run model.so -i data.npz:images --each --scale 1/16 --json", "each item of the first axis"),
            ("run lib.so graph.json weights.params -i a=a.npy b=b.npy", "two inputs"),
            ("run model.so --random --dim n=8", "does it run at all?"),
        ),
    )
    models.add_arguments(parser)
    feeds.add_arguments(parser)
    parser.add_argument("--each", action="store_true", help="run once for each item of the first axis of the inputs")
    group = parser.add_argument_group("results")
    group.add_argument("-o", "--output", metavar="FILE", help="write them to an .npz (or .npy: one output; - for .npz)")
    group.add_argument("--top", type=_positive, metavar="N", help="print the N largest values and where they are")
    group.add_argument("--labels", metavar="FILE", help="what the places mean: a name a line, or JSON (and --top 5)")
    group.add_argument("--softmax", action="store_true", help="turn scores into probabilities first")
    add_json_argument(group)  # type: ignore[arg-type]


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Load the model, run it on every feed, and show or write the results."""
    labels = _labels(arguments.labels) if arguments.labels else None
    top = arguments.top or (5 if labels else 0)
    if arguments.output not in (None, "-") and not arguments.output.endswith((".npz", ".npy")):
        raise UserError(f"-o takes a file that ends in .npz or .npy, or - for standard output; got {arguments.output}")
    if arguments.output == "-" and (arguments.json or sys.stdout.isatty()):
        raise UserError("-o - writes an .npz to standard output: send it to a file or a program, and leave out --json")
    keeps = bool(arguments.output)
    shows = arguments.output is None or arguments.json
    with models.load(arguments) as model:
        given = feeds.read(arguments, model.inputs, arguments.each)
        kept: list[list[Array]] = []
        documents: list[dict[str, Any]] = []
        names: list[str] = []
        for feed in screen.progress(given, len(given), "running"):
            with user_mistakes():
                results = [_result(each) for each in model.run(feed.values)]
            names = names or models.output_names(model, results)
            if arguments.softmax:
                results = [_softmax(each, name) for name, each in zip(names, results)]
            if keeps:
                kept.append(results)
            if shows:
                documents.append(_document(feed.label, names, results, top, labels))
        if keeps:
            _write(arguments.output, names, kept)
        if arguments.json:
            screen.print_json({"model": repr(model), "outputs": names, "results": documents})
        elif shows:
            _show(documents, top, labels)
    return 0


def _result(value: Any) -> Array:
    import numpy as np

    if not hasattr(value, "numpy"):
        return np.asarray(value)
    found: Array = value.numpy()
    return found


def _softmax(values: Array, name: str) -> Array:
    import numpy as np

    if values.dtype.kind != "f" or not values.ndim:
        raise UserError(f"--softmax is for scores, and the output {name} is {values.dtype}{list(values.shape)}")
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    scaled: Array = powers / powers.sum(axis=-1, keepdims=True)
    return scaled


def _labels(file: str) -> list[str]:
    """Names of classes: one a line, a JSON list, or a JSON object from number to name."""
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the labels in {file}: {getattr(error, 'strerror', None) or error}") from None
    if text.lstrip()[:1] not in ("[", "{"):
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        found = json.loads(text)
        if isinstance(found, dict):
            by_place = {int(key): value for key, value in found.items()}
            if max(by_place, default=0) > _MOST_LABELS:
                raise ValueError(f"there is a label for the place {max(by_place)}")
            found = [by_place.get(place, "") for place in range(max(by_place, default=-1) + 1)]
        return [str(each[-1] if isinstance(each, list) else each) for each in found]
    except (ValueError, IndexError) as error:
        raise UserError(f"the labels in {file} are neither a name a line nor JSON: {error}") from None


def _document(
    label: str, names: Sequence[str], results: Sequence[Array], top: int, labels: Optional[list[str]]
) -> dict[str, Any]:
    return {
        "input": label,
        "outputs": [_output(name, value, top, labels) for name, value in zip(names, results)],
    }


def _output(name: str, value: Array, top: int, labels: Optional[list[str]]) -> dict[str, Any]:
    document: dict[str, Any] = {"name": name, "dtype": str(value.dtype), "shape": list(value.shape)}
    if value.size and value.dtype.kind in "biufV":
        numbers = value.astype("float64") if value.dtype.kind in "fV" else value
        document.update({"min": numbers.min().item(), "max": numbers.max().item(), "mean": float(numbers.mean())})
        if top:
            document["top"] = _top(numbers, top, labels, name)
    plain = value.astype("float64") if value.dtype.kind == "V" else value
    document["values"] = plain.tolist() if value.size <= _IN_JSON else None
    return document


def _top(numbers: Array, top: int, labels: Optional[list[str]], name: str) -> list[dict[str, Any]]:
    import numpy as np

    flat = numbers.reshape(-1)
    if labels and len(labels) != flat.size:
        raise UserError(f"there are {len(labels)} labels, and the output {name} has {flat.size} values")
    best = np.argsort(-flat.astype("float64"), kind="stable")[:top]
    return [
        {"place": int(place), "label": labels[place] if labels else None, "value": flat[place].item()}
        for place in best
    ]


def _show(documents: list[dict[str, Any]], top: int, labels: Optional[list[str]]) -> None:
    if top and len(documents) > 1:
        _show_best(documents, bool(labels))
        return
    for document in documents[: _SHOWN if len(documents) > 1 else None]:
        if len(documents) > 1:
            screen.line((document["input"], "strong"))
        for output in document["outputs"]:
            _show_output(output, bool(labels))
    if len(documents) > _SHOWN:
        screen.note(f"... and {len(documents) - _SHOWN} more: --top 1 for a line each, --json or -o FILE for all of it")


def _show_output(output: dict[str, Any], labelled: bool) -> None:
    screen.line((output["name"], "link"), f"  {output['dtype']}[{', '.join(map(str, output['shape']))}]")
    if "top" in output:
        rows = [(each["place"], f"{each['value']:.6g}", each["label"]) for each in output["top"]]
        columns = ("Place", "Value", "Label") if labelled else ("Place", "Value")
        screen.table(columns, [row[: len(columns)] for row in rows], right=(0, 1))
        return
    size = 1
    for extent in output["shape"]:
        size *= extent
    if output["values"] is not None and size <= _SHOWN:
        screen.line(f"  {_numbers(output['values'])}")
    elif "min" in output:
        screen.line(f"  {size:,} values, {output['min']:.6g} to {output['max']:.6g}, mean {output['mean']:.6g}")
    else:
        screen.line(f"  {size:,} values")


def _numbers(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_numbers, values))}]"
    return f"{values:.6g}" if isinstance(values, float) else str(values)


def _show_best(documents: list[dict[str, Any]], labelled: bool) -> None:
    """A line for each run: the likeliest places of its first output."""
    rows = []
    for document in documents:
        best = document["outputs"][0].get("top", []) if document["outputs"] else []
        words = (f"{each['label'] if labelled else each['place']} ({each['value']:.4g})" for each in best)
        rows.append((document["input"], ", ".join(words)))
    screen.table(("Input", "Best"), rows)


def _write(file: str, names: Sequence[str], kept: list[list[Array]]) -> None:
    """The results in one file, as `_joined` joins those of many runs."""
    import numpy as np

    arrays: dict[str, Any] = {}
    for place, name in enumerate(names):
        arrays.update(_joined(name, [results[place] for results in kept]))
    if file.endswith(".npy") and len(arrays) != 1:
        raise UserError(f"an .npy holds one array, and there are {len(arrays)} ({', '.join(arrays)}): take an .npz")
    if file == "-":
        np.savez(sys.stdout.buffer, **arrays)
    elif file.endswith(".npy"):
        np.save(file, next(iter(arrays.values())))
    else:
        np.savez(file, **arrays)
    if file != "-":
        listed = ", ".join(f"{name} {value.dtype}{list(value.shape)}" for name, value in arrays.items())
        screen.note(f"wrote {listed} to {file} ({screen.size(os.path.getsize(file))})")


def _joined(name: str, values: list[Array]) -> dict[str, Array]:
    """One array: those of many runs one after the other where they have a first axis of 1, else on a new axis."""
    import numpy as np

    if len(values) == 1:
        return {name: values[0]}
    if len({value.shape for value in values}) != 1:
        return {f"{name}_{index}": value for index, value in enumerate(values)}
    first = values[0].shape[:1] == (1,)
    return {name: np.concatenate(values) if first else np.stack(values)}
