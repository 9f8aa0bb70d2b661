"""The enrolled photos, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256 as digest

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from facenet_core.errors import StoreError
from facenet_core.store.postgres import tables
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.rules import check_hash


class PhotoTable:
    """Photos by the hash of their content. They come and go with their templates, in the same transaction.

    Args:
        database: Where they are.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def read(self, sha256: str) -> bytes:
        """See :class:`~facenet_core.store.parts.Photos`."""
        check_hash(sha256)
        wanted = select(tables.photos.c.data).where(tables.photos.c.sha256 == sha256)
        data: bytes | None = self._database.ask(lambda connection: connection.execute(wanted).scalar())
        if data is None or digest(data).hexdigest() != sha256:
            state = "missing" if data is None else "damaged"
            raise StoreError(
                f"{self._database.place}: photo {sha256} is {state}. Remove it from its person and enrol it again."
            )
        return data

    def all(self) -> frozenset[str]:
        """See :class:`~facenet_core.store.parts.Photos`."""
        return self._database.ask(lambda connection: frozenset(connection.scalars(select(tables.photos.c.sha256))))


def put(connection: Connection, data: bytes) -> str:
    """Stores a photo; one that is there already stays.

    Args:
        connection: For changes.
        data: The photo's file.

    Returns:
        Its hash, 64 hex digits.
    """
    sha256 = digest(data).hexdigest()
    connection.execute(insert(tables.photos).values(sha256=sha256, data=data).on_conflict_do_nothing())
    return sha256


def drop(connection: Connection, hashes: Sequence[str]) -> None:
    """Deletes photos; each belongs to one template, which is gone.

    Args:
        connection: For changes.
        hashes: Their hashes.
    """
    connection.execute(delete(tables.photos).where(tables.photos.c.sha256.in_(hashes)))


def drop_unused(connection: Connection) -> int:
    """Deletes photos that belong to nobody; returns how many.

    Args:
        connection: For changes.
    """
    used = select(tables.templates.c.id).where(tables.templates.c.photo_sha256 == tables.photos.c.sha256)
    return connection.execute(delete(tables.photos).where(~used.exists())).rowcount
