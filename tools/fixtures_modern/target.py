"""The compile target, and compiling for it."""

from __future__ import annotations

import subprocess

import tvm
from fixtures.linking import LINK_OPTIONS
from tvm import relax, tirx

CPU = {"kind": "llvm", "mtriple": "x86_64-unknown-linux-gnu", "mcpu": "x86-64-v3"}
LLVM = tvm.target.Target(CPU, host=CPU)
FOLDER = "modern"


def link(library, objects, options=()):
    """Link objects into a shared library, the math library after them.

    This TVM's own linking has the options first, where ``-lm`` has no effect: then
    ``expf`` is found only if the process happens to have it. It gives options of its own
    where a model has no kernels at all; none are needed.
    """
    subprocess.run(["gcc", "-shared", "-o", library, *objects, *LINK_OPTIONS], check=True)


def save_library(executable, path):
    """Write what `tvm.compile` made as one shared library, reproducibly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    executable.export_library(str(path), fcompile=link)


def save_functions(functions, path):
    """Compile TIR functions into one shared library.

    Parameters
    ----------
    functions : iterable of tvm.tirx.PrimFunc
        Each with the attribute ``global_symbol``, its name in the library.
    path : pathlib.Path
        The ``.so`` to write.
    """
    named = {str(function.attrs["global_symbol"]): function for function in functions}
    save_library(tvm.compile(tvm.IRModule(named), target=LLVM), path)


def save_relax(module, path):
    """Compile a Relax module into one shared library, a VM executable."""
    with LLVM:
        module = relax.get_default_pipeline(LLVM)(module)
    module = with_ordered_shapes(module)
    save_library(tvm.compile(module, target=LLVM, relax_pipeline=None), path)


def with_ordered_shapes(module):
    """Sort what the VM's shape functions do.

    Such a function computes the sizes of a model that has symbolic shapes, each
    into a slot of its own, in the order of a set of pointers: it differs from run
    to run (``VMShapeLower`` of TVM 0.27). None needs another but the symbols.
    """
    for variable, function in module.functions_items():
        if variable.name_hint.startswith("shape_func") and isinstance(function.body, tirx.SeqStmt):
            stores = sorted(function.body.seq, key=lambda store: int(store.indices[0]))
            module[variable] = function.with_body(tirx.SeqStmt(stores))
    return module
