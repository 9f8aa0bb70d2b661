"""The removal list: addresses, hosts and people that were removed, and must not come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select

from facenet_core.errors import ReverseError
from facenet_core.matching import distances
from facenet_core.reverse.addresses import on_host
from facenet_core.reverse.records import Removal
from facenet_core.reverse.tables import REMOVALS, REMOVED_FACES
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding


class Removals:
    """Keeps the removal list. Thread-safe.

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

    def bar(self, kind: str, url: str, dropped: int, now: datetime) -> int:
        """Puts an address (``url``) or a ``host`` on the list; one that is there stays.

        Returns:
            Its number.
        """
        with self._database.writing() as connection:
            known = connection.execute(select(REMOVALS.c.id).filter_by(kind=kind, url=url)).scalar()
            if known is not None:
                return int(known)
            new = insert(REMOVALS).values(at=now.isoformat(), kind=kind, url=url, dropped=dropped)
            return int(connection.execute(new.returning(REMOVALS.c.id)).scalar_one())

    def bar_face(
        self, model: int, embedding: Embedding, within: float, sample: bytes, dropped: int, now: datetime
    ) -> int:
        """Puts somebody on the list.

        Args:
            model: The number of the model.
            embedding: Of the person's face.
            within: Faces at most so far from it are taken for the person.
            sample: A small picture of the face, for other models.
            dropped: How many faces were dropped.
            now: UTC.

        Returns:
            The entry's number.
        """
        with self._database.writing() as connection:
            new = insert(REMOVALS).values(at=now.isoformat(), kind="face", sample=sample, dropped=dropped)
            removal = int(connection.execute(new.returning(REMOVALS.c.id)).scalar_one())
            values = {"removal": removal, "model": model, "embedding": embedding, "within": within}
            connection.execute(insert(REMOVED_FACES).values(**values))
        return removal

    def take_off(self, id_: int) -> None:
        """Takes an entry off the list: it may be taken in again.

        Raises:
            ReverseError: If there is none of that number.
        """
        with self._database.writing() as connection:
            if not connection.execute(delete(REMOVALS).where(REMOVALS.c.id == id_)).rowcount:
                raise ReverseError(f"There is no entry {id_} on the removal list.")

    def barred(self) -> Barred:
        """The addresses and hosts on the list, to hold many search results against."""
        with self._database.reading() as connection:
            rows = connection.execute(select(REMOVALS.c.kind, REMOVALS.c.url).where(REMOVALS.c.url.is_not(None))).all()
        return Barred(
            frozenset(url for kind, url in rows if kind == "url"), tuple(url for kind, url in rows if kind == "host")
        )

    def people(self, model: int) -> RemovedPeople:
        """The people on the list, as a model sees them."""
        wanted = select(REMOVED_FACES.c.embedding, REMOVED_FACES.c.within).where(REMOVED_FACES.c.model == model)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return RemovedPeople([row[0] for row in rows], [row[1] for row in rows])

    def unseen(self, model: int) -> Iterator[tuple[int, bytes]]:
        """Entries for people that a model has not seen: their numbers and samples."""
        seen = select(REMOVED_FACES.c.removal).where(REMOVED_FACES.c.model == model)
        wanted = select(REMOVALS.c.id, REMOVALS.c.sample).where(REMOVALS.c.kind == "face", REMOVALS.c.id.not_in(seen))
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return ((id_, sample) for id_, sample in rows)

    def see(self, removal: int, model: int, embedding: Embedding, within: float) -> None:
        """Keeps what another model makes of somebody on the list."""
        values = {"removal": removal, "model": model, "embedding": embedding, "within": within}
        with self._database.writing() as connection:
            connection.execute(insert(REMOVED_FACES).values(**values))


class Barred:
    """Addresses and hosts that must not come back.

    Args:
        urls: Addresses.
        hosts: Hosts, with all below them.
    """

    def __init__(self, urls: frozenset[str], hosts: tuple[str, ...]) -> None:
        self._urls, self._hosts = urls, hosts

    def __contains__(self, url: str) -> bool:
        return url in self._urls or any(on_host(url, host) for host in self._hosts)


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
