"""LFW View 1 for benchmarks that make an embedding of each photo themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core.evaluation import read_pairs
from facenet_core.matching import distances
from facenet_core.metrics import cross_validated, equal_error_rate


class View1:
    """The photos, the pairs, and all pairs of photos.

    Args:
        folder: The photos (folder = person) and pairsDevTest.txt.
    """

    def __init__(self, folder: Path) -> None:
        self.pairs = read_pairs(folder / "pairsDevTest.txt", folder)
        person = np.empty(len(self.pairs.photos), np.int64)
        person[self.pairs.pairs] = self.pairs.people
        self._all = np.triu_indices(len(person), 1)
        self.mated = person[self._all[0]] == person[self._all[1]]

    def between(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
        """The distances of all pairs of photos.

        Args:
            one: Shape ``(photos, d)``: the embeddings of a pair's first photos.
            other: Of its second ones.
        """
        return distances(one, other)[self._all]

    def accuracy(self, one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
        """Ten-fold accuracy on the pairs, and its standard error; see :meth:`between`."""
        left, right = self.pairs.pairs.T
        apart = np.linalg.norm(one[left] - other[right], axis=1).astype(np.float64)
        found = cross_validated(apart, self.pairs.mated, self.pairs.folds)
        return float(found.mean), float(found.standard_error)

    def eer(self, between: NDArray[np.float32]) -> float:
        """The equal error rate of all pairs of photos, from their distances."""
        selves, strangers = (np.sort(between[which]).astype(np.float64) for which in (self.mated, ~self.mated))
        return float(equal_error_rate(selves, strangers)[0])
