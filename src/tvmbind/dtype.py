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
# Whole names that do not follow <base><bits>. TVM stores bool as one byte and calls it uint1; 8-bit
# floats have had codes of their own since 0.14.
_SPECIAL = {
    "bool": (1, 1),
    "handle": (3, 64),
    "e4m3_float8": (6, 8),
    "e5m2_float8": (7, 8),
}
_SPECIAL_NAMES = {pair: name for name, pair in _SPECIAL.items()}
_ALIASES = {"float8_e4m3fn": "e4m3_float8", "float8_e5m2": "e5m2_float8"}
_NUMPY_NAMES = {"e4m3_float8": "float8_e4m3fn", "e5m2_float8": "float8_e5m2"}
_PATTERN = re.compile(r"(?P<base>[a-z]+?)(?P<bits>\d+)?(?:x(?P<lanes>\d+))?\Z")
_DEFAULT_BITS = {"int": 32, "uint": 32, "float": 32, "handle": 64}


class DataType(str):
    """The type of an element, as TVM names it: ``"float32"``, ``"bool"``, ``"bfloat16"``, ``"int8x4"``.

    A ``str``, so it compares equal to the name and goes wherever a name goes.

    Parameters
    ----------
    name : str or numpy.dtype or type
        TVM's or numpy's name, a numpy dtype or a numpy scalar type.

    Attributes
    ----------
    type_code, bits, lanes : int
        The DLPack form. ``bool`` is code 1 with 1 bit, as TVM has it.

    Raises
    ------
    TypeError
        If it names no element type that TVM has.
    """

    type_code: int
    bits: int
    lanes: int

    def __new__(cls, name: Any) -> DataType:
        if type(name) is DataType:
            return name
        text = name if isinstance(name, str) else _numpy_name(name)
        code, bits, lanes = _parse(text)
        return cls.from_code(code, bits, lanes)

    @classmethod
    def from_code(cls, type_code: int, bits: int, lanes: int = 1) -> DataType:
        """The type with this DLPack code, bits and lanes; the same object each time."""
        key = (type_code, bits, lanes)
        found = _interned.get(key)
        if found is None:
            found = str.__new__(cls, _name(type_code, bits, lanes))
            found.type_code, found.bits, found.lanes = key
            _interned[key] = found
        return found

    @property
    def itemsize(self) -> int:
        """Bytes of one element, all lanes together; less than a byte counts as a whole one."""
        return (self.bits + 7) // 8 * self.lanes

    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of one element.

        Raises
        ------
        TypeError
            If numpy has no such type. ``bfloat16`` and the 8-bit floats need the ``ml_dtypes`` package;
            a vector type (``int8x4``) is given as a dtype with a sub-array.
        """
        import numpy as np

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


_interned: dict[tuple[int, int, int], DataType] = {}


def _name(code: int, bits: int, lanes: int) -> str:
    base = _SPECIAL_NAMES.get((code, bits))
    if base is None:
        base = f"{_BASES.get(code, f'custom[{code}]')}{bits}"
    return base if lanes == 1 else f"{base}x{lanes}"


def _parse(text: str) -> tuple[int, int, int]:
    name, _, vector = text.rpartition("x") if text[-1:].isdigit() and "x" in text else (text, "", "")
    whole = _ALIASES.get(name or text, name or text)
    if whole in _SPECIAL and (not vector or vector.isdigit()):
        return (*_SPECIAL[whole], int(vector or 1))
    match = _PATTERN.match(text)
    if match is None or match["base"] not in _CODES:
        raise TypeError(f"{text!r} is no element type of TVM: expected a name such as 'float32' or 'int8x4'")
    bits = int(match["bits"] or _DEFAULT_BITS.get(match["base"], 0))
    lanes = int(match["lanes"] or 1)
    if not (0 < bits < 256 and 0 < lanes < 65536):
        raise TypeError(f"{text!r} is no element type of TVM: bits must be 1 to 255, lanes 1 to 65535")
    return _CODES[match["base"]], bits, lanes


def _numpy_name(value: Any) -> str:
    import numpy as np

    try:
        dtype = np.dtype(value)
    except TypeError as error:
        raise TypeError(f"expected the name of an element type or a numpy dtype, got {value!r}") from error
    if dtype.subdtype is not None and len(dtype.subdtype[1]) == 1:
        return f"{_numpy_name(dtype.subdtype[0])}x{dtype.subdtype[1][0]}"
    if dtype.kind in "biufc" or dtype.name in ("bfloat16", *_ALIASES):
        if dtype.itemsize <= 8 or dtype.kind == "c":
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
        ml_dtypes = None
    found = getattr(ml_dtypes, name, None)
    if found is None:
        hint = (
            "install the package ml_dtypes"
            if ml_dtypes is None and name.startswith(("bfloat", "float8"))
            else "read its bytes instead"
        )
        raise TypeError(f"numpy has no type for TVM's {name!r}; {hint}") from None
    return np.dtype(found)


