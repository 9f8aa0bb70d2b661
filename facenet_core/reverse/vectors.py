"""The faces nearest to a probe, from a FAISS index on the disk and the faces that came after it was made.

The database is the truth; the index is made from it, offline, and put in the
place of the older one in one step while searches go on. Nearest on unit vectors
is the same by cosine and by Euclidean distance.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from facenet_core.reverse.tables import FACES
from facenet_core.store.files import discard, make_folder, temporary_name
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding, ModelId

logger = logging.getLogger(__name__)

EXACT_UP_TO = 20_000
"""Faces that are compared one by one: about as many as that takes 10 ms for, beside the index or without one."""

LINKS = 16
"""Neighbours of each face in the graph (M of Malkov and Yashunin, 2016)."""

CARE_BUILDING, CARE_SEARCHING = 64, 256
"""Candidates that are kept in sight while the graph is made, and searched (efConstruction and efSearch)."""

CHUNK = 10_000
"""Faces that are read from the database at once."""


class Vectors(Protocol):
    """Finds the nearest faces of one model. Thread-safe."""

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """The numbers of the faces nearest to a probe, about in their order.

        Faces that have gone since may be among them; there may be fewer.

        Args:
            connection: To read with.
            probe: Shape ``(d,)``.
            count: How many.
            among: Numbers of the faces that count; None for all.
        """

    def due(self, connection: Connection) -> bool:
        """Whether it is time to make the index anew."""

    def rebuild(self) -> int:
        """Makes the index anew from the database; searches go on meanwhile.

        Returns:
            The number of faces in it.
        """


@dataclass(slots=True)
class _State:
    """One state of the index: what is on the disk, and what came after it.

    Attributes:
        stamp: Of the file.
        index: FAISS's, with the faces' numbers; None without a file.
        last: The largest number that it knows.
        ids: Numbers of the faces that came later.
        embeddings: Theirs, one array per time that some came.
    """

    stamp: tuple[int, int] | None
    index: Any
    last: int
    ids: list[int] = field(default_factory=list)
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)


class FileVectors:
    """An index in a file, for a database in a file.

    Args:
        database: Where the faces are.
        folder: Where the index is kept.
        model: The number of the model in the database.
        model_id: The model.
    """

    def __init__(self, database: SQLDatabase, folder: Path, model: int, model_id: ModelId) -> None:
        self._database, self._model, self._dimensions = database, model, model_id.dimensions
        name = hashlib.sha256(repr((model_id.model, model_id.preprocessing, model_id.weights_sha256)).encode())
        self.path = folder / f"faces-{name.hexdigest()[:16]}.faiss"
        self._lock = threading.Lock()
        self._state = _State(None, None, 0)

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """See :class:`Vectors`."""
        index, ids, embeddings = self._current(connection)
        nearest: list[tuple[float, int]] = []
        if index is not None:
            nearest += self._of_index(index, probe, count, among)
        if among is not None:
            kept = np.isin(ids, among)
            ids, embeddings = ids[kept], embeddings[kept]
        if len(ids):
            cosines = embeddings @ probe
            best = np.argsort(-cosines, kind="stable")[:count]
            nearest += zip(cosines[best].tolist(), ids[best].tolist(), strict=True)
        return [id_ for _, id_ in sorted(nearest, key=lambda each: -each[0])[:count]]

    def due(self, connection: Connection) -> bool:
        """See :class:`Vectors`: when more faces came after the index than are compared one by one."""
        index, ids, _ = self._current(connection)
        return len(ids) > max(EXACT_UP_TO, 0 if index is None else index.ntotal // 10)

    def rebuild(self) -> int:
        """See :class:`Vectors`. The file is written beside the old one and renamed over it."""
        with self._database.reading() as connection:
            total = connection.execute(select(func.count()).select_from(FACES).where(*self._searched())).scalar_one()
            if total <= EXACT_UP_TO:
                discard(self.path)
                return int(total)
            faiss = _faiss()
            graph = faiss.IndexHNSWSQ(
                self._dimensions, faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT
            )
            graph.hnsw.efConstruction = CARE_BUILDING
            index = faiss.IndexIDMap2(graph)
            graph.train(np.zeros((1, self._dimensions), np.float32))  # half floats need none, FAISS asks for it
            for ids, embeddings in self._read(connection, 0):
                index.add_with_ids(embeddings, ids)
        temporary = temporary_name(self.path)
        make_folder(self.path.parent)
        try:
            faiss.write_index(index, str(temporary))
            temporary.chmod(0o600)
            temporary.replace(self.path)
        finally:
            discard(temporary)
        return int(index.ntotal)

    def _current(self, connection: Connection) -> tuple[Any, NDArray[np.int64], NDArray[np.float32]]:
        """The index, and the faces that came after it."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._state.stamp:
                self._state = self._opened(stamp)
            state = self._state
            after = state.ids[-1] if state.ids else state.last
            for ids, embeddings in self._read(connection, after):
                state.ids += ids.tolist()
                state.embeddings.append(embeddings)
            if len(state.embeddings) > 1:
                state.embeddings = [np.concatenate(state.embeddings)]
            rows = state.embeddings[0] if state.embeddings else np.empty((0, self._dimensions), np.float32)
            return state.index, np.array(state.ids, np.int64), rows

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _opened(self, stamp: tuple[int, int] | None) -> _State:
        if stamp is None:
            return _State(None, None, 0)
        faiss = _faiss()
        faiss.omp_set_num_threads(1)  # two threads on busy cores are slower than one, by far
        try:
            index = faiss.read_index(str(self.path))
        except RuntimeError as error:
            logger.warning("%s: the index can't be read; faces are compared one by one (%s)", self.path, error)
            return _State(stamp, None, 0)
        ids = faiss.vector_to_array(index.id_map)
        return _State(stamp, index, int(ids.max()) if len(ids) else 0)

    def _of_index(
        self, index: Any, probe: Embedding, count: int, among: NDArray[np.int64] | None
    ) -> Iterator[tuple[float, int]]:
        parameters = _faiss().SearchParametersHNSW()
        parameters.efSearch = max(CARE_SEARCHING, count)
        if among is not None:
            parameters.sel = _faiss().IDSelectorBatch(among)
        cosines, ids = index.search(probe[np.newaxis], count, params=parameters)
        return ((float(cosine), int(id_)) for cosine, id_ in zip(cosines[0], ids[0], strict=True) if id_ >= 0)

    def _searched(self) -> Sequence[Any]:
        return FACES.c.model == self._model, FACES.c.twin.is_(None)

    def _read(self, connection: Connection, after: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Faces with larger numbers, a chunk at a time."""
        while True:
            wanted = select(FACES.c.id, FACES.c.embedding).where(*self._searched(), FACES.c.id > after)
            rows = connection.execute(wanted.order_by(FACES.c.id).limit(CHUNK)).all()
            good = [row for row in rows if row[1].shape == (self._dimensions,)]
            if good:
                yield np.array([row[0] for row in good], np.int64), np.stack([row[1] for row in good])
            if len(rows) < CHUNK:
                return
            after = rows[-1][0]


def _faiss() -> Any:
    import faiss  # heavy, and needed by large indexes alone

    return faiss
