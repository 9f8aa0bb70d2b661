"""The faces nearest to a probe, from PostgreSQL's own index, which every change keeps up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from facenet_core.store.graph import Graph
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding, ModelId

CARE = 256
"""Candidates that are kept in sight."""


class PostgresVectors:
    """An index in the database.

    Args:
        database: Where the faces are.
        model: The number of the model in the database.
        model_id: The model.
    """

    def __init__(self, database: SQLDatabase, model: int, model_id: ModelId) -> None:
        self._database = database
        # Each model has its own: an index holds vectors of one length.
        self._graph = Graph(database, "faces", "embedding", model, model_id.dimensions, "twin IS NULL")
        self._graph.make()

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """See :class:`~facenet_core.reverse.vectors.Vectors`."""
        return list(self._graph.nearest(connection, probe, count, CARE, among=among))

    def due(self, connection: Connection) -> bool:
        """Never: it is always up to date."""
        return False

    def rebuild(self) -> int:
        """See :class:`~facenet_core.reverse.vectors.Vectors`: for an index that many removals have thinned out."""
        self._graph.rebuild()
        with self._database.reading() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM faces WHERE {self._graph.where}")).scalar_one())  # noqa: S608
