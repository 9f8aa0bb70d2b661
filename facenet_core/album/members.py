"""Which group and which knot each face of an album belongs to."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, select, text

from facenet_core.album.clustering import NEW
from facenet_core.album.database import AlbumDatabase
from facenet_core.album.records import FaceTable
from facenet_core.album.tables import FACES, MEMBERS, MODELS
from facenet_core.store.bulk import tuples
from facenet_core.store.models import ModelNumbers
from facenet_core.types import ModelId

_MODELS = ModelNumbers(MODELS)

_PUT = text(
    "INSERT INTO members (face, model, number, knot) VALUES (:face, :model, :number, :knot) "
    "ON CONFLICT (face, model) DO UPDATE SET number = excluded.number, knot = excluded.knot"
)

_DROP = delete(MEMBERS).where(MEMBERS.c.face == bindparam("of"), MEMBERS.c.model == bindparam("by"))


class Members:
    """The numbers of faces' groups and knots. Thread-safe.

    Args:
        database: Of the album.
    """

    def __init__(self, database: AlbumDatabase) -> None:
        self._database = database
        self._held: tuple[str, FaceTable, NDArray[np.int64]] | None = None

    def of(self, table: FaceTable, model_id: ModelId) -> NDArray[np.int64]:
        """Shape ``(2, n)``: the number of each face's group, and of its knot; -1 for those that came since.

        Remembered until anything changes; not to be written to.

        Args:
            table: The faces.
            model_id: Whose embeddings they have.
        """
        revision, held = self._database.changes().revision, self._held
        if held and held[0] == revision and held[1] is table:
            return held[2]
        with self._database.reading() as connection:
            labels = _labels(_read(connection, _MODELS.known(connection, model_id)), table.ids)
        self._held = revision, table, labels
        return labels

    def put(
        self, ids: NDArray[np.int64], labels: NDArray[np.int64], before: NDArray[np.int64] | None, model_id: ModelId
    ) -> bool:
        """Keeps what faces belong to, and of other faces nothing. Only what is new is written.

        Args:
            ids: Of the faces, rising.
            labels: Shape ``(2, n)``: the numbers of their groups and knots.
            before: What they were when these were made of them; None if it does
                not matter.
            model_id: Whose embeddings they have.

        Returns:
            False if somebody has grouped them otherwise since; nothing is kept.
        """
        with self._database.writing() as connection:
            model = _MODELS.given(connection, model_id)
            there = _read(connection, model)
            known = _labels(there, ids)
            if before is not None and not np.array_equal(before, known):
                return False
            lost = there[~np.isin(there[:, 0], ids), 0].tolist()
            if lost:
                connection.execute(_DROP, [{"of": face, "by": model} for face in lost])
            fresh = (labels != known).any(axis=0) & _here(connection, ids)  # some may have gone since
            rows = np.column_stack((ids, labels.T))[fresh].tolist()
            if rows:
                names = ("face", "number", "knot")
                connection.execute(_PUT, [{**dict(zip(names, row, strict=True)), "model": model} for row in rows])
        return True


def _labels(members: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shape ``(2, n)``: what faces are members of; -1 for those that are none."""
    labels = np.full((2, len(ids)), NEW, np.int64)
    if len(members) and len(ids):
        known = np.isin(ids, members[:, 0])
        labels[:, known] = members[np.searchsorted(members[:, 0], ids[known]), 1:].T
    return labels


def _here(connection: Connection, faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of some faces are there."""
    return np.isin(faces, _array(tuples(connection, select(FACES.c.id)), 1))


def _read(connection: Connection, model: int) -> NDArray[np.int64]:
    """Shape ``(n, 3)``: faces, rising, with the numbers of their groups and knots."""
    wanted = select(MEMBERS.c.face, MEMBERS.c.number, MEMBERS.c.knot).where(MEMBERS.c.model == model)
    return _array(tuples(connection, wanted.order_by(MEMBERS.c.face)), 3)


def _array(rows: list[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(rows), np.int64, columns * len(rows)).reshape(-1, columns)
