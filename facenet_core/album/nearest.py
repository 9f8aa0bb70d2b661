"""The faces nearest to samples among very many: a graph of neighbours (HNSW) instead of all distances.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search
using Hierarchical Navigable Small World graphs", 2016. The album's database stays the
truth. Of a file the index is FAISS's: it is made from the faces, and those that come
later are added to it. In PostgreSQL it is the server's own, which every
change keeps up to date and all hosts ask.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.records import FaceTable
from facenet_core.store.files import discard, make_folder, temporary_name
from facenet_core.store.graph import Graph
from facenet_core.types import ModelId

logger = logging.getLogger(__name__)

LINKS = 16
"""Neighbours of each face in the graph."""

CARE_BUILDING, CARE_SEARCHING = 64, 400
"""How many candidates are kept in sight while the graph is made, and searched."""

GONE = 1 / 3
"""The share of the index that may have gone from the album before it is made anew."""

BEHIND = 1 / 20
"""The share of the index that the file may lack: to write it for every photo would cost each search a second."""

CHUNK = 10_000
"""Faces that are compared at once."""

NEVER = "none"
"""In a file's name, while no photo was ever forgotten."""


class Nearest(Protocol):
    """An index of faces."""

    def rows(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The rows of the faces nearest to any of the samples.

        Args:
            samples: Shape ``(s, d)``, float32.
            count: How many for each.
        """


class FileIndex:
    """FAISS's index of one model's faces, kept in a file. Thread-safe.

    It is brought up to date with what has come; what has gone stays in it, and is
    left out of answers, until it is a third. It knows a face by its number and
    its embedding: numbers are given again.

    Args:
        path: A file that holds it as it was, if it is there.
    """

    def __init__(self, path: Path) -> None:
        import faiss  # heavy, and needed by the largest albums alone

        faiss.omp_set_num_threads(1)  # two threads on busy cores are slower than one, by far
        self._faiss: Any = faiss
        self._lock = threading.Lock()
        self._table: FaceTable | None = None
        self._path = path
        self._index: Any = self._read(path)
        self._written = self._index.ntotal if self._index else 0
        self._live = 0

    def update(self, table: FaceTable, path: Path) -> bool:
        """Adds the faces that have come since.

        Args:
            table: All faces that there are.
            path: Where it is kept.

        Returns:
            Whether the file was written. It never holds a face that is not there.
        """
        with self._lock:
            if self._table is table:
                return False
            if path != self._path:
                self._path, self._written = path, 0
            fresh = np.ones(len(table), np.bool_)
            if self._index is not None:
                known = self._known(table)
                fresh[known] = False
                if self._index.ntotal - len(known) > GONE * self._index.ntotal:
                    self._index = None
            if self._index is None:
                graph = self._faiss.IndexHNSWFlat(table.embeddings.shape[1], LINKS)
                graph.hnsw.efConstruction = CARE_BUILDING
                self._index, self._written = self._faiss.IndexIDMap(graph), 0
                fresh[:] = True
            if fresh.any():
                self._index.add_with_ids(np.ascontiguousarray(table.embeddings[fresh]), table.ids[fresh])
            self._table, self._live = table, len(table)
            late = self._index.ntotal - self._written > BEHIND * self._index.ntotal
            if late and self._index.ntotal == len(table):
                self._written = self._index.ntotal
                return self._write(path)
        return False

    def faces(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The numbers of the faces nearest to any of the samples; some of them may have gone.

        Args:
            samples: Shape ``(s, d)``, float32.
            count: How many for each, of those that are there.
        """
        with self._lock:
            wanted = -(-count * self._index.ntotal // max(self._live, 1))
            self._graph.hnsw.efSearch = max(CARE_SEARCHING, wanted)
            _, found = self._index.search(np.ascontiguousarray(samples), wanted)
        faces: NDArray[np.int64] = np.unique(found[found >= 0])
        return faces

    @property
    def _graph(self) -> Any:
        return self._faiss.downcast_index(self._index.index)

    def _known(self, table: FaceTable) -> NDArray[np.int64]:
        """The rows of the faces that the index holds as they are."""
        if not len(table) or self._index.d != table.embeddings.shape[1]:
            return np.empty(0, np.int64)
        ids = self._faiss.vector_to_array(self._index.id_map)
        storage = self._faiss.downcast_index(self._graph.storage)
        held = self._faiss.rev_swig_ptr(storage.get_xb(), len(ids) * self._index.d).reshape(len(ids), -1)
        rows = np.searchsorted(table.ids, ids).clip(max=len(table) - 1)
        known = table.ids[rows] == ids
        for some in np.array_split(np.flatnonzero(known), -(-len(ids) // CHUNK) or 1):
            known[some] = (held[some] == table.embeddings[rows[some]]).all(axis=1)
        return np.unique(rows[known])

    def _read(self, path: Path) -> Any:
        if not path.exists():
            return None
        try:
            index = self._faiss.read_index(str(path))
        except RuntimeError as error:
            logger.warning("%s: the index can't be read, and is made again (%s)", path, error)
            return None
        return index if isinstance(index, self._faiss.IndexIDMap) else None

    def _write(self, path: Path) -> bool:
        """Puts the index in the place of the older one. A full disk only costs the time to make it again."""
        temporary = temporary_name(path)
        try:
            make_folder(path.parent)
            self._faiss.write_index(self._index, str(temporary))
            temporary.chmod(0o600)
            temporary.replace(path)
        except (OSError, RuntimeError) as error:
            logger.warning("%s: the index can't be kept (%s)", path, error)
            discard(temporary)
            return False
        return True


@dataclass(frozen=True, slots=True)
class FileNearest:
    """FAISS's index, asked for the rows of a table. Thread-safe.

    Attributes:
        index: The index; it may be ahead of the table.
        table: The faces whose rows are asked for.
    """

    index: FileIndex
    table: FaceTable

    def rows(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """See :class:`Nearest`."""
        return self.table.rows(self.index.faces(samples, count))


def file_of(folder: Path, model_id: ModelId, removed: str) -> Path:
    """Where the index of a model is kept.

    Args:
        folder: Of the album.
        model_id: The model.
        removed: The word of the last time that photos were forgotten: an index
            from before it may hold their faces.
    """
    key = repr((model_id.model, model_id.preprocessing, model_id.weights_sha256))
    return folder / f"nearest-{hashlib.sha256(key.encode()).hexdigest()[:16]}-{removed or NEVER}"


def discard_others(folder: Path, removed: str) -> None:
    """Deletes indexes that may hold faces of photos that were forgotten.

    Args:
        folder: Of the album.
        removed: See :func:`file_of`.
    """
    for path in folder.glob("nearest-*"):
        if f"-{removed or NEVER}" not in path.name:
            discard(path)


class ServerNearest:
    """PostgreSQL's index. Thread-safe.

    Args:
        database: Of the album.
        graph: The index of all embeddings of the model.
        table: The faces whose rows are asked for.
    """

    def __init__(self, database: AlbumDatabase, graph: Graph, table: FaceTable) -> None:
        self._database, self._graph, self._table = database, graph, table

    def rows(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """See :class:`Nearest`."""
        with self._database.reading() as connection:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            found = [self._graph.nearest(connection, sample, count, answer="face") for sample in samples]
        return self._table.rows(np.unique(np.concatenate(found)).astype(np.int64))
