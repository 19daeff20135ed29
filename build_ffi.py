"""Builds ``tvmbind._tvm`` from the declarations in cdefs/: the cdef, the table, the functions that forward.

Each C function of TVM is written down once, in cdefs/. From there come the struct of
function pointers, the loop that fills it from an opened library, and a function of the same name that
forwards through it, or says that this runtime lacks it. Nothing is linked against TVM.
"""

import re
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent
# What Python sees. tvm_ffi_c_api.h is for the C code alone.
HEADERS = ("dlpack.h", "c_runtime_api.h", "tvmbind.h")
SOURCES = tuple(
    f"csrc/{name}.c"
    for name in (
        "loader", "handle", "call", "dlpack", "capsule", "old", "modern", "modern_value", "modern_registry",
        "modern_array",
    )
)  # fmt: skip
FUNCTION = re.compile(r"^(?P<returns>[\w ]+?[ *]+)(?P<name>TVM\w+)\((?P<arguments>[^;]*)\);", re.MULTILINE)


def read(name):
    """The text of one header of cdefs/."""
    return (ROOT / "cdefs" / name).read_text(encoding="utf-8")


def declared(header):
    """The functions that a header declares: what each returns, its name, its arguments."""
    return [match.groupdict() for match in FUNCTION.finditer(read(header))]


def table(header, name):
    """The C code of a header's table of function pointers, of its list, and of the forwarding functions."""
    functions = declared(header)
    slots = "".join(f"  {f['returns']}(*{f['name']})({f['arguments']});\n" for f in functions)
    items = "".join(f'  {{"{f["name"]}", (void **)&{name}.{f["name"]}}},\n' for f in functions)
    return (
        f"static struct {{\n{slots}}} {name};\n\n"
        f"static const slot {name}_slots[] = {{\n{items}  {{NULL, NULL}},\n}};\n\n"
        + "\n".join(forward(name, **f) for f in functions)
    )


BINDING = """
size_t tvmb_header_size = 16;

int tvmb_bind_classic(void *library) {
  int found = 0;
  for (const slot *s = tvm_slots; s->name; ++s) found += (*s->function = tvmb_symbol(library, s->name)) != NULL;
  return found;
}

void tvmb_adapt_classic(int which) {
  for (const slot *s = tvm_slots; s->name; ++s)
    if (*s->function) *s->function = tvmb_old_function(s->name, *s->function, which);
}

int tvmb_bind_modern(void *library) {
  int found = 0;
  for (const slot *s = tvm_ffi_slots; s->name; ++s)
    if ((*s->function = tvmb_symbol(library, s->name)) == NULL) return tvmb_missing(s->name);
  tvmb_header_size = sizeof(TVMFFIObject);
  for (const slot *s = tvm_slots; s->name; ++s) found += (*s->function = tvmb_modern_function(s->name)) != NULL;
  return found;
}

int tvmb_has(const char *name) {
  for (const slot *s = tvm_slots; s->name; ++s)
    if (strcmp(s->name, name) == 0) return *s->function != NULL;
  return 0;
}
"""


def forward(table, returns, name, arguments):
    """The C code of one forwarding function."""
    passed = ", ".join(re.findall(r"(\w+)(?:,|$)", arguments)) if arguments != "void" else ""
    missing = f'tvmb_missing("{name}")'
    if returns.strip() == "int":
        body = f"return {table}.{name} ? {table}.{name}({passed}) : {missing};"
    elif returns.strip() == "void":
        body = f"if ({table}.{name}) {table}.{name}({passed}); else {missing};"
    else:
        body = f"if ({table}.{name}) return {table}.{name}({passed});\n  {missing};\n  return NULL;"
    return f"{returns}{name}({arguments}) {{\n  {body}\n}}\n"


ffibuilder = FFI()
for header in HEADERS:
    ffibuilder.cdef(read(header))
ffibuilder.cdef('extern "Python+C" {' + read("callbacks.h") + "}")
ffibuilder.set_source(
    "tvmbind._tvm",
    '#include <string.h>\n#include "tvmbind_c.h"\n'
    "typedef struct { const char *name; void **function; } slot;\n\n"
    + table("c_runtime_api.h", "tvm")
    + table("tvm_ffi_c_api.h", "tvm_ffi")
    + BINDING,
    sources=list(SOURCES),
    include_dirs=["csrc"],
    define_macros=[("TVMB_PYPY", "1")] if sys.implementation.name == "pypy" else [],
    depends=[f"cdefs/{name}" for name in (*HEADERS, "callbacks.h", "tvm_ffi_c_api.h")]
    + ["csrc/tvmbind_c.h", "csrc/modern.h"],
    extra_compile_args=[] if sys.platform == "win32" else ["-O2", "-fvisibility=hidden"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
