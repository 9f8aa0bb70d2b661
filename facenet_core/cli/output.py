"""What a command answers, and how it reaches the terminal or a script."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias, TypeVar

from tqdm import tqdm

from facenet_core.errors import FaceNetError, InputError
from facenet_core.service import FaceService
from facenet_core.types import ModelId

T = TypeVar("T")

Ended: TypeAlias = "FaceNetError | KeyboardInterrupt | None"
"""What has ended a command before it was through, if anything has."""

DONE = 0
NO_MATCH = 1
BAD_INPUT = 2
NO_MODEL_OR_DATABASE = 3
INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


class ConfirmationNeededError(InputError):
    """Something would be lost, and nobody was there to agree to it."""


class CancelledError(InputError):
    """Whoever was asked did not agree."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found out or did.

    Attributes:
        data: For scripts: one JSON object.
        lines: For people.
        code: The exit code.
        failed: Whether this is an error, whose lines go to standard error.
    """

    data: dict[str, Any]
    lines: Sequence[str]
    code: int = DONE
    failed: bool = False


def show(answer: Answer, as_json: bool) -> int:
    """Prints an answer.

    Args:
        answer: The answer.
        as_json: As one JSON object, instead of lines of text.

    Returns:
        The exit code.
    """
    if as_json:
        # ASCII with escapes: valid in whatever encoding the terminal or the pipe has.
        text, target = json.dumps(answer.data, allow_nan=False), sys.stdout
    else:
        text, target = "\n".join(map(printable, answer.lines)), sys.stderr if answer.failed else sys.stdout
    try:
        print(_encodable(text, target), file=target, flush=True)
    except OSError as error:
        # Python would try to write the rest on exit, and complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"The answer could not be written ({error.strerror}).", file=sys.stderr)
            return BAD_INPUT
    return answer.code


def printable(line: str) -> str:
    """A line that can't steer the terminal: names of files and photos come from anywhere."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def columns(rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines with aligned columns, indented by two spaces."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def count(number: int, noun: str) -> str:
    """``1 photo``, ``2 photos``, ``3 people``."""
    plural = noun.replace("person", "people") if noun.endswith("person") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def exit_code(error: FaceNetError | KeyboardInterrupt) -> int:
    """What a command exits with that something has ended."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return BAD_INPUT if isinstance(error, InputError) else NO_MODEL_OR_DATABASE


def ending(ended: Ended) -> dict[str, str] | None:
    """For scripts, what has ended a command early; it is told as an error is."""
    if ended is None:
        return None
    return {"code": ended.code if isinstance(ended, FaceNetError) else "interrupted", "message": said(ended)[0]}


def said(ended: Ended) -> list[str]:
    """The same for people, in a line; none if nothing has."""
    return [] if ended is None else [str(ended) or "Interrupted."]


def load_model(service: FaceService) -> ModelId:
    """Waits for the model, and says so at a terminal.

    Raises:
        ModelError: If there is none.
    """
    if sys.stderr.isatty():
        print("Loading the face model takes some seconds.", file=sys.stderr)
    return service.engine.model_id


def progress(items: Iterable[T], total: int | None, unit: str, args: Namespace) -> Iterator[T]:
    """Goes through items with a progress bar on standard error, if there are several.

    Args:
        items: The items.
        total: How many there are; None if nobody knows.
        unit: What one of them is.
        args: No bar for a script that reads JSON, unless somebody watches.
    """
    disabled = (total is not None and total < 2) or (args.json and not sys.stderr.isatty())
    yield from tqdm(items, total=total, unit=f" {unit}", file=sys.stderr, leave=False, disable=disabled)


def confirm(args: Namespace, question: str) -> None:
    """Asks before something is lost, unless ``--yes`` was given.

    Raises:
        ConfirmationNeededError: If there is no terminal to ask at.
        CancelledError: If the answer is not yes.
    """
    if args.yes:
        return
    if not sys.stdin.isatty():
        raise ConfirmationNeededError(f"{question} Add --yes to agree. Nothing was changed.")
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise CancelledError("Nothing was changed.")


def _encodable(text: str, target: TextIO) -> str:
    encoding = target.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
