"""A SQLite file of this machine, behind the doors of :mod:`facenet_core.store.sql`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, MetaData, PoolProxiedConnection, create_engine
from sqlalchemy.pool import QueuePool

from facenet_core.errors import StoreError
from facenet_core.store.files import FILE_MODE, make_folder
from facenet_core.store.sql import POOL, POOL_MORE, POOL_SECONDS, Held, SQLDatabase

BUSY_SECONDS = 30.0
"""How long to wait for another process; its writes take milliseconds."""

LOOK_SECONDS = 1.0
"""How long to wait for a lock of a file: longer than somebody who looks whether it is free holds it."""

_PRAGMAS = (
    "page_size = 16384",  # counts for a new file alone: an embedding of 2 KB would leave half of SQLite's 4 KB empty
    "foreign_keys = ON",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "secure_delete = ON",  # what was deleted is overwritten: faces are removed for good
    "mmap_size = 268435456",  # mapped, large rows are read in four fifths of the time
)
"""What every connection to a file begins with."""


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
    def alone(self, work: str) -> Iterator[Held | None]:
        """See :meth:`SQLDatabase.alone`. The lock is the system's, which does not lose it."""
        make_folder(self.path.parent)
        lock = FileLock(self._lock_path(work), timeout=LOOK_SECONDS, thread_local=False, mode=FILE_MODE)
        try:
            lock.acquire()
        except Timeout:
            yield None
            return
        try:
            yield lambda: True
        finally:
            lock.release()

    def busy(self, work: str) -> bool:
        """See :meth:`SQLDatabase.busy`."""
        if not self._lock_path(work).exists():
            return False
        try:
            with FileLock(self._lock_path(work), timeout=0, thread_local=False, mode=FILE_MODE):
                return False
        except Timeout:
            return True

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    def _made(self) -> Engine:
        make_folder(self.path.parent)
        # Made before SQLite would, for its owner only.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, FILE_MODE))
        engine = create_engine(
            "sqlite://",
            creator=self._connected,
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=POOL_MORE,
            pool_timeout=POOL_SECONDS,
        )
        with engine.connect() as connection, connection.begin():
            self._begin_writing(connection)  # another process may be about to do the same
            version = self._known_version(connection.connection)
            if version < self._version:
                self._metadata.create_all(connection, checkfirst=version > 0)  # tables that came since
                connection.exec_driver_sql(f"PRAGMA application_id = {self._application_id}")
                connection.exec_driver_sql(f"PRAGMA user_version = {self._version}")
        return engine

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            self._known_version(connection)  # before anything is written to a file that is not ours
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _lock_path(self, work: str) -> Path:
        return self.path.with_suffix(f".{work}.lock")

    def _begin_reading(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    def _begin_writing(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _begin_asking(self, connection: Connection) -> None:
        """A statement of its own begins nothing: the connection was made so."""

    def _known_version(self, connection: sqlite3.Connection | PoolProxiedConnection) -> int:
        """The version of the tables, 0 if there is nothing in the file yet.

        Raises:
            StoreError: If the file is not ours, or newer than the program.
        """
        cursor = connection.cursor()
        application, version, anything = (
            cursor.execute(query).fetchone()
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT 1 FROM sqlite_master")
        )
        if not application[0] and anything is None:
            return 0
        if application[0] != self._application_id:
            raise StoreError(f"{self.path}: this is another kind of file. Move it away to begin a new one.")
        if version[0] > self._version:
            raise StoreError(f"{self.path}: this file is of a later version of the program. Update the program.")
        return int(version[0])
