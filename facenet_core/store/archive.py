"""Everybody in one file: a zip archive of records and photos.

::

    people.json             format, version, created_at, people, templates
    photos/<sha256>.webp    the enrolled photos

The records are those of the database (``schema.py``). Nothing is ever extracted
to a path that an archive names: members are looked up by names that this module
makes, and everything else is refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import BinaryIO, Literal

from facenet_core.errors import ArchiveError, PersonNameError
from facenet_core.store import fields, schema
from facenet_core.store.names import clean_name, name_key
from facenet_core.types import ModelId, Person, Template

FORMAT = "facenet-people"
RECORDS = "people.json"

VERSION = 1
"""Of an archive: that of its records, which the database's own version does not change."""

MAX_MEMBER = 64 * 2**20
"""Largest photo in an archive, in bytes; an enrolled photo has about 5 MB."""

MAX_RECORDS = 128 * 2**20
"""Largest ``people.json``, in bytes: about 37,000 photos, more than the database is made for."""

MAX_TOTAL = 16 * 2**30
"""Largest archive once unpacked, in bytes."""

MAX_RATIO = 20
"""Largest ratio of what an archive unpacks to and its own size: JSON of 512-d embeddings packs about 1.4 times,
photos not at all."""

_PHOTO = re.compile(r"photos/([0-9a-f]{64})\.webp")

ImportMode = Literal["merge", "replace"]
"""``merge`` adds to the database; ``replace`` leaves exactly the archive's people in it."""


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What an import would do.

    Attributes:
        added_people: People who are not in the database.
        added_photos: Photos that are not in the database.
        skipped_photos: Photos that are enrolled already.
        removed_people: People in the database who would be removed.
        foreign_photos: Photos among the added whose templates another model made;
            None where no model is in use to tell.
    """

    added_people: int
    added_photos: int
    skipped_photos: int
    removed_people: int
    foreign_photos: int | None


def write_archive(target: BinaryIO, people: Sequence[Person], read_photo: Callable[[str], bytes]) -> None:
    """Write people and their photos to an archive.

    Args:
        target: A binary file, open for writing.
        people: The people.
        read_photo: Returns a stored photo's file, given its hash.

    Raises:
        StoreError: A photo is missing or damaged.
        OSError: The archive could not be written.
    """
    templates = [template for person in people for template in person.templates]
    records = {
        "format": FORMAT,
        "version": VERSION,
        "created_at": fields.encode_time(datetime.now(UTC)),
        "people": [schema.encode_person(person.id, person.name, person.created_at) for person in people],
        "templates": [schema.encode_template(template) for template in templates],
    }
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(RECORDS, json.dumps(records, ensure_ascii=False, allow_nan=False), zipfile.ZIP_DEFLATED)
        for name in dict.fromkeys(template.photo_sha256 for template in templates):
            archive.writestr(f"photos/{name}.webp", read_photo(name), zipfile.ZIP_STORED)


class Archive:
    """An archive that was checked, and whose people can be read.

    Attributes:
        people: The people in it.
        created_at: When it was written, UTC.
    """

    def __init__(self, file: zipfile.ZipFile, people: tuple[Person, ...], created_at: datetime) -> None:
        self._file = file
        self.people = people
        self.created_at = created_at

    def photo(self, photo_sha256: str) -> bytes:
        """Return a photo's file.

        Args:
            photo_sha256: Its hash.

        Raises:
            ArchiveError: It is damaged.
        """
        data = _member(self._file, f"photos/{photo_sha256}.webp", MAX_MEMBER)
        if sha256(data).hexdigest() != photo_sha256:
            raise ArchiveError("A photo in this archive is damaged: export it again. Nothing was imported.")
        return data

    def preview(self, present: Iterable[Person], mode: ImportMode, model_id: ModelId | None) -> ImportPreview:
        """Tell what an import would do.

        Args:
            present: The people in the database.
            mode: How they would be imported.
            model_id: The model in use; None where there is none.
        """
        here = tuple(present)
        kept = here if mode == "merge" else ()
        enrolled = {template.photo_sha256 for person in kept for template in person.templates}
        names = {name_key(person.name) for person in kept}
        new: dict[str, tuple[str, Template]] = {}
        for person in self.people:
            for template in person.templates:
                if template.photo_sha256 not in enrolled:
                    new.setdefault(template.photo_sha256, (name_key(person.name), template))
        photos = sum(len(person.templates) for person in self.people)
        return ImportPreview(
            added_people=len({name for name, _ in new.values()} - names),
            added_photos=len(new),
            skipped_photos=photos - len(new),
            removed_people=len(here) - len(kept),
            foreign_photos=sum(template.model_id != model_id for _, template in new.values()) if model_id else None,
        )


def open_archive(source: BinaryIO) -> Archive:
    """Open and check an archive; nothing is written anywhere.

    Args:
        source: A binary file, open for reading; it stays open while the archive is used.

    Raises:
        ArchiveError: It is no archive of people, is damaged, hostile, or of a
            newer version.
    """
    try:
        size = source.seek(0, io.SEEK_END)
        file = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise ArchiveError("This is not an archive of people: choose a file that Export has made.") from error
    _refuse_hostile(file.infolist(), size)
    if RECORDS not in file.namelist():
        raise ArchiveError("This zip file holds no people: choose a file that Export has made.")
    try:
        records = json.loads(_member(file, RECORDS, MAX_RECORDS))
        if records["format"] != FORMAT:
            raise ArchiveError("This zip file holds no people: choose a file that Export has made.")
        version = int(records["version"])
        if version != VERSION:
            raise ArchiveError(
                f"This archive has version {version}, and this program reads version "
                f"{VERSION}: export it again with the same version of the program on both machines."
            )
        people = schema.decode_people(records["people"], records["templates"])
        created_at = fields.decode_time(str(records["created_at"]))
        for person in people:
            clean_name(person.name)  # before it is shown to anybody
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, PersonNameError) as error:
        raise ArchiveError("The list of people in this archive is damaged: export it again.") from error
    for person in people:
        for template in person.templates:
            if f"photos/{template.photo_sha256}.webp" not in file.NameToInfo:
                raise ArchiveError(f"A photo of {person.name} is missing in this archive: export it again.")
    return Archive(file, people, created_at)


def _refuse_hostile(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Look at the directory of an archive of a size in bytes; the sizes it gives for its members are only claims."""
    seen: set[str] = set()
    total = 0
    for member in members:
        name = member.filename
        if name != RECORDS and not _PHOTO.fullmatch(name):
            outside = name.startswith(("/", "\\")) or ".." in name or ":" in name
            raise ArchiveError(
                f"This archive names a path outside itself ({name[:100]!r}) and was refused."
                if outside
                else f"This archive holds {name[:100]!r}, which Export never writes, and was refused."
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"This archive packs {name[:100]!r} in a way that Export never does, and was refused.")
        if name in seen:
            raise ArchiveError(f"This archive holds {name[:100]!r} twice and was refused.")
        seen.add(name)
        total += member.file_size
        limit = MAX_RECORDS if name == RECORDS else MAX_MEMBER
        if member.file_size > limit or total > min(MAX_TOTAL, MAX_RATIO * size):
            raise ArchiveError("This archive would unpack to far more than it could hold (a zip bomb) and was refused.")


def _member(file: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read a member, and no more than the limit whatever its header says."""
    try:
        with file.open(name) as member:
            data = member.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise ArchiveError("This archive is damaged or incomplete: copy or export it again.") from error
    if len(data) > limit:
        raise ArchiveError("This archive would unpack to far more than it could hold (a zip bomb) and was refused.")
    return data
