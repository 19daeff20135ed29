"""Builds ``tvmbind._tvm`` from the declarations in cdefs/: the cdef, the table, the functions that forward.

Each C function of TVM is written down once, in cdefs/c_runtime_api.h. From there come the struct of
function pointers, the loop that fills it from an opened library, and a function of the same name that
forwards through it, or says that this runtime lacks it. Nothing is linked against TVM.
"""

import re
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
HEADERS = ("dlpack.h", "c_runtime_api.h", "tvmbind.h")
SOURCES = ("csrc/loader.c", "csrc/handle.c", "csrc/call.c")
FUNCTION = re.compile(r"^(?P<returns>[\w ]+?[ *]+)(?P<name>TVM\w+)\((?P<arguments>[^;]*)\);", re.MULTILINE)


def read(name):
    """The text of one header of cdefs/."""
    return (ROOT / "cdefs" / name).read_text(encoding="utf-8")


def table():
    """The C code of the table, its filling, and the forwarding functions."""
    functions = [m.groupdict() for m in FUNCTION.finditer(read("c_runtime_api.h"))]
    slots = "".join(f"  {f['returns']}(*{f['name']})({f['arguments']});\n" for f in functions)
    names = "".join(f'  {{"{f["name"]}", (void **)&tvm.{f["name"]}}},\n' for f in functions)
    return (
        f"static struct {{\n{slots}}} tvm;\n\n"
        f"static const struct {{ const char *name; void **slot; }} functions[] = {{\n{names}}};\n"
        + """
int tvmb_bind(void *library) {
  int found = 0;
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i)
    found += (*functions[i].slot = tvmb_symbol(library, functions[i].name)) != NULL;
  return found;
}

int tvmb_has(const char *name) {
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i)
    if (strcmp(functions[i].name, name) == 0) return *functions[i].slot != NULL;
  return 0;
}

"""
        + "\n".join(forward(**f) for f in functions)
    )


def forward(returns, name, arguments):
    """The C code of one forwarding function."""
    passed = ", ".join(re.findall(r"(\w+)(?:,|$)", arguments)) if arguments != "void" else ""
    missing = f'tvmb_missing("{name}")'
    if returns.strip() == "int":
        body = f"return tvm.{name} ? tvm.{name}({passed}) : {missing};"
    elif returns.strip() == "void":
        body = f"if (tvm.{name}) tvm.{name}({passed}); else {missing};"
    else:
        body = f"if (tvm.{name}) return tvm.{name}({passed});\n  {missing};\n  return NULL;"
    return f"{returns}{name}({arguments}) {{\n  {body}\n}}\n"


ffibuilder = FFI()
for header in HEADERS:
    ffibuilder.cdef(read(header))
ffibuilder.cdef('extern "Python+C" {' + read("callbacks.h") + "}")
ffibuilder.set_source(
    "tvmbind._tvm",
    '#include <string.h>\n#include "tvmbind_c.h"\n' + table(),
    sources=list(SOURCES),
    include_dirs=["csrc"],
    depends=[f"cdefs/{name}" for name in (*HEADERS, "callbacks.h")] + ["csrc/tvmbind_c.h"],
    extra_compile_args=[] if sys.platform == "win32" else ["-O2", "-fvisibility=hidden"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
