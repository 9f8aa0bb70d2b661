"""events: who asked for what."""

from __future__ import annotations

from argparse import Namespace

from facenet_core.cli import shapes
from facenet_core.cli.arguments import Commands, add_command, number
from facenet_core.cli.output import Answer, columns
from facenet_core.service import FaceService

SHOWN = 20
"""Events that are listed."""


def add_to(commands: Commands) -> None:
    """Adds this command to the parser."""
    parser = add_command(commands, "events", events, "Who asked for what, and what came of it, the latest first.")
    parser.add_argument("--limit", type=number, default=SHOWN, metavar="N", help=f"how many, at most 1000 ({SHOWN})")
    parser.add_argument("--before", type=number, metavar="ID", help="only those with a smaller id")


def events(service: FaceService, args: Namespace) -> Answer:
    """Answers ``events``."""
    found = service.audit.latest(args.limit, args.before)
    names = {person.id: person.name for person in service.people()}
    rows = [
        (
            event.id,
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            event.door,
            event.who or "",
            event.kind,
            names.get(event.person_id or "", "(removed)" if event.person_id else ""),
            event.outcome,
        )
        for event in found
    ]
    data = [
        {
            "id": event.id,
            "at": shapes.time(event.at),
            "door": event.door,
            "who": event.who,
            "kind": event.kind,
            "person_id": event.person_id,
            "outcome": event.outcome,
        }
        for event in found
    ]
    return Answer({"events": data}, columns(rows) if rows else ["Nothing was asked for yet."])
