"""People from elsewhere, taken into the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from facenet_core.store import fields, schema
from facenet_core.store.arrival import ImportOutcome, arrival, checked
from facenet_core.store.database import Database, PhotoChanges, document
from facenet_core.store.names import name_key
from facenet_core.store.schema import JSON, Seed
from facenet_core.types import Person


def import_people(
    database: Database, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
) -> ImportOutcome:
    """Take in people, as :class:`~facenet_core.store.protocol.PeopleRepository` says.

    Args:
        database: Where they go.
        people: The people.
        photos: Returns a photo's file, given its hash.
        mode: ``merge`` or ``replace``.
    """
    with database.writing() as changes:
        if mode == "replace":
            changes.dropped.update(record["photo_sha256"] for record in database.templates)
            database.people.truncate()
            database.templates.truncate()
        return _taken_in(database, changes, people, photos)


def fill(
    database: Database,
    people: Sequence[Person],
    seeds: Mapping[str, Seed],
    settings: Mapping[str, JSON],
    photos: Callable[[str], bytes],
) -> None:
    """Fills an empty database: in full, or not at all.

    Args:
        database: The database.
        people: The people.
        seeds: What became of the photos that came with the program, by their
            hashes.
        settings: What was set.
        photos: Returns a photo's file, given its hash.
    """
    with database.writing() as changes:
        _taken_in(database, changes, people, photos)
        for name, seed in seeds.items():
            record = {**asdict(seed), "recorded_at": fields.encode_time(seed.recorded_at)}
            database.seeds.insert(document(record, name))
        for name, value in settings.items():
            database.settings.insert(document({"value": value}, name))


def _taken_in(
    database: Database, changes: PhotoChanges, people: Sequence[Person], photos: Callable[[str], bytes]
) -> ImportOutcome:
    coming = arrival(
        people,
        {name_key(record["name"]): record["id"] for record in database.people},
        {record["photo_sha256"] for record in database.templates},
        {record["id"] for table in (database.people, database.templates) for record in table},
    )
    for name, template in coming.templates:
        changes.put(checked(photos(template.photo_sha256), template.photo_sha256, name))
    database.people.insert_multiple(
        [document(schema.encode_person(p.id, p.name, p.created_at), p.id) for p in coming.people]
    )
    database.templates.insert_multiple(
        [document(schema.encode_template(template), template.id) for _, template in coming.templates]
    )
    return coming.outcome
