"""The SQLite file of an album: its tables, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facenet_core.errors import StoreError
from facenet_core.store.files import FILE_MODE, make_folder

APPLICATION_ID = 0x466E416C
"""``FnAl``, in the file's header: marks our albums (https://www.sqlite.org/fileformat.html, 1.3.17)."""

VERSION = 2
"""Of the tables, in the header's user version."""

BUSY_SECONDS = 30.0
"""How long to wait for another process; its writes take milliseconds."""

_TABLES = """
CREATE TABLE folders (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, added_at TEXT NOT NULL);
CREATE TABLE photos (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, width INTEGER NOT NULL, height INTEGER NOT NULL,
    gone_at TEXT
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folders ON DELETE CASCADE, path BLOB NOT NULL,
    bytes INTEGER NOT NULL, mtime INTEGER NOT NULL, photo INTEGER REFERENCES photos, code TEXT, reason TEXT,
    UNIQUE (folder, path)
);
CREATE INDEX files_of_photo ON files (photo);
CREATE TABLE models (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, preprocessing TEXT NOT NULL, weights TEXT NOT NULL,
    dimensions INTEGER NOT NULL, UNIQUE (model, preprocessing, weights)
);
CREATE TABLE analyses (
    photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE, model INTEGER NOT NULL REFERENCES models,
    PRIMARY KEY (photo, model)
) WITHOUT ROWID;
CREATE TABLE faces (
    id INTEGER PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE, numbers BLOB NOT NULL,
    clear INTEGER NOT NULL
);
CREATE INDEX faces_of_photo ON faces (photo);
CREATE TABLE embeddings (
    face INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE, model INTEGER NOT NULL REFERENCES models,
    numbers BLOB NOT NULL, UNIQUE (face, model)
);
CREATE TABLE said (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, name TEXT, person TEXT, undone_at TEXT
);
CREATE TABLE said_of (
    said INTEGER NOT NULL REFERENCES said ON DELETE CASCADE, side INTEGER NOT NULL,
    face INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE, PRIMARY KEY (said, side, face)
) WITHOUT ROWID;
CREATE INDEX said_of_face ON said_of (face);
CREATE TABLE members (
    face INTEGER NOT NULL REFERENCES faces ON DELETE CASCADE, model INTEGER NOT NULL REFERENCES models,
    number INTEGER NOT NULL, knot INTEGER NOT NULL, PRIMARY KEY (face, model)
) WITHOUT ROWID;
CREATE INDEX members_of_group ON members (model, number);
CREATE TABLE runs (
    one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, began_at TEXT NOT NULL, told_at TEXT NOT NULL,
    total INTEGER NOT NULL, done INTEGER NOT NULL, problem TEXT
);
"""
"""A photo is its content, whichever files hold it. A face is a place on a photo: what users say of it outlives a change
of the model, whose embeddings are beside it. ``numbers`` are little-endian arrays: 15 float64 of a face (a box, five
points, the confidence), float32 of an embedding."""

_SINCE_2 = """
CREATE TABLE missing_from (
    photo INTEGER NOT NULL REFERENCES photos ON DELETE CASCADE,
    folder INTEGER NOT NULL REFERENCES folders ON DELETE CASCADE, PRIMARY KEY (photo, folder)
) WITHOUT ROWID;
CREATE INDEX missing_from_folder ON missing_from (folder);
"""
"""In which folders a photo was that is in no file of them any more."""


class AlbumDatabase:
    """One connection to an album's file. Thread-safe; any number of processes may share the file.

    Args:
        path: The file; made with its folders, for its owner only, when it is
            first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lends the connection.

        Raises:
            StoreError: If the file is no album, is damaged, or can't be read.
        """
        with self._lock, self._errors():
            yield self._opened()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lends the connection for changes that are made together or not at all.

        Raises:
            StoreError: If the file is no album, is damaged, or can't be written;
                nothing is changed.
        """
        with self._lock, self._errors():
            connection = self._opened()
            if connection.in_transaction:  # within another change
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    def close(self) -> None:
        """Lets go of the file; the next call opens it again."""
        with self._lock:
            if self._connection:
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            make_folder(self.path.parent)
            # Made before SQLite would, for its owner only.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, FILE_MODE))
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA trusted_schema = OFF")
        self._refuse_foreign(connection)  # before anything is written to it
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA mmap_size = 268435456")
        connection.execute("BEGIN IMMEDIATE")  # another process may be about to do the same
        version = self._refuse_foreign(connection)
        for since, tables in enumerate((_TABLES, _SINCE_2), 1):
            for statement in tables.split(";") if version < since else ():
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.commit()

    def _refuse_foreign(self, connection: sqlite3.Connection) -> int:
        """The version of the tables, 0 if there is nothing in the file yet; StoreError if it is no album of ours."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if empty and not application:
            return 0
        if application != APPLICATION_ID:
            raise StoreError(f"{self.path}: this is not an album. Move the file away to begin a new one.")
        if version > VERSION:
            raise StoreError(f"{self.path}: this album is of a later version of the program. Update the program.")
        return int(version)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: the album can't be used ({error}).") from error
        except OSError as error:
            raise StoreError(f"{self.path}: the album can't be opened ({error.strerror}).") from error
