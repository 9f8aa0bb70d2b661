"""Arguments: what every command takes, and what each value may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from facenet_core.errors import InputError

if TYPE_CHECKING:
    from facenet_core.cli.output import Answer
    from facenet_core.service import FaceService


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where commands are added."""

Command: TypeAlias = "Callable[[FaceService, argparse.Namespace], Answer]"
"""What answers a command."""

PROGRAM = "python -m facenet_core"


class UsageError(InputError):
    """The arguments do not make a command.

    Attributes:
        usage: How they would.
    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting, and takes no abbreviations: a new option would break them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raises the usage error."""
        raise UsageError(message[:1].upper() + message[1:] + ".", self.format_usage())


def global_options() -> Parser:
    """The options that every command takes, before or after its name.

    Absent ones are left out, so that a command does not undo what was given
    before its name.
    """
    options = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument("--json", action="store_true", help="answer with one JSON object")
    options.add_argument("--db", type=Path, metavar="FOLDER", help="the folder of the database")
    return options


def add_group(commands: Commands, name: str, summary: str) -> Commands:
    """Adds a command that has commands of its own."""
    parser = commands.add_parser(name, parents=[global_options()], help=summary, description=summary)
    return parser.add_subparsers(metavar="COMMAND", required=True)


def add_command(commands: Commands, name: str, run: Command, summary: str) -> Parser:
    """Adds a command.

    Args:
        commands: Where.
        name: Its name there.
        run: What answers it.
        summary: What it does, in one sentence.
    """
    parser = commands.add_parser(name, parents=[global_options()], help=summary, description=summary)
    parser.set_defaults(run=run, command=parser.prog.removeprefix(f"{PROGRAM} "))
    return parser


def add_threshold(parser: Parser) -> None:
    """Adds ``--threshold``."""
    parser.add_argument("--threshold", type=distance, metavar="D", help="the largest distance that matches, 0 to 2")


def add_yes(parser: Parser) -> None:
    """Adds ``--yes``."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def distance(text: str) -> float:
    """A distance between unit-norm embeddings, 0 to 2."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"a threshold is a distance from 0 to 2, not {text!r}")
    return value


def number(text: str) -> int:
    """A whole number from 1, such as a face's or a photo's."""
    if not text.isdecimal() or not 1 <= int(text[:9]) or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)
