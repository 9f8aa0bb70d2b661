"""People from elsewhere, taken into the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from tinydb.table import Document

from facenet_core.errors import ArchiveError
from facenet_core.store import schema
from facenet_core.store.database import Database, document
from facenet_core.store.names import clean_name, name_key
from facenet_core.types import Person


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What an import did.

    Attributes:
        added_people: People who were not in the database.
        added_photos: Photos that were not in the database.
        skipped_photos: Photos that were enrolled already.
    """

    added_people: int
    added_photos: int
    skipped_photos: int


def import_people(
    database: Database, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
) -> ImportOutcome:
    """Take in people: the work of :meth:`Repository.import_people`, which says how.

    Args:
        database: Where they go.
        people: The people.
        photos: Returns a photo's file, given its hash.
        mode: ``merge`` or ``replace``.
    """
    names = [clean_name(person.name) for person in people]
    with database.writing() as changes:
        if mode == "replace":
            changes.dropped.update(record["photo_sha256"] for record in database.templates)
            database.people.truncate()
            database.templates.truncate()
        owners = {name_key(record["name"]): record["id"] for record in database.people}
        enrolled = {record["photo_sha256"] for record in database.templates}
        taken = {record["id"] for table in (database.people, database.templates) for record in table}
        new_people: list[Document] = []
        new_templates: list[Document] = []
        skipped = 0
        for person, name in zip(people, names, strict=True):
            for template in person.templates:
                if template.photo_sha256 in enrolled:
                    skipped += 1
                    continue
                owner = owners.get(name_key(name))
                if owner is None:
                    owner = owners[name_key(name)] = _free_id(person.id, taken)
                    new_people.append(document(schema.encode_person(owner, name, person.created_at), owner))
                data = photos(template.photo_sha256)
                if sha256(data).hexdigest() != template.photo_sha256:
                    raise ArchiveError(
                        f"A photo of {name} is damaged in the import. Nothing was imported: export it again."
                    )
                changes.put(data)
                enrolled.add(template.photo_sha256)
                moved = replace(template, id=_free_id(template.id, taken), person_id=owner)
                new_templates.append(document(schema.encode_template(moved), moved.id))
        database.people.insert_multiple(new_people)
        database.templates.insert_multiple(new_templates)
    return ImportOutcome(len(new_people), len(new_templates), skipped)


def _free_id(wanted: str, taken: set[str]) -> str:
    """Return the wanted id, or a fresh one if that is taken or no id at all; it is taken from then on."""
    free = wanted if schema.is_id(wanted) and wanted not in taken else schema.new_id()
    taken.add(free)
    return free
