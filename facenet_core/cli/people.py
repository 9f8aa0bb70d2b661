"""people list, show, rename, remove and restore: who is enrolled."""

from __future__ import annotations

from argparse import Namespace

from facenet_core.cli import audit, moving, renewal, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group, add_yes, number
from facenet_core.cli.files import shown
from facenet_core.cli.output import Answer, columns, confirm, count
from facenet_core.errors import UnknownPhotoError
from facenet_core.service import FaceService
from facenet_core.types import Person, Template


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "people", "See and change who is enrolled.")
    add_command(group, "list", list_people, "List everybody who is enrolled.")

    parser = add_command(group, "show", show, "Show one person's photos.")
    parser.add_argument("name", metavar="NAME", help="who")

    parser = add_command(group, "rename", rename, "Give a person another name.")
    parser.add_argument("name", metavar="NAME", help="who")
    parser.add_argument("new", metavar="NEW", help="their new name")

    parser = add_command(group, "remove", remove, "Remove a person, or one of their photos.")
    parser.add_argument("name", metavar="NAME", help="who")
    parser.add_argument("--photo", type=number, metavar="N", help="only this photo, as numbered by `people show`")
    add_yes(parser)

    moving.add_to(group)
    renewal.add_to(group)
    add_command(group, "restore", restore, "Put the last good backup in the place of a damaged database.")


def list_people(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people list``."""
    people = service.people()
    rows = [
        (person.name, count(len(person.templates), "photo"), f"since {person.created_at:%Y-%m-%d}") for person in people
    ]
    return Answer(
        {
            "people": [
                {
                    "id": person.id,
                    "name": person.name,
                    "created_at": shapes.time(person.created_at),
                    "photos": len(person.templates),
                    "models": sorted({template.model_id.model for template in person.templates}),
                }
                for person in people
            ]
        },
        [f"{count(len(people), 'person')}:", *columns(rows)] if people else ["Nobody is enrolled yet."],
    )


def show(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people show``."""
    return _person(service.repository.person(args.name))


def rename(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people rename``."""
    person = service.repository.person(args.name)
    renamed = service.repository.rename(person.id, args.new)
    service.audit.note("rename", "renamed", audit.asker(), person.id)
    return Answer(
        {"id": person.id, "old_name": person.name, "name": renamed.name},
        [f"{person.name} is now called {renamed.name}."],
    )


def remove(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people remove``."""
    person = service.repository.person(args.name)
    if args.photo is None:
        confirm(args, f"Remove {person.name} with {count(len(person.templates), 'photo')}?")
        service.repository.remove_person(person.id)
        service.audit.note("remove", "removed", audit.asker(), person.id)
        removed, left, line = len(person.templates), 0, f"Removed {person.name}."
    else:
        template = _photo(person, args.photo)
        confirm(args, f"Remove photo {args.photo} of {person.name} ({template.source_name})?")
        left = len(service.repository.remove_template(person.id, template.id).templates)
        service.audit.note("remove_photo", "removed", audit.asker(), person.id)
        removed, line = 1, f"Removed photo {args.photo} of {person.name}. {count(left, 'photo')} left."
    return Answer({"id": person.id, "name": person.name, "removed_photos": removed, "photos_left": left}, [line])


def restore(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people restore``."""
    aside = service.repository.restore_backup()
    service.audit.note("restore", "restored", audit.asker())
    people = len(service.people())
    kept = f" The damaged file is now {aside}." if aside else ""
    return Answer(
        {"people": people, "damaged_file": shown(aside) if aside else None},
        [f"Restored the last good backup, with {count(people, 'person')}.{kept}"],
    )


def _person(person: Person) -> Answer:
    rows = [
        (number, template.source_name, f"enrolled {template.created_at:%Y-%m-%d}", template.model_id.model)
        for number, template in enumerate(person.templates, 1)
    ]
    return Answer(
        {
            "person": {
                "id": person.id,
                "name": person.name,
                "created_at": shapes.time(person.created_at),
                "photos": [
                    {
                        "number": number,
                        "source_name": template.source_name,
                        "created_at": shapes.time(template.created_at),
                        **shapes.detection(template.detection),
                        "model": shapes.model(template.model_id),
                    }
                    for number, template in enumerate(person.templates, 1)
                ],
            }
        },
        [f"{person.name}, {count(len(person.templates), 'photo')}:", *columns(rows)],
    )


def _photo(person: Person, place: int) -> Template:
    if place > len(person.templates):
        raise UnknownPhotoError(
            f"{person.name} has {count(len(person.templates), 'photo')}, and none of number {place}. "
            "`people show` numbers them."
        )
    return person.templates[place - 1]
