"""Index runs: every photo that waits is read once, and its faces are taken in."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from facenet_core import images
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, PhotoError
from facenet_core.matching import distance
from facenet_core.pipeline import Analyser, Encoded
from facenet_core.reverse.addresses import drop_barred
from facenet_core.reverse.blanking import THUMBNAIL_SIDE, blanked
from facenet_core.reverse.faces import Faces, NewFace
from facenet_core.reverse.photos import Photos, Waiting
from facenet_core.reverse.records import Taken
from facenet_core.reverse.removals import people
from facenet_core.reverse.twins import TWIN_DISTANCE
from facenet_core.reverse.vectors import Vectors
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Analysis, Detection, Embedding

NEAREST = 3
"""Faces that are looked at for one that a new one is a copy of: the nearest may have gone."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model saw on a photo, without the photo: small enough to be sent from another machine.

    Attributes:
        size: Pixels of the photo, across and down.
        faces: Where they are, and their embeddings.
        thumbnail: As JPEG.
    """

    size: tuple[int, int]
    faces: tuple[tuple[Detection, Embedding], ...]
    thumbnail: bytes

    @classmethod
    def of(cls, found: Analysis) -> Seen:
        """What is kept of an analysis."""
        faces = tuple((face.detection, face.embedding) for face in found.faces)
        small = images.thumbnail(found.photo.pixels, THUMBNAIL_SIDE)
        return cls((found.photo.width, found.photo.height), faces, small)


class ReverseIndexer:
    """Takes photos in that wait.

    Args:
        database: Of the index.
        photos: Which of them wait.
        faces: Where faces go.
        vectors: Tells which face is near.
        settings: Limits for photos.
    """

    def __init__(
        self,
        database: SQLDatabase,
        photos: Photos,
        faces: Faces,
        vectors: Vectors,
        settings: Settings,
    ) -> None:
        self._database, self._photos, self._faces, self._vectors = database, photos, faces, vectors
        self._settings = settings

    def run(self, engine: FaceEngine, analyse: Analyser, *, keep: bool = False) -> Generator[Taken, None, None]:
        """Looks at every photo that waits. A run that is stopped or killed has lost nothing.

        Args:
            engine: What finds and embeds faces.
            analyse: Analyses many photos with it, here or elsewhere.
            keep: Keep the originals, instead of thumbnails alone.

        Yields:
            Each photo that was looked at.

        Raises:
            ModelError: If the model fails.
            StoreError: If the index can't be written.
        """
        asked: deque[Waiting] = deque()
        with closing(analyse(engine, self._waiting(asked), Seen.of)) as coming:
            for found in coming:
                waiting = asked.popleft()
                if isinstance(found, PhotoError):
                    self._faces.refuse(waiting.photo, found.reason)
                    yield Taken(waiting.url, problem=found.reason)
                elif isinstance(found, FaceNetError):
                    raise found
                else:
                    yield self._keep(waiting, found, keep)

    def _waiting(self, asked: deque[Waiting]) -> Iterator[Encoded]:
        after, limit = 0, self._settings.max_upload_mb * 2**20
        while (waiting := self._photos.waiting(self._faces.model, after)) is not None:
            after = waiting.photo
            asked.append(waiting)
            yield Encoded(waiting.url, partial(bytes, waiting.original), limit, self._settings.max_pixels)

    def _keep(self, waiting: Waiting, found: Seen, keep: bool) -> Taken:
        new = [self._new(*face) for face in found.faces]
        with self._database.writing() as connection:
            # Held against the list as it is now: somebody may have been removed while the photo was looked at.
            drop_barred(connection, waiting.photo)
            removed = people(connection, self._faces.model)
            barred = [face.detection for face in new if face.embedding in removed]
            kept = [face for face in new if face.embedding not in removed]
            small = blanked(found.thumbnail, found.size[0], barred) if barred else found.thumbnail
            original = waiting.original if keep and not barred else None
            if not self._faces.put(connection, waiting.photo, found.size, small, kept, original):
                return Taken(waiting.url)
        return Taken(waiting.url, len(kept), sum(face.twin is not None for face in kept), len(barred))

    def _new(self, place: Detection, embedding: Embedding) -> NewFace:
        with self._database.reading() as connection:
            near = self._vectors.nearest(connection, embedding, NEAREST)
            known = self._faces.some(connection, near)
        between = {id_: distance(embedding, each.embedding) for id_, each in known.items()}
        nearest = min(between, key=between.__getitem__, default=None)
        twin = nearest if nearest is not None and between[nearest] <= TWIN_DISTANCE else None
        return NewFace(place, embedding, twin)
