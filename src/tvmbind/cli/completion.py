"""`tvmbind completion`: a script that has a shell complete the line."""

from __future__ import annotations

import argparse
from typing import Any

from tvmbind.cli.command import UserError, add_command

_WHERE = {
    "bash": "tvmbind completion bash >> ~/.bashrc",
    "zsh": "tvmbind completion zsh >> ~/.zshrc",
    "fish": "tvmbind completion fish > ~/.config/fish/completions/tvmbind.fish",
}


def add_parser(subparsers: Any) -> None:
    """Add the command to the line's parser."""
    parser = add_command(
        subparsers,
        "completion",
        run,
        "print a script that completes the line in a shell",
        examples=tuple((line.partition(" ")[2], "") for line in _WHERE.values()),
    )
    parser.add_argument("shell", choices=tuple(_WHERE), metavar="SHELL", help=", ".join(_WHERE))


def run(arguments: argparse.Namespace) -> int:
    """Print the script; argcomplete has it."""
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise UserError("completion needs argcomplete: pip install argcomplete") from None
    print(shellcode(["tvmbind"], shell=arguments.shell))
    return 0
