"""SQL databases behind the same doors: in :mod:`.postgresql`, which many hosts share, or a file, in :mod:`.sqlite`."""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from facenet_core.errors import StoreError

T = TypeVar("T")

Held = Callable[[], bool]
"""Whether a work is still one's own: to be asked before each change, for a server may have lost its lock."""

POOL, POOL_MORE, POOL_SECONDS = 5, 10, 30.0
"""Connections that are kept, those that are opened besides while all are in use, and how long to wait for one then."""


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
        """Lends a connection for changes that are made together or not at all, one writer at a time.

        Raises:
            DatabaseWriteError: If the connection broke; nothing is changed.
            StoreError: If the database can't be written; nothing is changed
                either, unless the message says that this is not known.
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
        with self._errors(), self._connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @abstractmethod
    def alone(self, work: str) -> AbstractContextManager[Held | None]:
        """Keeps others from the same work, of whatever process, as long as the block runs.

        Args:
            work: A word.

        Yields:
            Tells whether the work is still this block's; None if somebody else
            is at it.

        Raises:
            StoreError: If the database does not answer.
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
        """Begins the transaction, and keeps other writers out until its end."""

    def _begin_asking(self, connection: Connection) -> None:
        """Makes sure that a statement is not the first of a transaction."""
        connection.execution_options(isolation_level="AUTOCOMMIT")

    def _twice(self, begin: Callable[[Connection], None], work: Callable[[Connection], T]) -> T:
        with self._errors():
            with self._begun(begin) as connection:
                try:
                    return work(connection)
                except (DBAPIError, psycopg.Error):
                    if not broke(connection):
                        raise
            with self._begun(begin) as connection:
                return work(connection)

    @contextmanager
    def _begun(self, begin: Callable[[Connection], None]) -> Iterator[Connection]:
        """Lends a connection on which something was begun; a new one if the one at hand is broken."""
        for last in (False, True):
            with self._connect() as connection:
                try:
                    begin(connection)
                except DBAPIError as error:
                    if last or not error.connection_invalidated:
                        raise
                    continue  # the server was restarted, or another one took over, while the connection lay idle
                yield connection
                return

    def _connect(self) -> Connection:
        try:
            return self._opened().connect()
        except OSError as error:
            raise StoreError(f"{self.place}: the database can't be opened ({error.strerror}).") from error

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
        except PoolTimeout as error:
            raise StoreError(
                f"{self.place}: too many use the database at once. Nothing was changed. Try again."
            ) from error

    def _sentence(self, error: BaseException | None) -> StoreError:
        """What to tell about an error of the database."""
        return StoreError(f"{self.place}: the database can't be used ({str(error).strip()}).")


def broke(connection: Connection) -> bool:
    """Whether a connection broke, as far as an error on it has told; it is not lent again then.

    Args:
        connection: The connection.
    """
    # An error of the driver's own cursor is none that SQLAlchemy has looked at.
    if not connection.invalidated and getattr(connection.connection.driver_connection, "closed", False):
        connection.invalidate()
    return connection.invalidated
