"""Everything that another store held, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import Connection, func, insert, select, text

from facenet_core.store.everything import Everything
from facenet_core.store.opening import Store
from facenet_core.store.postgres import keys, rows, tables
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.events import EventTable
from facenet_core.store.postgres.importing import import_people
from facenet_core.store.postgres.keys import KeyTable
from facenet_core.store.postgres.repository import PostgresRepository
from facenet_core.store.sql import T


@contextmanager
def changing(url: str) -> Iterator[tuple[Connection, Callable[[], Store]]]:
    """Lends a database with everybody else kept out; what was done is committed when the block ends well.

    Args:
        url: Of the database.

    Yields:
        A connection for changes, and what opens the store as that connection
        sees it at the time, to be read from.

    Raises:
        StoreError: It can't be written; nothing has changed, unless the message
            says that this is not known.
    """
    database = PeopleDatabase(url)
    try:
        with database.changing() as connection:
            # Where everything came from is read once more before the commit: longer than a change may lie idle else.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            # Events alone are noted without the lock of those who write.
            connection.execute(text("LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE"))

            def opened() -> Store:
                # Anew each time: what was read before is read again for a new revision alone, which comes at the end.
                seen = _Seen(url, connection)
                return Store(PostgresRepository(seen), KeyTable(seen), EventTable(seen))

            yield connection, opened
    finally:
        database.close()


def fill(connection: Connection, content: Everything, read_photo: Callable[[str], bytes]) -> None:
    """Fills an empty database.

    Args:
        connection: For changes.
        content: What to put there.
        read_photo: Returns a photo's file, given its hash.
    """
    import_people(connection, content.people, read_photo, "merge")
    if content.seeds:
        connection.execute(
            insert(tables.seeds), [{"sha256": name, **asdict(seed)} for name, seed in content.seeds.items()]
        )
    rows.save_settings(connection, content.settings)
    keys.put(connection, dict(content.keys))
    if content.events:
        connection.execute(insert(tables.events), [asdict(event) for event in content.events])
        # The next one's number is larger.
        last = select(func.max(tables.events.c.id)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(f"{tables.SCHEMA}.events", "id")
        connection.execute(select(func.setval(sequence, last)))


class _Seen(PeopleDatabase):
    """A database as a change sees it that is under way. It has no connection of its own.

    Args:
        url: Of the database.
        connection: Of the change.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        super().__init__(url)
        self._connection = connection

    def _twice(self, begin: Callable[[Connection], None], work: Callable[[Connection], T]) -> T:
        return work(self._connection)
