"""Who asked the API for what, and what came of it: an audit trail without names of people or anything biometric."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facenet_core.errors import StoreError
from facenet_core.store.files import FILE_MODE, make_folder

KEPT = timedelta(days=90)
"""Events older than this are dropped."""

MOST = 1_000
"""Events that are given out at once."""

_TABLE = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, key_id TEXT, key_name TEXT, person_id TEXT,
    outcome TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was asked for.

    Attributes:
        id: Larger ones are later.
        at: When, UTC.
        kind: What, such as ``verify``.
        key_id: Which key it was asked with; None without keys.
        key_name: What that key is called.
        person_id: Whom it was about, if anybody. No name: that of somebody who
            is removed must not live on here.
        outcome: What came of it, a word.
    """

    id: int
    at: datetime
    kind: str
    key_id: str | None
    key_name: str | None
    person_id: str | None
    outcome: str


class EventLog:
    """Keeps events in ``<folder>/events.sqlite``. Thread-safe, for several processes.

    Args:
        folder: The folder of the database, created with the first event.
        now: The clock, UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = folder / "events.sqlite"
        self._now = now
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._swept = datetime.min.replace(tzinfo=UTC)

    def note(
        self, kind: str, outcome: str, *, key: tuple[str, str] | None = None, person_id: str | None = None
    ) -> None:
        """Adds an event; now and then drops old ones.

        Args:
            kind: What was asked for.
            outcome: What came of it.
            key: Id and name of the key.
            person_id: Whom it was about.

        Raises:
            StoreError: If it can't be written.
        """
        now = self._now()
        with self._open() as database, database:
            database.execute(
                "INSERT INTO events (at, kind, key_id, key_name, person_id, outcome) VALUES (?, ?, ?, ?, ?, ?)",
                (now.isoformat(), kind, *(key or (None, None)), person_id, outcome),
            )
            if now - self._swept > timedelta(hours=1):
                database.execute("DELETE FROM events WHERE at < ?", ((now - KEPT).isoformat(),))
                self._swept = now

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """The latest events, newest first.

        Args:
            limit: How many, at most :data:`MOST`.
            before: Only those whose id is smaller.

        Raises:
            StoreError: If they can't be read.
        """
        with self._open() as database:
            rows = database.execute(
                "SELECT id, at, kind, key_id, key_name, person_id, outcome FROM events WHERE id < ? "
                "ORDER BY id DESC LIMIT ?",
                (before or 2**62, min(limit, MOST)),
            ).fetchall()
        return tuple(Event(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in rows)

    def close(self) -> None:
        """Lets go of the file; the next call opens it again."""
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
                    self._database.execute(_TABLE)
                yield self._database
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{self._path}: the list of events can't be used ({error}).") from error
