"""Headless Chromium: a picture of a page, and what a page does when it is shown.

No driver: a page is shown in a frame of the width that is wanted (a window is at least 500 wide), inside a page of ours
that looks at it and writes what it saw into itself.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from html import escape, unescape
from pathlib import Path
from typing import Any, NamedTuple

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr",
)  # fmt: skip
_SECONDS = 60

_LOOK = """<!doctype html><meta charset="utf-8"><body><iframe width="$width" height="800" srcdoc="$page"></iframe>
<script>
onload = () => {
  const inside = document.querySelector("iframe").contentWindow, root = inside.document.documentElement
  const seen = {width: root.clientWidth, needs: root.scrollWidth, height: root.scrollHeight,
    requests: inside.performance.getEntriesByType("resource").map(entry => entry.name)}
  document.body.innerHTML = ""
  const out = document.createElement("pre")
  out.textContent = JSON.stringify(seen)
  document.body.append(out)
}
</script>"""


class Sight(NamedTuple):
    """What was seen of a page.

    Attributes
    ----------
    width, needs : int
        CSS pixels across that it had, and that it would fill: more is a scroll bar at the bottom.
    height : int
    requests : list of str
        What it fetched besides itself.
    console : list of str
        What the browser's console said.
    """

    width: int
    needs: int
    height: int
    requests: list[str]
    console: list[str]


def chromium() -> str | None:
    """The program, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def look(page: str, width: int) -> Sight:
    """Show a page in a frame of some width."""
    done = _run(_LOOK.replace("$width", str(width)).replace("$page", escape(page)), "--dump-dom")
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    if found is None:
        raise RuntimeError(f"the page was not shown: {done.stderr[-2000:]}")
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    # Not the browser's own complaints, such as that there is no desktop.
    return Sight(**seen, console=re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr))


def picture(page: str, path: Path, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
    """Save what a window shows of a page, as PNG; a window is at least 500 wide."""
    flags = [f"--window-size={width},{height}", f"--force-device-scale-factor={scale}", f"--screenshot={path}"]
    _run(page, *flags, *(["--force-dark-mode"] if dark else []))


def _run(page: str, *flags: str) -> subprocess.CompletedProcess[str]:
    program = chromium()
    if program is None:
        raise FileNotFoundError("there is no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        return subprocess.run(
            [program, *FLAGS, f"--user-data-dir={folder}/profile", *flags, file.as_uri()],
            capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=_SECONDS, check=True,
        )  # fmt: skip
