"""``Module``: a library of compiled functions, and the modules it imports.

Source: TVM's ``runtime/module.h`` and ``runtime/module.cc``.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Optional, Union

from . import _core, load_errors
from ._core import Handle, check
from ._tvm import ffi, lib
from .artefact import compiled, kernels
from .container import Array
from .device import Device, cpu
from .errors import TVMAttributeError, TVMError, TVMOSError
from .function import PackedFunc, get_global_func
from .guarded import BINDING, Binder, ExecutorMaker
from .library import load_runtime, load_runtime_for, promote
from .pins import Pins, pins_at
from .profiling.benchmark import BenchmarkResult, evaluator_arguments, time_calls

_MODULE = 9  # kTVMModuleHandle
_MAIN = "__tvm_main__"
_LIBRARY = ("library", "dso")  # the kind of a compiled library; the second before TVM 0.7
# What libraries have under names of the runtime's own that is no function (TVM's runtime/module.h).
_DATA = (b"__TVM", b"__tvm_dev_mblob", b"__tvm_module_ctx")
# What a GraphExecutorFactory has besides its model's name, which makes an executor.
_OF_FACTORIES = (
    "cuda_graph_create", "debug_create", "get_executor_manifest", "get_graph_json", "get_graph_params", "remove_params",
)  # fmt: skip


class Module(Handle):
    """Compiled functions, looked up by name: ``module["myadd"]``.

    A function that was looked up keeps its module alive; so close a module whenever you like.
    """

    __slots__ = ("_entry", "_file", "_found", "_graph", "_hash", "_kind", "_main", "_pins")

    _entry: Optional[PackedFunc]
    _file: Optional[str]
    #: The functions of a compiled library that were looked up: it has the same ones for good.
    _found: dict[str, PackedFunc]
    _graph: Any
    _hash: int
    _kind: Optional[str]
    _main: Optional[PackedFunc]
    #: What the functions of an executor see without owning it: each of them keeps this.
    _pins: Pins

    _free = lib.tvmb_free_module

    @classmethod
    def _from_handle(cls, handle: int, owner: Optional[object] = None) -> Any:
        self = cls.__new__(cls)
        self._handle = handle
        self._owner = owner
        self._entry = self._file = self._graph = self._kind = self._main = None
        self._found = {}
        self._hash = hash(self._identity())
        self._pins = pins_at(self._identity())
        return self

    def close(self) -> None:
        """Lets go of the module; its functions and whatever imports it keep it alive. Twice does no harm."""
        self._found.clear()
        super().close()
        self._pins = Pins()

    def get_function(self, name: str, query_imports: bool = False) -> PackedFunc:
        """A function of this module.

        Parameters
        ----------
        name : str
        query_imports : bool
            Whether to look in imported modules too.

        Raises
        ------
        TVMAttributeError
            If there is none of that name; also an ``AttributeError``.
        """
        found = self._find(name, query_imports)
        if found is None:
            where = " or its imports" if query_imports else ""
            raise TVMAttributeError(f"{self!r}{where} has no function {name!r}")
        if name in BINDING and self._type_key() not in _LIBRARY:
            return Binder._from_handle(found._handle, found, name, self._pins)  # type: ignore[no-any-return]
        if not query_imports and type(found) is PackedFunc and self._kind in _LIBRARY:
            self._found[name] = found
            return found._again()
        return found

    def _find(self, name: str, query_imports: bool) -> Optional[PackedFunc]:
        if not isinstance(name, str):
            raise TypeError(f"expected a function's name, got {type(name).__name__}")
        if "\0" in name:
            raise ValueError(f"{name!r} is no function's name: it holds a NUL")
        encoded = name.encode()
        if self._is_foreign(encoded):
            found = (each._find(name, True) for each in self.imported_modules) if query_imports else ()
            return next((each for each in found if each is not None), None)
        if self._type_key() in _LIBRARY and not load_runtime().has("6-argument kernels"):
            return self._find_old(name, query_imports)
        out = ffi.new("TVMFunctionHandle *")
        code = lib.TVMModGetFunction(self._pointer(), encoded, bool(query_imports), out)
        if code and name == _MAIN:  # the runtime fails where the library does not say which one it is
            return None
        check(code)
        if not out[0]:
            return None
        handle = int(ffi.cast("uintptr_t", out[0]))
        keep = self._of_factory(name, query_imports)
        if keep is not None:
            return ExecutorMaker._from_handle(handle, name=name, keep=keep)  # type: ignore[no-any-return]
        tensors = self._tensors(name)
        return PackedFunc._from_handle(handle, name=name, keep=self._pins, tensors=tensors)  # type: ignore[no-any-return]

    def _tensors(self, name: str) -> int:
        """Which arguments of a kernel must be arrays, as bits: classic kernels do not look, and would read an int."""
        if self._file is None or self._type_key() not in _LIBRARY or load_runtime().abi != "classic":
            return 0
        with compiled.mapped(self._file) as data:
            return kernels.tensors(data, name)

    def _of_factory(self, name: str, query_imports: bool) -> Optional[tuple[Any, ...]]:
        """If a function makes executors: what tells of them, the graph, the weights, what they run; and this module."""
        kind = self._type_key()
        if kind == "AotExecutorFactory" and not name.startswith("tvmgen_"):
            main = self._find(f"tvmgen_{name}___tvm_main__", True)
            return None if main is None else (None, None, main, self)
        if kind != "GraphExecutorFactory" or (name in _OF_FACTORIES and name != "debug_create"):
            return None
        if query_imports and self._find(name, False) is None:
            return None
        return self._find("get_graph_json", False), self._find("get_graph_params", False), None, self

    def _find_old(self, name: str, query_imports: bool) -> Optional[PackedFunc]:
        """As `_find`, in a compiled library, on a runtime before TVM 0.7.

        It calls compiled functions with three of their six arguments. One that was compiled since writes its
        result through the fourth, which then points anywhere: csrc/old.c calls it with all.
        """
        out, encoded = ffi.new("TVMFunctionHandle *"), name.encode()
        code = lib.TVMModGetFunction(self._pointer(), encoded, False, out)
        if code and name != _MAIN:  # as above
            check(code)
        if code == 0 and out[0]:
            file = _files.get(self._identity())
            if file is not None:
                check(lib.tvmb_compiled_function(os.fsencode(file), encoded, out[0], out))
            return PackedFunc._from_handle(  # type: ignore[no-any-return]
                int(ffi.cast("uintptr_t", out[0])), name=name, keep=self._pins, tensors=self._tensors(name)
            )
        found = (each._find(name, True) for each in self.imported_modules) if query_imports else ()
        return next((each for each in found if each is not None), None)

    def _is_foreign(self, name: bytes) -> bool:
        """Whether the system's loader would find something else by this name: the runtime asks for it.

        That is the runtime's own data in the library, and a function of the C library's, which it needs.
        """
        if name.startswith(_DATA) or not name:
            return True
        if self._file is None or self._type_key() not in _LIBRARY or lib.tvmb_symbol(ffi.NULL, name) == ffi.NULL:
            return False
        functions = compiled.defined_functions(self._file)
        return functions is not None and name not in functions

    def implements_function(self, name: str, query_imports: bool = False) -> bool:
        """Whether this module (or an imported one) has a function of that name."""
        return self._find(name, query_imports) is not None

    def __getitem__(self, name: str) -> PackedFunc:
        found = self._found.get(name) if type(name) is str else None
        return self.get_function(name) if found is None else found._again()

    @property
    def entry_func(self) -> PackedFunc:
        """The module's main function (``__tvm_main__``; on tvm-ffi ``main``).

        Raises
        ------
        TVMAttributeError
            If it has none.
        """
        if self._entry is None:
            self._entry = self.get_function(_MAIN if load_runtime().abi == "classic" else "main")
        return self._entry  # type: ignore[no-any-return]

    def __call__(self, *args: Any) -> Any:
        """Calls the main function."""
        return self.entry_func(*args)

    def import_module(self, module: Module) -> None:
        """Adds a module to the imports: its functions serve this module's."""
        if not isinstance(module, Module):
            raise TypeError(f"expected a Module to import, got {type(module).__name__}")
        if _reaches(module, self):
            raise ValueError("a module cannot import itself, also not through its imports")
        check(lib.TVMModImport(self._pointer(), module._pointer()))

    @property
    def imported_modules(self) -> list[Module]:
        """The modules that this one imports."""
        if load_runtime().abi != "classic":
            array = ffi.new("uintptr_t *")
            check(lib.tvmb_modern_imports(self._open_handle(), array))
            with Array._from_handle(int(array[0])) as imports:
                return list(imports)
        count = _runtime_func("ModuleImportsSize")(self)
        item = _runtime_func("ModuleGetImport")
        return [item(self, index) for index in range(count)]

    @property
    def type_key(self) -> str:
        """The kind of module: ``"library"``, ``"GraphExecutor"``, ..."""
        self._open_handle()
        return self._type_key()

    def _type_key(self) -> str:
        if self._kind is None:
            self._kind = _runtime_func("ModuleGetTypeKey")(self)
        return self._kind  # type: ignore[no-any-return]

    @property
    def format(self) -> str:
        """The format that it is saved in, such as ``"so"``; empty if it has none."""
        ask = get_global_func("runtime.ModuleGetFormat", allow_missing=True)
        self._open_handle()
        try:
            return ask(self) if ask else ""
        except TVMError:  # most kinds have none
            return ""

    def get_source(self, fmt: str = "") -> str:
        """The source that the module keeps, in a format that it knows.

        Raises
        ------
        TVMError
            If this kind of module keeps none: compiled libraries do not.
        """
        return _runtime_func("ModuleGetSource")(self, fmt)  # type: ignore[no-any-return]

    def save(self, file_name: Union[str, os.PathLike[str]], fmt: str = "") -> None:
        """Writes the module to a file.

        Raises
        ------
        TVMError
            If this kind of module cannot be saved: compiled libraries cannot, copy the file.
        """
        _runtime_func("ModuleSaveToFile")(self, os.fspath(file_name), fmt)

    def time_evaluator(
        self,
        func_name: str,
        dev: Optional[Device] = None,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        limit_zero_time_iterations: int = 100,
        cooldown_interval_ms: int = 0,
        repeats_to_cooldown: int = 1,
        cache_flush_bytes: int = 0,
        f_preproc: str = "",
    ) -> Any:
        """A function that times a function of this module, inside the runtime.

        Where the runtime has no time evaluator (tvm-ffi alone, or built without RPC), from here, the time that a call
        takes from Python included.

        Parameters
        ----------
        func_name : str
        dev : Device, optional
            Where it runs; the host if not given.
        number : int
            Calls per measurement; a result is their mean.
        repeat : int
            Measurements.
        min_repeat_ms : int
            Raise `number` until a measurement takes this long, in milliseconds.
        limit_zero_time_iterations, cooldown_interval_ms, repeats_to_cooldown, cache_flush_bytes : int
            As TVM has them; an older runtime that lacks one ignores it.
        f_preproc : str
            A global function to call before each measurement.

        Returns
        -------
        callable
            Call it with the function's arguments; returns a `BenchmarkResult`.

        Raises
        ------
        TVMAttributeError
            If the module has no such function.
        TypeError, ValueError
            If a number is no int, or out of range.
        """
        where = cpu(0) if dev is None else dev
        if not isinstance(where, Device):
            raise TypeError(f"expected a Device, such as cpu(0), got {type(where).__name__}")
        where._check()
        numbers = {
            "number": number, "repeat": repeat, "min_repeat_ms": min_repeat_ms,
            "limit_zero_time_iterations": limit_zero_time_iterations, "cooldown_interval_ms": cooldown_interval_ms,
            "repeats_to_cooldown": repeats_to_cooldown, "cache_flush_bytes": cache_flush_bytes,
        }  # fmt: skip
        given = evaluator_arguments(load_runtime().minor, numbers, f_preproc)
        function = self.get_function(func_name)
        make = get_global_func("runtime.RPCTimeEvaluator", allow_missing=True)
        if make is None:
            before = get_global_func(f_preproc) if f_preproc else None
            return lambda *args: BenchmarkResult(time_calls(function, args, number, repeat, min_repeat_ms, before))
        run = make(self, func_name, *where, *given)

        def evaluator(*args: Any) -> BenchmarkResult:
            _core.check_tensors(function, args)
            return BenchmarkResult(struct.unpack(f"{repeat}d", run(*args)))

        return evaluator

    def _pointer(self) -> Any:
        return ffi.cast("void *", self._open_handle())

    def _identity(self) -> int:
        """What is the same for every handle of one module; 0 if closed."""
        if self._handle and not load_runtime().has("modules are objects"):
            return int(ffi.cast("uintptr_t *", self._handle)[0])  # a handle is a box that holds the pointer
        return self._handle

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Module) and 0 != self._identity() == other._identity())

    def __hash__(self) -> int:
        return self._hash  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        if self.closed:
            return "<Module (closed)>"
        return f"<Module {self.type_key} at {self._handle:#x}>"


def load_module(path: Union[str, os.PathLike[str]], fmt: str = "") -> Module:
    """Loads a compiled module from a file.

    Parameters
    ----------
    path : str or path
        For example ``libdeploy.so``.
    fmt : str
        The format, if the file's extension does not tell.

    Returns
    -------
    Module

    Raises
    ------
    TVMOSError
        If there is no such file, or it cannot be loaded: for another processor or system, cut short,
        for another generation of TVM. Also an ``OSError``.
    """
    file = os.path.abspath(os.fsdecode(path))
    if not isinstance(fmt, str):
        raise TypeError(f"expected a format as str, got {type(fmt).__name__}")
    seen = compiled.look(file, fmt)
    info = load_runtime_for(seen.abi, file) if seen.abi else load_runtime()
    compiled.check(seen, info)
    if seen.by_name:
        promote()
    opened = _open(seen)
    out = ffi.new("TVMModuleHandle *")
    code = lib.TVMModLoadFromFile(os.fsencode(file), fmt.encode(), out)
    if opened:
        lib.tvmb_close(opened)
    if code:
        compiled.check_loader(seen, info, _core.last_error_text())
        _core.raise_error(code, default=TVMOSError)
    module: Module = Module._from_handle(int(ffi.cast("uintptr_t", out[0])))
    module._file = file
    if not info.has("6-argument kernels"):
        _files[module._identity()] = file
    return module


def _open(seen: compiled.Artifact) -> Any:
    """Opens a library with all that it needs: the runtime would look for a function at its first call, and die."""
    if not seen.shared:
        return ffi.NULL
    opened = lib.tvmb_open(os.fsencode(seen.file), 0, 1)
    if not opened:
        reason = ffi.string(lib.tvmb_open_error()).decode(errors="replace")
        raise TVMOSError(load_errors.explain(reason, seen.file))
    return opened


def system_lib(symbol_prefix: str = "") -> Module:
    """The module of the functions that are linked into this process.

    Parameters
    ----------
    symbol_prefix : str
        From TVM 0.10 on: which of several.
    """
    func = _runtime_func("SystemLib")
    return func(symbol_prefix) if symbol_prefix else func()  # type: ignore[no-any-return]


def _runtime_func(name: str) -> PackedFunc:
    func = _cache.get(name)
    if func is None:
        func = _cache[name] = get_global_func(f"runtime.{name}")
    return func


_cache: dict[str, PackedFunc] = {}
# Before TVM 0.7: what `Module._identity` gives -> the file. An import is such a module, and does not know its own.
_files: dict[int, str] = {}


def _reaches(start: Module, goal: Module) -> bool:
    return start == goal or any(_reaches(module, goal) for module in start.imported_modules)


_core.register_codec(Module, _MODULE)
_core.register(_MODULE, Module._from_handle)
