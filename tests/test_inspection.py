"""What is told of compiled files without a runtime is what a runtime tells once they are loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from random import Random

import pytest

import tvmbind
from runtime_here import INFO, MODELS, ROOT
from tvmbind.inspection import inspect, inspect_each
from tvmbind.inspection.instructions import used

LIBRARIES = sorted(path for path in MODELS.rglob("*.so") if INFO.abi == "tvm-ffi" or "modern" not in path.parts)
_CLASSES = {
    "graph executor": "GraphModule",
    "AOT executor": "AotModule",
    "Relay virtual machine": "VirtualMachine",
    "Relax virtual machine": "RelaxVirtualMachine",
}


@pytest.mark.parametrize("path", LIBRARIES, ids=[str(path.relative_to(MODELS)) for path in LIBRARIES])
def test_a_library_is_what_its_loaded_model_is(path: Path) -> None:
    report = inspect(path)
    assert report["generation"] == INFO.abi
    json.dumps(report)
    try:
        model = tvmbind.load_model(path)
    except tvmbind.TVMOSError as error:
        pytest.skip(f"this runtime cannot load it: {error}")
    except (tvmbind.TVMValueError, tvmbind.TVMAttributeError):
        assert report["executor"] is None  # functions only
        return
    assert _CLASSES[report["executor"]] == type(model.executor).__name__
    if report["inputs"] is not None:
        assert [(each["name"], each["dtype"]) for each in report["inputs"]] == [
            (info.name or each["name"], info.dtype) for info, each in zip(model.inputs, report["inputs"])
        ]
        shapes = zip((each["shape"] for each in report["inputs"]), (info.shape for info in model.inputs))
        assert all(told == (None if here is None else list(here)) or "?" in told for told, here in shapes)
    if report["outputs"] is not None:
        assert [each["dtype"] for each in report["outputs"]] == [info.dtype for info in model.outputs]


@pytest.mark.parametrize("path", LIBRARIES, ids=[str(path.relative_to(MODELS)) for path in LIBRARIES])
def test_functions_that_are_told_are_there(path: Path) -> None:
    report = inspect(path)
    if report["executor"]:
        return
    try:
        module = tvmbind.load_module(path)
    except tvmbind.TVMOSError as error:
        pytest.skip(f"this runtime cannot load it: {error}")
    names = [each["name"] for each in report["functions"]]
    assert names
    assert [name for name in names if not module.implements_function(name)] == []


def test_signatures_of_functions(models: Path) -> None:
    (function,) = (each for each in inspect(models / "myadd" / "libdeploy.so")["functions"] if each["name"] == "myadd")
    extent, names = ("?", "abc") if INFO.abi == "classic" else ("n", ("x0", "x1", "y"))
    assert function["arguments"] == [f"{name}: float32[{extent}]" for name in names]


def test_parts_of_a_model_and_what_is_missing() -> None:
    folder = ROOT / "models" / "digits"
    whole = inspect(folder / "libdeploy.so", folder / "deploy.params", folder / "deploy.json")
    assert whole["kind"] == "a model in parts, for the graph executor"
    assert [(each["name"], each["shape"]) for each in whole["inputs"]] == [("input", [1, 1, 8, 8])]
    assert whole["params"]["elements"] == 15_418
    assert whole["params"]["nbytes"] == 4 * 15_418
    assert whole["graph"]["operators"] == 9
    assert "without its library" in inspect(folder / "deploy.json", folder / "deploy.params")["kind"]
    assert "without its params" in inspect(folder / "deploy.json", folder / "libdeploy.so")["kind"]
    assert inspect(folder / "deploy.params")["kind"] == "weights (params)"


def test_a_factory_says_what_its_parts_say() -> None:
    folder = ROOT / "models" / "digits"
    whole = inspect(folder / "libdeploy.so", folder / "deploy.params", folder / "deploy.json")
    factory = inspect(folder / "factory.so")
    assert factory["name"] == "default"
    for key in ("inputs", "outputs", "params", "graph"):
        assert factory[key] == whole[key]


def test_a_runtime_is_told_from_a_model() -> None:
    report = inspect(INFO.libraries[-1])
    assert report["kind"].startswith("a TVM runtime")
    assert report["generation"] == INFO.abi


def test_no_runtime_is_opened() -> None:
    code = """
import sys, tvmbind.inspection as inspection, tvmbind.library as library
for path in sys.argv[1:]:
    inspection.inspect(path)
assert library.known_runtime() is None
"""
    subprocess.run([sys.executable, "-c", code, *map(str, LIBRARIES)], check=True)


@pytest.mark.parametrize("name", ["factory.so", "relax_vm.so", "relay_vm.so", "aot.so"])
def test_damaged_modules_are_an_error_or_an_answer(name: str, tmp_path: Path) -> None:
    good = (ROOT / "models" / "digits" / name).read_bytes()
    kind = {"factory.so": b"GraphExecutorFactory", "aot.so": b"AotExecutorFactory"}.get(name, b"Executable")
    place = good.index(kind) + 24
    for step in range(-24, 200, 7):
        file = tmp_path / "damaged.so"
        file.write_bytes(good[: place + step] + b"\xff\xfe\xfd" + good[place + step + 3 :])
        try:
            assert inspect(file)["generation"] == "classic"
        except tvmbind.TVMError as error:
            assert str(file) in str(error) or "damaged" in str(error)  # noqa: PT017


def test_instruction_sets() -> None:
    report = inspect(ROOT / "models" / "digits" / "libdeploy.so")
    assert report["library"]["machine"] == "x86_64"
    assert report["library"]["instructions"] == ["AVX", "FMA"]  # compiled for x86-64-v3
    plain = bytes.fromhex("0f58c1 0f59c2 c3") * 100  # addps, mulps, ret
    wide = bytes.fromhex("62f17c4858c1 62f27d48b8c1 c5f877 c3") * 100  # vaddps and vfmadd231ps of zmm, vzeroupper
    assert used(plain, "x86_64") == []
    assert used(wide, "x86_64") == ["AVX", "AVX-512"]
    assert used(wide, "aarch64") == []


def test_a_library_for_another_machine_is_told_all_the_same(tmp_path: Path) -> None:
    raw = bytearray((ROOT / "models" / "digits" / "factory.so").read_bytes())
    raw[18:20] = (183).to_bytes(2, "little")  # e_machine: aarch64
    (tmp_path / "arm.so").write_bytes(raw)
    report = inspect(tmp_path / "arm.so")
    assert report["library"]["machine"] == "aarch64"
    assert report["inputs"] == inspect(ROOT / "models" / "digits" / "factory.so")["inputs"]


def test_an_archive_is_looked_into(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar", "w") as archive:
        for name in ("libdeploy.so", "deploy.json", "deploy.params"):
            archive.add(ROOT / "models" / "digits" / name, name)
    assert inspect(tmp_path / "model.tar")["kind"] == "a model in parts, for the graph executor"


def test_changed_bytes_are_an_error_or_an_answer(tmp_path: Path) -> None:
    files = [path for path in (ROOT / "models" / "digits").iterdir() if path.suffix in (".so", ".json", ".params")]
    random = Random(1)
    for turn in range(200):
        source = files[turn % len(files)]
        raw = bytearray(source.read_bytes())
        place = random.randrange(min(len(raw), random.choice((64, 1024, len(raw)))))
        raw[place : place + 8] = random.choice((bytes(8), b"\xff" * 8, random.randbytes(8)))
        del raw[random.choice((len(raw), len(raw), random.randrange(1, len(raw)))) :]
        file = tmp_path / source.name
        file.write_bytes(raw)
        try:
            assert inspect(file)["kind"]
        except tvmbind.TVMError as error:
            assert str(error)  # noqa: PT017


def test_a_folder_of_several_models_has_a_report_for_each_file(tmp_path: Path) -> None:
    folder = ROOT / "models" / "digits"
    for name in ("factory.so", "relax_vm.so", "deploy.params"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "cut.params").write_bytes((folder / "deploy.params").read_bytes()[:1000])
    reports = {Path(each["files"][0]["path"]).name: each for each in inspect_each(tmp_path)}
    assert reports["factory.so"] == inspect(tmp_path / "factory.so")
    assert reports["relax_vm.so"]["executor"] == "Relax virtual machine"
    assert reports["deploy.params"]["kind"] == "weights (params)"
    assert "the params end within" in reports["cut.params"]["kind"]
    assert inspect_each(tmp_path / "factory.so") == [inspect(tmp_path / "factory.so")]


def test_model_library_format_says_its_target() -> None:
    report = inspect(ROOT / "models" / "digits" / "mlf.tar")
    assert report["target"] == ["c -keys=cpu"]
    assert report["name"] == "default"
    assert "without its library" in report["kind"]
    assert [Path(each["path"]).suffix for each in report["files"] if each["kind"] == "source"] == [".c", ".c"]
