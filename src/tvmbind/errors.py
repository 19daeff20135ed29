"""The exceptions of tvmbind, and how TVM's error text becomes one.

``TVMError`` is the base of all of them. A kind that Python has too is both:
``except ValueError`` and ``except TVMError`` each catch a ``TVMValueError``.
"""

from __future__ import annotations

import builtins
import re
from typing import Optional


class TVMError(RuntimeError):
    """An error that the TVM runtime, or a function behind it, reported.

    Attributes
    ----------
    kind : str
        The kind that TVM named (``"InternalError"``, ``"ValueError"``), or the class's own name.
    backtrace : str
        The C++ frames and source places that TVM gave, as it gave them; empty if it gave none.
    """

    kind: str = "TVMError"
    backtrace: str = ""

    # KeyError would show the message's repr.
    __str__ = Exception.__str__


class InternalError(TVMError):
    """A check inside TVM failed (``ICHECK``)."""

    kind = "InternalError"


class RuntimeNotFoundError(TVMError, OSError):
    """There is no usable TVM runtime; the message lists every place that was tried, and what to do."""

    kind = "RuntimeNotFoundError"


class TVMValueError(TVMError, ValueError):
    """A ``ValueError`` from behind the runtime."""

    kind = "ValueError"


class TVMTypeError(TVMError, TypeError):
    """A ``TypeError`` from behind the runtime."""

    kind = "TypeError"


class TVMIndexError(TVMError, IndexError):
    """An ``IndexError`` from behind the runtime."""

    kind = "IndexError"


class TVMKeyError(TVMError, KeyError):
    """A ``KeyError`` from behind the runtime."""

    kind = "KeyError"


class TVMAttributeError(TVMError, AttributeError):
    """An ``AttributeError`` from behind the runtime, or a name that is not there."""

    kind = "AttributeError"


class TVMNotImplementedError(TVMError, NotImplementedError):
    """A ``NotImplementedError`` from behind the runtime, or what this runtime does not have."""

    kind = "NotImplementedError"


class TVMMemoryError(TVMError, MemoryError):
    """A ``MemoryError`` from behind the runtime."""

    kind = "MemoryError"


class TVMOSError(TVMError, OSError):
    """An ``OSError`` from behind the runtime: a file that is missing or cannot be loaded."""

    kind = "OSError"


class ZeroCopyError(TVMValueError, BufferError):
    """Memory cannot be used where it is, and a copy was not allowed; says why, and what to do."""


class PerformanceWarning(UserWarning):
    """Something works, but slower than it could: says how to avoid it."""


class TVMAssertionError(TVMError, AssertionError):
    """An ``AssertionError`` from behind the runtime."""

    kind = "AssertionError"


class TVMArithmeticError(TVMError, ArithmeticError):
    """An ``ArithmeticError`` (division by zero, overflow) from behind the runtime."""

    kind = "ArithmeticError"


_KINDS: dict[str, type[TVMError]] = {
    cls.kind: cls
    for cls in (
        InternalError, TVMValueError, TVMTypeError, TVMIndexError, TVMKeyError, TVMAttributeError,
        TVMNotImplementedError, TVMMemoryError, TVMOSError, TVMAssertionError, TVMArithmeticError,
    )
}  # fmt: skip
_TITLE = re.compile(r"(?:tvm\.error\.)?([A-Za-z_]\w*(?:\.\w+)*): ?", re.ASCII)
# Where the part for TVM's developers begins: dmlc's and TVM's headings, and the frames themselves.
_TRACE = re.compile(
    r"Stack trace:\n|"  # in 0.6 it may follow the message on the same line
    r"^(?:Stack trace|Traceback \(most recent call last\)|\[bt\]| +\[bt\]|  File \"|  \d+: |--+\n\n)", re.MULTILINE
)
_BANNER = re.compile(r"-{20,}\n(?:An (?:internal invariant|error) .*\n)(?:.*\n)*?-{20,}\n\s*")
_OF_CALLBACK = re.compile(r"^(?:TVMCall CFunc Error:\s*)+")  # 0.5 puts it before what a callback said
_STAMP = re.compile(r"^(?:\[\d\d:\d\d:\d\d\] )?(?:/[^:\n]+|\S+\.(?:cc|h|cpp)):\d+: ")
# "(a vs. b)" is what a comparison's check adds; until 0.5 no colon follows, and in none of its checks.
_CHECK = re.compile(
    r"^(?:[\w.]+: )?(?:Internal)?Check failed: "
    r"(?:[^\n]*?\([^()\n]* vs\. [^()\n]*\) +(?:: )?|"
    r"(?:\w+ (?=[A-Z])|\S+ [!=<>]=? \S+ (?!is false|:)(?=\w))|.*?(?: is false)?: )"
    r"(?=[^\s:])",
    re.DOTALL,
)
_ARGUMENT = re.compile(
    r"(?<=error while converting argument )(\d+): \[[\d:]+\] \S+:\d+:\s+((?:\w+: )?Check failed: .*)", re.DOTALL
)
# A compiled function's own checks: the condition, as TIR, then what a person can read.
_ASSERT = re.compile(r"^Assert fail: .*, (?=(?:Argument |[\w.\[\]]+(?:: | is )))", re.DOTALL)
_NO_MEMORY = re.compile(r"std: ?:bad_(?:alloc|array_new_length)")


def from_text(text: str, default: Optional[type[TVMError]] = None) -> TVMError:
    """The exception for an error text of TVM's.

    Parameters
    ----------
    text : str
        What ``TVMGetLastError`` gave: banner, kind, message and C++ frames in the form of any version.
    default : type, optional
        The class where the text names no kind that Python has a class for.

    Returns
    -------
    TVMError
        Its message has neither banner nor frames; those are in ``backtrace``.
    """
    text = _STAMP.sub("", _BANNER.sub("", _OF_CALLBACK.sub("", text.strip("\n"))))
    if _NO_MEMORY.match(text):  # what() of C++'s exception; TVM takes "std" for a kind
        text = f"MemoryError: no memory for that\n{text}"
    title = _TITLE.match(text)
    kind = title[1] if title and _is_kind(title[1]) else ""
    body = text[title.end() :] if title and kind else text
    trace = _TRACE.search(body)
    message, backtrace = (body[: trace.start()], body[trace.start() :]) if trace else (body, "")
    cls = _class_for(kind, default or TVMError)
    message = _ASSERT.sub("", _CHECK.sub("", message.strip())).removesuffix(" :")
    message = _ARGUMENT.sub(lambda found: f"{found[1]}: {_CHECK.sub('', found[2])}", message)
    error = cls(message or backtrace.strip() or "the runtime gave no message")
    error.kind = kind or cls.kind
    error.backtrace = backtrace
    return error


def _is_kind(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.endswith(("Error", "Exception", "Interrupt", "Iteration", "Warning"))


def _class_for(kind: str, default: type[TVMError]) -> type[TVMError]:
    found = _KINDS.get(kind)
    if found is None:
        builtin = getattr(builtins, kind, None)
        bases = builtin.__mro__ if isinstance(builtin, type) else ()
        found = next((_KINDS[base.__name__] for base in bases if base.__name__ in _KINDS), None)
    # A failed check is the runtime's way to say anything: what the caller knows is better.
    return default if found is None or (found is InternalError and default is not TVMError) else found
