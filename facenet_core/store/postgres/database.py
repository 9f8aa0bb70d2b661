"""The database of people in PostgreSQL, and what tells that something in it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Connection, select, update

from facenet_core.errors import DatabaseVersionError
from facenet_core.store.postgres import tables
from facenet_core.store.postgresql import CHANGED, PostgresDatabase


class PeopleDatabase(PostgresDatabase):
    """The tables of :mod:`~facenet_core.store.postgres.tables`. Thread-safe.

    Args:
        url: Of the database.

    Raises:
        SettingError: The address is none.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, tables.metadata, tables.SCHEMA)

    def revision(self) -> str:
        """Returns a token that changes whenever anybody commits; one question to the server.

        Raises:
            StoreError: The server does not answer.
        """
        return self.ask(self.seen)

    def seen(self, connection: Connection) -> str:
        """Returns the revision that a connection sees.

        Args:
            connection: The connection.

        Raises:
            DatabaseVersionError: A newer version of the program made the tables.
        """
        version, revision = connection.execute(select(tables.state.c.version, tables.state.c.revision)).one()
        if version > tables.VERSION:
            raise DatabaseVersionError(
                f"{self.place}: the database was written by a newer version of this program (its tables are "
                f"{version}, this program knows up to {tables.VERSION}). Nothing was changed. Update this program."
            )
        return str(revision)

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """The same as :meth:`writing`, and if anything is changed, so is the revision.

        Raises:
            DatabaseVersionError: A newer version of the program made the tables.
            DatabaseWriteError: Nothing was changed.
            StoreError: The server does not answer, others kept it locked, or it
                is not known whether the change was made.
        """
        with self.writing() as connection:
            self.seen(connection)
            yield connection
            now = datetime.now(UTC)
            connection.execute(update(tables.state).where(CHANGED).values(revision=uuid4(), changed_at=now))
