"""Keeps what users have said about an album's faces, for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import insert, select, update

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.said import Kind, Said
from facenet_core.album.tables import SAID, SAID_OF
from facenet_core.store.bulk import tuples


class Sayings:
    """Keeps what was said. Thread-safe.

    Args:
        database: Of the album.
    """

    def __init__(self, database: AlbumDatabase) -> None:
        self._database = database

    def say(
        self,
        kind: Kind,
        faces: Iterable[int],
        others: Iterable[int] = (),
        *,
        now: datetime,
        name: str | None = None,
        person: str | None = None,
    ) -> int:
        """Keeps something.

        Args:
            kind: See :class:`Said`.
            faces: The faces.
            others: For ``apart`` and ``differ``.
            now: UTC.
            name: For ``named``.
            person: The id of the enrolled person.

        Returns:
            Its number.
        """
        values = {"at": now.isoformat(), "kind": kind, "name": name, "person": person}
        with self._database.writing() as connection:
            said = connection.execute(insert(SAID).values(values).returning(SAID.c.id)).scalar_one()
            rows = [
                {"said": said, "side": side, "face": face}
                for side, part in enumerate((faces, others))
                for face in sorted(set(part))
            ]
            if rows:
                connection.execute(insert(SAID_OF), rows)
        return int(said)

    def enrolled(self, said: int, person: str) -> None:
        """Keeps whom a name was enrolled as."""
        with self._database.writing() as connection:
            connection.execute(update(SAID).where(SAID.c.id == said).values(person=person))

    def take_back(self, now: datetime) -> Said | None:
        """Takes the last word back; one that was taken back stays so.

        Returns:
            What it was; None if nothing is left.
        """
        with self._database.writing() as connection:
            said = self.all()
            if not said:
                return None
            connection.execute(update(SAID).where(SAID.c.id == said[-1].id).values(undone_at=now.isoformat()))
        return said[-1]

    def last(self) -> Kind | None:
        """What :meth:`take_back` would take back; None if nothing is left."""
        words = select(SAID.c.kind).where(SAID.c.undone_at.is_(None)).order_by(SAID.c.id.desc())
        with self._database.reading() as connection:
            kind: Kind | None = connection.scalar(words.limit(1))
        return kind

    def all(self) -> tuple[Said, ...]:
        """What counts, the oldest first."""
        words = select(SAID.c.id, SAID.c.kind, SAID.c.name, SAID.c.person).where(SAID.c.undone_at.is_(None))
        with self._database.reading() as connection:
            rows = connection.execute(words.order_by(SAID.c.id)).all()
            of: dict[int, tuple[set[int], set[int]]] = {row.id: (set(), set()) for row in rows}
            for said, side, face in tuples(connection, select(SAID_OF.c.said, SAID_OF.c.side, SAID_OF.c.face)):
                if said in of:
                    of[said][side].add(face)
        return tuple(
            Said(id_, kind, frozenset(of[id_][0]), frozenset(of[id_][1]), name, person)
            for id_, kind, name, person in rows
        )
