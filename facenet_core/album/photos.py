"""Which photos an album has, and which faces are on them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Row, Select, bindparam, delete, func, insert, select, tuple_

from facenet_core.album.database import AlbumDatabase, note, seen
from facenet_core.album.files import path_of
from facenet_core.album.records import AlbumFace, AlbumPhoto, Coverage, FaceTable
from facenet_core.album.tables import ANALYSES, EMBEDDINGS, FACES, FILES, FOLDERS, MODELS, PHOTOS
from facenet_core.enrolment import SAME_FACE_IOU, iou
from facenet_core.errors import AlbumError
from facenet_core.store.bulk import pieces, tuples
from facenet_core.store.columns import matrix
from facenet_core.store.models import ModelNumbers
from facenet_core.types import Detection, ModelId

# Made once: to put a statement together takes longer than SQLite takes to answer it.
_BY_CONTENT = select(PHOTOS.c.id).where(PHOTOS.c.sha256 == bindparam("sha256"))
_MODELS = ModelNumbers(MODELS)
_SEEN = select(ANALYSES.c.photo).where(ANALYSES.c.photo == bindparam("photo"), ANALYSES.c.model == bindparam("model"))
_ON = select(FACES.c.id, FACES.c.numbers).where(FACES.c.photo == bindparam("on")).order_by(FACES.c.id)
_NO_EMBEDDING = delete(EMBEDDINGS).where(EMBEDDINGS.c.face == bindparam("of"), EMBEDDINGS.c.model == bindparam("by"))
_NEW_PHOTO, _NEW_FACE = (insert(table).returning(table.c.id) for table in (PHOTOS, FACES))
_NEW_ANALYSIS, _NEW_EMBEDDING = insert(ANALYSES), insert(EMBEDDINGS)
_FACES = select(FACES.c.id, FACES.c.photo, FACES.c.numbers, FACES.c.clear)
_PHOTOS = select(PHOTOS.c.id, PHOTOS.c.sha256, PHOTOS.c.width, PHOTOS.c.height)
_FILES = (
    select(FILES.c.photo, FOLDERS.c.path.label("root"), FILES.c.path)
    .join(FOLDERS, FOLDERS.c.id == FILES.c.folder)
    .order_by(FILES.c.folder, FILES.c.path)
)


class AlbumPhotos:
    """The photos and faces of an album. Thread-safe.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: AlbumDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._table: tuple[str, ModelId, FaceTable] | None = None

    def known(self, sha256: str, model_id: ModelId) -> tuple[int | None, bool]:
        """The number of a photo by its content, if it was ever here, and whether a model has seen it."""
        with self._database.reading() as connection:
            photo = connection.execute(_BY_CONTENT, {"sha256": sha256}).scalar()
            return photo, photo is not None and _has_seen(connection, _MODELS.known(connection, model_id), photo)

    def seen_by(self, model_id: ModelId) -> frozenset[int]:
        """The numbers of the photos that a model has seen."""
        with self._database.reading() as connection:
            model = _MODELS.known(connection, model_id)
            return frozenset(connection.scalars(select(ANALYSES.c.photo).where(ANALYSES.c.model == model)))

    def coverage(self, model_id: ModelId) -> Coverage:
        """How many of the photos that are there a model has looked at."""
        here = select(func.count()).select_from(PHOTOS).where(PHOTOS.c.gone_at.is_(None))
        with self._database.reading() as connection:
            model = _MODELS.known(connection, model_id)
            seen_too = select(ANALYSES.c.photo).where(ANALYSES.c.photo == PHOTOS.c.id, ANALYSES.c.model == model)
            photos, unseen = (connection.scalar(each) or 0 for each in (here, here.where(~seen_too.exists())))
        return Coverage(photos, unseen)

    def put_photo(
        self,
        sha256: str,
        size: tuple[int, int],
        found: Sequence[tuple[Detection, bool, NDArray[np.float32]]],
        model_id: ModelId,
    ) -> tuple[int, tuple[int, ...]]:
        """Keeps what a model saw on a photo.

        Args:
            sha256: Of its content.
            size: Pixels across and down.
            found: Its faces: where, whether they are clear, and their
                embeddings.
            model_id: The model.

        Returns:
            The number of the photo, and those of its faces, in their order. A
            face that was known at that place keeps its number.
        """
        with self._database.writing() as connection:
            model = _MODELS.given(connection, model_id)
            photo, new = _photo_number(connection, sha256, size)
            if new or not _has_seen(connection, model, photo):
                connection.execute(_NEW_ANALYSIS, {"photo": photo, "model": model})
            known = () if new else connection.execute(_ON, {"on": photo})
            before = {id_: _detection(numbers).box for id_, numbers in known}
            faces = []
            for detection, clear, embedding in found:
                face = next((id_ for id_, box in before.items() if iou(box, detection.box) >= SAME_FACE_IOU), None)
                if face is None:
                    place = np.array(detection.numbers, "<f8").tobytes()
                    values = {"photo": photo, "numbers": place, "clear": int(clear)}
                    face = connection.execute(_NEW_FACE, values).scalar_one()
                else:
                    del before[face]
                    connection.execute(_NO_EMBEDDING, {"of": face, "by": model})
                connection.execute(_NEW_EMBEDDING, {"face": face, "model": model, "numbers": embedding})
                faces.append(face)
            if faces:
                note(connection, "faces")
        return photo, tuple(faces)

    def table(self, model_id: ModelId) -> FaceTable:
        """All faces of photos that are there, as a model has embedded them. Remembered until others are there."""
        with self._lock:
            if self._table is None or self._table[:2] != (self._database.changes().faces, model_id):
                with self._database.reading() as connection:
                    wanted = (
                        select(FACES.c.id, FACES.c.photo, FACES.c.clear, EMBEDDINGS.c.numbers)
                        .join(FACES, FACES.c.id == EMBEDDINGS.c.face)
                        .join(PHOTOS, PHOTOS.c.id == FACES.c.photo)
                        .where(EMBEDDINGS.c.model == _MODELS.known(connection, model_id), PHOTOS.c.gone_at.is_(None))
                        .order_by(FACES.c.id)
                    )
                    faces, rows = seen(connection).faces, tuples(connection, wanted)
                self._table = faces, model_id, _stacked(rows, model_id, connection.dialect.name)
            return self._table[2]

    def faces(self, ids: Iterable[int]) -> dict[int, AlbumFace]:
        """Faces by their numbers; those that are not known are left out."""
        return {row.id: _face(row) for row in self._several(_FACES, FACES.c.id, ids)}

    def faces_on(self, photo: int, model_id: ModelId | None) -> tuple[AlbumFace, ...]:
        """The faces on a photo, from left to right.

        Args:
            photo: Its number.
            model_id: The model that has found them; if it has not seen the photo,
                the one that came last and has.
        """
        with self._database.reading() as connection:
            model = _MODELS.known(connection, model_id) if model_id else None
            if model is None or not _has_seen(connection, model, photo):
                model = connection.scalar(select(func.max(ANALYSES.c.model)).where(ANALYSES.c.photo == photo))
            by: Select[Any] = _FACES.join(EMBEDDINGS, EMBEDDINGS.c.face == FACES.c.id).where(
                EMBEDDINGS.c.model == model
            )
            faces = [_face(row) for row in connection.execute(by.where(FACES.c.photo == photo))]
        return tuple(sorted(faces, key=lambda face: face.box.left))

    def photos(self, ids: Iterable[int]) -> dict[int, AlbumPhoto]:
        """Photos by their numbers, with their files; those that are not known are left out."""
        wanted = list(ids)
        files: dict[int, list[Path]] = {}
        for file in self._several(_FILES, FILES.c.photo, wanted):
            files.setdefault(file.photo, []).append(path_of(file.root) / path_of(file.path))
        return {
            row.id: AlbumPhoto(row.id, row.sha256, row.width, row.height, tuple(files.get(row.id, ())))
            for row in self._several(_PHOTOS, PHOTOS.c.id, wanted)
        }

    def listed(self, limit: int, offset: int = 0) -> tuple[AlbumPhoto, ...]:
        """Photos in the order of their files' paths."""
        earlier = FILES.alias()
        place = tuple_(earlier.c.folder, earlier.c.path) < tuple_(FILES.c.folder, FILES.c.path)
        first = ~select(earlier.c.id).where(earlier.c.photo == FILES.c.photo, place).exists()
        wanted = select(FILES.c.photo).where(FILES.c.photo.is_not(None), first).order_by(FILES.c.folder, FILES.c.path)
        with self._database.reading() as connection:
            ids = list(connection.scalars(wanted.limit(limit).offset(offset)))
        found = self.photos(ids)
        return tuple(found[id_] for id_ in ids if id_ in found)

    def contents(self) -> frozenset[str]:
        """The sha256 of every photo that is kept, those that have gone included."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(PHOTOS.c.sha256)))

    def counts(self, model_id: ModelId | None) -> Mapping[str, int]:
        """How many ``photos``, ``files``, ``refused`` files and ``faces`` there are.

        Args:
            model_id: The model that has found the faces; None for the one that
                came last.
        """
        photos, files = (select(func.count()).select_from(table) for table in (PHOTOS, FILES))
        here = FACES.join(PHOTOS, PHOTOS.c.id == FACES.c.photo).join(EMBEDDINGS, EMBEDDINGS.c.face == FACES.c.id)
        faces = select(func.count()).select_from(here)
        wanted = {
            "photos": photos.where(PHOTOS.c.gone_at.is_(None)),
            "files": files.where(FILES.c.photo.is_not(None)),
            "refused": files.where(FILES.c.photo.is_(None)),
        }
        with self._database.reading() as connection:
            last = select(func.max(ANALYSES.c.model)).scalar_subquery()
            model = _MODELS.known(connection, model_id) if model_id else last
            wanted["faces"] = faces.where(PHOTOS.c.gone_at.is_(None), EMBEDDINGS.c.model == model)
            row = connection.execute(select(*(each.scalar_subquery() for each in wanted.values()))).one()
        return dict(zip(wanted, row, strict=True))

    def _several(self, query: Select[Any], column: Column[int], ids: Iterable[int]) -> list[Row[Any]]:
        """Asks for rows by many numbers, so many at a time."""
        with self._database.reading() as connection:
            return [row for some in pieces(list(ids)) for row in connection.execute(query.where(column.in_(some)))]


def original(photo: AlbumPhoto) -> bytes:
    """A photo's own bytes, from the first of its files that still holds them.

    Raises:
        AlbumError: If all of its files have changed, or none can be read.
    """
    changed = False
    for path in photo.paths:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == photo.sha256:
            return content
        changed = True
    if changed:
        raise AlbumError(f"{photo.name}: this photo has changed since it was indexed. Index the album again.")
    raise AlbumError(f"{photo.name}: this photo can't be read. Is its disk there? If it was moved, index again.")


def _photo_number(connection: Connection, sha256: str, size: tuple[int, int]) -> tuple[int, bool]:
    """The number of a photo, given to it if it has none, and whether it was."""
    number = connection.execute(_BY_CONTENT, {"sha256": sha256}).scalar()
    if number is not None:
        return int(number), False
    values = {"sha256": sha256, "width": size[0], "height": size[1]}
    return int(connection.execute(_NEW_PHOTO, values).scalar_one()), True


def _has_seen(connection: Connection, model: int, photo: int) -> bool:
    return connection.execute(_SEEN, {"photo": photo, "model": model}).first() is not None


def _stacked(rows: Sequence[tuple[int, int, int, bytes]], model_id: ModelId, dialect: str) -> FaceTable:
    return FaceTable(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.bool_),
        matrix([row[3] for row in rows], model_id.dimensions, dialect),
    )


def _face(row: Row[Any]) -> AlbumFace:
    return AlbumFace(row.id, row.photo, _detection(row.numbers), bool(row.clear))


def _detection(numbers: bytes) -> Detection:
    return Detection.of(np.frombuffer(numbers, "<f8").tolist())
