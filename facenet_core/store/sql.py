"""SQL databases behind the same two doors: a SQLite file of this machine, or PostgreSQL, which many hosts share."""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from facenet_core.errors import DatabaseWriteError, StoreError
from facenet_core.store.files import FILE_MODE, make_folder
from facenet_core.store.server import Server

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long to wait for another process; its writes take milliseconds."""


_PRAGMAS = (
    "page_size = 16384",  # counts for a new file alone; an embedding of 2 KB would leave half of SQLite's 4 KB empty
    "trusted_schema = OFF",
    "foreign_keys = ON",
    "journal_mode = WAL",
    "synchronous = NORMAL",
)
"""What every connection to a file begins with."""


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


class SQLiteDatabase(SQLDatabase):
    """One file, for this machine's processes.

    Args:
        path: The file; made with its folders, for its owner only, when it is
            first used.
        metadata: The tables.
        application_id: In the file's header: marks what kind of file it is
            (https://www.sqlite.org/fileformat.html, 1.3.17).
        version: Of the tables, in the header's user version.
    """

    def __init__(self, path: Path, metadata: MetaData, application_id: int, version: int) -> None:
        super().__init__(metadata, str(path))
        self.path = path
        self._application_id, self._version = application_id, version

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """See :meth:`SQLDatabase.alone`."""
        make_folder(self.path.parent)
        lock = FileLock(self.path.with_suffix(f".{work}.lock"), timeout=0, thread_local=False, mode=FILE_MODE)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    def _made(self) -> Engine:
        make_folder(self.path.parent)
        # Made before SQLite would, for its owner only.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, FILE_MODE))
        engine = create_engine("sqlite://", creator=self._connected, poolclass=QueuePool)
        with engine.connect() as connection, connection.begin():
            self._begin_writing(connection)  # another process may be about to do the same
            if self._refuse_foreign(connection):
                self._metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA application_id = {self._application_id}")
                connection.exec_driver_sql(f"PRAGMA user_version = {self._version}")
        return engine

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _begin_reading(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def _begin_writing(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _refuse_foreign(self, connection: Connection) -> bool:
        """Whether there is nothing in the file yet; raises StoreError if it is not ours."""
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if not application and connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is None:
            return True
        if application != self._application_id:
            raise StoreError(f"{self.path}: this is another kind of file. Move it away to begin a new one.")
        if version > self._version:
            raise StoreError(f"{self.path}: this file is of a later version of the program. Update the program.")
        return False


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
                connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), name)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written: the tables are there since the first use."""
        return True

    def ask(self, work: Callable[[Connection], T]) -> T:
        """The same as :meth:`read` for a single statement: in one trip to the server, without a transaction.

        Args:
            work: What to do with a connection.

        Raises:
            StoreError: If the database can't be read.
        """
        return self._twice(self._begin_asking, work)

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

    def _begin_asking(self, connection: Connection) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")

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
