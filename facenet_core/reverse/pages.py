"""Which addresses are known, which photos they gave, and which pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from facenet_core.reverse.records import Among, Page
from facenet_core.reverse.tables import ANALYSES, FACES, IMAGES, PHOTOS
from facenet_core.reverse.twins import promote
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


@dataclass(frozen=True, slots=True)
class Waiting:
    """A photo that a model has not seen.

    Attributes:
        photo: Its number.
        url: An address of it.
        original: Its bytes.
    """

    photo: int
    url: str
    original: bytes


class Pages:
    """Addresses and photos. Thread-safe.

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
            new = connection.execute(
                insert(IMAGES)
                .values(
                    source=image.source,
                    query=query,
                    image_url=image.image_url,
                    page_url=image.page_url,
                    title=image.title,
                    author=image.author,
                    licence=image.licence,
                    licence_url=image.licence_url,
                    found_at=now.isoformat(),
                )
                .returning(IMAGES.c.id)
            )
            return Address(new.scalar_one(), image)

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

    def waiting(self, model: int, after: int = 0) -> Waiting | None:
        """The next photo whose original is here and that a model has not seen.

        Args:
            model: Its number.
            after: The number of the last photo.
        """
        wanted = (
            select(PHOTOS.c.id, PHOTOS.c.original)
            .where(PHOTOS.c.original.is_not(None), PHOTOS.c.id > after, ~_seen(model).exists())
            .order_by(PHOTOS.c.id)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
            if row is None:
                return None
            url = connection.execute(select(func.min(IMAGES.c.image_url)).where(IMAGES.c.photo == row[0])).scalar()
        return Waiting(row[0], url or "", row[1])

    def lost(self, model: int) -> Iterator[Address]:
        """An address of each photo that a model has not seen and whose original is gone: to be fetched again."""
        wanted = (
            select(func.min(IMAGES.c.id))
            .join(PHOTOS, IMAGES.c.photo == PHOTOS.c.id)
            .where(PHOTOS.c.original.is_(None), ~_seen(model).exists())
            .group_by(PHOTOS.c.id)
        )
        with self._database.reading() as connection:
            ids = list(connection.scalars(wanted))
        for some in pieces(ids):
            with self._database.reading() as connection:
                rows = connection.execute(_addresses().where(IMAGES.c.id.in_(some))).all()
            yield from map(_address, rows)

    def originals(self) -> int:
        """How many originals wait for the index."""
        waits = PHOTOS.c.original.is_not(None), PHOTOS.c.thumbnail.is_(None)
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(PHOTOS).where(*waits)).scalar_one()

    def thumbnail(self, photo: int) -> bytes | None:
        """A photo's thumbnail as JPEG; None if it is gone."""
        with self._database.reading() as connection:
            return connection.execute(select(PHOTOS.c.thumbnail).where(PHOTOS.c.id == photo)).scalar()


def showing(connection: Connection, faces: Sequence[int], among: Among) -> dict[int, tuple[Page, ...]]:
    """The pages that show faces, or copies of them.

    Args:
        connection: To read with.
        faces: Numbers of faces that are no copies.
        among: Which pages count.

    Returns:
        By face; without those that no page shows.
    """
    shown: dict[int, dict[str, Page]] = {}
    for some in pieces(list(faces)):
        for own in (FACES.c.id, FACES.c.twin):  # the face's own pages first
            wanted = (
                select(
                    own,
                    IMAGES.c.source,
                    IMAGES.c.page_url,
                    IMAGES.c.image_url,
                    IMAGES.c.title,
                    IMAGES.c.author,
                    IMAGES.c.licence,
                    IMAGES.c.licence_url,
                    IMAGES.c.fetched_at,
                )
                .join(FACES, IMAGES.c.photo == FACES.c.photo)
                .where(own.in_(some))
                .order_by(IMAGES.c.id)
            )
            for row in connection.execute(within(wanted, among)):
                face, *_ = row
                page = Page(
                    row.source,
                    row.page_url,
                    row.image_url,
                    row.title,
                    row.author,
                    row.licence,
                    row.licence_url,
                    datetime.fromisoformat(row.fetched_at),
                )
                shown.setdefault(face, {}).setdefault(page.image_url, page)
    return {face: tuple(pages.values()) for face, pages in shown.items()}


def within(wanted: Select[Any], among: Among) -> Select[Any]:
    """Only addresses that count."""
    if among.sources:
        wanted = wanted.where(IMAGES.c.source.in_(among.sources))
    if among.since:
        wanted = wanted.where(IMAGES.c.fetched_at >= among.since.isoformat())
    if among.until:
        wanted = wanted.where(IMAGES.c.fetched_at < among.until.isoformat())
    return wanted


def drop_unshown(connection: Connection, photos: Iterable[int | None]) -> None:
    """Deletes those of some photos that no address shows any more, with their faces."""
    for some in pieces(sorted(photo for photo in photos if photo is not None)):
        shown = set(connection.scalars(select(IMAGES.c.photo).where(IMAGES.c.photo.in_(some))))
        gone = [photo for photo in some if photo not in shown]
        promote(connection, list(connection.scalars(select(FACES.c.id).where(FACES.c.photo.in_(gone)))))
        connection.execute(delete(PHOTOS).where(PHOTOS.c.id.in_(gone)))


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


def _seen(model: int) -> Select[tuple[int]]:
    return select(ANALYSES.c.photo).where(ANALYSES.c.photo == PHOTOS.c.id, ANALYSES.c.model == model)
