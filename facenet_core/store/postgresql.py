"""One schema of a PostgreSQL database, behind the doors of :mod:`facenet_core.store.sql`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import (
    URL,
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Table,
    Uuid,
    create_engine,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from facenet_core.errors import DatabaseWriteError, StoreError
from facenet_core.store.server import Server
from facenet_core.store.sql import POOL, POOL_MORE, POOL_SECONDS, Held, SQLDatabase, broke
from facenet_core.store.turn import Turn

logger = logging.getLogger(__name__)

REMEMBERED = timedelta(hours=1)
"""For how long a commit can be asked for: far longer than anybody waits for an answer."""

_OWN = MetaData()

_COMMITS = Table(
    "commits",
    _OWN,
    Column[UUID]("token", Uuid, primary_key=True),
    Column[datetime]("at", DateTime(timezone=True), nullable=False, index=True),
)
"""The last hour's commits, in each schema."""

CHANGED = func.pg_current_xact_id_if_assigned().is_not(None)
"""Whether a transaction has changed anything so far."""

_LOCKED = """
SELECT EXISTS (
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()
    AND (CAST(classid AS bigint) << 32 | CAST(objid AS bigint)) = hashtext(:name)
)
"""
"""Whether a lock of one number is held: it is in two halves
(https://www.postgresql.org/docs/current/view-pg-locks.html)."""


class PostgresDatabase(SQLDatabase):
    """One schema of a PostgreSQL database with pgvector, for any number of hosts.

    Connections that broke while nobody used them are replaced, and a server
    that is away is waited for: see :class:`~facenet_core.store.server.Server`.

    Args:
        dsn: Of libpq, such as ``postgresql://user@one:5432,two:5432/faces``.
        metadata: The tables.
        schema: Its name.

    Raises:
        SettingError: If the address is none.
    """

    def __init__(self, dsn: str, metadata: MetaData, schema: str) -> None:
        self._server = Server(dsn, f'"{schema}",public')
        super().__init__(metadata, self._server.place)
        self.schema = schema

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """See :meth:`SQLDatabase.writing`.

        If the connection breaks while the change is being committed, the server
        is asked whether it was.
        """
        token = uuid4()
        with self._errors(), self._begun(self._begin_writing) as connection:
            try:
                yield connection
                self._note(connection, token)
            except (DBAPIError, psycopg.Error) as error:
                if broke(connection):
                    raise self._unchanged() from error
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

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """Lends a connection for rows that depend on no others: it waits for no other writer, nor keeps any waiting.

        If the connection breaks, nobody asks what became of them.

        Raises:
            StoreError: If the database can't be written.
        """
        with self._errors(), self._begun(self._begin_adding) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def alone(self, work: str) -> Iterator[Held | None]:
        """See :meth:`SQLDatabase.alone`. The lock is the server's, and ends with the connection."""
        with Turn(self._begun, f"{self.schema}.{work}") as turn:

            def held() -> bool:
                with self._errors():
                    return turn.held()

            yield held if held() else None

    def busy(self, work: str) -> bool:
        """See :meth:`SQLDatabase.busy`."""
        name = {"name": f"{self.schema}.{work}"}
        return self.ask(lambda connection: bool(connection.execute(text(_LOCKED), name).scalar_one()))

    @property
    def exists(self) -> bool:
        """Whether anything was ever written: the schema is there since the first use."""
        with self._lock:
            if self._engine:
                return True
        there = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = %s)"
        with self._errors(), self._server.connect() as connection:
            row = connection.execute(there, (self.schema,)).fetchone()
        return bool(row and row[0])

    def _made(self) -> Engine:
        engine = create_engine(
            URL.create("postgresql+psycopg"),
            creator=self._server.connect,
            hide_parameters=True,  # they hold names and templates, which have no place in a log
            pool_size=POOL,
            max_overflow=POOL_MORE,
            pool_timeout=POOL_SECONDS,
        )
        try:
            with engine.begin() as connection:
                # Another process may be about to do the same, and "if not exists" alone does not keep two apart.
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:schema))"), {"schema": self.schema})
                # Only what is missing: who may not make extensions and schemas can still use those that are there.
                there = text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
                if connection.execute(there).first() is None:
                    connection.execute(text("CREATE EXTENSION vector SCHEMA public"))
                there = text("SELECT 1 FROM pg_namespace WHERE nspname = :schema")
                if connection.execute(there, {"schema": self.schema}).first() is None:
                    connection.execute(text(f'CREATE SCHEMA "{self.schema}"'))
                self._metadata.create_all(connection)
                _OWN.create_all(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _begin_reading(self, connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))

    def _begin_writing(self, connection: Connection) -> None:
        self._begin_adding(connection)
        # Ends with the transaction. Unlike the lock of a row it is no change in itself.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{self.schema}.write"))))

    def _begin_adding(self, connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))

    def _note(self, connection: Connection, token: UUID) -> None:
        """Notes a commit, if there is anything to commit."""
        now = datetime.now(UTC)
        row = select(literal(token, Uuid), literal(now, DateTime(timezone=True))).where(CHANGED)
        if connection.execute(insert(_COMMITS).from_select(["token", "at"], row)).rowcount:
            connection.execute(delete(_COMMITS).where(_COMMITS.c.at < now - REMEMBERED))

    def _settle(self, token: UUID, broken: DBAPIError) -> None:
        """Finds out whether a change was made whose acknowledgement was lost.

        Raises:
            DatabaseWriteError: It was not.
            StoreError: Nobody can tell.
        """
        try:
            # The lock is only free once the server is done with the change, in one way or the other.
            with self._errors(), self._begun(self._begin_writing) as connection:
                made = connection.execute(select(_COMMITS).where(_COMMITS.c.token == token)).first()
        except StoreError as error:
            raise StoreError(
                f"{self.place}: the connection broke while a change was being stored, and it is not known whether it "
                "was. Look whether it is there before trying again."
            ) from error
        if made is None:
            raise self._unchanged() from broken
        logger.warning("%s: the connection broke, but the change was made", self.place)

    def _unchanged(self) -> DatabaseWriteError:
        return DatabaseWriteError(f"{self.place}: the connection broke. Nothing was changed. Try again.")

    def _sentence(self, error: BaseException | None) -> StoreError:
        # Not all of it: the details of an error name the values.
        said = str(error).strip().splitlines()[:1]
        if isinstance(error, psycopg.Error) and error.diag.message_primary:
            said = [error.diag.message_primary]
        reason = said[0] if said else type(error).__name__
        match getattr(error, "sqlstate", None):
            case "55P03":
                return StoreError(f"{self.place}: others are changing the database for too long. Try again.")
            case "53100" | "53200" | "53300" | "25006" | "42501":
                return DatabaseWriteError(f"{self.place}: the database refuses ({reason}). Nothing was changed.")
        return StoreError(f"{self.place}: the database can't be used ({reason}).")
