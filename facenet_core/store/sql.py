"""SQL databases behind the same doors: PostgreSQL, which many hosts share, or a file, in :mod:`.sqlite`."""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError

from facenet_core.errors import DatabaseWriteError, StoreError
from facenet_core.store.server import Server

T = TypeVar("T")


class SQLDatabase(ABC):
    """Tables that are read and changed in transactions. Thread-safe; any number of processes may share it.

    Tables that are missing are made when the database is first used.

    Args:
        metadata: The tables.

    Attributes:
        place: Where the database is, for messages: no password in it.
    """

    def __init__(self, metadata: MetaData, place: str) -> None:
        self.place = place
        self._metadata = metadata
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lends a connection whose statements all see the same state.

        Raises:
            StoreError: If the database can't be read.
        """
        with self._errors(), self._begun(self._begin_reading) as connection:
            yield connection

    def read(self, work: Callable[[Connection], T]) -> T:
        """Reads, once more if the connection breaks meanwhile.

        Args:
            work: What to do with a connection of :meth:`reading`; nothing that
                may not be done twice.

        Raises:
            StoreError: If the database can't be read.
        """
        return self._twice(self._begin_reading, work)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lends a connection for changes that are made together or not at all.

        Raises:
            StoreError: If the database can't be written; nothing is changed.
        """
        with self._errors(), self._begun(self._begin_writing) as connection:
            yield connection
            connection.commit()

    @contextmanager
    def maintaining(self) -> Iterator[Connection]:
        """Lends a connection without a transaction, for statements that can't be in one.

        Raises:
            StoreError: If the database can't be written.
        """
        with self._errors(), self._opened().connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @abstractmethod
    def alone(self, work: str) -> AbstractContextManager[bool]:
        """Keeps others from the same work, of whatever process, as long as the block runs.

        Args:
            work: A word.

        Yields:
            False if somebody else is at it.
        """

    @abstractmethod
    def busy(self, work: str) -> bool:
        """Whether anybody is at a work, of whatever process. To look keeps nobody from beginning it.

        Args:
            work: A word, as of :meth:`alone`.

        Raises:
            StoreError: If the database does not answer.
        """

    def ask(self, work: Callable[[Connection], T]) -> T:
        """The same as :meth:`read` for a single statement: without a transaction, in one trip to a server.

        Args:
            work: What to do with a connection.

        Raises:
            StoreError: If the database can't be read.
        """
        return self._twice(self._begin_asking, work)

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was ever written."""

    def close(self) -> None:
        """Lets go of all connections; the next call opens new ones."""
        with self._lock:
            if self._engine:
                self._engine.dispose()
            self._engine = None

    @abstractmethod
    def _made(self) -> Engine:
        """An engine for a database whose tables are there."""

    @abstractmethod
    def _begin_reading(self, connection: Connection) -> None:
        """Makes sure that statements see one state."""

    @abstractmethod
    def _begin_writing(self, connection: Connection) -> None:
        """Begins the transaction; where one writer at a time is needed, keeps others out."""

    def _begin_asking(self, connection: Connection) -> None:
        """Makes sure that a statement is not the first of a transaction."""
        connection.execution_options(isolation_level="AUTOCOMMIT")

    def _twice(self, begin: Callable[[Connection], None], work: Callable[[Connection], T]) -> T:
        with self._errors():
            try:
                with self._begun(begin) as connection:
                    return work(connection)
            except (DBAPIError, psycopg.OperationalError) as error:
                if isinstance(error, DBAPIError) and not error.connection_invalidated:
                    raise
            with self._begun(begin) as connection:
                return work(connection)

    @contextmanager
    def _begun(self, begin: Callable[[Connection], None]) -> Iterator[Connection]:
        """Lends a connection on which something was begun; a new one if the one at hand is broken."""
        for last in (False, True):
            with self._opened().connect() as connection:
                try:
                    begin(connection)
                except DBAPIError as error:
                    if last or not error.connection_invalidated:
                        raise
                    continue  # the server was restarted, or another one took over, while the connection lay idle
                yield connection
                return

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._made()
            return self._engine

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, psycopg.Error, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise self._sentence(cause) from error
        except OSError as error:
            raise StoreError(f"{self.place}: the database can't be opened ({error.strerror}).") from error

    def _sentence(self, error: BaseException | None) -> StoreError:
        """What to tell about an error of the database."""
        return StoreError(f"{self.place}: the database can't be used ({str(error).strip()}).")


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
    def alone(self, work: str) -> Iterator[bool]:
        """See :meth:`SQLDatabase.alone`. The lock is the server's, and ends with the connection."""
        name = {"name": f"{self.schema}.{work}"}
        with self.maintaining() as connection:
            if not connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), name).scalar_one():
                yield False
                return
            try:
                yield True
            finally:
                with suppress(DBAPIError):  # with a connection that broke, it has ended already
                    connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), name)

    def busy(self, work: str) -> bool:
        """See :meth:`SQLDatabase.busy`."""
        name = {"name": f"{self.schema}.{work}"}
        return self.ask(lambda connection: bool(connection.execute(text(_LOCKED), name).scalar_one()))

    @property
    def exists(self) -> bool:
        """Whether anything was ever written: the tables are there since the first use."""
        return True

    def _made(self) -> Engine:
        # Parameters hold names and templates, which have no place in a log.
        engine = create_engine(URL.create("postgresql+psycopg"), creator=self._server.connect, hide_parameters=True)
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
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _begin_reading(self, connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))

    def _begin_writing(self, connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))

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
