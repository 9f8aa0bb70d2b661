"""People from elsewhere, taken into PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from facenet_core.store.arrival import ImportOutcome, arrival, checked
from facenet_core.store.names import name_key
from facenet_core.store.postgres import photos, rows, tables
from facenet_core.types import Person, Template


def import_people(
    connection: Connection,
    people: Sequence[Person],
    read_photo: Callable[[str], bytes],
    mode: Literal["merge", "replace"],
) -> ImportOutcome:
    """Takes in people, as :class:`~facenet_core.store.protocol.PeopleRepository` says.

    Args:
        connection: For changes.
        people: The people.
        read_photo: Returns a photo's file, given its hash.
        mode: ``merge`` or ``replace``.
    """
    if mode == "replace":
        connection.execute(delete(tables.people))
    present = connection.execute(select(*tables.people.c["id", "name_key"])).all()
    enrolled = connection.execute(select(*tables.templates.c["id", "photo_sha256"])).all()
    coming = arrival(
        people,
        {each.name_key: each.id for each in present},
        {each.photo_sha256 for each in enrolled},
        {each.id for each in (*present, *enrolled)},
    )
    for name, template in coming.templates:
        photos.put(connection, checked(read_photo(template.photo_sha256), template.photo_sha256, name))
    add_people(connection, coming.people, [template for _, template in coming.templates])
    if mode == "replace":
        photos.drop_unused(connection)
    return coming.outcome


def add_people(connection: Connection, people: Iterable[Person], templates: Iterable[Template]) -> None:
    """Adds people who are new, then templates, whose photos are there.

    Args:
        connection: For changes.
        people: Their own templates are not looked at.
        templates: In the order of enrolment.
    """
    keys: dict[object, int] = {}
    records = []
    for template in templates:
        if template.model_id not in keys:
            keys[template.model_id] = rows.model_key(connection, template.model_id)
        records.append(rows.template_values(template, keys[template.model_id]))
    new = [{"id": p.id, "name": p.name, "name_key": name_key(p.name), "created_at": p.created_at} for p in people]
    if new:
        connection.execute(insert(tables.people), new)
    if records:
        connection.execute(insert(tables.templates), records)
