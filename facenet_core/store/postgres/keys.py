"""The keys of the API in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert

from facenet_core.store.keys import Entry, Keys
from facenet_core.store.postgres import rows, tables
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.types import ROLES, ApiKey


class KeyTable(Keys):
    """Keeps keys in a table, so that one that is revoked opens on no host any more.

    Args:
        database: Where it is.
        now: The clock, UTC.
    """

    def __init__(self, database: PeopleDatabase, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(now)
        self._database = database

    def entries(self) -> dict[str, Entry]:
        """The keys with their hashes, by their ids.

        Raises:
            StoreError: If the server does not answer.
        """
        return self._database.ask(entries)

    @contextmanager
    def changing(self) -> Iterator[dict[str, Entry]]:
        """Lends the keys to be changed, and keeps what was made of them, with others kept out.

        Raises:
            StoreError: If they can't be read or written.
        """
        with self._database.changing() as connection:
            before = entries(connection)
            keys = dict(before)
            yield keys
            put(connection, {key: entry for key, entry in keys.items() if entry != before.get(key)})


def entries(connection: Connection) -> dict[str, Entry]:
    """Returns the keys with their hashes, by their ids.

    Args:
        connection: For reading.
    """
    found = connection.execute(select(tables.keys)).all()
    return {each.id: (_key(each), each.sha256) for each in found}


def put(connection: Connection, keys: dict[str, Entry]) -> None:
    """Stores keys, in the place of those of the same id.

    Args:
        connection: For changes.
        keys: The keys with their hashes, by their ids.
    """
    for key, kept in keys.values():
        record = asdict(key) | {"roles": list(key.roles), "sha256": kept}
        stored = insert(tables.keys).values(record)
        connection.execute(stored.on_conflict_do_update(index_elements=["id"], set_=record))


def _key(row: Row[Any]) -> ApiKey:
    times = (time and rows.utc(time) for time in (row.created_at, row.expires_at, row.revoked_at))
    return ApiKey(row.id, row.name, tuple(role for role in ROLES if role in row.roles), *times)
