"""The faces nearest to a probe, from PostgreSQL: pgvector's HNSW index, which every change keeps up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding, ModelId

LINKS, CARE_BUILDING = 16, 64
"""pgvector's defaults for ``m`` and ``ef_construction`` (https://github.com/pgvector/pgvector, "HNSW")."""

CARE_SEARCHING, MOST_CARE = 256, 1_000
"""Candidates that are kept in sight, and the most that pgvector takes (``hnsw.ef_search``)."""


class PostgresVectors:
    """An index in the database. Half floats: half the size, and the exact distance is taken of what it finds.

    Args:
        database: Where the faces are.
        model: The number of the model in the database.
        model_id: The model.
    """

    def __init__(self, database: SQLDatabase, model: int, model_id: ModelId) -> None:
        self._database = database
        self._name = f"faces_nearest_{int(model)}"
        self._of = f"model = {int(model)} AND twin IS NULL"
        self._type = f"halfvec({int(model_id.dimensions)})"
        self._vector = f"CAST(embedding AS {self._type})"
        with database.writing() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('facenet-reverse-vectors'))"))
            there = text("SELECT 1 FROM pg_indexes WHERE schemaname = current_schema AND indexname = :name")
            if connection.execute(there, {"name": self._name}).first() is None:
                # Each model has its own: an index holds vectors of one length.
                connection.execute(text("ALTER TABLE faces ALTER COLUMN embedding SET STORAGE PLAIN"))
                graph = f"hnsw (({self._vector}) halfvec_cosine_ops)"
                care = f"WITH (m = {LINKS}, ef_construction = {CARE_BUILDING})"
                connection.execute(text(f"CREATE INDEX {self._name} ON faces USING {graph} {care} WHERE {self._of}"))

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """See :class:`~facenet_core.reverse.vectors.Vectors`."""
        connection.execute(text(f"SET LOCAL hnsw.ef_search = {min(max(CARE_SEARCHING, count), MOST_CARE)}"))
        connection.execute(text("SET LOCAL hnsw.iterative_scan = relaxed_order"))
        # Numbers, not text of anybody's: the index serves this very condition alone.
        query = f"SELECT id FROM faces WHERE {self._of}"  # noqa: S608
        values: dict[str, object] = {"probe": f"[{','.join(map(repr, probe.tolist()))}]", "count": count}
        if among is not None:
            query += " AND id = ANY(:among)"
            values["among"] = among.tolist()
        query += f" ORDER BY {self._vector} <=> CAST(:probe AS {self._type}) LIMIT :count"
        return list(connection.scalars(text(query), values))

    def due(self, connection: Connection) -> bool:
        """Never: it is always up to date."""
        return False

    def rebuild(self) -> int:
        """Makes the index anew, for one that many removals have thinned out; searches go on meanwhile."""
        with self._database.maintaining() as connection:
            connection.execute(text(f"REINDEX INDEX CONCURRENTLY {self._name}"))
            return int(connection.execute(text(f"SELECT count(*) FROM faces WHERE {self._of}")).scalar_one())  # noqa: S608
