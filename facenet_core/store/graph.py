"""PostgreSQL's own index of the nearest vectors: pgvector's graph of neighbours (HNSW).

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search
using Hierarchical Navigable Small World graphs", 2016. It is of half floats:
half the size, and whoever asks takes the exact distance of what it finds. Every
change keeps it up to date, so it is made once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from facenet_core.errors import StoreError
from facenet_core.store.columns import written
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Embedding

logger = logging.getLogger(__name__)

LONGEST = 4_000
"""Vectors of half precision that pgvector makes an index of (https://github.com/pgvector/pgvector, "HNSW")."""

LINKS, CARE_BUILDING = 16, 64
"""pgvector's defaults for ``m`` and ``ef_construction``."""

MOST_CARE = 1_000
"""Candidates that are kept in sight at most (``hnsw.ef_search``)."""

TRY_EVERY = 60.0
"""Seconds after which it is tried again to make an index, if it was not made."""

Order = Literal["strict_order", "relaxed_order"]
"""Of what is found once more is asked for than is kept in sight: by distance, or nearly, which finds more."""


class Graph:
    """The index of one model's vectors in a table. Thread-safe.

    Args:
        database: Where the table is.
        table: Its name. It has a column ``model``.
        vector: The column that holds the vectors, of any of pgvector's types.
        model: The model's number.
        dimensions: The length of its vectors.
        only: A condition that rows must meet besides; of the program's own words.

    Attributes:
        building: The thread in which :meth:`ready` makes the index.
    """

    def __init__(
        self, database: SQLDatabase, table: str, vector: str, model: int, dimensions: int, only: str = ""
    ) -> None:
        self.building: threading.Thread | None = None
        self._database, self._table, self._fits = database, table, dimensions <= LONGEST
        self._name = f"{table}_vector_{int(model)}"
        # Numbers and words of the program's: the index serves this very condition alone, so it can't be a parameter.
        self.where = f"model = {int(model)}" + (f" AND {only}" if only else "")
        self._type = f"halfvec({int(dimensions)})"
        self._vector = f"CAST({vector} AS {self._type})"
        self._lock = threading.Lock()
        self._there = False
        self._next_try = 0.0

    def ready(self) -> bool:
        """Whether the index is there; begins to make it in the background otherwise.

        Raises:
            StoreError: If the server does not answer.
        """
        if not self._fits:
            return False
        with self._lock:
            self._there = self._there or self._database.ask(self._valid)
            idle = self.building is None or not self.building.is_alive()
            if not self._there and idle and (now := time.monotonic()) >= self._next_try:
                self._next_try = now + TRY_EVERY
                self.building = threading.Thread(target=self._build_logged, name=self._name, daemon=True)
                self.building.start()
            return self._there

    def build(self) -> None:
        """Makes the index while everybody goes on working; returns when it is there, or somebody else is at it.

        Raises:
            StoreError: If it could not be made.
        """
        self._database.ask(self._build)

    def make(self) -> None:
        """Makes the index while changes wait, for a table in which there is little yet; does nothing if it is there.

        Raises:
            StoreError: If it could not be made.
        """
        # "If not exists" waits for changes that are under way, and asks for the right to create, all the same.
        if self._database.ask(self._valid):
            return
        with self._database.writing() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self._name})
            connection.execute(text(self._create("INDEX IF NOT EXISTS")))

    def rebuild(self) -> None:
        """Makes the index anew, for one that many removals have thinned out; searches go on meanwhile.

        Raises:
            StoreError: If it could not be made.
        """
        with self._database.maintaining() as connection:
            connection.execute(text(f"REINDEX INDEX CONCURRENTLY {self._name}"))

    def nearest(
        self,
        connection: Connection,
        probe: Embedding,
        count: int,
        care: int = MOST_CARE,
        *,
        answer: str = "id",
        among: NDArray[np.int64] | None = None,
        order: Order = "relaxed_order",
    ) -> Sequence[Any]:
        """What is nearest to a probe, by Euclidean distance, about in that order.

        Args:
            connection: Of a transaction, to read with.
            probe: Shape ``(d,)``.
            count: How many rows.
            care: How many candidates are kept in sight at least.
            answer: The column to give.
            among: Values of the column that count; None for all.
            order: How strictly they are in order.
        """
        connection.execute(text(f"SET LOCAL hnsw.ef_search = {min(max(care, count), MOST_CARE)}"))
        connection.execute(text(f"SET LOCAL hnsw.iterative_scan = {order}"))
        query = f"SELECT {answer} FROM {self._table} WHERE {self.where}"  # noqa: S608  # see __init__
        values: dict[str, object] = {"probe": written(probe), "count": count}
        if among is not None:
            query += f" AND {answer} = ANY(:among)"
            values["among"] = among.tolist()
        query += f" ORDER BY {self._vector} <-> CAST(:probe AS {self._type}) LIMIT :count"
        return connection.execute(text(query), values).scalars().all()

    def _build_logged(self) -> None:
        try:
            self.build()
        except StoreError as error:
            logger.warning("an index of vectors was not made: %s", error)

    def _valid(self, connection: Connection) -> bool:
        """Whether it is there; one whose making was interrupted is not valid."""
        found = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
        return bool(connection.execute(found, {"name": self._name}).scalar())

    def _build(self, connection: Connection) -> None:
        name = {"name": self._name}
        if not connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), name).scalar():
            return  # another program is at it
        try:
            if self._valid(connection):
                return
            logger.info("%s: making an index of vectors", self._table)
            connection.execute(text("SET lock_timeout = 0"))  # it waits for changes that are under way
            connection.execute(text(f"DROP INDEX IF EXISTS {self._name}"))
            connection.execute(text(self._create("INDEX CONCURRENTLY")))
        finally:
            # Not to be lent again: what was set for this one work would stay.
            connection.invalidate()

    def _create(self, index: str) -> str:
        using = f"hnsw (({self._vector}) halfvec_l2_ops) WITH (m = {LINKS}, ef_construction = {CARE_BUILDING})"
        return f"CREATE {index} {self._name} ON {self._table} USING {using} WHERE {self.where}"
