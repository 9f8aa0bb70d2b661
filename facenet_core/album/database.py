"""The database of an album: a file of this machine, or PostgreSQL; and what tells that something in it has changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, select, update

from facenet_core.album.tables import APPLICATION_ID, CHANGES, EMBEDDINGS, METADATA, MODELS, SCHEMA, VERSION
from facenet_core.store.graph import Graph
from facenet_core.store.models import ModelNumbers
from facenet_core.store.postgresql import PostgresDatabase
from facenet_core.store.sql import Held, SQLDatabase
from facenet_core.store.sqlite import SQLiteDatabase
from facenet_core.types import ModelId

_CHANGE, _CHANGES = update(CHANGES), select(*CHANGES.c["revision", "faces", "removed"])
_NOTES = {name: update(CHANGES).values({name: CHANGES.c.revision}) for name in ("faces", "removed")}


class Changes(NamedTuple):
    """Words that are others after a change, by whatever process of whatever host.

    They are drawn by lot: a number that is counted up would be given twice when
    a server takes over that has not seen the last changes.

    Attributes:
        revision: After any change.
        faces: After one that makes faces come or go.
        removed: After one that makes photos be forgotten.
    """

    revision: str
    faces: str
    removed: str


class AlbumDatabase:
    """The tables of :mod:`~facenet_core.album.tables`. Thread-safe; any number of processes may share them.

    Args:
        folder: Where the file is, and what this host keeps beside it.
        url: Of a PostgreSQL database, instead of the file.

    Attributes:
        folder: The folder.
        shared: Whether other hosts may have the same album.

    Raises:
        SettingError: If the address is none.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder, self.shared = folder, url is not None
        self._database: SQLDatabase = (
            PostgresDatabase(url, METADATA, SCHEMA)
            if url is not None
            else SQLiteDatabase(folder / "album.sqlite", METADATA, APPLICATION_ID, VERSION)
        )
        self._lent = threading.local()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lends a connection whose statements all see the same state; within a change, what it has done so far.

        Raises:
            StoreError: If the album can't be read, or the file is none.
        """
        if outer := self._outer:
            yield outer
            return
        with self._database.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lends a connection for changes that are made together or not at all, one writer at a time.

        What is done within another change of this thread is part of that.

        Raises:
            DatabaseWriteError: If the connection broke; nothing is changed.
            StoreError: If the album can't be written, or the file is none;
                nothing is changed either, unless the message says that this is
                not known.
        """
        if outer := self._outer:
            yield outer
            return
        with self._database.writing() as connection:
            connection.execute(_CHANGE, {"revision": uuid4().hex})
            self._lent.connection = connection
            try:
                yield connection
            finally:
                self._lent.connection = None

    def changes(self) -> Changes:
        """What tells that something has changed; one question, which costs little.

        Raises:
            StoreError: If the album can't be read, or the file is none.
        """
        return self._database.ask(seen)

    def graph(self, model_id: ModelId) -> Graph:
        """The server's index of a model's embeddings, for an album in PostgreSQL.

        Args:
            model_id: The model; it has embedded something.

        Raises:
            StoreError: If the server does not answer.
        """
        model = self._database.ask(lambda connection: ModelNumbers(MODELS).known(connection, model_id))
        return Graph(self._database, EMBEDDINGS.name, "numbers", model, model_id.dimensions)

    def alone(self, work: str) -> AbstractContextManager[Held | None]:
        """See :meth:`~facenet_core.store.sql.SQLDatabase.alone`."""
        return self._database.alone(work)

    def busy(self, work: str) -> bool:
        """See :meth:`~facenet_core.store.sql.SQLDatabase.busy`."""
        return self._database.busy(work)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._database.exists

    def close(self) -> None:
        """Lets go of all connections; the next call opens new ones."""
        self._database.close()

    @property
    def _outer(self) -> Connection | None:
        """The connection of the change that this thread is at."""
        connection: Connection | None = getattr(self._lent, "connection", None)
        return connection


def seen(connection: Connection) -> Changes:
    """What a connection sees of :class:`Changes`."""
    return Changes(*connection.execute(_CHANGES).one())


def note(connection: Connection, *what: Literal["faces", "removed"]) -> None:
    """Notes what a change has done besides; see :class:`Changes`."""
    for name in what:
        connection.execute(_NOTES[name])
