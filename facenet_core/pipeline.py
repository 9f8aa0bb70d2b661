"""Many photos through the engine: read and searched ahead on threads, their faces embedded together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeVar

from facenet_core import images
from facenet_core.engine import FaceEngine, Prepared
from facenet_core.errors import FaceNetError
from facenet_core.types import Analysis, Photo, Wanted

Source = Callable[[], Photo]
"""Reads and decodes a photo; may raise FaceNetError, which is then the answer for it."""

WORKERS = 2
"""Threads that read photos and search them for faces."""

AHEAD = 4
"""Photos that are read before they are asked for."""

TOGETHER = 16
"""Views that are embedded in one go: more gain little on a processor, and whoever waits waits longer."""

MAX_HELD, MAX_HELD_PIXELS = 8, 64_000_000
"""Photos, and their pixels, that wait to be embedded together."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A photo that was not decoded yet: a source whose bytes can be sent elsewhere.

    Attributes:
        name: What its owner calls it.
        read: Its bytes; may raise FaceNetError, which is then the answer for it.
        max_bytes: As in :func:`facenet_core.images.decode`.
        max_pixels: Likewise.
    """

    name: str
    read: Callable[[], bytes]
    max_bytes: int = images.MAX_BYTES
    max_pixels: int = images.MAX_PIXELS

    def __call__(self) -> Photo:
        """Reads and decodes it.

        Raises:
            FaceNetError: If it can't be read.
            PhotoError: If it can't be decoded.
        """
        return images.decode(self.read(), self.name, max_bytes=self.max_bytes, max_pixels=self.max_pixels)


class Analyser(Protocol):
    """Analyses many photos: in this process (:func:`analyse_here`), or on a cluster (:mod:`facenet_core.cluster`)."""

    def __call__(
        self, engine: FaceEngine, photos: Iterable[Encoded], keep: Callable[[Analysis], T]
    ) -> Generator[T | FaceNetError, None, None]:
        """Analyses photos as :meth:`FaceEngine.analyse` does, several at a time.

        Args:
            engine: What finds and embeds faces, or what the engines elsewhere
                have to be equal to.
            photos: Asked for one by one, by the thread that iterates.
            keep: What is kept of an analysis. It is called where the photo was
                analysed, so it and its answer must be picklable, and the answer
                small.

        Yields:
            For each photo, in order, what was kept, or why it can't be used.

        Raises:
            ModelError: If the model fails, or is another elsewhere.
            ClusterError: If the cluster is gone.
        """
        ...


def analyse_photos(engine: FaceEngine, sources: Iterable[Source]) -> Generator[Analysis | FaceNetError, None, None]:
    """Analyses photos as :meth:`FaceEngine.analyse` does, several at a time.

    At most :data:`AHEAD` photos are being read and :data:`MAX_HELD` wait for
    their embeddings, however many there are. Stopping early stops the threads.

    Args:
        engine: Whose detector may be called by several threads.
        sources: Asked for one by one, by the thread that iterates.

    Yields:
        For each photo, in order, what was found, or why it can't be used.

    Raises:
        ModelError: If the model fails.
    """
    coming, waiting = iter(sources), deque[Future[Prepared | FaceNetError]]()
    held: list[Prepared | FaceNetError] = []
    pool = ThreadPoolExecutor(WORKERS, "photos")
    try:
        while True:
            while len(waiting) < AHEAD and (source := next(coming, None)) is not None:
                waiting.append(pool.submit(_prepared, engine, source))
            if waiting and not _enough(held):
                held.append(waiting.popleft().result())
            elif held:
                yield from _completed(engine, held)
                held.clear()
            else:
                return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def analyse_here(
    engine: FaceEngine, photos: Iterable[Encoded], keep: Callable[[Analysis], T]
) -> Generator[T | FaceNetError, None, None]:
    """The :class:`Analyser` of this process."""
    with closing(analyse_photos(engine, photos)) as coming:
        for found in coming:
            yield found if isinstance(found, FaceNetError) else keep(found)


def analyse_together(engine: FaceEngine, asked: Sequence[tuple[Source, Wanted]]) -> list[Analysis]:
    """Analyses a few photos at once.

    Args:
        engine: Whose detector may be called by several threads.
        asked: The photos, and which of their faces are embedded.

    Raises:
        FaceNetError: If one of them can't be used; that of the first.
        ModelError: If the model fails.
    """
    with ThreadPoolExecutor(max(len(asked), 1), "photos") as pool:
        return engine.complete(list(pool.map(lambda each: engine.prepare(each[0](), each[1]), asked)))


def _prepared(engine: FaceEngine, source: Source) -> Prepared | FaceNetError:
    try:
        photo = source()
    except FaceNetError as error:
        return error.with_traceback(None)
    return engine.prepare(photo)


def _enough(held: list[Prepared | FaceNetError]) -> bool:
    prepared = [each for each in held if isinstance(each, Prepared)]
    return (
        len(held) >= MAX_HELD
        or sum(len(each.wanted) * each.views.shape[1] for each in prepared) >= TOGETHER
        or sum(each.photo.width * each.photo.height for each in prepared) >= MAX_HELD_PIXELS
    )


def _completed(engine: FaceEngine, held: list[Prepared | FaceNetError]) -> Iterator[Analysis | FaceNetError]:
    analyses = iter(engine.complete([each for each in held if isinstance(each, Prepared)]))
    for each in held:
        yield each if isinstance(each, FaceNetError) else next(analyses)
