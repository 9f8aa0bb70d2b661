"""People from elsewhere: what of them a database takes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from facenet_core.errors import ArchiveError
from facenet_core.store import schema
from facenet_core.store.names import clean_name, name_key
from facenet_core.types import Person, Template


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an import adds to a database.

    Attributes:
        people: The people who are new, without templates.
        templates: The templates that are new, each with its person's name.
        skipped_photos: Photos that were enrolled already.
    """

    people: list[Person]
    templates: list[tuple[str, Template]]
    skipped_photos: int

    @property
    def outcome(self) -> ImportOutcome:
        """What the import did, once it is done."""
        return ImportOutcome(len(self.people), len(self.templates), self.skipped_photos)


def arrival(people: Sequence[Person], owners: dict[str, str], enrolled: set[str], taken: set[str]) -> Arrival:
    """What an import adds; nothing is read or written.

    Args:
        people: Those who come.
        owners: The ids of those who are there, by the keys of their names;
            those who come are added.
        enrolled: The hashes of the photos that are there; as above.
        taken: The ids that are taken; as above.

    Raises:
        PersonNameError: A name can't be used.
    """
    names = [clean_name(person.name) for person in people]
    coming = Arrival([], [], 0)
    skipped = 0
    for person, name in zip(people, names, strict=True):
        for template in person.templates:
            if template.photo_sha256 in enrolled:
                skipped += 1
                continue
            owner = owners.get(name_key(name))
            if owner is None:
                owner = owners[name_key(name)] = _free_id(person.id, taken)
                coming.people.append(Person(owner, name, person.created_at, ()))
            enrolled.add(template.photo_sha256)
            moved = replace(template, id=_free_id(template.id, taken), person_id=owner)
            coming.templates.append((name, moved))
    return replace(coming, skipped_photos=skipped)


def checked(data: bytes, photo_sha256: str, name: str) -> bytes:
    """Returns a photo that comes with an import.

    Args:
        data: Its file.
        photo_sha256: Its hash.
        name: Whose it is.

    Raises:
        ArchiveError: It does not fit its hash.
    """
    if sha256(data).hexdigest() != photo_sha256:
        raise ArchiveError(f"A photo of {name} is damaged in the import. Nothing was imported: export it again.")
    return data


def _free_id(wanted: str, taken: set[str]) -> str:
    """Return the wanted id, or a fresh one if that is taken or no id at all; it is taken from then on."""
    free = wanted if schema.is_id(wanted) and wanted not in taken else schema.new_id()
    taken.add(free)
    return free
