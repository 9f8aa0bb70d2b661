"""The database of people in PostgreSQL: one writer at a time, and no doubt about what was committed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from facenet_core.errors import DatabaseVersionError, DatabaseWriteError, StoreError
from facenet_core.store.postgres import tables
from facenet_core.store.sql import PostgresDatabase

logger = logging.getLogger(__name__)

REMEMBERED = timedelta(hours=1)
"""For how long a commit can be asked for: far longer than anybody waits for an answer."""


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
        """Lends a connection for changes that are made together or not at all, with other writers kept out.

        If anything is changed, so is the revision. If the connection breaks
        while the change is being committed, the server is asked whether it was.

        Raises:
            StoreError: The server does not answer, others kept it locked, or it
                is not known whether the change was made.
            DatabaseWriteError: Nothing was changed.
        """
        token = uuid4()
        with self._errors(), self._begun(self._begin_changing) as connection:
            try:
                yield connection
                self._note(connection, token)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise DatabaseWriteError(
                        f"{self.place}: the connection broke. Nothing was changed. Try again."
                    ) from error
                raise
            try:
                connection.commit()
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                broken = error
            else:
                return
        self._settle(token, broken)

    def _begin_changing(self, connection: Connection) -> None:
        self._begin_writing(connection)
        # Ends with the transaction. Unlike the lock of a row it is no change in itself.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{self.schema}.state"))))
        self.seen(connection)

    def _note(self, connection: Connection, token: UUID) -> None:
        if connection.execute(text("SELECT pg_current_xact_id_if_assigned()")).scalar() is None:
            return  # nothing was changed
        now = datetime.now(UTC)
        connection.execute(delete(tables.commits).where(tables.commits.c.at < now - REMEMBERED))
        connection.execute(insert(tables.commits).values(token=token, at=now))
        connection.execute(update(tables.state).values(revision=token, changed_at=now))

    def _settle(self, token: UUID, broken: DBAPIError) -> None:
        """Finds out whether a change was made whose acknowledgement was lost.

        Raises:
            DatabaseWriteError: It was not.
            StoreError: Nobody can tell.
        """
        try:
            # The lock is only free once the server is done with the change, in one way or the other.
            with self._errors(), self._begun(self._begin_changing) as connection:
                made = connection.execute(select(tables.commits).where(tables.commits.c.token == token)).first()
        except StoreError as error:
            raise StoreError(
                f"{self.place}: the connection broke while a change was being stored, and it is not known whether it "
                "was. Look whether it is there before trying again."
            ) from error
        if made is None:
            raise DatabaseWriteError(f"{self.place}: the connection broke. Nothing was changed. Try again.") from broken
        logger.warning("%s: the connection broke, but the change was made", self.place)
