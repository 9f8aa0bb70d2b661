"""Photos to the embeddings of their prominent faces, through the cache, with everything that failed."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core import images
from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, NoFaceError, PhotoError
from facenet_core.evaluation.cache import FaceCache, PhotoFaces
from facenet_core.matching import distances
from facenet_core.pipeline import Analyser, Encoded, analyse_here
from facenet_core.types import Analysis, ModelId

Progress = Callable[[Sequence[Path]], Iterable[Path]]
"""Hands out the photos one by one and shows how far it is, such as ``tqdm``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most of one photo; see :func:`facenet_core.images.decode`."""

    max_bytes: int = images.MAX_BYTES
    max_pixels: int = images.MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Failure:
    """A photo in which no face could be looked for, or none was found: a failure to acquire.

    Attributes:
        photo: Its folder and name.
        code: The error's, such as ``no_face``.
        reason: One sentence.
    """

    photo: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos with the embeddings of their prominent faces.

    Attributes:
        paths: All of the photos, as given.
        embeddings: Shape ``(n, d)``, float32, in their order; unit norm, or all
            NaN where there is no face.
        failures: Photos without an embedding, in their order.
        computed: How many photos were analysed now; the others were known.
        model_id: What made the embeddings.
    """

    paths: tuple[Path, ...]
    embeddings: NDArray[np.float32]
    failures: tuple[Failure, ...]
    computed: int
    model_id: ModelId

    @property
    def found(self) -> NDArray[np.bool_]:
        """Shape ``(n,)``: which photos have an embedding."""
        found: NDArray[np.bool_] = ~np.isnan(self.embeddings[:, 0])
        return found

    def matrix(self) -> NDArray[np.float32]:
        """Distances of all photos to each other.

        Returns:
            Shape ``(n, n)``, float32; infinity where a photo has no face.
        """
        result = np.full((len(self.paths),) * 2, np.inf, np.float32)
        known = np.flatnonzero(self.found)
        result[np.ix_(known, known)] = distances(self.embeddings[known], self.embeddings[known])
        return result


def embed_photos(
    engine: FaceEngine,
    paths: Sequence[Path],
    cache: FaceCache | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    analyse: Analyser = analyse_here,
) -> Embedded:
    """Embeds the prominent face of each photo.

    May be interrupted at any time: what was done until then is in the cache.

    Args:
        engine: Analyses the photos that are not known.
        paths: The photos.
        cache: Where faces are looked up and kept.
        limits: For reading photos.
        progress: Wraps the paths.
        analyse: Where photos are analysed. The cache is written here alone.

    Raises:
        CacheError: If the cache can't be read or written.
        ClusterError: If photos are analysed on a cluster, and that is gone.
        ModelError: If the model fails.
    """
    limits = limits or Limits()
    model_id = engine.model_id
    rows = np.full((len(paths), model_id.dimensions), np.nan, np.float32)
    failures: list[Failure] = []
    unknown: deque[tuple[NDArray[np.float32], Path]] = deque()

    def keep(row: NDArray[np.float32], path: Path, faces: PhotoFaces) -> None:
        if faces.detections:
            row[:] = faces.embeddings[faces.prominent]
        else:
            failures.append(_failure(path, NoFaceError(path.name, "No face was found.")))

    def photos() -> Iterator[Encoded]:
        for row, path in zip(rows, progress(paths) if progress else paths, strict=True):
            digest = _digest(path) if cache else None
            if cache and digest and (known := cache.get(digest, model_id)):
                keep(row, path, known)
            else:
                unknown.append((row, path))
                read = partial(images.content, path, max_bytes=limits.max_bytes)
                yield Encoded(images.name_of(path), read, limits.max_bytes, limits.max_pixels)

    computed = 0
    try:
        with closing(analyse(engine, photos(), Analysis.without_pixels)) as coming:
            for found in coming:
                row, path = unknown.popleft()
                if isinstance(found, FaceNetError):
                    if not isinstance(found, PhotoError):
                        raise found
                    failures.append(_failure(path, found))
                    continue
                faces = PhotoFaces.of(found)
                keep(row, path, faces)
                computed += 1
                if cache:
                    cache.put(found.photo.sha256, model_id, faces)
    finally:
        if cache:
            cache.flush()
    order = {_named(path): number for number, path in enumerate(paths)}
    failures.sort(key=lambda failure: order[failure.photo])
    return Embedded(tuple(paths), rows, tuple(failures), computed, model_id)


def _failure(path: Path, error: PhotoError) -> Failure:
    return Failure(_named(path), error.code, error.reason)


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}".encode(errors="replace").decode()


def _digest(path: Path) -> str | None:
    """The hash of a photo's file; None if it can't be read, which decoding it will explain."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
