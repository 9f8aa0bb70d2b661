"""Which faces a model saw on which photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from facenet_core.reverse.tables import ANALYSES, FACES, MODELS, PHOTOS
from facenet_core.reverse.twins import promote
from facenet_core.store.bulk import pieces
from facenet_core.store.models import ModelNumbers
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Detection, Embedding, ModelId


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face that is to be taken in.

    Attributes:
        detection: Where it is on its photo.
        embedding: Of the current model.
        twin: The number of the face that it is a copy of, if it is one.
    """

    detection: Detection
    embedding: Embedding
    twin: int | None


@dataclass(frozen=True, slots=True)
class IndexedFace:
    """A face that was taken in.

    Attributes:
        id: Its number.
        photo: The number of its photo.
        detection: Where it is.
        size: Pixels of the photo, across and down.
        embedding: Of the current model.
    """

    id: int
    photo: int
    detection: Detection
    size: tuple[int, int]
    embedding: Embedding


class Faces:
    """The faces of one model. Thread-safe.

    Args:
        database: Where they are kept.
        model_id: The model.

    Attributes:
        model: Its number in the database.
    """

    def __init__(self, database: SQLDatabase, model_id: ModelId) -> None:
        self._database, self._dimensions = database, model_id.dimensions
        with database.writing() as connection:
            self.model = ModelNumbers(MODELS).given(connection, model_id)

    def put(
        self,
        connection: Connection,
        photo: int,
        size: tuple[int, int],
        thumbnail: bytes | None,
        faces: Sequence[NewFace],
        original: bytes | None = None,
    ) -> bool:
        """Keeps what the model saw on a photo, in the place of what others saw.

        Args:
            connection: To write with.
            photo: Its number.
            size: Pixels across and down.
            thumbnail: As JPEG; None if there can be none.
            faces: Its faces.
            original: Its bytes, if they are to be kept.

        Returns:
            False if the photo was removed meanwhile.
        """
        if not self._seen(connection, photo, None):
            return False
        connection.execute(
            update(PHOTOS)
            .where(PHOTOS.c.id == photo)
            .values(width=size[0], height=size[1], thumbnail=thumbnail, original=original)
        )
        for face in faces:
            place = np.array(face.detection.numbers, "<f8").tobytes()
            values = {"photo": photo, "model": self.model, "place": place, "embedding": face.embedding}
            connection.execute(insert(FACES).values(**values, twin=self._there(connection, face.twin)))
        return True

    def refuse(self, photo: int, problem: str) -> None:
        """Notes why a photo can't be used, and drops its original."""
        with self._database.writing() as connection:
            if self._seen(connection, photo, problem):
                connection.execute(update(PHOTOS).where(PHOTOS.c.id == photo).values(original=None))

    def some(self, connection: Connection, ids: Sequence[int]) -> dict[int, IndexedFace]:
        """Faces by their numbers; those that have gone are left out."""
        found: dict[int, IndexedFace] = {}
        for some in pieces(ids):
            wanted = (
                select(FACES.c.id, FACES.c.photo, FACES.c.place, FACES.c.embedding, PHOTOS.c.width, PHOTOS.c.height)
                .join(PHOTOS, PHOTOS.c.id == FACES.c.photo)
                .where(FACES.c.id.in_(some), FACES.c.model == self.model, FACES.c.twin.is_(None))
            )
            for id_, photo, place, embedding, width, height in connection.execute(wanted):
                where = Detection.of(np.frombuffer(place, "<f8").tolist())
                found[id_] = IndexedFace(id_, photo, where, (width, height), embedding)
        return found

    def copies(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[tuple[int, Detection]]]:
        """Faces and their copies, by the number of the photo that they are on.

        Args:
            connection: To read with.
            ids: Numbers of faces; copies may be among them, and count once.
        """
        found: dict[int, dict[int, Detection]] = {}
        for some in pieces(ids):
            wanted = select(FACES.c.id, FACES.c.photo, FACES.c.place)
            for id_, photo, place in connection.execute(wanted.where(FACES.c.id.in_(some) | FACES.c.twin.in_(some))):
                found.setdefault(photo, {})[id_] = Detection.of(np.frombuffer(place, "<f8").tolist())
        return {photo: list(shown.items()) for photo, shown in found.items()}

    def drop(self, connection: Connection, ids: Sequence[int]) -> None:
        """Deletes faces; a copy of one that is left takes its place."""
        promote(connection, ids)
        for some in pieces(ids):
            connection.execute(delete(FACES).where(FACES.c.id.in_(some)))

    def count(self, connection: Connection, *, copies: bool = False) -> int:
        """How many faces there are that are searched, or that are copies."""
        twin = FACES.c.twin.is_not(None) if copies else FACES.c.twin.is_(None)
        wanted = select(func.count()).select_from(FACES).where(FACES.c.model == self.model, twin)
        return connection.execute(wanted).scalar_one()

    def extent(self) -> tuple[int, int]:
        """How many faces are searched, and the largest number: a removal changes one of them."""
        wanted = select(func.count(), func.coalesce(func.max(FACES.c.id), 0)).where(
            FACES.c.model == self.model, FACES.c.twin.is_(None)
        )
        with self._database.reading() as connection:
            count, largest = connection.execute(wanted).one()
        return count, largest

    def _seen(self, connection: Connection, photo: int, problem: str | None) -> bool:
        """Notes that the model has seen a photo; False if the photo has gone."""
        if not connection.execute(select(PHOTOS.c.id).where(PHOTOS.c.id == photo)).first():
            return False
        earlier = list(connection.scalars(select(FACES.c.id).where(FACES.c.photo == photo)))
        self.drop(connection, earlier)
        connection.execute(delete(ANALYSES).where(ANALYSES.c.photo == photo))
        connection.execute(insert(ANALYSES).values(photo=photo, model=self.model, problem=problem))
        return True

    def _there(self, connection: Connection, twin: int | None) -> int | None:
        """A face that another one may be a copy of: itself no copy, and not removed meanwhile."""
        own = select(FACES.c.id).where(FACES.c.id == twin, FACES.c.twin.is_(None))
        return twin if twin is not None and connection.execute(own).first() else None
