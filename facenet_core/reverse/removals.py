"""The removal list: addresses, hosts and people that were removed, and must not come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from facenet_core.errors import ReverseError
from facenet_core.matching import distances
from facenet_core.reverse.records import Removal
from facenet_core.reverse.tables import REMOVALS, REMOVED_FACES
from facenet_core.sources.links import same, sites
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding

BARRED = "It is on the removal list."
"""Why an address is not taken in."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Somebody on the list whom a model has not seen.

    Attributes:
        removal: The entry's number.
        sample: A small picture of the face, the face in its middle.
        within: How near a face had to be, with the model that the person was
            removed with, to be taken for theirs.
    """

    removal: int
    sample: bytes
    within: float


class Removals:
    """Keeps the removal list. Thread-safe.

    What takes a connection is part of what else is done in its transaction:
    somebody is barred and dropped at once, or not at all. One transaction writes
    at a time, so whoever takes something in sees what was removed, and whoever
    removes something what was taken in.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def all(self) -> tuple[Removal, ...]:
        """The list, the latest first."""
        wanted = select(REMOVALS.c.id, REMOVALS.c.at, REMOVALS.c.kind, REMOVALS.c.url, REMOVALS.c.dropped)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(REMOVALS.c.id.desc())).all()
        return tuple(Removal(id_, datetime.fromisoformat(at), *rest) for id_, at, *rest in rows)

    def take_off(self, id_: int) -> None:
        """Takes an entry off the list: it may be taken in again.

        Raises:
            ReverseError: If there is none of that number.
        """
        with self._database.writing() as connection:
            if not connection.execute(delete(REMOVALS).where(REMOVALS.c.id == id_)).rowcount:
                raise ReverseError(f"There is no entry {id_} on the removal list.")

    def unseen(self, model: int) -> Sequence[Unseen]:
        """People on the list whom a model has not seen."""
        with self._database.reading() as connection:
            return unseen(connection, model)


def bar(connection: Connection, kind: str, url: str, now: datetime) -> int:
    """Puts an address (``url``) or a ``host`` on the list; one that is there stays.

    Returns:
        Its number.
    """
    known = connection.execute(select(REMOVALS.c.id).filter_by(kind=kind, url=url)).scalar()
    if known is not None:
        return int(known)
    new = insert(REMOVALS).values(at=now.isoformat(), kind=kind, url=url, dropped=0)
    return int(connection.execute(new.returning(REMOVALS.c.id)).scalar_one())


def bar_face(
    connection: Connection, model: int, embedding: Embedding, within: float, sample: bytes, now: datetime
) -> int:
    """Puts somebody on the list.

    Args:
        connection: To write with.
        model: The number of the model.
        embedding: Of the person's face.
        within: Faces at most so far from it are taken for the person.
        sample: A small picture of the face, for other models.
        now: UTC.

    Returns:
        The entry's number.
    """
    new = insert(REMOVALS).values(at=now.isoformat(), kind="face", sample=sample, dropped=0)
    removal = int(connection.execute(new.returning(REMOVALS.c.id)).scalar_one())
    see(connection, removal, model, embedding, within)
    return removal


def see(connection: Connection, removal: int, model: int, embedding: Embedding, within: float) -> bool:
    """Keeps what a model makes of somebody on the list.

    Returns:
        False if the entry was taken off, or another process was faster.
    """
    listed = connection.execute(select(REMOVALS.c.id).where(REMOVALS.c.id == removal)).first()
    known = connection.execute(select(REMOVED_FACES.c.model).filter_by(removal=removal, model=model)).first()
    if not listed or known:
        return False
    values = {"removal": removal, "model": model, "embedding": embedding, "within": within}
    connection.execute(insert(REMOVED_FACES).values(**values))
    return True


def note_dropped(connection: Connection, removal: int, dropped: int) -> None:
    """Adds to what was dropped with an entry."""
    connection.execute(update(REMOVALS).where(REMOVALS.c.id == removal).values(dropped=REMOVALS.c.dropped + dropped))


def barred(connection: Connection, *urls: str) -> bool:
    """Whether any of some addresses is on the list, however it is written, or its host or one above that."""
    addresses = {each for url in urls for each in (url, same(url))}
    hosts = {host for url in urls for host in sites(url)}
    listed = or_(
        and_(REMOVALS.c.kind == "url", REMOVALS.c.url.in_(addresses)),
        and_(REMOVALS.c.kind == "host", REMOVALS.c.url.in_(hosts)),
    )
    return connection.execute(select(REMOVALS.c.id).where(listed).limit(1)).first() is not None


def people(connection: Connection, model: int) -> RemovedPeople:
    """The people on the list, as a model sees them."""
    wanted = select(REMOVED_FACES.c.embedding, REMOVED_FACES.c.within).where(REMOVED_FACES.c.model == model)
    rows = connection.execute(wanted).all()
    return RemovedPeople([row[0] for row in rows], [row[1] for row in rows])


def unseen(connection: Connection, model: int) -> Sequence[Unseen]:
    """People on the list whom a model has not seen, or on whose sample it finds no face."""
    seen = select(REMOVED_FACES.c.removal).where(REMOVED_FACES.c.model == model)
    wanted = (
        select(REMOVALS.c.id, REMOVALS.c.sample, func.max(REMOVED_FACES.c.within))
        .join(REMOVED_FACES, REMOVED_FACES.c.removal == REMOVALS.c.id)
        .where(REMOVALS.c.id.not_in(seen))
        .group_by(REMOVALS.c.id, REMOVALS.c.sample)
        .order_by(REMOVALS.c.id)
    )
    return [Unseen(*row) for row in connection.execute(wanted)]


class RemovedPeople:
    """People who must not come back, as one model sees them.

    Args:
        embeddings: Theirs.
        within: How near a face must be to each to be taken for them.
    """

    def __init__(self, embeddings: list[Embedding], within: list[float]) -> None:
        self._embeddings: NDArray[np.float32] | None = np.stack(embeddings) if embeddings else None
        self._within = np.array(within, np.float32)

    def __contains__(self, embedding: Embedding) -> bool:
        if self._embeddings is None:
            return False
        return bool((distances(embedding[np.newaxis], self._embeddings)[0] <= self._within).any())
