"""The reverse index: licensed pictures of the public web, searched by face. Off unless it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from facenet_core.calibration import Calibration
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import ReverseError
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.reverse.blanking import forget, sample_of, sample_of_thumbnail
from facenet_core.reverse.crawling import Crawler, Fetching
from facenet_core.reverse.faces import Faces, IndexedFace
from facenet_core.reverse.indexing import ReverseIndexer
from facenet_core.reverse.pages import Pages
from facenet_core.reverse.pgvectors import PostgresVectors
from facenet_core.reverse.records import Among, Crawled, Hit, Matches, Removal, Status, Taken
from facenet_core.reverse.removals import Removals
from facenet_core.reverse.searching import ReverseSearcher
from facenet_core.reverse.status import status
from facenet_core.reverse.tables import APPLICATION_ID, METADATA, VERSION
from facenet_core.reverse.vectors import FileVectors, Vectors
from facenet_core.sources.records import Source
from facenet_core.store.sql import PostgresDatabase, SQLDatabase, SQLiteDatabase
from facenet_core.thresholds import Targets
from facenet_core.types import Embedding, Face, ModelId, Photo

OFF = (
    "The reverse index is off. Read docs/reverse.md first, on what the law may ask of you; "
    "FACENET_REVERSE=true turns it on."
)

EXPIRE_EVERY = timedelta(hours=1)
"""Retention is counted in days."""


class ReverseIndex:
    """Crawls, indexes and searches public pictures. Thread-safe.

    Every method raises ReverseError while the index is off.

    Args:
        settings: Where it is kept, for how long, and limits for photos.
        engine: The engine; may wait for it.
        calibration: What a distance means; None where nothing was measured.
        targets: The error rates that thresholds aim at.
        now: The clock, UTC.
    """

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
        self._pages, self._removals = Pages(self._database), Removals(self._database)
        self._lock = threading.Lock()
        self._model: tuple[ModelId, Faces, Vectors] | None = None
        self._expired_at: datetime | None = None

    @property
    def on(self) -> bool:
        """Whether it was asked for."""
        return self._settings.reverse

    def refuse_off(self) -> None:
        """Raises ReverseError while it is off."""
        if not self.on:
            raise ReverseError(OFF)

    # -- taking in --------------------------------------------------------------

    def crawl(self, source: Source, fetching: Fetching, query: str, limit: int) -> Generator[Crawled, None, None]:
        """Looks for pictures and fetches those that are new; see :meth:`Crawler.crawl`.

        Raises:
            SourceError: If the source can't be asked.
            ReverseError: If another crawl is under way, or too many pictures
                wait for the index.
        """
        self.expire()
        with self._alone("crawl", "Another crawl is under way. Wait for its end."):
            yield from Crawler(self._pages, self._removals, self._now).crawl(source, fetching, query, limit)

    def fetch_again(self, fetching: Fetching) -> Generator[Crawled, None, None]:
        """Fetches the originals of photos that another model has seen, for the current one.

        Raises:
            ModelError: If there is no model.
            ReverseError: If another crawl is under way.
        """
        self.expire()
        faces, _ = self._current()
        with self._alone("crawl", "Another crawl is under way. Wait for its end."):
            crawler = Crawler(self._pages, self._removals, self._now)
            yield from crawler.again(self._pages.lost(faces.model), fetching)

    def index(self, *, keep: bool = False, analyse: Analyser = analyse_here) -> Generator[Taken, None, None]:
        """Takes in the photos that wait; see :meth:`ReverseIndexer.run`. Makes the index anew when it is time to.

        Args:
            keep: Keep the originals, instead of thumbnails alone.
            analyse: Analyses many photos, here or elsewhere.

        Raises:
            ModelError: If there is no model.
            ReverseError: If another run is under way.
        """
        self.expire()
        faces, vectors = self._current()
        with self._alone("index", "The index is being written by another process. Wait for its end."):
            indexer = ReverseIndexer(self._database, self._pages, faces, vectors, self._removals, self._settings)
            yield from indexer.run(self._engine(), analyse, lambda: self._limit(None), keep=keep)
            with self._database.reading() as connection:
                due = vectors.due(connection)
            if due:
                vectors.rebuild()

    def rebuild(self) -> int:
        """Makes the index of the nearest faces anew from what is known; searches go on meanwhile.

        Returns:
            The number of faces in it.

        Raises:
            ModelError: If there is no model.
            ReverseError: If an index run is under way.
        """
        self.expire()
        _, vectors = self._current()
        with self._alone("index", "The index is being written by another process. Wait for its end."):
            return vectors.rebuild()

    # -- searching --------------------------------------------------------------

    def search(self, probe: Embedding, count: int = 20, among: Among | None = None) -> Matches:
        """Finds who looks like a probe.

        Args:
            probe: Shape ``(d,)``, of the current model.
            count: Different faces at most.
            among: Which pages count; all by default.

        Raises:
            ModelError: If there is no model.
        """
        self.expire()
        return self._searcher().search(probe, count, among or Among())

    def thumbnail(self, photo: int) -> bytes | None:
        """A photo's thumbnail as JPEG; None if it has gone."""
        self.refuse_off()
        return self._pages.thumbnail(photo)

    def status(self) -> Status:
        """How much there is.

        Raises:
            ModelError: If there is no model.
        """
        self.expire()
        faces, _ = self._current()
        with self._database.reading() as connection:
            return status(connection, faces)

    # -- removing ---------------------------------------------------------------

    def remove_url(self, url: str) -> int:
        """Drops a page or a picture at once, and bars it.

        Returns:
            How many addresses were dropped.
        """
        self.refuse_off()
        dropped = self._pages.drop(url=url)
        self._removals.bar("url", url, dropped, self._now())
        return dropped

    def remove_host(self, host: str) -> int:
        """Drops all pages and pictures of a host and those below it at once, and bars it.

        Returns:
            How many addresses were dropped.
        """
        self.refuse_off()
        dropped = self._pages.drop(host=host)
        self._removals.bar("host", host.lower(), dropped, self._now())
        return dropped

    def remove_face(self, photo: Photo, face: Face, limit: float | None = None) -> int:
        """Drops a person's faces at once, and bars them: faces as near as the limit are not taken in again.

        The places of the faces on thumbnails are blanked, and originals that
        show them are dropped.

        Args:
            photo: A photo of the person.
            face: Their face on it, of the current model.
            limit: Faces at most so far from it are taken for the person; the
                1:1 threshold by default.

        Returns:
            How many faces were dropped.

        Raises:
            ModelError: If there is no model.
            NoThresholdError: If no limit is given, and nothing was measured.
        """
        self.refuse_off()
        return self._forget(face.embedding, lambda: sample_of(photo, face.detection), limit)

    def alike(self, hit: Hit, limit: float | None = None) -> int:
        """How many faces :meth:`remove_hit` would drop, copies among them.

        Args:
            hit: What a search has found.
            limit: As there.

        Raises:
            ModelError: If there is no model.
            ReverseError: If the face has gone meanwhile, or no limit is given
                and nothing was measured.
        """
        faces, _ = self._current()
        near = self._searcher().like(self._indexed(hit).embedding, self._limit(limit))
        with self._database.reading() as connection:
            return sum(map(len, faces.copies(connection, [each.id for each in near]).values()))

    def remove_hit(self, hit: Hit, limit: float | None = None) -> int:
        """Drops the faces of somebody whom a search has found, as :meth:`remove_face` does.

        The sample that is kept is of the thumbnail: another model may fail to
        find a face on it that is small there. A photo of the person, if there
        is one, makes a better sample.

        Args:
            hit: What the search has found.
            limit: Faces at most so far from it are taken for the person; the
                1:1 threshold by default.

        Returns:
            How many faces were dropped, copies among them.

        Raises:
            ModelError: If there is no model.
            ReverseError: If the face or its thumbnail has gone meanwhile, if no
                limit is given and nothing was measured, or if the index is
                being written by another process.
        """
        found = self._indexed(hit)
        return self._forget(found.embedding, lambda: self._sample(hit), limit)

    def removals(self) -> tuple[Removal, ...]:
        """The removal list, the latest first."""
        self.refuse_off()
        return self._removals.all()

    def take_off(self, id_: int) -> None:
        """Takes an entry off the removal list.

        Raises:
            ReverseError: If there is none of that number.
        """
        self.refuse_off()
        self._removals.take_off(id_)

    def expire(self) -> int:
        """Drops what was fetched longer ago than the retention period; looked for once an hour at most.

        Returns:
            How many addresses were dropped.
        """
        self.refuse_off()
        now = self._now()
        if not self._database.exists or (self._expired_at and now - self._expired_at < EXPIRE_EVERY):
            return 0
        self._expired_at = now
        return self._pages.drop(before=now - timedelta(days=self._settings.reverse_days))

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()
        self._model = None

    # -- parts ------------------------------------------------------------------

    def _current(self) -> tuple[Faces, Vectors]:
        """What belongs to the current model."""
        self.refuse_off()
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

    def _searcher(self) -> ReverseSearcher:
        return ReverseSearcher(self._database, *self._current(), self._calibration(), self._targets())

    def _indexed(self, hit: Hit) -> IndexedFace:
        """The face that a search has found, as it is now."""
        faces, _ = self._current()
        with self._database.reading() as connection:
            found = faces.some(connection, [hit.face]).get(hit.face)
        if found is None:
            raise ReverseError("This face is no longer in the index. Search again.")
        return found

    def _sample(self, hit: Hit) -> bytes:
        small = self._pages.thumbnail(hit.photo)
        if small is None:
            raise ReverseError("There is no picture of this face any more. Remove its page, or give another photo.")
        return sample_of_thumbnail(small, hit.detection, hit.size)

    def _forget(self, embedding: Embedding, sampled: Callable[[], bytes], limit: float | None) -> int:
        """Drops faces near to one, and bars whom they belong to."""
        faces, _ = self._current()
        within, sample = self._limit(limit), sampled()
        with self._alone("index", "The index is being written by another process. Wait for its end."):
            near = [each.id for each in self._searcher().like(embedding, within)]
            dropped = forget(self._database, faces, near)
            self._removals.bar_face(faces.model, embedding, within, sample, dropped, self._now())
        return dropped

    def _limit(self, given: float | None) -> float:
        if given is not None:
            return given
        calibration = self._calibration()
        if calibration is None:
            raise ReverseError("Nothing was measured for this model: give the distance up to which a face is theirs.")
        return calibration.verify_threshold(fmr=self._targets().fmr).distance

    @contextmanager
    def _alone(self, work: str, otherwise: str) -> Iterator[None]:
        with self._database.alone(work) as alone:
            if not alone:
                raise ReverseError(otherwise)
            yield
