"""The reverse index's parts: where it is kept, whether it is on, and what belongs to the model at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from facenet_core.calibration import Calibration
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import ReverseError
from facenet_core.reverse.addresses import Addresses, drop_before
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.filevectors import FileVectors, discard_all, rebuild_all
from facenet_core.reverse.pgvectors import PostgresVectors
from facenet_core.reverse.photos import Photos, drop_orphans
from facenet_core.reverse.removals import Removals
from facenet_core.reverse.searching import ReverseSearcher
from facenet_core.reverse.tables import APPLICATION_ID, METADATA, VERSION
from facenet_core.reverse.vectors import Vectors
from facenet_core.store.postgresql import PostgresDatabase
from facenet_core.store.sql import SQLDatabase
from facenet_core.store.sqlite import SQLiteDatabase
from facenet_core.thresholds import Targets
from facenet_core.types import ModelId

T = TypeVar("T")

OFF = (
    "The reverse index is off. Read docs/reverse.md first, on what the law may ask of you; "
    "FACENET_REVERSE=true turns it on."
)

BUSY = {
    "crawl": "Another crawl is under way. Wait for its end.",
    "index": "The index is being written by another process. Wait for its end.",
}
"""Why work that one process does at a time has to wait."""

LOST = (
    "The connection to the database broke, and another process may be at this work since. It ends here; what was done "
    "is kept. Begin again once the other has ended."
)
"""Why work ends that one process does at a time."""

EXPIRE_EVERY = timedelta(hours=1)
"""Retention is counted in days."""


class Collection:
    """Public pictures and their faces. Thread-safe; see :class:`~facenet_core.reverse.index.ReverseIndex`."""

    def __init__(
        self,
        settings: Settings,
        engine: Callable[[], FaceEngine],
        calibration: Callable[[], Calibration | None],
        targets: Callable[[], Targets],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._engine, self._now = settings, engine, now
        self._calibration, self._targets = calibration, targets
        self._folder = settings.db / "reverse"
        self._database: SQLDatabase = (
            PostgresDatabase(settings.database_url.get_secret_value(), METADATA, "facenet_reverse")
            if settings.database_url
            else SQLiteDatabase(self._folder / "reverse.sqlite", METADATA, APPLICATION_ID, VERSION)
        )
        self._addresses, self._photos = Addresses(self._database), Photos(self._database)
        self._removals = Removals(self._database)
        self._lock = threading.Lock()
        self._model: tuple[ModelId, Faces, Vectors] | None = None
        self._expired_at: datetime | None = None
        self._unfound: set[tuple[int, int]] = set()  # entries of the removal list that a model finds no face on

    @property
    def on(self) -> bool:
        """Whether it was asked for."""
        return self._settings.reverse

    def refuse_off(self) -> None:
        """Raises ReverseError while it is off."""
        if not self.on:
            raise ReverseError(OFF)

    def refuse_unused(self) -> None:
        """Raises ReverseError if it is off and nothing is kept: what is kept can be removed while it is off."""
        if not self._database.exists:
            self.refuse_off()

    def expire(self) -> int:
        """Drops what was fetched longer ago than the retention period; looked for once an hour at most.

        It does so while the index is off as well.

        Returns:
            How many addresses were dropped.
        """
        now = self._now()
        if (self._expired_at and now - self._expired_at < EXPIRE_EVERY) or not self._database.exists:
            return 0
        self._expired_at = now
        with self._database.writing() as connection:
            dropped = drop_before(connection, now - timedelta(days=self._settings.reverse_days))
            orphans = drop_orphans(connection)
        if dropped or orphans:
            self._renew_files()
        return dropped

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()
        self._model = None

    def _current(self) -> tuple[Faces, Vectors]:
        """What belongs to the current model."""
        model_id = self._engine().model_id
        with self._lock:
            if self._model is None or self._model[0] != model_id:
                faces = Faces(self._database, model_id)
                vectors: Vectors = (
                    PostgresVectors(self._database, faces.model, model_id)
                    if isinstance(self._database, PostgresDatabase)
                    else FileVectors(self._database, self._folder, faces.model, model_id)
                )
                self._model = model_id, faces, vectors
            return self._model[1:]

    def _searcher(self, faces: Faces, vectors: Vectors) -> ReverseSearcher:
        return ReverseSearcher(self._database, faces, vectors, self._calibration(), self._targets())

    def _renew_files(self) -> None:
        """After faces have gone: index files know what they looked like, so they are made anew without them.

        While an index run is under way they are deleted, and made at its end.
        PostgreSQL's index has none.
        """
        if isinstance(self._database, SQLiteDatabase):
            with self._database.alone("index") as held:
                if held is None:
                    discard_all(self._folder)
                else:
                    rebuild_all(self._database, self._folder)

    @contextmanager
    def _alone(self, work: Literal["crawl", "index"]) -> Iterator[Callable[[], None]]:
        """Keeps others from the same work, in this process or another.

        Yields:
            Raises ReverseError if somebody else is at it since the server lost
            the lock; to be asked after each step.

        Raises:
            ReverseError: If somebody is at it.
        """
        with self._database.alone(work) as held:
            if held is None:
                raise ReverseError(BUSY[work])

            def check() -> None:
                if not held():
                    raise ReverseError(LOST)

            yield check


def checked(steps: Generator[T, None, None], check: Callable[[], None]) -> Generator[T, None, None]:
    """Goes through the steps of a work for as long as it may.

    Args:
        steps: The steps.
        check: Raises an error if there must not be another one.
    """
    with closing(steps):
        for each in steps:
            yield each
            check()
