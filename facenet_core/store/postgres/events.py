"""Who asked for what, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from facenet_core.store.event import MOST, Event
from facenet_core.store.postgres import rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.tables import events
from facenet_core.types import Asker


class EventTable:
    """Keeps the events of all hosts in a table: see :class:`~facenet_core.store.parts.Events`.

    An event is not worth waiting for others: it neither takes the writers' lock
    nor makes a new revision.

    Args:
        database: Where it is.
        days: After which events are dropped; with 0 none is kept.
        now: The clock, UTC.
    """

    def __init__(
        self, database: PeopleDatabase, days: int = 90, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._kept = timedelta(days=days)
        self._now = now
        self._swept = datetime.min.replace(tzinfo=UTC)

    def note(self, kind: str, outcome: str, by: Asker, person_id: str | None = None) -> None:
        """See :class:`~facenet_core.store.parts.Events`."""
        now = self._now()
        with self._database.adding() as connection:
            if self._kept:
                event = {"at": now, "kind": kind, "outcome": outcome, "person_id": person_id}
                asked = {"door": by.door, "who": by.name and rows.readable(by.name), "key_id": by.key_id}
                connection.execute(insert(events).values(event | asked))
            if now - self._swept > timedelta(hours=1):
                connection.execute(delete(events).where(events.c.at < now - self._kept))
                self._swept = now

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """See :class:`~facenet_core.store.parts.Events`."""
        wanted = select(events).order_by(events.c.id.desc()).limit(min(limit, MOST))
        if before:
            wanted = wanted.where(events.c.id < before)

        def found(connection: Connection) -> tuple[Event, ...]:
            made = (Event(**row) for row in connection.execute(wanted).mappings())
            return tuple(made)

        return self._database.ask(found)

    def close(self) -> None:
        """See :class:`~facenet_core.store.parts.Events`. Lets go of all connections."""
        self._database.close()
