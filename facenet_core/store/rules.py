"""What every store of people refuses, in the same words, and what it makes of a photo that it takes in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, TypeVar

from facenet_core.errors import (
    DuplicatePhotoError,
    InputError,
    PersonExistsError,
    RehearsalError,
    UnknownPersonError,
    UnknownPhotoError,
)
from facenet_core.store import schema
from facenet_core.store.names import clean_name
from facenet_core.types import ModelChoice, NewTemplate, Template

_SHA256 = re.compile("[0-9a-f]{64}")

_Record = TypeVar("_Record")


class Holder(NamedTuple):
    """Who has a name.

    Attributes:
        id: Their id.
        name: The name, as it is stored.
    """

    id: str
    name: str


def name_to_enrol(name: str, new: Sequence[NewTemplate]) -> str:
    """Returns the name under which photos are enrolled.

    Args:
        name: As typed.
        new: The photos.

    Raises:
        PersonNameError: The name can't be used.
        ValueError: There is no photo.
    """
    name = clean_name(name)
    if not new:
        raise ValueError("expected at least one photo")
    return name


def check_creation(name: str, holder: Holder | None, create: bool | None) -> None:
    """Checks that somebody who is to be enrolled is new, or is not, where either was insisted on.

    Args:
        name: Their name.
        holder: Who has that name already.
        create: True if they must be new, False if they must not.

    Raises:
        PersonExistsError: They must be new and are not.
        UnknownPersonError: They must not be new and are.
    """
    if holder and create is True:
        raise PersonExistsError(f"{holder.name} is enrolled already: choose another name, or add the photos.")
    if not holder and create is False:
        raise UnknownPersonError(f"{name} is not enrolled: check the spelling, or add a new person.")


def refuse_taken(holder: Holder | None, person_id: str) -> None:
    """Checks that a person may have a name.

    Args:
        holder: Who has it.
        person_id: The person.

    Raises:
        PersonExistsError: Somebody else has it.
    """
    if holder and holder.id != person_id:
        raise PersonExistsError(f"Somebody else is called {holder.name} already: choose another name.")


def refuse_duplicates(new: Sequence[NewTemplate], enrolled: dict[str, str], name: str) -> None:
    """Checks that photos to be enrolled are not enrolled, and that none comes twice.

    Args:
        new: The photos.
        enrolled: Whose photos there are: names by the hashes of the photos, as
            they were given and as they are stored; the new ones are added.
        name: Whose the new ones are.

    Raises:
        DuplicatePhotoError: One is enrolled already.
    """
    for item in new:
        photo_sha256 = sha256(item.photo).hexdigest()
        person = enrolled.get(item.source_sha256) or enrolled.get(photo_sha256)
        if person:
            raise DuplicatePhotoError(
                item.source_name, f"This photo is enrolled already, as {person}: choose another one.", person
            )
        enrolled[item.source_sha256] = enrolled[photo_sha256] = name


def made(item: NewTemplate, person_id: str, photo_sha256: str, now: datetime) -> Template:
    """Returns the template of a photo that is being enrolled, with an id of its own.

    Args:
        item: The photo.
        person_id: Whose it is.
        photo_sha256: The hash under which it is stored.
        now: The time, UTC.
    """
    return Template(
        id=schema.new_id(),
        person_id=person_id,
        photo_sha256=photo_sha256,
        source_sha256=item.source_sha256,
        source_name=item.source_name,
        detection=item.detection,
        embedding=item.embedding,
        model_id=item.model_id,
        created_at=now,
    )


def still_enrolled(record: _Record | None) -> _Record:
    """Returns what was found of a person.

    Args:
        record: The same; None if nothing was.

    Raises:
        UnknownPersonError: There is no such person any more.
    """
    if record is None:
        raise UnknownPersonError("This person is not enrolled any more: look at the list of people again.")
    return record


def removable(name: str, photos: Mapping[str, str], template_id: str) -> str:
    """Returns the hash of a photo that may be removed.

    Args:
        name: Whose it is.
        photos: The hashes of all their photos, by the ids of the templates.
        template_id: The photo's template.

    Raises:
        UnknownPhotoError: They have no such photo any more.
        InputError: It is their last photo.
    """
    if template_id not in photos:
        raise UnknownPhotoError(f"{name} has no such photo any more: look at their photos again.")
    if len(photos) == 1:
        raise InputError(f"This is the only photo of {name}: remove the person instead, or add a photo first.")
    return photos[template_id]


def is_hash(text: str) -> bool:
    """Returns whether a text can be the hash of a photo.

    Args:
        text: Any text.
    """
    return _SHA256.fullmatch(text) is not None


def check_hash(text: str) -> None:
    """Checks that a text can be the hash of a photo.

    Args:
        text: Any text.

    Raises:
        UnknownPhotoError: It can't.
    """
    if not is_hash(text):
        raise UnknownPhotoError("There is no such photo: a stored photo is named by 64 hexadecimal digits.")


def check_choice(held: ModelChoice | None, of: ModelChoice) -> None:
    """Checks that a slot of shadows is one of a model.

    Args:
        held: Which one it is of; None if it is empty.
        of: The model.

    Raises:
        RehearsalError: It is one of another model by now, or empty.
    """
    if held != of:
        raise RehearsalError(
            f"The rehearsal of {of.model_id.model} was ended meanwhile, by somebody else or another command. "
            "Nothing was changed. Begin it again."
        )
