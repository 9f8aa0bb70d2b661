"""The faces nearest to a probe, from a FAISS index on the disk and the faces that came after it was made.

The database is the truth; the index is made from it, offline, and put in the
place of the older one in one step while searches go on. Nearest on unit vectors
is the same by cosine and by Euclidean distance.

The index holds every face in 64 bytes (a product quantiser of 128 parts with 4
bits each) and looks at all of them, in registers: Andre, Kermarrec and Le
Scouarnec, "Quicker ADC", 2019; FAISS's fast scan. What it names is near for
sure; the order is that of the exact distances, which whoever asks takes from the
database. A graph of neighbours (HNSW) was measured beside it, and finds less for
more memory and time: docs/scale.md.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, func, select

from facenet_core.reverse.tables import FACES, MODELS
from facenet_core.reverse.vectors import CHUNK
from facenet_core.store.bulk import pieces
from facenet_core.store.files import discard, make_folder, temporary_name
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding, ModelId

logger = logging.getLogger(__name__)

EXACT_UP_TO = 20_000
"""Faces that are compared one by one: about as many as that takes 10 ms for, beside the index or without one."""

PARTS, BITS = 128, 4
"""Of an embedding, which the quantiser writes down with so many bits each."""

TRAINED_ON = 50_000
"""Faces, drawn by lot, that the quantiser learns from."""

SEED = 20261122
"""Of the lot."""

NAMED, NEEDED = 400, 100
"""Faces that the index names at least, and those of them that must still be there.

The nearest one was among 100 for all of 200 probes in 1,000,000.
"""


@dataclass(slots=True)
class _State:
    """One state of the index: what is on the disk, and what came after it.

    Attributes:
        stamp: Of the file.
        index: FAISS's, with the faces' numbers; None without a file.
        last: The largest number that it knows.
        ids: Numbers of the faces that came later, ascending.
        embeddings: Theirs.
    """

    stamp: tuple[int, int] | None
    index: Any
    last: int
    ids: NDArray[np.int64]
    embeddings: NDArray[np.float32]


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
        self._state = self._opened(None)

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """See :class:`~facenet_core.reverse.vectors.Vectors`. In their exact order."""
        index, last, ids, embeddings = self._current(connection)
        if among is not None:
            kept = np.isin(ids, among)
            ids, embeddings = ids[kept], embeddings[kept]
        if index is not None:
            older = among if among is None else among[among <= last]
            named, theirs = self._of_index(connection, index, probe, count, older)
            ids, embeddings = np.concatenate([named, ids]), np.concatenate([theirs, embeddings])
        best = np.argsort(-(embeddings @ probe), kind="stable")[:count]
        return [int(id_) for id_ in ids[best]]

    def due(self, connection: Connection) -> bool:
        """See :class:`~facenet_core.reverse.vectors.Vectors`.

        It is when more faces came after the index than are compared one by one,
        or a tenth of those in it have gone.
        """
        index, last, ids, _ = self._current(connection)
        if index is None:
            return len(ids) > EXACT_UP_TO
        tenth = int(index.ntotal) // 10
        gone = int(index.ntotal) - self._count(connection, FACES.c.id <= last)
        return len(ids) > max(EXACT_UP_TO, tenth) or gone > tenth

    def rebuild(self) -> int:
        """See :class:`~facenet_core.reverse.vectors.Vectors`.

        The file is written beside the old one and renamed over it.
        """
        with self._database.reading() as connection:
            ids = np.fromiter(connection.scalars(select(FACES.c.id).where(*self._searched())), np.int64)
            if len(ids) <= EXACT_UP_TO:
                discard(self.path)
                self._forget()
                return len(ids)
            faiss = _faiss()
            scan = faiss.IndexPQFastScan(self._dimensions, self._parts, BITS, faiss.METRIC_INNER_PRODUCT)
            lot = np.random.default_rng(SEED).choice(ids, min(TRAINED_ON, len(ids)), replace=False)
            scan.train(self._some(connection, np.sort(lot))[1])
            index = faiss.IndexIDMap2(scan)
            for some, embeddings in self._read(connection, 0):
                index.add_with_ids(embeddings, some)
        temporary = temporary_name(self.path)
        make_folder(self.path.parent)
        try:
            faiss.write_index(index, str(temporary))
            temporary.chmod(0o600)
            temporary.replace(self.path)
        finally:
            discard(temporary)
        self._forget()
        return int(index.ntotal)

    @property
    def _parts(self) -> int:
        return min(PARTS, self._dimensions)

    def _forget(self) -> None:
        with self._lock:
            self._state = self._opened(None)

    def _current(self, connection: Connection) -> tuple[Any, int, NDArray[np.int64], NDArray[np.float32]]:
        """The index, the largest number in it, and the faces that came after it and are there."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._state.stamp:
                self._state = self._opened(stamp)
            state = self._state
            after = int(state.ids[-1]) if len(state.ids) else state.last
            came = list(self._read(connection, after))
            if came:
                state.ids = np.concatenate([state.ids, *(ids for ids, _ in came)])
                state.embeddings = np.concatenate([state.embeddings, *(rows for _, rows in came)])
            later = FACES.c.id > state.last
            if self._count(connection, later) != len(state.ids):  # some have gone
                there = connection.scalars(select(FACES.c.id).where(*self._searched(), later))
                kept = np.isin(state.ids, np.fromiter(there, np.int64))
                state.ids, state.embeddings = state.ids[kept], state.embeddings[kept]
            return state.index, state.last, state.ids, state.embeddings

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _opened(self, stamp: tuple[int, int] | None) -> _State:
        none = self._stacked([])
        if stamp is None:
            return _State(None, None, 0, *none)
        faiss = _faiss()
        faiss.omp_set_num_threads(1)  # two threads on busy cores are slower than one, by far
        try:
            index = faiss.read_index(str(self.path))
        except RuntimeError as error:
            logger.warning("%s: the index can't be read; faces are compared one by one (%s)", self.path, error)
            return _State(stamp, None, 0, *none)
        ids = faiss.vector_to_array(index.id_map)
        return _State(stamp, index, int(ids.max()) if len(ids) else 0, *none)

    def _of_index(
        self, connection: Connection, index: Any, probe: Embedding, count: int, among: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Faces that the index names, with their embeddings; of those that count, all if they are few.

        It is asked for more until enough of those that it names are there.
        """
        if among is not None and len(among) <= EXACT_UP_TO:
            return self._some(connection, among)
        wanted, enough = max(NAMED, count), max(NEEDED, count)
        if among is not None:  # twice as many as it takes if they lie anywhere
            wanted = 2 * wanted * index.ntotal // len(among)
        while True:
            wanted = min(wanted, index.ntotal)
            ids = index.search(probe[np.newaxis], wanted)[1][0]
            there = self._there(connection, ids[ids >= 0] if among is None else ids[np.isin(ids, among)])
            if len(there) >= enough or wanted == index.ntotal:
                return self._some(connection, np.sort(there[: max(NAMED, count)]))
            wanted *= 4

    def _there(self, connection: Connection, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of some faces that have not gone, in the same order."""
        there: list[int] = []
        for some in pieces(ids.tolist()):
            there += connection.scalars(select(FACES.c.id).where(*self._searched(), FACES.c.id.in_(some)))
        return ids[np.isin(ids, np.array(there, np.int64))]

    def _count(self, connection: Connection, which: ColumnElement[bool]) -> int:
        wanted = select(func.count()).select_from(FACES).where(*self._searched(), which)
        return connection.execute(wanted).scalar_one()

    def _some(self, connection: Connection, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Faces by their numbers; those that have gone are left out."""
        found = [self._stacked([])]
        for some in pieces(ids.tolist()):
            wanted = select(FACES.c.id, FACES.c.embedding).where(*self._searched(), FACES.c.id.in_(some))
            found.append(self._stacked(connection.execute(wanted).all()))
        return np.concatenate([each[0] for each in found]), np.concatenate([each[1] for each in found])

    def _stacked(self, rows: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        good = [row for row in rows if row[1].shape == (self._dimensions,)]
        if not good:
            return np.empty(0, np.int64), np.empty((0, self._dimensions), np.float32)
        return np.array([row[0] for row in good], np.int64), np.stack([row[1] for row in good])

    def _searched(self) -> Sequence[Any]:
        return FACES.c.model == self._model, FACES.c.twin.is_(None)

    def _read(self, connection: Connection, after: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Faces with larger numbers, a chunk at a time."""
        while True:
            wanted = select(FACES.c.id, FACES.c.embedding).where(*self._searched(), FACES.c.id > after)
            rows = connection.execute(wanted.order_by(FACES.c.id).limit(CHUNK)).all()
            if rows:
                yield self._stacked(rows)
            if len(rows) < CHUNK:
                return
            after = rows[-1][0]


def discard_all(folder: Path) -> None:
    """Deletes the index files of all models, which know faces that are gone.

    Faces are compared one by one until the next :meth:`FileVectors.rebuild`.
    """
    for path in folder.glob("faces-*.faiss"):
        discard(path)


def rebuild_all(database: SQLDatabase, folder: Path) -> None:
    """Makes the index files of all models that have one anew, and deletes those of nobody.

    Args:
        database: Where the faces are.
        folder: Where the files are.
    """
    unknown = set(folder.glob("faces-*.faiss"))
    if not unknown:
        return
    with database.reading() as connection:
        models = connection.execute(select(MODELS)).all()
    for number, *key in models:
        vectors = FileVectors(database, folder, number, ModelId(*key))
        if vectors.path in unknown:
            vectors.rebuild()
            unknown.remove(vectors.path)
    for path in unknown:
        discard(path)


def _faiss() -> Any:
    import faiss  # heavy, and needed by large indexes alone

    return faiss
