"""``DataType``: TVM's names of element types, and their (code, bits, lanes) form in DLPack.

Names and codes live here and nowhere else. Sources: TVM's ``String2DLDataType`` and
``DLDataType2String`` (runtime/data_type.h), dlpack.h.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_CODES = {"int": 0, "uint": 1, "float": 2, "handle": 3, "bfloat": 4, "complex": 5}
_BASES = {code: base for base, code in _CODES.items()}
# Whole names that do not follow <base><bits>. Classic TVM stores bool as one byte and calls it uint1, and has
# had two codes of its own for 8-bit floats since 0.14; tvm-ffi goes by DLPack 1.x. Before a runtime is known
# the classic codes stand: nothing asks for a code before.
_CLASSIC = {"bool": (1, 1), "handle": (3, 64), "e4m3_float8": (6, 8), "e5m2_float8": (7, 8)}
_MODERN = {
    "bool": (6, 8), "handle": (3, 64), "float8_e3m4": (7, 8), "float8_e4m3": (8, 8), "float8_e4m3b11fnuz": (9, 8),
    "float8_e4m3fn": (10, 8), "float8_e4m3fnuz": (11, 8), "float8_e5m2": (12, 8), "float8_e5m2fnuz": (13, 8),
    "float8_e8m0fnu": (14, 8), "float6_e2m3fn": (15, 6), "float6_e3m2fn": (16, 6), "float4_e2m1fn": (17, 4),
}  # fmt: skip
_special = dict(_CLASSIC)
_NUMPY_NAMES = {"e4m3_float8": "float8_e4m3fn", "e5m2_float8": "float8_e5m2"}
# Classic codes -> those of DLPack 1.x, which other libraries speak: there 6 is a bool's, and 7 another float8's.
_DLPACK = {(1, 1): (6, 8), (6, 8): (10, 8), (7, 8): (12, 8)}
_OF_DLPACK = {theirs: ours for ours, theirs in _DLPACK.items()}
# What one generation calls these, the other takes too.
_ALIASES = {**_NUMPY_NAMES, **{theirs: ours for ours, theirs in _NUMPY_NAMES.items()}}
_PATTERN = re.compile(r"(?P<base>int|uint|float|handle|bfloat|complex)(?P<bits>\d+)?(?:x(?P<lanes>\d+))?\Z", re.ASCII)
_DEFAULT_BITS = {"int": 32, "uint": 32, "float": 32, "handle": 64}


class DataType(str):
    """The type of an element, as TVM names it: ``"float32"``, ``"bool"``, ``"bfloat16"``, ``"int8x4"``.

    A ``str``, so it compares equal to the name and goes wherever a name goes.

    Parameters
    ----------
    name : str or numpy.dtype or type
        TVM's or numpy's name, a numpy dtype or a numpy scalar type.

    Raises
    ------
    TypeError
        If it names no element type that TVM has.
    """

    __slots__ = ()

    def __new__(cls, name: Any) -> DataType:
        """The type of that name; the same object each time."""
        if type(name) is DataType:
            return name
        if type(name) is not str:
            if isinstance(name, str):
                return cls.from_code(*_parse(str(name)))
            try:
                return _by_numpy[name]
            except KeyError:
                known = cls.from_code(*_parse(_numpy_name(name)))
            except TypeError:  # not hashable, and so no type either: the error says which there are
                return cls.from_code(*_parse(_numpy_name(name)))
            if len(_by_numpy) < 1024:
                _by_numpy[name] = known
            return known
        found = _by_text.get(name)
        if found is None:
            found = cls.from_code(*_parse(name))
            if len(_by_text) < 1024:
                _by_text[name] = found
        return found

    @classmethod
    def from_code(cls, type_code: int, bits: int, lanes: int = 1) -> DataType:
        """The type with this DLPack code, bits and lanes; the same object each time."""
        key = (type_code, bits, lanes)
        found = _by_code.get(key)
        if found is None:
            name = _name(*key)
            found = _by_code[key] = _interned.setdefault(name, str.__new__(cls, name))
            _codes[found] = key
        return found

    @property
    def type_code(self) -> int:
        """The DLPack type code. On a classic runtime ``bool`` is code 1 with 1 bit, as TVM has it."""
        return _code_of(self)[0]

    @property
    def bits(self) -> int:
        """Bits of one lane."""
        return _code_of(self)[1]

    @property
    def lanes(self) -> int:
        """Elements in a vector; 1 if it is none."""
        return _code_of(self)[2]

    @property
    def itemsize(self) -> int:
        """Bytes of one element, all lanes together, as TVM allocates it: the whole is rounded up to bytes."""
        return (self.bits * self.lanes + 7) // 8

    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of one element.

        Raises
        ------
        TypeError
            If numpy has no such type. ``bfloat16`` and the 8-bit floats need the ``ml_dtypes`` package;
            a vector type (``int8x4``) is given as a dtype with a sub-array, but a vector of less than
            whole bytes (``boolx4``) has none: TVM packs its lanes.
        """
        found = _numpy_types.get(self)
        if found is None:
            found = _numpy_types[self] = self._numpy()
        return found

    def _numpy(self) -> np.dtype[Any]:
        import numpy as np

        if self.lanes > 1 and self.bits % 8:
            raise TypeError(f"numpy has no type for TVM's {str(self)!r}: its lanes are less than a byte each")
        base = str(DataType.from_code(self.type_code, self.bits)) if self.lanes > 1 else str(self)
        base = _NUMPY_NAMES.get(base, base)
        try:
            dtype = np.dtype(base)
        except TypeError:
            dtype = _ml_dtype(base)
        return np.dtype((dtype, (self.lanes,))) if self.lanes > 1 else dtype

    def __repr__(self) -> str:
        return f"DataType({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (DataType, (str(self),))


_interned: dict[str, DataType] = {}
_by_text: dict[str, DataType] = {}
_by_numpy: dict[Any, DataType] = {}
_numpy_types: dict[str, np.dtype[Any]] = {}
_by_code: dict[tuple[int, int, int], DataType] = {}
_codes: dict[str, tuple[int, int, int]] = {}


def use_codes_of(abi: str) -> None:
    """Takes over the codes of a runtime's generation; for library/, once, when the runtime is opened."""
    _special.clear()
    _special.update(_MODERN if abi == "tvm-ffi" else _CLASSIC)
    _by_code.clear()
    _by_text.clear()
    _by_numpy.clear()
    _numpy_types.clear()
    _codes.clear()


def _code_of(dtype: DataType) -> tuple[int, int, int]:
    found = _codes.get(dtype)
    if found is None:
        found = _codes[dtype] = _parse(dtype)
    return found


def to_dlpack(dtype: DataType) -> tuple[int, int, int]:
    """The type's code, bits and lanes in DLPack, for other libraries."""
    code, bits, lanes = _code_of(dtype)
    if _special["bool"] == _CLASSIC["bool"]:
        code, bits = _DLPACK.get((code, bits), (code, bits))
    return code, bits, lanes


def of_dlpack(code: int, bits: int, lanes: int) -> DataType:
    """The type that another library means by DLPack's code, bits and lanes.

    Raises
    ------
    TypeError
        If this runtime has no such type.
    """
    if _special["bool"] == _CLASSIC["bool"]:
        if (code, bits) in _OF_DLPACK:
            code, bits = _OF_DLPACK[code, bits]
        elif code > _CODES["complex"]:
            raise TypeError(f"a classic runtime has no element type for DLPack's code {code} with {bits} bits")
    return DataType.from_code(code, bits, lanes)


def _name(code: int, bits: int, lanes: int) -> str:
    base = next((name for name, pair in _special.items() if pair == (code, bits)), None)
    if base is None:
        base = f"{_BASES.get(code, f'custom[{code}]')}{bits}"
    return base if lanes == 1 else f"{base}x{lanes}"


def _parse(text: str) -> tuple[int, int, int]:
    name, _, vector = text.rpartition("x") if text[-1:].isdigit() and "x" in text else (text, "", "")
    whole = name or text
    whole = whole if whole in _special else _ALIASES.get(whole, whole)
    match = _PATTERN.match(text)
    if whole in _special and text.isascii():
        code, bits, lanes = *_special[whole], int(vector or 1)
    elif match is not None:
        bits, lanes = int(match["bits"] or _DEFAULT_BITS.get(match["base"], 0)), int(match["lanes"] or 1)
        code = _CODES[match["base"]]
    else:
        raise TypeError(f"{text!r} is no element type of TVM: expected a name such as 'float32' or 'int8x4'")
    if not (0 < bits < 256 and 0 < lanes < 65536):
        raise TypeError(f"{text!r} is no element type of TVM: bits must be 1 to 255, lanes 1 to 65535")
    return code, bits, lanes


def _numpy_name(value: Any) -> str:
    import numpy as np

    try:
        dtype = np.dtype(value)
    except TypeError as error:
        raise TypeError(f"expected the name of an element type or a numpy dtype, got {value!r}") from error
    if dtype.subdtype is not None and len(dtype.subdtype[1]) == 1:
        return f"{_numpy_name(dtype.subdtype[0])}x{dtype.subdtype[1][0]}"
    known = dtype.kind in "biufc" or dtype.name in ("bfloat16", *_ALIASES, *_special)
    if known and (dtype.itemsize <= 8 or dtype.kind == "c"):
        return dtype.name
    raise TypeError(f"numpy's {dtype!r} has no counterpart in TVM; {_advice(dtype)}")


def _advice(dtype: Any) -> str:
    if dtype.kind in "mM":
        return "view it as 'int64'"
    if dtype.kind == "O":
        return "an array of Python objects cannot be shared; give it a number type"
    return "convert it to a number type first (x.astype('float32'))"


def _ml_dtype(name: str) -> np.dtype[Any]:
    import numpy as np

    try:
        import ml_dtypes
    except ImportError:
        ml_dtypes = None  # type: ignore[assignment]
    found = getattr(ml_dtypes, name, None)
    if found is None:
        hint = (
            "install the package ml_dtypes"
            if ml_dtypes is None and name.startswith(("bfloat", "float8"))
            else "read its bytes instead"
        )
        raise TypeError(f"numpy has no type for TVM's {name!r}; {hint}") from None
    return np.dtype(found)


