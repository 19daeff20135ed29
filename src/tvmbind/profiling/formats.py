"""Reports as other tools have them: CSV, TVM's JSON, a trace for Chrome and Perfetto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

from .call import Call
from .names import layout_of, short_name

if TYPE_CHECKING:
    from .report import Report

_COLUMNS = ("Name", "Operator", "Argument Shapes", "Layout", "Device", "Count", "Duration (us)", "Percent")
#: What a number or text of TVM's report is wrapped in.
_KINDS = ("string", "count", "microseconds", "percent", "ratio")


def csv_text(report: Report) -> str:
    """A line for each step, in the order of the run, below a line of names."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for call in report.calls:
        writer.writerow(
            (call.name, call.operator, call.shapes, call.layout, call.device, call.calls,
             f"{call.microseconds:.6g}", f"{call.percent:.6g}")
        )  # fmt: skip
    return out.getvalue()


def json_text(report: Report) -> str:
    """TVM's own form; `read_json` and TVM's ``runtime.profiling.FromJSON`` (from 0.9 on) read it."""
    import json

    calls = [
        {
            "Name": {"string": call.name}, "Argument Shapes": {"string": call.shapes},
            "Layout": {"string": call.layout}, "Device": {"string": call.device}, "Count": {"count": call.calls},
            "Duration (us)": {"microseconds": call.microseconds}, "Percent": {"percent": call.percent},
            "Start (us)": {"microseconds": call.start},
        }
        for call in report.calls
    ]  # fmt: skip
    metrics = {
        device: {
            "Name": {"string": "Total"}, "Device": {"string": device}, "Count": {"count": 1},
            "Duration (us)": {"microseconds": time},
        }
        for device, time in (report.device_metrics.items() if report.total is not None else ())
    }  # fmt: skip
    configuration = {"Title": report.title, **report.configuration} if report.title else report.configuration
    wrapped = {
        key: {"count": value} if isinstance(value, int) else {"string": str(value)}
        for key, value in configuration.items()
    }
    return json.dumps({"calls": calls, "device_metrics": metrics, "configuration": wrapped}, ensure_ascii=False)


def chrome_trace(report: Report) -> str:
    """A trace in Chrome's form, for chrome://tracing, Perfetto or speedscope."""
    import json

    devices = list(dict.fromkeys(call.device for call in report.calls))
    named: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": report.title or "tvmbind"}}
    ]
    named += [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": number, "args": {"name": device}}
        for number, device in enumerate(devices, 1)
    ]
    steps = [
        {
            "name": short_name(call.name), "cat": call.operator, "ph": "X", "pid": 1,
            "tid": devices.index(call.device) + 1, "ts": call.start, "dur": call.microseconds,
            "args": {"function": call.name, "shapes": call.shapes, "layout": call.layout, "calls": call.calls},
        }
        for call in report.calls
    ]  # fmt: skip
    other = {key: str(value) for key, value in report.configuration.items()}
    return json.dumps({"traceEvents": named + steps, "displayTimeUnit": "ns", "otherData": other})


def read_json(text: Union[str, bytes]) -> tuple[list[Call], list[float], dict[str, Any]]:
    """What a report in TVM's form has: its steps, times of whole runs, the configuration.

    Raises
    ------
    ValueError
        If it is none.
    """
    import json  # here, not above: json makes importing tvmbind slow

    try:
        found = json.loads(text)
        calls = [_call(each) for each in found["calls"]]
        totals = [_plain(each["Duration (us)"]) for each in found.get("device_metrics", {}).values()]
        configuration = {key: _plain(value) for key, value in found.get("configuration", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no report of TVM's profiler: {type(error).__name__}: {error}") from None
    return calls, totals, configuration


def _plain(value: Any) -> Any:
    """A number or text out of what TVM wraps it in."""
    if not isinstance(value, dict):
        return value
    kind = next((kind for kind in _KINDS if kind in value), None)
    if kind is None:
        raise ValueError(f"a value of the kind {', '.join(value) or 'nothing'}")
    return value[kind]


def _call(found: Mapping[str, Any]) -> Call:
    known = {key: _plain(value) for key, value in found.items()}
    start = known.get("Start (us)")
    return Call(
        str(known["Name"]), float(known["Duration (us)"]), str(known.get("Argument Shapes", "")),
        str(known.get("Layout", layout_of(known))), str(known.get("Device", "cpu0")), int(known.get("Count", 1)),
        None if start is None else float(start),
    )  # fmt: skip
