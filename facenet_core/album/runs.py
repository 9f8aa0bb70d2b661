"""How far the index run of an album is, told to whatever process asks, and asked by whatever process to pause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import select, text, update

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.records import UNDER_WAY, Run, RunState
from facenet_core.album.tables import RUNS

WORK = "index"
"""What a run's lock is called."""

_TELL = text(
    "INSERT INTO runs (one, state, began_at, told_at, total, done, problem) "
    "VALUES (1, :state, :began_at, :told_at, :total, :done, :problem) "
    "ON CONFLICT (one) DO UPDATE SET state = excluded.state, began_at = excluded.began_at, "
    "told_at = excluded.told_at, total = excluded.total, done = excluded.done, problem = excluded.problem"
)

# Whoever asks a run to pause changes a state that the run would write over, so it looks.
_PAUSE = update(RUNS).where(RUNS.c.state.in_(("scanning", "indexing"))).values(state="pausing")
_GO_ON = update(RUNS).where(RUNS.c.state != "pausing")


class Runs:
    """The one row that says how the last run is doing.

    Args:
        database: Of the album.
        now: The clock, UTC.

    Attributes:
        told_at: When this process last told, UTC.
    """

    def __init__(self, database: AlbumDatabase, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now
        self.told_at = datetime.min.replace(tzinfo=UTC)

    def tell(self, state: RunState, began: datetime, total: int, done: int, problem: str | None = None) -> None:
        """Tells how far a run is, whatever else was said of it."""
        values = {"state": state, "began_at": began.isoformat(), "total": total, "done": done, "problem": problem}
        with self._database.writing() as connection:
            connection.execute(_TELL, {**values, "told_at": self._clocked()})

    def goes_on(self, total: int, done: int) -> bool:
        """Tells how far a run is, and hears whether it goes on: not if somebody wants it to pause."""
        values = {"state": "indexing", "told_at": self._clocked(), "total": total, "done": done}
        with self._database.writing() as connection:
            return connection.execute(_GO_ON, values).rowcount > 0

    def pause(self) -> None:
        """Asks the run to pause; it hears of it when it next tells how far it is."""
        if self._database.exists:
            with self._database.writing() as connection:
                connection.execute(_PAUSE)

    def last(self) -> Run | None:
        """How far the run is, of whatever process, or how the last one ended; None before the first.

        A run that was killed reads as paused.
        """
        if not self._database.exists:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(RUNS)).first()
        if row is None:
            return None
        state: RunState = row.state
        if state in UNDER_WAY and not self.busy:
            state = "paused"
        began, told = (datetime.fromisoformat(at) for at in (row.began_at, row.told_at))
        return Run(state, began, told, row.total, row.done, row.problem)

    @property
    def busy(self) -> bool:
        """Whether a run is under way, of whatever process."""
        return self._database.busy(WORK)

    def _clocked(self) -> str:
        self.told_at = self._now()
        return self.told_at.isoformat()
