"""From arguments to an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import replace

from facenet_core.cli.arguments import UsageError
from facenet_core.cli.output import BAD_INPUT, INTERRUPTED, Answer, exit_code, show
from facenet_core.cli.parser import build_parser
from facenet_core.config import Settings, load_settings
from facenet_core.errors import FaceNetError, PhotoError
from facenet_core.service import FaceService

logger = logging.getLogger(__name__)

BUG = 70
"""``EX_SOFTWARE`` of BSD's sysexits.h; Python's own 1 would read as "no match"."""


def main(argv: Sequence[str] | None = None, service_factory: Callable[[Settings], FaceService] = FaceService) -> int:
    """Runs one command.

    Args:
        argv: The arguments without the program's name; those of the process by
            default.
        service_factory: Makes the service from the settings.

    Returns:
        The exit code, as documented in ``docs/cli.md``.

    Raises:
        SystemExit: After ``--help``.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    options = words[: words.index("--")] if "--" in words else words
    return show(_answer(words, service_factory), as_json="--json" in options)


def _answer(words: Sequence[str], service_factory: Callable[[Settings], FaceService]) -> Answer:
    try:
        args = build_parser().parse_args(words)
        # What a library prints must not end up in the answer.
        with redirect_stdout(sys.stderr), closing(service_factory(load_settings(db=args.db))) as service:
            answer: Answer = args.run(service, args)
        return replace(answer, data={"command": args.command, **answer.data})
    except UsageError as error:
        return _failure(BAD_INPUT, error.code, str(error), hint=error.usage)
    except FaceNetError as error:
        return _failure(
            exit_code(error), error.code, str(error), error.photo if isinstance(error, PhotoError) else None
        )
    except KeyboardInterrupt as interrupt:
        return _failure(INTERRUPTED, "interrupted", str(interrupt) or "Interrupted.")
    except Exception:  # whoever reads the JSON of a script gets an answer even to our mistakes, with a code of its own
        logger.exception("unexpected")
        return _failure(BUG, "bug", "This is a mistake in the program. Its details are above, in standard error.")


def _failure(exit_code: int, code: str, message: str, photo: str | None = None, hint: str = "") -> Answer:
    error = {"code": code, "message": message, "photo": photo}
    return Answer({"error": error}, [*hint.splitlines(), message], exit_code, failed=True)
