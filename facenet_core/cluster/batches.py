"""Photos in batches: what is sent to a worker, and what it does with them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from facenet_core.cluster.recipe import Engines, Recipe
from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, ModelError
from facenet_core.pipeline import Encoded, analyse_here
from facenet_core.types import Analysis

PHOTOS, BYTES = 8, 8 * 2**20
"""A batch is full with so many photos, or bytes."""

ENGINES = Engines()
"""Those of this process, if it is a worker."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Photos that travel together.

    Attributes:
        photos: In order; for one that could not be read, why.
        size: Bytes of all photos.
    """

    photos: tuple[Encoded | FaceNetError, ...]
    size: int

    @property
    def sent(self) -> tuple[Encoded, ...]:
        """The photos that could be read; their bytes are in them."""
        return tuple(photo for photo in self.photos if isinstance(photo, Encoded))


def batches(photos: Iterable[Encoded]) -> Iterator[Batch]:
    """Reads photos, as they are asked for.

    Args:
        photos: Not read yet.

    Yields:
        Batches of up to :data:`PHOTOS` photos. One that goes beyond
        :data:`BYTES` is not filled further.
    """
    batch: list[Encoded | FaceNetError] = []
    size = 0
    for photo in photos:
        try:
            data = photo.read()
            if len(data) > photo.max_bytes:
                photo()  # says what is wrong with it, for which nobody else is needed
        except FaceNetError as error:
            batch.append(error.with_traceback(None))
        else:
            batch.append(replace(photo, read=partial(bytes, data)))
            size += len(data)
        if len(batch) >= PHOTOS or size >= BYTES:
            yield Batch(tuple(batch), size)
            batch, size = [], 0
    if batch:
        yield Batch(tuple(batch), size)


def analysed(
    recipe: Recipe, photos: tuple[Encoded, ...], keep: Callable[[Analysis], object]
) -> list[object | FaceNetError]:
    """What a worker does with the photos of a batch.

    Args:
        recipe: The engine.
        photos: With their bytes.
        keep: What is kept of each analysis.

    Returns:
        For each photo, in order, what was kept, or why it can't be used.

    Raises:
        ModelError: If the model fails, or this worker has no such engine.
    """
    return list(analyse_here(loaded(recipe), photos, keep))


def loaded(recipe: Recipe) -> FaceEngine:
    """The engine of this worker.

    Raises:
        ModelError: If it has none; names the worker.
    """
    try:
        return ENGINES.get(recipe)
    except FaceNetError as error:
        raise ModelError(f"A worker on {socket.gethostname()} can't be used: {error}") from None
