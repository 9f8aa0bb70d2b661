"""keys create, list and revoke: who may use the API."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

from facenet_core.cli import audit, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group, add_yes, number
from facenet_core.cli.output import Answer, columns, confirm
from facenet_core.service import FaceService
from facenet_core.types import ROLES, ApiKey

CENTURY = 36_500
"""Days: longer ends are not told apart."""


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "keys", "Make, list and revoke the keys of the API.")

    parser = add_command(group, "create", create, "Make a key. It is shown once.")
    parser.add_argument("name", metavar="NAME", help="what the key is for")
    parser.add_argument(
        "--role", choices=ROLES, action="append", required=True, metavar="ROLE", help=f"{', '.join(ROLES)}; repeatable"
    )
    parser.add_argument("--days", type=number, metavar="N", help="days after which it is refused (never)")

    add_command(group, "list", list_keys, "List the keys, without their secrets.")

    parser = add_command(group, "revoke", revoke, "End a key at once.")
    parser.add_argument("key", metavar="KEY", help="its name or id")
    add_yes(parser)


def create(service: FaceService, args: Namespace) -> Answer:
    """Answers ``keys create``."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=min(args.days, CENTURY)) if args.days else None
    key, secret = service.keys.create(args.name, args.role, ends)
    service.audit.note("create_key", key.id, audit.asker())
    return Answer(
        {"key": _shape(key), "secret": secret},
        [secret, f"This key is shown once. It is for {', '.join(key.roles)}, {_until(key)}."],
    )


def list_keys(service: FaceService, args: Namespace) -> Answer:
    """Answers ``keys list``."""
    keys, now = service.keys.all(), datetime.now(UTC)
    rows = [(key.id, key.name, ", ".join(key.roles), key.state(now), _until(key)) for key in keys]
    return Answer({"keys": [_shape(key) for key in keys]}, columns(rows) if rows else ["There are no keys."])


def revoke(service: FaceService, args: Namespace) -> Answer:
    """Answers ``keys revoke``."""
    confirm(args, f"Revoke the key {args.key}? Who uses it is refused at once.")
    key = service.keys.revoke(args.key)
    service.audit.note("revoke_key", key.id, audit.asker())
    return Answer({"key": _shape(key)}, [f"Revoked: {key.name} ({key.id})."])


def _shape(key: ApiKey) -> shapes.Shape:
    return {
        "id": key.id,
        "name": key.name,
        "roles": list(key.roles),
        "state": key.state(datetime.now(UTC)),
        "created_at": shapes.time(key.created_at),
        "expires_at": key.expires_at and shapes.time(key.expires_at),
        "revoked_at": key.revoked_at and shapes.time(key.revoked_at),
    }


def _until(key: ApiKey) -> str:
    return f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "without an end"
