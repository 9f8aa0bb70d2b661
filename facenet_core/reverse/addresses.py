"""Which addresses sources gave: what is to be fetched, what came of it, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row, Select, delete, func, insert, or_, select, update

from facenet_core.reverse.photos import drop_unshown, unseen
from facenet_core.reverse.tables import IMAGES, PHOTOS
from facenet_core.sources.records import FoundImage
from facenet_core.store.bulk import pieces
from facenet_core.store.sql import SQLDatabase


@dataclass(frozen=True, slots=True)
class Address:
    """Where a picture is to be fetched.

    Attributes:
        id: Its number.
        image: The search result.
    """

    id: int
    image: FoundImage


class Addresses:
    """Addresses of pictures, and what each gave. Thread-safe.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def found(self, image: FoundImage, query: str, now: datetime) -> Address | None:
        """Notes a search result.

        Args:
            image: The result.
            query: What was asked for.
            now: UTC.

        Returns:
            Its address; None if it was known.
        """
        with self._database.writing() as connection:
            if connection.execute(select(IMAGES.c.id).where(IMAGES.c.image_url == image.image_url)).first():
                return None
            known = {name: getattr(image, name) for name in _FOUND}
            new = insert(IMAGES).values(query=query, found_at=now.isoformat(), **known).returning(IMAGES.c.id)
            return Address(connection.execute(new).scalar_one(), image)

    def to_fetch(self, sources: Sequence[str], after: int = 0) -> Address | None:
        """The next address that was found and not fetched: a crawl that was stopped goes on there.

        Args:
            sources: Names of sources.
            after: The number of the last one.
        """
        wanted = _addresses().where(IMAGES.c.fetched_at.is_(None), IMAGES.c.source.in_(sources), IMAGES.c.id > after)
        with self._database.reading() as connection:
            row = connection.execute(wanted.order_by(IMAGES.c.id).limit(1)).first()
        return _address(row) if row else None

    def fetched(self, address: int, sha256: str, original: bytes, now: datetime) -> bool:
        """Keeps what an address gave, until the index has seen it.

        Args:
            address: Its number.
            sha256: Of the content.
            original: The content.
            now: UTC.

        Returns:
            Whether no other address had given the same.
        """
        with self._database.writing() as connection:
            known = connection.execute(select(PHOTOS.c.id).where(PHOTOS.c.sha256 == sha256)).scalar()
            if known is None:
                photo = connection.execute(
                    insert(PHOTOS).values(sha256=sha256, original=original).returning(PHOTOS.c.id)
                ).scalar_one()
            else:
                photo = known
            connection.execute(
                update(IMAGES).where(IMAGES.c.id == address).values(photo=photo, fetched_at=now.isoformat())
            )
        return known is None

    def fetched_again(self, address: int, sha256: str, original: bytes, now: datetime) -> bool:
        """Keeps the original of a photo that another model has seen.

        Returns:
            Whether the address still gives the same photo. If not, what was
            known of the old one is dropped with its last address.
        """
        with self._database.writing() as connection:
            photo = connection.execute(select(IMAGES.c.photo).where(IMAGES.c.id == address)).scalar()
            same = connection.execute(
                update(PHOTOS).where(PHOTOS.c.id == photo, PHOTOS.c.sha256 == sha256).values(original=original)
            ).rowcount
        if not same:
            self.fetched(address, sha256, original, now)
            with self._database.writing() as connection:
                drop_unshown(connection, {photo})
        return bool(same)

    def refused(self, address: int, problem: str, now: datetime) -> None:
        """Notes why an address gave no photo; it is not asked again."""
        with self._database.writing() as connection:
            photo = connection.execute(select(IMAGES.c.photo).where(IMAGES.c.id == address)).scalar()
            connection.execute(
                update(IMAGES)
                .where(IMAGES.c.id == address)
                .values(photo=None, fetched_at=now.isoformat(), problem=problem)
            )
            drop_unshown(connection, {photo})

    def drop(self, *, url: str | None = None, host: str | None = None, before: datetime | None = None) -> int:
        """Forgets addresses, and the photos and faces that no other address shows.

        Args:
            url: Of a picture or a page.
            host: Of either, with all hosts below it.
            before: Those that were found earlier, UTC.

        Returns:
            How many addresses were forgotten.
        """
        wanted = select(IMAGES.c.id, IMAGES.c.photo, IMAGES.c.image_url, IMAGES.c.page_url)
        if url:
            wanted = wanted.where(or_(IMAGES.c.image_url == url, IMAGES.c.page_url == url))
        if host:
            name = host.lower()
            both = (func.lower(IMAGES.c.image_url), func.lower(IMAGES.c.page_url))
            wanted = wanted.where(or_(*(url.contains(name, autoescape=True) for url in both)))
        if before:
            wanted = wanted.where(func.coalesce(IMAGES.c.fetched_at, IMAGES.c.found_at) < before.isoformat())
        with self._database.writing() as connection:
            rows = connection.execute(wanted).all()
            gone = {id_: photo for id_, photo, *both in rows if not host or any(on_host(each, host) for each in both)}
            for some in pieces(sorted(gone)):
                connection.execute(delete(IMAGES).where(IMAGES.c.id.in_(some)))
            drop_unshown(connection, set(gone.values()))
        return len(gone)

    def lost(self, model: int) -> Iterator[Address]:
        """An address of each photo that a model has not seen and whose original is gone: to be fetched again."""
        wanted = (
            select(func.min(IMAGES.c.id))
            .join(PHOTOS, IMAGES.c.photo == PHOTOS.c.id)
            .where(PHOTOS.c.original.is_(None), unseen(model))
            .group_by(PHOTOS.c.id)
        )
        with self._database.reading() as connection:
            ids = list(connection.scalars(wanted))
        for some in pieces(ids):
            with self._database.reading() as connection:
                rows = connection.execute(_addresses().where(IMAGES.c.id.in_(some))).all()
            yield from map(_address, rows)


def on_host(url: str, host: str) -> bool:
    """Whether an address is on a host, or on one below it."""
    name = (urlsplit(url).hostname or "").lower()
    return name == host.lower() or name.endswith(f".{host.lower()}")


_FOUND = tuple(field.name for field in fields(FoundImage) if field.name in IMAGES.c)


def _addresses() -> Select[Any]:
    return select(IMAGES.c.id, *(IMAGES.c[name] for name in _FOUND))


def _address(row: Row[Any]) -> Address:
    known = {name: getattr(row, name) for name in _FOUND}
    return Address(row.id, FoundImage(**known, width=None, height=None))
