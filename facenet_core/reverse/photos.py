"""Photos that addresses gave: what waits for a model, what is kept to be shown, and what goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, select

from facenet_core.reverse.tables import ANALYSES, FACES, IMAGES, PHOTOS
from facenet_core.reverse.twins import promote
from facenet_core.store.bulk import pieces
from facenet_core.store.sql import SQLDatabase


@dataclass(frozen=True, slots=True)
class Waiting:
    """A photo that a model has not seen.

    Attributes:
        photo: Its number.
        url: An address of it.
        original: Its bytes.
    """

    photo: int
    url: str
    original: bytes


class Photos:
    """Photos, each once, however many addresses gave it. Thread-safe.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def waiting(self, model: int, after: int = 0) -> Waiting | None:
        """The next photo whose original is here and that a model has not seen.

        Args:
            model: Its number.
            after: The number of the last photo.
        """
        wanted = (
            select(PHOTOS.c.id, PHOTOS.c.original)
            .where(PHOTOS.c.original.is_not(None), PHOTOS.c.id > after, unseen(model))
            .order_by(PHOTOS.c.id)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
            if row is None:
                return None
            url = connection.execute(select(func.min(IMAGES.c.image_url)).where(IMAGES.c.photo == row[0])).scalar()
        return Waiting(row[0], url or "", row[1])

    def originals(self, model: int | None = None) -> int:
        """How many originals wait for the index.

        Args:
            model: The number of the model that they wait for; None counts those
                that no model has seen.
        """
        waits = PHOTOS.c.original.is_not(None), PHOTOS.c.thumbnail.is_(None) if model is None else unseen(model)
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(PHOTOS).where(*waits)).scalar_one()

    def thumbnail(self, photo: int) -> bytes | None:
        """A photo's thumbnail as JPEG; None if it is gone."""
        with self._database.reading() as connection:
            return connection.execute(select(PHOTOS.c.thumbnail).where(PHOTOS.c.id == photo)).scalar()


def unseen(model: int) -> ColumnElement[bool]:
    """The condition that a model has not seen a photo.

    Args:
        model: Its number.
    """
    return ~select(ANALYSES.c.photo).where(ANALYSES.c.photo == PHOTOS.c.id, ANALYSES.c.model == model).exists()


def drop_unshown(connection: Connection, photos: Iterable[int | None]) -> None:
    """Deletes those of some photos that no address shows any more, with their faces."""
    for some in pieces(sorted(photo for photo in photos if photo is not None)):
        shown = set(connection.scalars(select(IMAGES.c.photo).where(IMAGES.c.photo.in_(some))))
        gone = [photo for photo in some if photo not in shown]
        promote(connection, list(connection.scalars(select(FACES.c.id).where(FACES.c.photo.in_(gone)))))
        connection.execute(delete(PHOTOS).where(PHOTOS.c.id.in_(gone)))


def drop_orphans(connection: Connection) -> int:
    """Deletes photos that no address shows.

    Returns:
        How many.
    """
    shown = select(IMAGES.c.id).where(IMAGES.c.photo == PHOTOS.c.id).exists()
    orphans = list(connection.scalars(select(PHOTOS.c.id).where(~shown)))
    drop_unshown(connection, orphans)
    return len(orphans)
