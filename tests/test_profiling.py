"""Reports: made of every kind of model, and written in every form."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import tvmbind as tvm
from runtime_here import INFO, has_global
from test_benchmark import DIGITS, load_digits
from tvmbind.profiling import Call, Report
from tvmbind.profiling.names import flow_of, operator_of

RELU = "tvmgen_default_fused_nn_contrib_conv2d_NCHWc_add_add_nn_relu"
IMAGE = np.zeros((1, 1, 8, 8), "float32")

#: As TVM 0.9 wrote one.
OF_TVM = """{"calls":[{"src_layout":{"string":"NCHW"},"Count":{"count":1},"Device":{"string":"cpu0"},
"Name":{"string":"tvmgen_default_fused_layout_transform"},"dst_layout":{"string":"NCHW1c"},"Duration (us)":
{"microseconds":1.0},"Argument Shapes":{"string":"float32[1, 1, 8, 8], float32[1, 1, 8, 8, 1]"},"Percent":
{"percent":2.5}},{"Count":{"count":1},"Device":{"string":"cpu0"},"Name":{"string":"tvmgen_default_fused_nn_max_pool2d_1"},
"out_layout":{"string":""},"Duration (us)":{"microseconds":3.0},"Argument Shapes":{"string":"float32[1, 4, 8, 8, 8], float32[1, 4, 4, 4, 8]"},
"layout":{"string":"NCHW8c"},"Percent":{"percent":7.5}}],"device_metrics":{"cpu0":{"Count":{"count":1},"Device":
{"string":"cpu0"},"Name":{"string":"Total"},"Duration (us)":{"microseconds":40.0}}},"configuration":{"Number of threads":
{"count":1},"Executor":{"string":"Graph"}}}"""  # noqa: E501


@pytest.fixture
def report():
    return Report.from_json(OF_TVM, "two <steps> & more")


def test_of_tvms_json(report):
    first, second = report.calls
    assert (first.name, first.operator) == ("tvmgen_default_fused_layout_transform", "layout_transform")
    assert (second.operator, second.layout) == ("nn_max_pool2d", "NCHW8c")
    assert first.layout == "dst NCHW1c, src NCHW"
    assert [call.percent for call in report.calls] == [25, 75]
    assert [call.start for call in report.calls] == [0, 1]
    assert (report.microseconds, report.total) == (4, 40)
    assert report.device_metrics == {"cpu0": 40}
    assert report.configuration == {"Number of threads": 1, "Executor": "Graph"}


def test_json_is_tvms_own(report):
    again = Report.from_json(report.json())
    assert (again.calls, again.total, again.title) == (report.calls, report.total, report.title)
    assert again.configuration == report.configuration
    if INFO.minor > 8 and has_global("runtime.profiling.FromJSON"):  # 0.8's knows no configuration
        of_runtime = tvm.get_global_func("runtime.profiling.FromJSON")(report.json())
        back = Report.from_json(tvm.get_global_func("runtime.profiling.AsJSON")(of_runtime))
        assert [call[:6] for call in back.calls] == [call[:6] for call in report.calls]
        assert back.total == report.total


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calls": [{}]}', '{"calls": [{"Name": {}}]}', '{"calls": 1}', "\0"])
def test_what_is_no_report(text):
    with pytest.raises(ValueError, match="no report"):
        Report.from_json(text)


def test_median_of():
    reports = [Report([Call("a", time), Call("b", 10 * time)], total=20 * time) for time in (3.0, 1.0, 2.0)]
    middle = Report.median_of(reports)
    assert [call.microseconds for call in middle.calls] == [2, 20]
    assert (middle.total, middle.calls[1].start) == (40, 2)
    with pytest.raises(ValueError, match="different steps"):
        Report.median_of([reports[0], Report([Call("a", 1.0)])])
    with pytest.raises(ValueError, match="none"):
        Report.median_of([])


def test_operators():
    report = Report([Call("fused_conv2d1_add1", 2.0), Call("softmax", 1.0), Call("fused_conv2d_add", 5.0, calls=2)])
    assert [(each.name, each.calls, each.microseconds) for each in report.operators] == [
        ("conv2d_add", 3, 7.0), ("softmax", 1, 1.0),
    ]  # fmt: skip
    assert operator_of(f"{RELU}_12") == "nn_contrib_conv2d_NCHWc_add_add_nn_relu"
    assert operator_of("tvmgen_my_net_fused_nn_dense") == "nn_dense"
    assert operator_of("vm.builtin.reshape") == "vm.builtin.reshape"


def test_table(report):
    lines = report.table().splitlines()
    assert lines[1].startswith("nn_max_pool2d_1")  # the slowest
    assert "75.0  " + "█" * 12 in lines[1]
    assert report.table(sort=False).splitlines()[1].startswith("layout_transform")
    assert "40 µs" in report.table()
    long = Report([Call(RELU + "_with_a_name_that_never_ends_" * 3 + "7", 1e6, "float32[1, 2, 3], float32[4]")])
    for width in (60, 100, 200):
        lines = long.table(width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert "7  float32" in lines[1]
    assert "0 steps" in Report([]).table()


def test_the_flow_of_shapes():
    assert flow_of("float32[1, 2], int8[3], float32[4]") == "float32 1\N{MULTIPLICATION SIGN}2 → 4"
    assert flow_of("int8[3], float32[]") == "int8 3 → float32"
    assert flow_of("float32[7]") == "float32 7"
    assert flow_of("") == ""


def test_rich_shows_it(report):
    console = pytest.importorskip("rich.console", reason="no rich here")
    out = io.StringIO()
    console.Console(file=out, width=100).print(report)
    assert "nn_max_pool2d_1" in out.getvalue()
    assert "75.0" in out.getvalue()


def test_csv(report):
    rows = list(csv.DictReader(io.StringIO(report.csv())))
    assert [row["Name"] for row in rows] == [call.name for call in report.calls]
    assert float(rows[1]["Duration (us)"]) == 3
    assert rows[0]["Argument Shapes"] == "float32[1, 1, 8, 8], float32[1, 1, 8, 8, 1]"


def test_chrome_trace(report):
    events = json.loads(report.chrome_trace())["traceEvents"]
    steps = [event for event in events if event["ph"] == "X"]
    assert [(step["ts"], step["dur"]) for step in steps] == [(0, 1), (1, 3)]
    assert {event["name"] for event in events if event["ph"] == "M"} == {"process_name", "thread_name"}


class Reader(HTMLParser):
    """Whether each element is closed, what addresses there are, and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.text, self.names = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "link", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_is_one_page_that_needs_nothing(report):
    page = report.html()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.names
    assert set(reader.addresses) == {"data:,", "#step1", "#step2"}
    assert not re.search(r"https?:|@import|url\(", page)
    assert "two <steps> & more" in reader.text
    assert "width=device-width" in page
    assert "prefers-color-scheme: dark" in page
    for shown in ("float32[1, 4, 4, 4, 8]", "75.0 %", "3 µs", "Number of threads"):
        assert shown in "".join(reader.text)
    assert "<html" in Report([]).html()


def test_save(report, tmp_path):
    forms = {"a.html": report.html, "a.csv": report.csv, "a.json": report.json, "a.TRACE.json": report.chrome_trace}
    for name, form in forms.items():
        report.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").strip() == form().strip()
    for name in ("a.xml", "html", "a"):
        with pytest.raises(ValueError, match=r"\.html, \.csv"):
            report.save(tmp_path / name)
        assert not (tmp_path / name).exists()


# ------------------------------------------------------------------------------------------------ of each kind of model


@pytest.mark.parametrize("files", [files for files in DIGITS if files != ("aot.so",)], ids=lambda files: files[0])
def test_profile_of_a_model(models, files):
    model = load_digits(models, files)
    before = model.run(IMAGE)[0].numpy()
    report = model.profile({"input": IMAGE}, repeat=2)
    names = [call.name for call in report.calls if "softmax" in call.name or "conv2d" in call.name]
    assert "softmax" in names[-1]
    assert sum("conv2d" in name for name in names) == 3
    softmax = next(call for call in report.calls if "softmax" in call.name)
    assert softmax.shapes == "float32[1, 10], float32[1, 10]"
    assert softmax.device == "cpu0"
    assert all(call.microseconds >= 0 for call in report.calls)
    assert report.microseconds > 0
    assert report.total > 0
    assert sum(call.percent for call in report.calls) == pytest.approx(100)
    assert report.configuration["Runtime"] == INFO.title
    np.testing.assert_array_equal(model.run(IMAGE)[0].numpy(), before)
    with pytest.raises(ValueError, match="lacks input"):
        model.profile({})
    with pytest.raises(ValueError, match="repeat"):
        model.profile(IMAGE, repeat=0)
    with pytest.raises(ValueError, match="profiler, functions"):
        model.profile(IMAGE, how="magic")
    model.close()
    with pytest.raises(ValueError, match="closed"):
        model.profile(IMAGE)


@pytest.mark.needs("graph executor")
@pytest.mark.parametrize("files", list(DIGITS)[:2], ids=lambda files: files[0])
def test_both_ways_see_the_same_steps(models, files):
    model = load_digits(models, files)
    by_functions = model.profile(IMAGE, repeat=1, how="functions")
    if not INFO.has("graph profiler"):
        with pytest.raises(tvm.TVMNotImplementedError, match="functions"):
            model.profile(IMAGE, how="profiler")
        return
    by_profiler = model.profile(IMAGE, repeat=1, how="profiler")
    assert [(c.name, c.shapes, c.layout, c.device) for c in by_functions.calls] == [
        (c.name, c.shapes, c.layout, c.device) for c in by_profiler.calls
    ]


@pytest.mark.needs("graph executor")
def test_a_graph_that_reshapes(models, tmp_path):
    """With a ``__nop``, which gives what it takes and calls no function; relay.build makes one of a reshape."""
    folder = models / "digits"
    graph = json.loads((folder / "deploy.json").read_text())
    (softmax, _, _), attrs = graph["heads"][0], graph["attrs"]
    nothing = {"num_inputs": "1", "num_outputs": "1", "func_name": "__nop", "flatten_data": "0"}
    graph["nodes"].append({"op": "tvm_op", "name": "reshape_nop", "attrs": nothing, "inputs": [[softmax, 0, 0]]})
    graph["node_row_ptr"].append(graph["node_row_ptr"][-1] + 1)
    graph["heads"] = [[softmax + 1, 0, 0]]
    attrs["shape"][1].append([2, 5])
    for key in ("dltype", "storage_id", "device_index"):
        attrs.get(key, [0, []])[1].append((attrs.get(key) or [0, [0]])[1][-1])
    (tmp_path / "deploy.json").write_text(json.dumps(graph))
    model = tvm.load_model(folder / "libdeploy.so", tmp_path / "deploy.json", folder / "deploy.params")
    assert model.run(IMAGE)[0].shape == (2, 5)
    for how in ("functions", ""):
        report = model.profile(IMAGE, repeat=1, how=how)
        assert len(report.calls) == 9
        assert report.calls[-1].operator == "nn_softmax"


@pytest.mark.needs("AOT executor")
def test_an_aot_model_says_that_it_has_no_graph(models):
    with pytest.raises(tvm.TVMNotImplementedError, match=r"no graph.*benchmark"):
        tvm.load_model(models / "digits" / "aot.so").profile(IMAGE)


@pytest.mark.needs("Relax VM")
@pytest.mark.parametrize("kind", ["relax", "relay"])
def test_a_machine_profiles_if_it_was_made_to(models, kind):
    machine = load_digits(models, (f"{kind}_vm.so",)).executor
    with pytest.raises(tvm.TVMAttributeError, match="profile=True"):
        machine.profile("main", IMAGE)
    with machine._profiling() as profiling:
        assert profiling.profile("main", IMAGE).calls
        assert profiling["main"](IMAGE).shape == (1, 10)
        with pytest.raises(TypeError, match="takes 1"):
            profiling.profile("main")
