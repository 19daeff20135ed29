"""Calls after fork(), in the thread that was forked."""

from __future__ import annotations

import threading
from typing import Any, Callable

from .._tvm import lib
from .report import last_error_text


class FreshThread:
    """Makes calls on a thread of its own.

    A thread that has run a parallel kernel has a pool of workers, and after fork() the child's copy of that
    thread waits for workers that are not there, for ever. The pool belongs to the thread, so another thread
    gets one that works.
    """

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._stale = threading.get_ident()
        self._executor = ThreadPoolExecutor(1, "tvmbind-after-fork")

    def wrap(self, function: Callable[..., int]) -> Callable[..., int]:
        def call(*args: Any) -> int:
            if threading.get_ident() != self._stale:
                return function(*args)
            code, text = self._executor.submit(self._call, function, args).result()
            if code == -1:
                lib.TVMAPISetLastError(text)
            return code

        return call

    @staticmethod
    def _call(function: Callable[..., int], args: tuple[Any, ...]) -> tuple[int, bytes]:
        code = function(*args)
        return code, last_error_text().encode("utf-8", "replace") if code == -1 else b""
