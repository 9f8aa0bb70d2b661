"""Background: index runs of an album on a thread of their own, one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from facenet_core.album.indexing import Indexer
from facenet_core.album.records import Indexed
from facenet_core.errors import FaceNetError, ModelError

logger = logging.getLogger(__name__)


class Background:
    """Makes index runs while its owner goes on. Thread-safe.

    Args:
        indexer: Whose runs they are.
        run: Begins one, which may look at everything again, and goes on as it is asked for more.
    """

    def __init__(self, indexer: Indexer, run: Callable[[bool], Iterable[Indexed]]) -> None:
        self._indexer, self._run = indexer, run
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a run is under way, or waits for the model."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, again: bool) -> None:
        """Begins a run, unless one is under way."""
        with self._lock:
            if self.busy:
                return
            self._indexer.resume()
            self._thread = threading.Thread(target=self._work, args=(again,), name="album-index", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Ends the run that is under way after the photo that it is at, and waits for that."""
        self._indexer.stop()
        if self._thread:
            self._thread.join()

    def _work(self, again: bool) -> None:
        try:
            for _ in self._run(again):
                pass
        except FaceNetError as error:
            logger.warning("indexing ended: %s", error)
            if isinstance(error, ModelError):  # before the run began; other problems are kept with it
                self._indexer.fail(str(error))
