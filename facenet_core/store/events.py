"""Who asked for what, and what came of it: an audit trail without enrolled people's names or anything biometric."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facenet_core.errors import StoreError
from facenet_core.store.event import MOST, Event
from facenet_core.store.files import FILE_MODE, make_folder
from facenet_core.types import Asker

_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, key_id TEXT, who TEXT, person_id TEXT,
    outcome TEXT NOT NULL, door TEXT NOT NULL DEFAULT 'api'
)
"""

_FROM_VERSION_0 = (
    "ALTER TABLE events RENAME COLUMN key_name TO who",
    "ALTER TABLE events ADD COLUMN door TEXT NOT NULL DEFAULT 'api'",
)
"""At first only the API's events were kept."""

_VERSION = 1


class EventLog:
    """Keeps events in ``<folder>/events.sqlite``: see :class:`~facenet_core.store.parts.Events`.

    Args:
        folder: The folder of the database, created with the first event.
        days: After which events are dropped; with 0 none is kept.
        now: The clock, UTC.
    """

    def __init__(self, folder: Path, days: int = 90, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = folder / "events.sqlite"
        self._kept = timedelta(days=days)
        self._now = now
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._swept = datetime.min.replace(tzinfo=UTC)

    def note(self, kind: str, outcome: str, by: Asker, person_id: str | None = None) -> None:
        """See :class:`~facenet_core.store.parts.Events`."""
        now = self._now()
        if not self._kept and not self._path.exists():
            return
        with self._open() as database, database:
            if self._kept:
                database.execute(
                    "INSERT INTO events (at, kind, door, who, key_id, person_id, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (now.isoformat(), kind, by.door, by.name, by.key_id, person_id, outcome),
                )
            if now - self._swept > timedelta(hours=1):
                database.execute("DELETE FROM events WHERE at < ?", ((now - self._kept).isoformat(),))
                self._swept = now

    def put(self, events: Sequence[Event]) -> None:
        """Adds events as another store has them, with their ids and however old they are.

        Args:
            events: The events; their ids are not taken.

        Raises:
            StoreError: If they can't be written.
        """
        rows = [(e.id, e.at.isoformat(), e.kind, e.door, e.who, e.key_id, e.person_id, e.outcome) for e in events]
        with self._open() as database, database:
            database.executemany(
                "INSERT INTO events (id, at, kind, door, who, key_id, person_id, outcome) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """See :class:`~facenet_core.store.parts.Events`."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, at, kind, door, who, key_id, person_id, outcome FROM events WHERE id < ? "
                "ORDER BY id DESC LIMIT ?",
                (before or 2**62, min(limit, MOST)),
            ).fetchall()
        return tuple(Event(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in rows)

    def close(self) -> None:
        """See :class:`~facenet_core.store.parts.Events`."""
        with self._lock:
            if self._database:
                self._database.close()
            self._database = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._database is None:
                    make_folder(self._path.parent)
                    # Made before SQLite would, for its owner only.
                    os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, FILE_MODE))
                    self._database = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
                    self._database.execute("PRAGMA journal_mode = WAL")
                    self._prepare(self._database)
                yield self._database
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{self._path}: the list of events can't be used ({error}).") from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Makes the table, or brings one of an earlier version up to date."""
        with database:
            database.execute("BEGIN IMMEDIATE")  # another process may be about to do the same
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version < _VERSION and database.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
                for change in _FROM_VERSION_0:
                    database.execute(change)
            database.execute(_TABLE)
            database.execute(f"PRAGMA user_version = {_VERSION}")
