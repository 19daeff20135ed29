"""Exceptions on their way through the runtime.

An exception raised in a Python callback cannot cross C++ frames. It waits here, the runtime carries
its text with a mark in it, and the Python call outside finds the mark and raises the same object.
TVM may wrap the text (a compiled function does, the thread pool does) or give it to another language:
the first line stays readable. ``TVMAPISetLastPythonError`` would do this from 0.14 on, but a process
that ends with such an error pending dies (facts on the classic API, section 0).
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import OrderedDict
from typing import NamedTuple, Optional

from .._tvm import lib

_MARK = re.compile(r"(?:\n  File \"tvmbind\", line 1, in)? ?\[Python exception #(\d+)\]")
# tvm-ffi's thread pool keeps of its workers' errors only what they say.
_TASK = re.compile(r"(?:\A\w+: |^)Task \d+ error: ", re.MULTILINE)
_KEPT = 256


class _Parked(NamedTuple):
    error: BaseException
    thread: int
    message: str


_waiting: OrderedDict[int, _Parked] = OrderedDict()
# Those among them that were raised on threads which Python did not start.
_of_workers: set[int] = set()
_numbers = itertools.count(1)


def park(error: BaseException) -> bytes:
    """Keeps an exception until its mark comes by; returns the text that carries the mark."""
    message = _text(error)
    number, thread = next(_numbers), threading.get_ident()
    _waiting[number] = _Parked(error, thread, message)
    if not any(each.ident == thread and not isinstance(each, threading._DummyThread) for each in threading.enumerate()):
        _of_workers.intersection_update(_waiting)
        _of_workers.add(number)
        lib.tvmb_note_worker()
    # An exception whose text the runtime dropped is never asked for: keep only the newest.
    while len(_waiting) > _KEPT:
        _waiting.popitem(last=False)
    first, *rest = f"{type(error).__name__}: {message}".split("\n")
    lines = [f"{first} [Python exception #{number}]", *rest, "Stack trace:", *_frames(error)]
    return "\n".join(lines).replace("\0", "\\0").encode("utf-8", "backslashreplace")


def claim(text: str) -> Optional[BaseException]:
    """Takes the exception that a text has the mark of; None if it has none."""
    numbers = [int(number) for number in _MARK.findall(text)] or _of_tasks(text)
    taken = [_waiting.pop(number, None) for number in numbers]
    # Where tasks of one call failed on several threads, the runtime tells of one: this thread's is told by it too.
    here = threading.get_ident()
    for number in [number for number, entry in list(_waiting.items()) if entry.thread == here]:
        _waiting.pop(number, None)
    return next((entry.error for entry in taken if entry), None)


def _of_tasks(text: str) -> list[int]:
    """The numbers of exceptions that workers of a thread pool raised, by what they say."""
    said = [part.strip() for part in _TASK.split(text.split("\nStack trace:")[0])[1:]]
    return [number for number, entry in reversed(list(_waiting.items())) if said and entry.message.strip() in said]


def claim_last() -> Optional[BaseException]:
    """Takes the newest exception parked on this thread, or else by a worker: the runtime lost its text."""
    ident = threading.get_ident()
    waiting = list(reversed(list(_waiting.items())))
    mine = [number for number, entry in waiting if entry.thread == ident]
    for number in mine or [number for number, _ in waiting if number in _of_workers]:
        entry = _waiting.pop(number, None)
        if entry is not None:
            return entry.error
    return None


def unmarked(text: str) -> str:
    """The text without marks."""
    return _MARK.sub("", text)


def _text(error: BaseException) -> str:
    try:
        # str() of a KeyError is its message's repr.
        return str(error.args[0] if isinstance(error, KeyError) and len(error.args) == 1 else error)
    except Exception:
        return "(its message cannot be shown)"


def _frames(error: BaseException) -> list[str]:
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {traceback.tb_lineno}, in {code.co_name}')
        traceback = traceback.tb_next
    return lines[::-1]
