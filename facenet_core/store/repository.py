"""The people in the database: the only way in and out of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tinydb import where
from tinydb.table import Document

from facenet_core.store import fields, rules, schema
from facenet_core.store.arrival import ImportOutcome
from facenet_core.store.database import Database, document, keys
from facenet_core.store.importing import import_people
from facenet_core.store.names import clean_name, name_key
from facenet_core.store.roster import Roster
from facenet_core.store.schema import JSON, Seed
from facenet_core.store.shadows import Shadows
from facenet_core.types import NewTemplate, Person, Template


class Repository:
    """Everything that is stored about people, on top of TinyDB.

    Does what :class:`~facenet_core.store.protocol.PeopleRepository` says, for
    any number of programs of one machine. A change is on the disk when the
    method returns.

    Args:
        folder: The folder of the database, created by the first change.

    Attributes:
        photos: The stored photo files.
        shadows: What models that are not in use make of the photos.
        index: There is none: all of it is in memory anyway.
    """

    index: None = None

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder)
        self.photos = self._database.photos
        self.shadows = Shadows(self._database)
        self._loading = threading.Lock()
        self._roster: Roster | None = None

    @property
    def place(self) -> str:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return str(self._database.storage.path.parent)

    def revision(self) -> str:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._database.storage.revision()

    def on_disk(self) -> tuple[int, datetime | None]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        try:
            status = self._database.storage.path.stat()
        except OSError:
            return 0, None
        return status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)

    def people(self) -> tuple[Person, ...]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._current().people

    def person(self, reference: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._current().find(reference)

    def enrol(self, name: str, new: Sequence[NewTemplate], *, create: bool | None = None) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        name = rules.name_to_enrol(name, new)
        with self._database.writing() as changes:
            now = datetime.now(UTC)
            owner = self._holder(name)
            rules.check_creation(name, owner, create)
            self._refuse_duplicates(new, owner.name if owner else name)
            person_id = owner.id if owner else schema.new_id()
            if not owner:
                self._database.people.insert(document(schema.encode_person(person_id, name, now), person_id))
            made = [rules.made(item, person_id, changes.put(item.photo), now) for item in new]
            self._database.templates.insert_multiple([document(schema.encode_template(t), t.id) for t in made])
            return self._assemble(person_id)

    def rename(self, person_id: str, name: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        name = clean_name(name)
        with self._database.writing():
            self._record_of(person_id)
            rules.refuse_taken(self._holder(name), person_id)
            self._database.people.update({"name": name}, doc_ids=keys(person_id))
            return self._assemble(person_id)

    def remove_person(self, person_id: str) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. From the backup as well."""
        with self._database.writing() as changes:
            self._record_of(person_id)
            for template in self._database.templates.search(where("person_id") == person_id):
                changes.dropped.add(template["photo_sha256"])
            self._database.templates.remove(where("person_id") == person_id)
            self._database.people.remove(doc_ids=keys(person_id))

    def remove_template(self, person_id: str, template_id: str) -> Person:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`. From the backup as well."""
        with self._database.writing() as changes:
            name = self._record_of(person_id)["name"]
            templates = self._database.templates.search(where("person_id") == person_id)
            photos = {template["id"]: template["photo_sha256"] for template in templates}
            changes.dropped.add(rules.removable(name, photos, template_id))
            self._database.templates.remove(doc_ids=keys(template_id))
            return self._assemble(person_id)

    def replace_templates(self, templates: Sequence[Template]) -> int:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        fresh = {template.id: schema.encode_face(template) for template in templates}
        with self._database.writing():
            return len(
                self._database.templates.update(lambda record: record.update(fresh[record["id"]]), doc_ids=keys(*fresh))
            )

    def import_people(
        self, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
    ) -> ImportOutcome:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return import_people(self._database, people, photos, mode)

    def sweep(self) -> int:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`.

        Files, as a crash may leave them. None are deleted where there is no
        database: the photos may be all that is left of one.
        """
        return self._database.sweep()

    def seeds(self) -> dict[str, Seed]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.reading():
            return {str(record.doc_id): schema.decode_seed(record) for record in self._database.seeds}

    def record_seed(self, sha256: str, file_name: str, outcome: str) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        record = {"file_name": file_name, "outcome": outcome, "recorded_at": fields.encode_time(datetime.now(UTC))}
        with self._database.writing():
            self._database.seeds.upsert(document(record, sha256))

    def settings(self) -> dict[str, JSON]:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.reading():
            return {str(record.doc_id): record.get("value") for record in self._database.settings}

    def save_settings(self, settings: Mapping[str, JSON]) -> None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        with self._database.writing():
            for name, value in settings.items():
                self._database.settings.upsert(document({"value": value}, name))

    @property
    def backup_available(self) -> bool:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._database.storage.backups.usable() is not None

    def restore_backup(self) -> Path | None:
        """See :class:`~facenet_core.store.protocol.PeopleRepository`."""
        return self._database.restore_backup()

    def _current(self) -> Roster:
        with self._loading:
            # Before the content: a commit between the two makes the next call read again.
            revision = self.revision()
            roster = self._roster
            # Without a file there is no telling a new database from a lost one, so that is looked at every time.
            if roster is None or not revision or roster.revision != revision:
                with self._database.reading():
                    people = schema.decode_people(self._database.people, self._database.templates)
                roster = self._roster = Roster(revision, people)
            return roster

    def _record_of(self, person_id: str) -> Document:
        return rules.still_enrolled(self._database.people.get(doc_id=keys(person_id)[0]))

    def _holder(self, name: str) -> rules.Holder | None:
        key = name_key(name)
        found = next((record for record in self._database.people if name_key(record["name"]) == key), None)
        return rules.Holder(found["id"], found["name"]) if found else None

    def _assemble(self, person_id: str) -> Person:
        templates = self._database.templates.search(where("person_id") == person_id)
        (person,) = schema.decode_people([self._record_of(person_id)], templates)
        return person

    def _refuse_duplicates(self, new: Sequence[NewTemplate], name: str) -> None:
        names = {record["id"]: record["name"] for record in self._database.people}
        enrolled = {}
        for record in self._database.templates:
            enrolled[record["source_sha256"]] = enrolled[record["photo_sha256"]] = names[record["person_id"]]
        rules.refuse_duplicates(new, enrolled, name)
