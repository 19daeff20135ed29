"""Pictures of the command line for the documents: runs each line in a terminal of 100 columns and draws what it shows.

    python tools/terminal_pictures.py [--check]

Writes docs/terminal/*.svg. With ``--check`` it only runs the lines and fails where one does.
"""

import argparse
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "terminal"
COLUMNS = 100
#: Picture -> line, run in the folder models/.
LINES = {
    "demo": "tvmbind demo",
    "info": "tvmbind info digits/deploy.json digits/deploy.params digits/libdeploy.so",
    "run": "tvmbind run digits/factory.so -i digits/test_images.npz:images --each --scale 1/16 --top 2 | head -8",
    "bench": "tvmbind bench digits/factory.so --repeat 200 --number 10 --min-repeat-ms 0",
    "profile": "tvmbind profile digits/factory.so",
    "doctor": "tvmbind doctor",
}
_HOME = str(Path.home())


def shown(line: str) -> str:
    """What a line prints, with the escape codes of a terminal; homes and this folder written short."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT / "models", env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.replace(str(ROOT), "~/tvmbind").replace(_HOME, "~")


def picture(line: str, text: str) -> str:
    """A line and what it prints as SVG. Fonts are the reader's own: nothing is fetched to look at it."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "dim"), (line, "bold")))
    console.print(Text.from_ansi(text.rstrip()))
    drawn = console.export_svg(title="tvmbind", unique_id="terminal")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)
    return re.sub(r"Fira Code, *monospace", "Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace", drawn)


def main() -> int:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only run the lines")
    check = parser.parse_args().check
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, line in LINES.items():
        text = shown(line)
        if not check:
            (FOLDER / f"{name}.svg").write_text(picture(line, text), encoding="utf-8")
            print(FOLDER / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
