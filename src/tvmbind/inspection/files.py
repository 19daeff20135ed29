"""Files that are told about: read, with errors that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import TVMOSError, TVMValueError


@contextmanager
def errors_of(file: str) -> Iterator[None]:
    """Errors within it say of which file they are."""
    try:
        yield
    except TVMValueError as error:
        raise TVMValueError(f"{file}: {error}") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise TVMValueError(f"{file} is damaged, or of another form ({type(error).__name__}: {error})") from None


def read(file: str) -> bytes:
    """A file's contents.

    Raises
    ------
    TVMOSError
        If it cannot be read.
    """
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise TVMOSError(f"cannot read {file}: {error.strerror or error}") from None
