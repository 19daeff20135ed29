"""What a library tells: its symbols, its code, the modules that it carries, what its functions check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ..artefact import blob, compiled, elf, kernels
from ..artefact.kinds import AOT, KINDS, RELAX, RELAY, needs
from ..errors import TVMValueError
from . import executables, instructions
from .files import errors_of, read
from .graphs import add_graph
from .tensors import tensors
from .weights import summary

_NEEDS = {"classic": "any classic runtime (TVM 0.5 to 0.20)", "tvm-ffi": "libtvm_ffi (pip install apache-tvm-ffi)"}


def add_library(file: str, report: dict[str, Any]) -> None:
    """Adds what a library tells to a report.

    Raises
    ------
    TVMOSError
        If it cannot be read.
    TVMValueError
        If it is damaged.
    """
    raw = read(file)
    if not elf.is_known(raw):
        report["kind"] = "a library for another system, or another kind of processor: nothing more is known here"
        return
    try:
        library = elf.Library(raw)
        functions, undefined, needed = map(_decoded, (library.functions(), library.undefined(), library.needed()))
        code, carried = library.code(), library.contents(blob.SYMBOLS)
    except elf.ERRORS as error:
        raise TVMValueError(f"{file}: {elf.describe(error)}") from None
    machine = elf.MACHINES.get(library.machine, f"ELF machine {library.machine}")
    report["library"] = {"machine": machine, "instructions": instructions.used(code, machine), "needed": needed}
    if "TVMFuncCall" in functions or "TVMFFIFunctionCall" in functions:
        modern = "TVMFFIFunctionCall" in functions
        report["kind"] = "a TVM runtime: TVMBIND_LIBRARY or load_runtime(path) takes it"
        report["generation"] = "tvm-ffi" if modern else "classic"
        return
    seen = compiled.scan(file)
    report["generation"] = seen.abi or None
    report["library"].update(parallel=seen.parallel, by_name=seen.by_name)
    if not seen.abi:
        calls = [name for name in undefined if name.startswith("TVM")]
        if any(name.startswith("TVMFFI") for name in calls):
            report["kind"] = "a TVM runtime, or a part of one"
        elif not calls:
            report["kind"] = "no library of TVM's: it has none of the symbols that TVM gives to what it compiles"
    report["needs"] = _NEEDS.get(seen.abi)
    taken = kernels.arguments(raw)
    prefix = "__tvm_ffi_" if seen.abi == "tvm-ffi" else ""
    names = [name[len(prefix) :] for name in functions if name.startswith(prefix)]
    own = [name for name in names if name in taken or (prefix and not name.startswith("_"))] or names
    report["functions"] = [
        {"name": name, "arguments": taken.get(name)} for name in sorted(own) if not name.startswith("__")
    ]  # fmt: skip
    for symbol, content in carried.items():
        with errors_of(file):
            for inner in blob.modules(content, blob.SYMBOLS[symbol]):
                _inner(inner, report, taken)


def _decoded(names: Iterable[bytes]) -> list[str]:
    return [name.decode(errors="replace") for name in names]


def _inner(inner: blob.Inner, report: dict[str, Any], taken: Mapping[str, list[str]]) -> None:
    report["modules"].append(inner.type)
    if inner.type not in KINDS:
        return
    report["executor"] = KINDS[inner.type].executor
    report["needs"] = needs(inner.type)
    report["name"] = inner.name or None
    report["params"] = summary(inner.params)
    if inner.graph is not None:
        add_graph(inner.graph, report)
        report["_weights"] = set(inner.params)
    if inner.type == AOT:
        _aot(taken, report)
    if inner.type == RELAY or inner.type in RELAX:
        _executable(executables.read(inner.content, inner.type), report)


def _executable(executable: executables.Executable, report: dict[str, Any]) -> None:
    report["params"] = summary(executable.constants)
    if executable.compiler:
        report["compiler"] = f"TVM {executable.compiler}"
        report["needs"] = f"Relay's virtual machine of TVM {executable.compiler}, the compiler's own version"
    if executable.functions:
        others = [each for each in report["functions"] if each["name"] not in executable.functions]
        report["functions"] = [*({"name": name, "arguments": None} for name in executable.functions), *others]
        entry = "main" if "main" in executable.functions else executable.functions[0]
        inputs, outputs = executables.signature(executable, entry)
        report["inputs"], report["outputs"] = tensors(inputs), tensors(outputs)


def _aot(taken: Mapping[str, list[str]], report: dict[str, Any]) -> None:
    """What the main function checks; inputs and outputs are told apart by how the compiler names outputs."""
    main = next((args for name, args in taken.items() if name.endswith("__tvm_main__")), None)
    if main is None:
        return
    words = [each.partition(": ") for each in main]
    split = next((place for place, (name, _, _) in enumerate(words) if name.startswith("output")), len(words))
    told = [{"name": name, "dtype": kind.partition("[")[0] or None, "shape": _shape(kind)} for name, _, kind in words]
    report["inputs"], report["outputs"] = told[:split], [each | {"name": ""} for each in told[split:]]


def _shape(kind: str) -> Optional[list[str]]:
    inside = kind.partition("[")[2].rstrip("]")
    return [each.strip() for each in inside.split(",") if each.strip()] if "[" in kind else None
