"""The parts of README.md that a benchmark writes: between ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""

from __future__ import annotations

import re

import peers


def put(name: str, text: str) -> None:
    """Replaces a part; nothing else is touched.

    Raises
    ------
    peers.PeerError
        If README.md has no such part.
    """
    path = peers.ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    part = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    after, count = part.subn(lambda _: f"{begin}{text}\n{end}", before)
    if count != 1:
        raise peers.PeerError(f"README.md has no part {begin.strip()} for these results")
    path.write_text(after, encoding="utf-8")
