"""people export and import: everybody in one file, from one machine to another."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command, add_yes
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, confirm, count, load_model
from facenet_core.cli.renewal import renewed
from facenet_core.errors import InputError, ModelError
from facenet_core.service import FaceService, ImportMode, open_archive
from facenet_core.types import ModelId


def add_to(group: Commands) -> None:
    """Adds these commands to ``people``."""
    parser = add_command(group, "export", export, "Write everybody to one file, which is not encrypted.")
    parser.add_argument("file", type=Path, metavar="FILE", help="the file, such as people.facenet.zip")
    add_yes(parser)

    parser = add_command(group, "import", import_people, "Bring in people from a file that export has made.")
    parser.add_argument("file", type=Path, metavar="FILE", help="the file")
    parser.add_argument("--replace", action="store_true", help="remove everybody who is here now")
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")
    add_yes(parser)

    parser = add_command(group, "migrate", migrate, "Copy everything to another store: files to PostgreSQL, or back.")
    where = "tinydb, or the address of a PostgreSQL database (the one of the settings)"
    parser.add_argument("--from", dest="source", metavar="PLACE", help=f"where people are now: {where}")
    parser.add_argument("--to", dest="target", metavar="PLACE", help=f"where they go, which must be empty: {where}")


def export(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people export``."""
    people = service.people()
    photos = sum(len(person.templates) for person in people)
    if not people:
        raise InputError("Nobody is enrolled: there is nothing to export.")
    name = files.shown(args.file)
    if args.file.exists():
        confirm(args, f"{name} exists already. Replace it?")
    with files.writing(args.file) as file:
        service.export(file)
    service.audit.note("export", str(len(people)), audit.asker())
    return Answer(
        {"file": name, "people": len(people), "photos": photos, "bytes": args.file.stat().st_size},
        [
            f"Exported {count(len(people), 'person')} with {count(photos, 'photo')} to {name}.",
            "It holds faces and names and is not encrypted: keep it like the people's passports.",
        ],
    )


def import_people(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people import``. Without a model people are imported all the same."""
    mode: ImportMode = "replace" if args.replace else "merge"
    with files.reading(args.file) as file:
        archive = open_archive(file)
        model_id, problem = _model(service)
        preview = archive.preview(service.people(), mode, model_id)
        data: shapes.Shape = {
            "mode": mode,
            "dry_run": args.dry_run,
            **asdict(preview),
            "renewed": 0,
            "not_renewed": [],
            "model_problem": problem,
        }
        if args.dry_run:
            return Answer(data, [*_lines(data), "Nothing was changed."])
        if args.replace:
            confirm(args, f"Remove everybody here ({count(preview.removed_people, 'person')}) and import instead?")
        data |= asdict(service.import_people(archive, mode))
        service.audit.note("import", mode, audit.asker())
    lines = [f"Imported {files.shown(args.file)}:", *_lines(data)]
    if problem:
        return Answer(data, [*lines, f"{problem} Then run `people renew`, in case another model made the templates."])
    done, more = renewed(service, args)
    return Answer({**data, **done}, [*lines, *more], BAD_INPUT if done["not_renewed"] else DONE)


def migrate(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people migrate``."""
    moved = service.migrate(args.source, args.target)
    held = moved.content
    service.audit.note("migrate", str(len(held.people)), audit.asker())
    return Answer(
        {
            "from": moved.source,
            "to": moved.target,
            "people": len(held.people),
            "photos": held.photos,
            "seeds": len(held.seeds),
            "settings": len(held.settings),
            "keys": len(held.keys),
            "events": len(held.events),
            "sha256": held.digest(),
        },
        [
            f"Copied {count(len(held.people), 'person')} with {count(held.photos, 'photo')} from {moved.source} to "
            f"{moved.target},",
            f"and {count(len(held.settings), 'setting')}, {count(len(held.keys), 'key')} of the API and "
            f"{count(len(held.events), 'event')}. Compared bit by bit: the same.",
            "Nothing was removed where they came from.",
        ],
    )


def _model(service: FaceService) -> tuple[ModelId | None, str | None]:
    try:
        return load_model(service), None
    except ModelError as error:
        return None, str(error)


def _lines(data: shapes.Shape) -> list[str]:
    lines = [
        f"  {count(data['added_people'], 'new person')}, {count(data['added_photos'], 'new photo')}",
        f"  {count(data['skipped_photos'], 'photo')} enrolled already",
    ]
    if data["mode"] == "replace":
        lines.append(f"  {count(data['removed_people'], 'person')} removed")
    if data["foreign_photos"]:
        lines.append(f"  {count(data['foreign_photos'], 'photo')} of another model, to be renewed")
    return lines
