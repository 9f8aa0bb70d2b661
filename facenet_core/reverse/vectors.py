"""What finds the faces nearest to a probe: a file beside a database in a file, or the server of the database."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from facenet_core.types import Embedding

CHUNK = 10_000
"""Faces that are read from the database at once."""


class Vectors(Protocol):
    """Finds the nearest faces of one model. Thread-safe."""

    def nearest(
        self, connection: Connection, probe: Embedding, count: int, among: NDArray[np.int64] | None = None
    ) -> list[int]:
        """The numbers of the faces nearest to a probe, about in their order.

        Args:
            connection: To read with.
            probe: Shape ``(d,)``.
            count: How many; fewer if there are no more.
            among: Numbers of the faces that count; None for all.
        """

    def due(self, connection: Connection) -> bool:
        """Whether it is time to make the index anew."""

    def rebuild(self) -> int:
        """Makes the index anew from the database; searches go on meanwhile.

        Returns:
            The number of faces in it.
        """
