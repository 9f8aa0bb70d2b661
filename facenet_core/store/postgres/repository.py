"""The people in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, Never

from sqlalchemy import Connection, Row, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from facenet_core.errors import StoreError
from facenet_core.store import rules, schema
from facenet_core.store.arrival import ImportOutcome
from facenet_core.store.names import clean_name, name_key
from facenet_core.store.postgres import photos, rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.importing import add_people, import_people
from facenet_core.store.postgres.loading import Loader
from facenet_core.store.postgres.photos import PhotoTable
from facenet_core.store.postgres.search import PeopleIndex, people_of
from facenet_core.store.postgres.shadows import ShadowTable
from facenet_core.store.postgres.tables import people, seeds, settings, state, templates
from facenet_core.store.schema import JSON, Seed
from facenet_core.types import NewTemplate, Person, Template


class PostgresRepository:
    """Everything that is stored about people, for any number of programs on any number of hosts.

    Does what :class:`~facenet_core.store.protocol.PeopleRepository` says. Every
    method raises ``StoreError`` while no server answers, and every method that
    changes anything also where the connection broke and nobody can tell whether
    anything has changed.

    Args:
        database: The database.

    Attributes:
        photos: The stored photos.
        shadows: What models that are not in use make of the photos.
        index: Finds people among very many.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._loader = Loader(database)
        self.photos = PhotoTable(database)
        self.shadows = ShadowTable(database)
        self.index = PeopleIndex(database)

    @property
    def place(self) -> str:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._database.place

    def revision(self) -> str:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. One question to the server."""
        return self._database.revision()

    def on_disk(self) -> tuple[int, datetime | None]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. Of the tables with their indexes."""
        size = text(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind = 'r'"
        )

        def asked(connection: Connection) -> tuple[int, datetime | None]:
            changed = connection.scalar(select(state.c.changed_at))
            return int(connection.execute(size, {"schema": self._database.schema}).scalar_one()), changed

        taken, changed = self._database.read(asked)
        return taken, changed and rows.utc(changed)

    def people(self) -> tuple[Person, ...]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. What has not changed is not read again."""
        return self._loader.current().people

    def person(self, reference: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._loader.current().find(reference)

    def enrol(self, name: str, new: Sequence[NewTemplate], *, create: bool | None = None) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        name = rules.name_to_enrol(name, new)
        with self._database.changing() as connection:
            now = datetime.now(UTC)
            owner = _holder(connection, name)
            rules.check_creation(name, owner, create)
            _refuse_duplicates(connection, new, owner.name if owner else name)
            person_id = owner.id if owner else schema.new_id()
            made = [rules.made(item, person_id, photos.put(connection, item.photo), now) for item in new]
            add_people(connection, [] if owner else [Person(person_id, name, now, ())], made)
            return self._assemble(connection, person_id)

    def rename(self, person_id: str, name: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        name = clean_name(name)
        with self._database.changing() as connection:
            _record_of(connection, person_id)
            rules.refuse_taken(_holder(connection, name), person_id)
            renamed = update(people).where(people.c.id == person_id).values(name=name, name_key=name_key(name))
            connection.execute(renamed)
            return self._assemble(connection, person_id)

    def remove_person(self, person_id: str) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.changing() as connection:
            _record_of(connection, person_id)
            own = list(connection.scalars(select(templates.c.photo_sha256).where(templates.c.person_id == person_id)))
            connection.execute(delete(people).where(people.c.id == person_id))
            photos.drop(connection, own)

    def remove_template(self, person_id: str, template_id: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.changing() as connection:
            name = _record_of(connection, person_id).name
            every = select(*templates.c["id", "photo_sha256"]).where(templates.c.person_id == person_id)
            own = {each.id: each.photo_sha256 for each in connection.execute(every)}
            unwanted = rules.removable(name, own, template_id)
            connection.execute(delete(templates).where(templates.c.id == template_id))
            photos.drop(connection, [unwanted])
            return self._assemble(connection, person_id)

    def replace_templates(self, templates: Sequence[Template]) -> int:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        faces = [rows.face_values(template) for template in templates]
        with self._database.changing() as connection:
            return rows.replace_faces(connection, templates, faces)

    def import_people(
        self, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
    ) -> ImportOutcome:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.changing() as connection:
            return import_people(connection, people, photos, mode)

    def sweep(self) -> int:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. There should be none."""
        with self._database.changing() as connection:
            return photos.drop_unused(connection)

    def seeds(self) -> dict[str, Seed]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        found = self._database.ask(lambda connection: connection.execute(select(seeds)).all())
        return {each.sha256: Seed(each.file_name, each.outcome, rows.utc(each.recorded_at)) for each in found}

    def record_seed(self, sha256: str, file_name: str, outcome: str) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        record = {"file_name": rows.readable(file_name), "outcome": outcome, "recorded_at": datetime.now(UTC)}
        with self._database.changing() as connection:
            noted = insert(seeds).values(sha256=sha256, **record)
            connection.execute(noted.on_conflict_do_update(index_elements=["sha256"], set_=record))

    def settings(self) -> dict[str, JSON]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        found = self._database.ask(lambda connection: connection.execute(select(settings)).all())
        return {each.name: each.value for each in found}

    def save_settings(self, settings: Mapping[str, JSON]) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        try:
            json.dumps(dict(settings), allow_nan=False, ensure_ascii=False).encode()
        except ValueError as error:
            raise ValueError("a number is not finite, or a text is not Unicode") from error
        with self._database.changing() as connection:
            rows.save_settings(connection, settings)

    @property
    def backup_available(self) -> bool:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. There is none: the server's are its own."""
        return False

    def restore_backup(self) -> Never:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`.

        Always a ``StoreError``, which says who restores backups.
        """
        raise StoreError(
            f"The people are in {self.place}, which has backups of its own: ask whoever runs it to restore one. "
            "Nothing was changed."
        )

    def _assemble(self, connection: Connection, person_id: str) -> Person:
        (person,) = people_of(connection, [person_id], self.place)
        return person


def _record_of(connection: Connection, person_id: str) -> Row[tuple[str, str, str, datetime]]:
    return rules.still_enrolled(connection.execute(select(people).where(people.c.id == person_id)).first())


def _holder(connection: Connection, name: str) -> rules.Holder | None:
    found = connection.execute(select(*people.c["id", "name"]).where(people.c.name_key == name_key(name))).first()
    return rules.Holder(found.id, found.name) if found else None


def _refuse_duplicates(connection: Connection, new: Sequence[NewTemplate], name: str) -> None:
    hashes = {item.source_sha256 for item in new} | {sha256(item.photo).hexdigest() for item in new}
    found = connection.execute(
        select(templates.c.source_sha256, templates.c.photo_sha256, people.c.name)
        .join(people)
        .where(templates.c.source_sha256.in_(hashes) | templates.c.photo_sha256.in_(hashes))
    )
    enrolled = {}
    for source, photo, owner in found:
        enrolled[source] = enrolled[photo] = owner
    rules.refuse_duplicates(new, enrolled, name)
