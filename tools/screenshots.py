"""Makes the pictures of a profile's page in docs/: `make screenshots`, which draws those of the command line too.

Headless Chromium shows the page, on a desktop and on phones, light and dark. Times differ with each run, so nothing
compares these pictures: look at them before they are committed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

import browser

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LARGEST = 200_000  # bytes of a picture
_PHONES = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 24px; display: flex; gap: 24px; background: #8d97a3; width: max-content; }
iframe { width: 390px; height: 844px; border: 0; border-radius: 18px; }
</style><body><iframe style="color-scheme: light" srcdoc="$page"></iframe>
<iframe style="color-scheme: dark" srcdoc="$page"></iframe>
<iframe style="color-scheme: light" srcdoc="$below"></iframe>"""


def main() -> int:
    """Make them all; say how large each is."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        line = [sys.executable, "-m", "tvmbind", "profile", "factory.so", "--repeat", "30", "-o", str(report)]
        subprocess.run(line, cwd=ROOT / "models" / "digits", stdout=subprocess.DEVNULL, check=True)
        page = report.read_text(encoding="utf-8")
    made = [DOCS / "profile-desktop.png", DOCS / "profile-phone.png"]
    browser.picture(page, made[0], 1100, 1240)
    # The third phone shows what comes when one has scrolled.
    below = page.replace("<body>", '<body style="margin-top: -690px">')
    phones = _PHONES.replace("$page", escape(page)).replace("$below", escape(below))
    browser.picture(phones, made[1], 3 * 390 + 4 * 24, 844 + 2 * 24)
    for file in made:
        size = file.stat().st_size
        print(f"{file.relative_to(ROOT)}  {size:,} bytes{'  TOO LARGE' if size > LARGEST else ''}")
    return int(any(file.stat().st_size > LARGEST for file in made))


if __name__ == "__main__":
    sys.exit(main())
