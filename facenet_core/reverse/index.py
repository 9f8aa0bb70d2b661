"""The reverse index: licensed pictures of the public web, searched by face. Off unless it is asked for."""

from __future__ import annotations

from collections.abc import Generator

from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.reverse.collection import checked
from facenet_core.reverse.crawling import Crawler, Fetching
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.filevectors import discard_all
from facenet_core.reverse.indexing import ReverseIndexer
from facenet_core.reverse.records import Among, Crawled, Matches, Status, Taken
from facenet_core.reverse.removing import Removing
from facenet_core.reverse.status import status
from facenet_core.reverse.vectors import Vectors
from facenet_core.sources.records import Source
from facenet_core.types import Embedding


class ReverseIndex(Removing):
    """Crawls, indexes and searches public pictures. Thread-safe.

    While the index is off, nothing is taken in and nobody is searched: those
    methods raise ReverseError. What is kept can still be removed, and expires.

    Args:
        settings: Where it is kept, for how long, and limits for photos.
        engine: The engine; may wait for it.
        calibration: What a distance means; None where nothing was measured.
        targets: The error rates that thresholds aim at.
        now: The clock, UTC.
    """

    # -- taking in --------------------------------------------------------------

    def crawl(self, source: Source, fetching: Fetching, query: str, limit: int) -> Generator[Crawled, None, None]:
        """Looks for pictures and fetches those that are new; see :meth:`Crawler.crawl`.

        Raises:
            SourceError: If the source can't be asked.
            ReverseError: If another crawl is under way, or too many pictures
                wait for the index.
        """
        self._begin()
        with self._alone("crawl") as check:
            yield from checked(self._crawler().crawl(source, fetching, query, limit), check)

    def fetch_again(self, fetching: Fetching) -> Generator[Crawled, None, None]:
        """Fetches the originals of photos that another model has seen, for the current one.

        Raises:
            ModelError: If there is no model.
            ReverseError: If another crawl is under way, or too many pictures
                wait for the index.
        """
        self._begin()
        faces, _ = self._current()
        with self._alone("crawl") as check:
            crawled = self._crawler().again(self._addresses.lost(faces.model), fetching, faces.model)
            yield from checked(crawled, check)

    def index(self, *, keep: bool = False, analyse: Analyser = analyse_here) -> Generator[Taken, None, None]:
        """Takes in the photos that wait; see :meth:`ReverseIndexer.run`. Makes the index anew when it is time to.

        Args:
            keep: Keep the originals, instead of thumbnails alone.
            analyse: Analyses many photos, here or elsewhere.

        Raises:
            ModelError: If there is no model.
            ReverseError: If another run is under way.
        """
        self._begin()
        faces, vectors = self._current()
        with self._alone("index") as check:
            indexer = ReverseIndexer(self._database, self._photos, faces, vectors, self._settings)
            yield from checked(indexer.run(self._engine(), analyse, keep=keep), check)
            with self._database.reading() as connection:
                due = vectors.due(connection)
            if due:
                self._rebuilt(faces, vectors)

    def rebuild(self) -> int:
        """Makes the index of the nearest faces anew from what is known; searches go on meanwhile.

        Returns:
            The number of faces in it.

        Raises:
            ModelError: If there is no model.
            ReverseError: If an index run is under way.
        """
        self._begin()
        faces, vectors = self._current()
        with self._alone("index"):
            return self._rebuilt(faces, vectors)

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
        self._begin()
        return self._searcher(*self._current()).search(probe, count, among or Among())

    def thumbnail(self, photo: int) -> bytes | None:
        """A photo's thumbnail as JPEG; None if it has gone."""
        self.refuse_off()
        return self._photos.thumbnail(photo)

    def status(self) -> Status:
        """How much there is.

        Raises:
            ModelError: If there is no model.
        """
        self.refuse_unused()
        self.expire()
        faces, _ = self._current()
        with self._database.reading() as connection:
            return status(connection, faces, measured=self._calibration() is not None)

    def _begin(self) -> None:
        self.refuse_off()
        self.expire()

    def _crawler(self) -> Crawler:
        return Crawler(self._addresses, self._photos, self._now)

    def _rebuilt(self, faces: Faces, vectors: Vectors) -> int:
        """Makes the index anew; without those who were removed meanwhile."""
        before = faces.extent()
        number = vectors.rebuild()
        if faces.extent() != before:
            discard_all(self._folder)
        return number
