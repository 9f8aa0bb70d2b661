"""All commands in one parser."""

from __future__ import annotations

from functools import cache

from facenet_core.cli import (
    accuracy,
    album,
    decisions,
    enrolment,
    evaluate,
    events,
    keys,
    people,
    reverse,
    serve,
    settings,
    weights,
)
from facenet_core.cli.arguments import PROGRAM, Parser, global_options


@cache
def build_parser() -> Parser:
    """The parser; made once, for it has some seven hundred options.

    Returns:
        A parser whose result has ``command``, the name of the command, ``run``,
        the function that answers it, the options that every command takes, and
        those of the command.
    """
    parser = Parser(
        prog=PROGRAM,
        parents=[global_options()],
        description="Verify and recognise faces, and manage the people who are enrolled.",
        epilog="Exit codes: 0 done, 1 no match (verify, compare), 2 something given can't be used, "
        "3 no usable model or database. See docs/cli.md.",
    )
    parser.set_defaults(json=False, db=None)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (
        decisions,
        enrolment,
        people,
        album,
        reverse,
        weights,
        settings,
        accuracy,
        evaluate,
        keys,
        events,
        serve,
    ):
        module.add_to(commands)
    return parser
