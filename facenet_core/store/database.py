"""TinyDB's tables over our storage, at this program's version, with the photo files beside them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tinydb import TinyDB
from tinydb.table import Document, Table

from facenet_core.errors import DatabaseDamagedError, DatabaseVersionError, StoreError
from facenet_core.store import migrations, schema
from facenet_core.store.content import Tables
from facenet_core.store.fields import RecordError
from facenet_core.store.photos import PhotoFiles
from facenet_core.store.shadow import HEADS, SLOTS, Slot
from facenet_core.store.storage import AtomicJSONStorage

logger = logging.getLogger(__name__)


def document(record: Mapping[str, Any], key: str) -> Document:
    """Return a record as TinyDB inserts it under a key of ours.

    Args:
        record: The record.
        key: Its key.
    """
    return Document(record, keys(key)[0])


def keys(*ids: str) -> list[Any]:
    """Return ids as TinyDB takes them: it works with any type, but declares numbers.

    Args:
        ids: Record ids.
    """
    return list(ids)


class _Table(Table):
    document_id_class = str  # type: ignore[assignment]  # declared as int, documented as any class


class _TinyDB(TinyDB):
    table_class = _Table


@dataclass(frozen=True, slots=True)
class PhotoChanges:
    """The photos that a transaction adds and drops, by their hash."""

    photos: PhotoFiles
    added: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)

    def put(self, data: bytes) -> str:
        """Store a photo, to be deleted again if the transaction fails.

        Args:
            data: The photo file's content.

        Returns:
            Its hash, 64 hex digits.

        Raises:
            DatabaseWriteError: It could not be written.
        """
        # Noted first: an interrupt may come between the file and the note.
        self.added.add(sha256(data).hexdigest())
        return self.photos.put(data)


class Database:
    """The tables of one folder.

    Outside :meth:`reading` and :meth:`writing` the tables must not be touched.

    Args:
        folder: The folder of the database, created by the first transaction.

    Attributes:
        photos: The photo files.
        storage: The file behind the tables.
        people: One record for each person.
        templates: One record for each enrolled photo.
        seeds: One record for each photo that came with the program.
        settings: One record for each setting.
        shadow_heads: One record for each slot of shadows that is in use.
        shadows: The slots, with one record for each photo.
    """

    def __init__(self, folder: Path) -> None:
        self.photos = PhotoFiles(folder)
        self.storage = AtomicJSONStorage(folder, check=migrations.check)
        tinydb = _TinyDB(storage=lambda: self.storage)
        # Without its query cache, which would answer from before another process wrote.
        self._meta = tinydb.table("meta", cache_size=0)
        self.people = tinydb.table("people", cache_size=0)
        self.templates = tinydb.table("templates", cache_size=0)
        self.seeds = tinydb.table("seeds", cache_size=0)
        self.settings = tinydb.table("settings", cache_size=0)
        self.shadow_heads = tinydb.table(HEADS, cache_size=0)
        self.shadows: dict[Slot, Table] = {slot: tinydb.table(slot, cache_size=0) for slot in SLOTS}

    @contextmanager
    def reading(self) -> Iterator[Tables | None]:
        """Read the tables, all of one commit. A file of an older version is brought to this one first.

        Yields:
            What the tables hold, not to be changed; None before the first
            commit.

        Raises:
            DatabaseDamagedError: The file or a record is not what was written.
            DatabaseVersionError: The file is of a newer version.
            StoreError: The file can't be read.
        """
        with self._records_checked():
            with self.storage.snapshot() as tables:
                if tables is None or not self._is_older(tables):
                    yield tables
                    return
            with self.writing():
                pass
            with self.storage.snapshot() as tables:
                yield tables

    @contextmanager
    def writing(self) -> Iterator[PhotoChanges]:
        """Change the tables and the photos: in full, or not at all on an exception.

        Photos are put before the commit and deleted after it, so that no
        committed record ever lacks its photo. With a photo go its shadows, and
        what was kept of the database as an older version had it.

        Yields:
            Where to put photos and to name those that are no longer needed.

        Raises:
            DatabaseDamagedError: As in :meth:`reading`.
            DatabaseVersionError: As in :meth:`reading`.
            DatabaseWriteError: The file or a photo could not be written.
            StoreError: The file can't be read, or others kept it locked.
        """
        changes = PhotoChanges(self.photos)
        with self.storage.lock():
            obsolete = changes.added
            try:
                with self._records_checked(), self.storage.transaction():
                    self._prepare()
                    yield changes
                    if changes.dropped:
                        self._drop_shadows()
                        self.storage.backups.remove_copies()
                obsolete = changes.dropped
                if obsolete:
                    self.storage.backups.renew()
            finally:
                if obsolete:
                    self._remove_unused(obsolete)

    def sweep(self) -> int:
        """Delete what a crash may have left of people who were removed: photo files, and the backup's older state.

        Returns:
            How many files were deleted. None are where there is no database:
            the photos may be all that is left of one.

        Raises:
            DatabaseWriteError: A photo could not be deleted.
            StoreError: As in :meth:`reading` and :meth:`writing`.
        """
        with self.storage.lock(), self.reading() as tables:
            if tables is None:
                return 0
            self.storage.backups.renew()
            return self.photos.sweep(self._referenced())

    def restore_backup(self) -> Path | None:
        """Put the backup in the place of a damaged file.

        Returns:
            Where the damaged file is now; None if it was missing.

        Raises:
            StoreError: The database is in order, or there is no usable backup.
            DatabaseVersionError: It is of a newer version.
            DatabaseWriteError: It could not be written.
        """
        # Under one lock with the check: a second click would put aside what the first has restored.
        with self.storage.lock():
            try:
                with self.reading() as tables:
                    if tables is not None:
                        migrations.check(tables)
            except DatabaseDamagedError:
                return self.storage.backups.restore()
        raise StoreError(f"{self.storage.path}: the database is in order. Nothing was restored.")

    def _prepare(self) -> None:
        tables = self.storage.read()
        if tables is None:
            self._meta.insert(document({"version": schema.SCHEMA_VERSION}, "schema"))
        elif self._is_older(tables):
            version = migrations.version_of(tables)
            self.storage.backups.keep_copy(f"v{version}")
            tables = migrations.migrate(tables)
            migrations.check(tables)
            self.storage.write(tables)
            logger.info("brought the database from version %d to %d", version, schema.SCHEMA_VERSION)

    def _is_older(self, tables: Tables) -> bool:
        version = migrations.version_of(tables)
        if version > schema.SCHEMA_VERSION:
            raise DatabaseVersionError(
                f"{self.storage.path}: the database was written by a newer version of this program (its format is "
                f"{version}, this program knows up to {schema.SCHEMA_VERSION}). Nothing was changed. "
                "Update this program."
            )
        return version < schema.SCHEMA_VERSION

    def _drop_shadows(self) -> None:
        kept = {str(record.doc_id): record["photo_sha256"] for record in self.templates}
        for table in self.shadows.values():
            gone = [str(row.doc_id) for row in table if kept.get(str(row.doc_id)) != row["photo_sha256"]]
            table.remove(doc_ids=keys(*gone))

    def _referenced(self) -> frozenset[str]:
        return frozenset(record["photo_sha256"] for record in self.templates)

    def _remove_unused(self, hashes: set[str]) -> None:
        # What counts is the file: an interrupt may come after the commit as well.
        try:
            with self.reading():
                unused = hashes - self._referenced()
            for photo in unused:
                self.photos.remove(photo)
        except StoreError:
            logger.warning("some photos that are no longer needed are left for the next sweep", exc_info=True)

    @contextmanager
    def _records_checked(self) -> Iterator[None]:
        try:
            yield
        except RecordError as error:
            raise self.storage.damaged(str(error)) from error
