"""Searches: which faces of the index look like a probe, and which pages show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from facenet_core.calibration import Calibration
from facenet_core.matching import apart, distance
from facenet_core.reverse.faces import Faces, IndexedFace
from facenet_core.reverse.pages import showing, shown_faces
from facenet_core.reverse.records import FLOOR, Among, Hit, Matches, distance_of
from facenet_core.reverse.tables import FACES, PHOTOS
from facenet_core.reverse.vectors import CHUNK, Vectors
from facenet_core.store.bulk import tuples
from facenet_core.store.columns import matrix
from facenet_core.store.sql import SQLDatabase
from facenet_core.thresholds import Targets
from facenet_core.types import Detection, Embedding

MORE = 4
"""So many times the faces that are asked for are looked at first: some may not count."""

ROUNDING = 1e-3
"""By how much a distance that comes from a cosine may be off, and more."""


class ReverseSearcher:
    """Searches the index. Thread-safe.

    Args:
        database: Of the index.
        faces: Its faces.
        vectors: Tells which are near.
        calibration: What a distance means; None where nothing was measured.
        targets: The error rates that the threshold aims at.
    """

    def __init__(
        self,
        database: SQLDatabase,
        faces: Faces,
        vectors: Vectors,
        calibration: Calibration | None,
        targets: Targets,
    ) -> None:
        self._database, self._faces, self._vectors = database, faces, vectors
        self._calibration, self._targets = calibration, targets

    def search(self, probe: Embedding, count: int, among: Among) -> Matches:
        """Finds the faces that look like a probe, at least :data:`FLOOR` per cent similar.

        Args:
            probe: Shape ``(d,)``, of the current model.
            count: How many different ones at most.
            among: Which pages count.
        """
        with self._database.reading() as connection:
            searched = self._faces.count(connection)
            found = self._near(connection, probe, count * MORE, among, None)
            if len(found) < count and not among.everything:
                # Too few of the nearest count: look among those alone that do.
                found = self._near(connection, probe, count, among, shown_faces(connection, self._faces.model, among))
            found = found[:count]
            pages = showing(connection, [face.id for _, face in found], among)
        calibration, targets, threshold = self._calibration, self._targets, None
        if calibration:
            threshold = calibration.identify_threshold(
                searched, targets.fpir, targets.fmr, "indexed face", "a likely match"
            )
        hits = tuple(
            Hit(
                face.id,
                face.photo,
                face.detection,
                face.size,
                between,
                calibration.one_in(between) if calibration else None,
                threshold.judge(between) if threshold else "inconclusive",
                pages[face.id],
            )
            for between, face in found
        )
        return Matches(hits, searched, threshold)

    def like(self, probe: Embedding, limit: float) -> list[IndexedFace]:
        """All faces at most so far from a probe, copies among them, the nearest first.

        Whoever is removed must be gone for sure: every face in the database is
        looked at, and no index is relied upon.

        Raises:
            StoreError: If an embedding in the database is damaged.
        """
        near: list[tuple[float, IndexedFace]] = []
        columns = FACES.c.model, FACES.c.id, FACES.c.embedding, FACES.c.photo, FACES.c.place
        everything = select(*columns, PHOTOS.c.width, PHOTOS.c.height).join(PHOTOS, PHOTOS.c.id == FACES.c.photo)
        # The model is looked at here: asked for it, SQLite would sort all of its faces for each chunk.
        wanted, last = everything.order_by(FACES.c.id).limit(CHUNK), 0
        with self._database.reading() as connection:
            while rows := tuples(connection, wanted.where(FACES.c.id > last)):
                last = rows[-1][1]
                own = [row[1:] for row in rows if row[0] == self._faces.model]
                embeddings = matrix([row[1] for row in own], len(probe), connection.dialect.name)
                for row in np.flatnonzero(apart(embeddings @ probe) <= limit + ROUNDING):
                    between = distance(probe, embeddings[row])
                    if between <= limit:
                        id_, _, photo, place, width, height = own[row]
                        where = Detection.of(np.frombuffer(place, "<f8").tolist())
                        near.append((between, IndexedFace(id_, photo, where, (width, height), embeddings[row])))
        return [face for _, face in sorted(near, key=lambda each: each[0])]

    def _near(
        self, connection: Connection, probe: Embedding, count: int, among: Among, only: NDArray[np.int64] | None
    ) -> list[tuple[float, IndexedFace]]:
        ids = self._vectors.nearest(connection, probe, count, only)
        near = self._measured(connection, probe, ids, distance_of(FLOOR))
        shown = showing(connection, [face.id for _, face in near], among)
        return [(between, face) for between, face in near if face.id in shown]

    def _measured(
        self, connection: Connection, probe: Embedding, ids: list[int], limit: float
    ) -> list[tuple[float, IndexedFace]]:
        """Faces with their exact distance, the nearest first, up to a limit."""
        faces = self._faces.some(connection, ids).values()
        near = sorted(((distance(probe, face.embedding), face) for face in faces), key=lambda each: each[0])
        return [(between, face) for between, face in near if between <= limit]
