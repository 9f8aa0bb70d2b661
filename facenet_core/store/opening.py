"""Which store it is: files of this machine, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from facenet_core.store.events import EventLog
from facenet_core.store.key_file import KeyStore
from facenet_core.store.keys import Keys
from facenet_core.store.parts import Events
from facenet_core.store.protocol import PeopleRepository
from facenet_core.store.repository import Repository

EVENT_DAYS = 90
"""For how long events are kept, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is stored about people, and who may ask and has asked for it.

    Attributes:
        people: The people, their photos and the settings.
        keys: The keys of the API.
        events: Who asked for what.
    """

    people: PeopleRepository
    keys: Keys
    events: Events

    def close(self) -> None:
        """Lets go of what is open; the next call opens it again."""
        self.events.close()


def open_store(
    folder: Path,
    database_url: str | None = None,
    event_days: int = EVENT_DAYS,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Store:
    """Opens a store; nothing is read or written yet.

    Args:
        folder: Of the files, where there is no other place.
        database_url: Of a PostgreSQL database; None for files.
        event_days: After which events are dropped; with 0 none is kept.
        now: The clock of keys and events, UTC.

    Raises:
        SettingError: The address is none.
    """
    if database_url is None:
        return Store(Repository(folder), KeyStore(folder, now), EventLog(folder, event_days, now))
    # Only then: who keeps files need not wait for what speaks to a server (0.2 s).
    from facenet_core.store.postgres import EventTable, KeyTable, PeopleDatabase, PostgresRepository

    database = PeopleDatabase(database_url)
    return Store(PostgresRepository(database), KeyTable(database, now), EventTable(database, event_days, now))
