"""The faces nearest to samples among very many: a graph of neighbours (HNSW) instead of all distances.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search
using Hierarchical Navigable Small World graphs", 2016. The album's database stays the
truth. Of a file the index is FAISS's: it is made from the faces, and again when
it does not fit any more. In PostgreSQL it is the server's own, which every
change keeps up to date and all hosts ask.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.records import FaceTable
from facenet_core.store.files import discard, make_folder, temporary_name
from facenet_core.store.graph import Graph

logger = logging.getLogger(__name__)

LINKS = 16
"""Neighbours of each face in the graph."""

CARE_BUILDING, CARE_SEARCHING = 64, 400
"""How many candidates are kept in sight while the graph is made, and searched."""


class Nearest(Protocol):
    """An index of faces."""

    def rows(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The rows of the faces nearest to any of the samples.

        Args:
            samples: Shape ``(s, d)``, float32.
            count: How many for each.
        """


class FileNearest:
    """FAISS's index, kept in a file or in memory. For one thread.

    Args:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        path: A file in which it is kept; None to keep it in memory.
    """

    def __init__(self, embeddings: NDArray[np.float32], path: Path | None = None) -> None:
        import faiss  # heavy, and needed by the largest albums alone

        faiss.omp_set_num_threads(1)  # two threads on busy cores are slower than one, by far
        self._faiss: Any = faiss
        digest = hashlib.sha256(np.ascontiguousarray(embeddings).data).hexdigest()
        kept = path.with_name(f"{path.name}-{digest[:32]}") if path else None
        self._index: Any = self._read(kept, embeddings.shape) if kept else None
        if self._index is None:
            self._index = faiss.IndexHNSWFlat(embeddings.shape[1], LINKS)
            self._index.hnsw.efConstruction = CARE_BUILDING
            self._index.add(np.ascontiguousarray(embeddings))
            if path and kept:
                self._write(path, kept)
        self._index.hnsw.efSearch = CARE_SEARCHING

    def rows(self, samples: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """See :class:`Nearest`."""
        self._index.hnsw.efSearch = max(CARE_SEARCHING, count)
        _, found = self._index.search(np.ascontiguousarray(samples), count)
        rows: NDArray[np.int64] = np.unique(found[found >= 0])
        return rows

    def _read(self, path: Path, shape: tuple[int, ...]) -> Any:
        if not path.exists():
            return None
        try:
            index = self._faiss.read_index(str(path))
        except RuntimeError as error:
            logger.warning("%s: the index can't be read, and is made again (%s)", path, error)
            return None
        return index if (index.ntotal, index.d) == shape else None

    def _write(self, path: Path, kept: Path) -> None:
        """Puts the index in the place of older ones. A full disk only costs the time to make it again."""
        temporary = temporary_name(kept)
        try:
            make_folder(path.parent)
            self._faiss.write_index(self._index, str(temporary))
            temporary.chmod(0o600)
            temporary.replace(kept)
            for old in path.parent.glob(f"{path.name}-*"):
                if old != kept:
                    discard(old)
        except (OSError, RuntimeError) as error:
            logger.warning("%s: the index can't be kept (%s)", kept, error)
            discard(temporary)


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
