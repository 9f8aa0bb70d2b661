"""Which addresses sources gave: what is to be fetched, what came of it, and what is forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, true, update

from facenet_core.reverse.photos import drop_unshown, unseen
from facenet_core.reverse.records import Crawled
from facenet_core.reverse.removals import BARRED, barred
from facenet_core.reverse.tables import IMAGES, PHOTOS
from facenet_core.sources.links import same, site, sites
from facenet_core.sources.records import FoundImage
from facenet_core.store.bulk import pieces
from facenet_core.store.sql import SQLDatabase

GONE = "It was forgotten while it was fetched."
"""Why nothing is kept of an address that had expired, or was removed and allowed again."""


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

    def found(self, image: FoundImage, query: str, now: datetime) -> Address | Crawled:
        """Notes a search result.

        Args:
            image: The result.
            query: What was asked for.
            now: UTC.

        Returns:
            Its address; if there is nothing to fetch, why.
        """
        with self._database.writing() as connection:
            if barred(connection, image.image_url, image.page_url):
                return Crawled(image.image_url, "refused", BARRED)
            if connection.execute(select(IMAGES.c.id).where(IMAGES.c.image_url == image.image_url)).first():
                return Crawled(image.image_url, "known")
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

    def fetched(self, address: Address, sha256: str, original: bytes, now: datetime) -> Crawled:
        """Keeps what an address gave, until the index has seen it.

        Args:
            address: The address.
            sha256: Of the content.
            original: The content.
            now: UTC.

        Returns:
            ``fetched``; ``known`` if another address had given the same;
            ``refused`` if the address was removed meanwhile.
        """
        with self._database.writing() as connection:
            return _given(connection, address, sha256, original, now)

    def fetched_again(self, address: Address, sha256: str, original: bytes, now: datetime) -> Crawled:
        """Keeps the original of a photo that another model has seen.

        Returns:
            As :meth:`fetched`. If the address gives another photo now, what was
            known of the old one is dropped with its last address.
        """
        with self._database.writing() as connection:
            photo = connection.execute(select(IMAGES.c.photo).where(*_is(address))).scalar()
            there = PHOTOS.c.id == photo, PHOTOS.c.sha256 == sha256
            if connection.execute(update(PHOTOS).where(*there).values(original=original)).rowcount:
                return Crawled(address.image.image_url, "fetched")
            given = _given(connection, address, sha256, original, now)
            drop_unshown(connection, {photo})
            return given

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


def drop_url(connection: Connection, url: str) -> int:
    """Forgets a page or a picture, and the photos and faces that no other address shows.

    Args:
        connection: To write with.
        url: Its address; it may be written otherwise than a source did.

    Returns:
        How many addresses were forgotten.
    """
    wanted = same(url)
    # Of its path what is written in one way alone, to look at few addresses.
    plain = re.split(r"%[0-9a-f]{2}|[^a-z0-9._~-]", wanted.lower().partition("://")[2].partition("/")[2])
    return _drop(connection, [*_labels(site(url)), max(plain, key=len)], lambda each: same(each) == wanted)


def drop_host(connection: Connection, host: str) -> int:
    """Forgets all pages and pictures of a host and those below it, as :func:`drop_url` does.

    Args:
        connection: To write with.
        host: As :func:`~facenet_core.sources.links.site` gives it.
    """
    return _drop(connection, _labels(host), lambda each: host in sites(each))


def drop_before(connection: Connection, moment: datetime) -> int:
    """Forgets what was fetched, or only found, before a moment (UTC), as :func:`drop_url` does."""
    earlier = func.coalesce(IMAGES.c.fetched_at, IMAGES.c.found_at) < moment.isoformat()
    rows = connection.execute(select(IMAGES.c.id, IMAGES.c.photo).where(earlier)).all()
    return _forget(connection, {id_: photo for id_, photo in rows})


def drop_barred(connection: Connection, photo: int) -> None:
    """Forgets those addresses of a photo that are on the removal list, and the photo if no other shows it."""
    shown = select(IMAGES.c.id, IMAGES.c.image_url, IMAGES.c.page_url).where(IMAGES.c.photo == photo)
    gone = [id_ for id_, *urls in connection.execute(shown).all() if barred(connection, *urls)]
    _forget(connection, dict.fromkeys(gone, photo))


def _drop(connection: Connection, words: Sequence[str], of: Callable[[str], bool]) -> int:
    """Forgets those addresses with some words in them, in lower case, whose page or picture is meant."""
    both = IMAGES.c.image_url, IMAGES.c.page_url
    with_them = (and_(true(), *(func.lower(url).contains(word, autoescape=True) for word in words)) for url in both)
    rows = connection.execute(select(IMAGES.c.id, IMAGES.c.photo, *both).where(or_(*with_them))).all()
    return _forget(connection, {id_: photo for id_, photo, *urls in rows if any(map(of, urls))})


def _forget(connection: Connection, gone: dict[int, int | None]) -> int:
    for some in pieces(sorted(gone)):
        connection.execute(delete(IMAGES).where(IMAGES.c.id.in_(some)))
    drop_unshown(connection, set(gone.values()))
    return len(gone)


def _labels(host: str) -> list[str]:
    """The parts of a host that every way to write it has."""
    return [label for label in host.split(".") if re.fullmatch("(?!xn--)[a-z0-9_-]+", label)]


def _given(connection: Connection, address: Address, sha256: str, original: bytes, now: datetime) -> Crawled:
    url = address.image.image_url
    if barred(connection, url, address.image.page_url):
        connection.execute(delete(IMAGES).where(*_is(address)))
        return Crawled(url, "refused", BARRED)
    # First of all: a photo of an address that has gone would stay for ever.
    if not connection.execute(update(IMAGES).where(*_is(address)).values(fetched_at=now.isoformat())).rowcount:
        return Crawled(url, "refused", GONE)
    known = connection.execute(select(PHOTOS.c.id).where(PHOTOS.c.sha256 == sha256)).scalar()
    new = insert(PHOTOS).values(sha256=sha256, original=original).returning(PHOTOS.c.id)
    photo = connection.execute(new).scalar_one() if known is None else known
    connection.execute(update(IMAGES).where(*_is(address)).values(photo=photo))
    return Crawled(url, "fetched" if known is None else "known")


def _is(address: Address) -> Sequence[ColumnElement[bool]]:
    """The condition that a row is an address: numbers are used again."""
    return IMAGES.c.id == address.id, IMAGES.c.image_url == address.image.image_url


_FOUND = tuple(field.name for field in fields(FoundImage) if field.name in IMAGES.c)


def _addresses() -> Select[Any]:
    return select(IMAGES.c.id, *(IMAGES.c[name] for name in _FOUND))


def _address(row: Row[Any]) -> Address:
    known = {name: getattr(row, name) for name in _FOUND}
    return Address(row.id, FoundImage(**known, width=None, height=None))
