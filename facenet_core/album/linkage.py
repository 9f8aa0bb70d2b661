"""Average linkage of unit vectors without a matrix of all distances.

The mean squared distance between the faces of two clusters is 2 - 2·(a·b), where
a and b are the means of their embeddings. So a cluster's nearest one is found
from the means alone, a block of rows at a time, and memory grows with the number
of faces, not with its square.

Two clusters that are each other's nearest are joined, all such pairs at once,
until none is within the distance. Average linkage never brings a cluster nearer
by joining others, so this gives the same as to join the nearest pair of all each
time, and a cluster that is too far from every other one is finished.

Where few pairs are each other's nearest, as around one very typical face, chains
are faster (:mod:`facenet_core.album.chain`). They take a matrix: if more clusters
are left than fit, they are taken in pieces, and near joins of one piece may come
before nearer ones across two. Also then nobody is joined beyond the distance,
and nobody within it stays apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from facenet_core.album.chain import chained

BLOCK = 1 << 23
"""Cosines that are computed at once: 32 MB."""

FEW = 16
"""A round that joins fewer than one in so many goes over to chains: many have one nearest, and each of its joins would
send all of them to look again."""

DENSE = 4000
"""Clusters that are joined by chains at once: their cosines take 64 MB."""


@dataclass(frozen=True, slots=True)
class Barred:
    """Who can't be one person, as sets of rows: nobody spells out all of the pairs.

    Attributes:
        photos: Shape ``(m, p)``, sparse: which clusters are on which photos. Two
            that share one are barred.
        first: Shape ``(m, c)``, sparse: which clusters are on one side of each
            cannot-link.
        second: Shape ``(m, c)``, sparse: which are on the other side.
    """

    photos: sparse.csr_array
    first: sparse.csr_array
    second: sparse.csr_array

    def joined(self, into: NDArray[np.int64], count: int) -> Barred:
        """The same of clusters that hold these.

        Args:
            into: Shape ``(m,)``: which cluster each belongs to now; -1 for none.
            count: How many clusters there are now.
        """
        holds = membership(into, count)
        return Barred(*(_marks(holds @ marks) for marks in (self.photos, self.first, self.second)))

    def pairs(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Whom some clusters can't be joined with: positions in ``rows``, and the other clusters."""
        found = self.photos[rows] @ self.photos.T
        if self.first.nnz:
            found = found + self.first[rows] @ self.second.T + self.second[rows] @ self.first.T
        places = found.tocoo()
        return places.row.astype(np.int64), places.col.astype(np.int64)


def membership(into: NDArray[np.int64], count: int) -> sparse.csr_array:
    """Which rows each cluster holds: shape ``(count, m)``, sparse; rows of cluster -1 are in none."""
    rows = np.flatnonzero(into >= 0)
    return sparse.csr_array((np.ones(len(rows), np.float32), (into[rows], rows)), shape=(count, len(into)))


def _marks(counts: sparse.csr_array) -> sparse.csr_array:
    counts.data[:] = 1.0
    return counts


def average_linkage(
    means: NDArray[np.float32], sizes: NDArray[np.float32], barred: Barred, distance: float
) -> NDArray[np.int64]:
    """Joins clusters until those that are left are farther apart than a distance.

    Args:
        means: Shape ``(m, d)``, float32: the mean of each cluster's unit-norm
            embeddings. What is in it is lost.
        sizes: Shape ``(m,)``, float32: of how many embeddings.
        barred: Which clusters are never joined.
        distance: Root mean square of the distances between two clusters' faces,
            0 to 2, up to which they are joined.

    Returns:
        Shape ``(m,)``, int64: for each cluster, the smallest number of a cluster
        that it was joined with; its own if there is none.
    """
    floor = _floor(distance)
    cluster = np.arange(len(means), dtype=np.int64)
    # Those that can still be joined: their numbers, and the place in that list of the nearest one to each.
    active, weights = cluster.copy(), sizes
    nearest, best = _nearest(means, barred, active)
    while len(near := np.flatnonzero(best >= floor)):
        places = np.arange(len(active))
        first = near[(nearest[nearest[near]] == near) & (near < nearest[near])]
        into = places.copy()
        into[nearest[first]] = first
        if len(first) * FEW < len(near):
            into = places.copy()
            for piece in _pieces(near, nearest):
                cosines = np.concatenate([some[:, piece] for _, some in allowed_cosines(means, barred, piece)])
                into[piece] = piece[chained(cosines, weights[piece], floor)]
        if (into == places).all():  # Rounding can hide that two are each other's nearest.
            into[[best.argmax(), nearest[best.argmax()]]] = min(best.argmax(), nearest[best.argmax()])

        grown = np.unique(into[into != places])
        holds = membership(into, len(active))[grown]
        total = holds @ weights
        means[grown] = holds @ (weights[:, np.newaxis] * means) / total[:, np.newaxis]
        weights = weights.copy()
        weights[grown] = total
        moved = cluster.copy()
        moved[active] = active[into]
        cluster = moved[cluster]

        stays = (best >= floor) & (into == places)
        new = np.where(stays, np.cumsum(stays) - 1, -1)
        # Whoever was joined, or was nearest to one who was or is finished, looks again.
        changed = ~stays
        changed[grown] = True
        again = new[stays & (changed | changed[nearest])]
        active, means, weights, best = active[stays], means[stays], weights[stays], best[stays]
        nearest = new[into[nearest[stays]]]
        barred = barred.joined(new[into], len(active))
        nearest[again], best[again] = _nearest(means, barred, again)
    return cluster


def _pieces(near: NDArray[np.int64], nearest: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Clusters in lists short enough for a matrix, those that are nearest to each other mostly in one."""
    if len(near) <= DENSE:
        return [near]
    graph = sparse.coo_array((np.ones(len(near)), (near, nearest[near])), shape=(len(nearest),) * 2)
    order = near[np.argsort(connected_components(graph, directed=False)[1][near], kind="stable")]
    return [np.sort(order[start : start + DENSE]) for start in range(0, len(order), DENSE)]


def within(means: NDArray[np.float32], barred: Barred, rows: NDArray[np.int64], distance: float) -> NDArray[np.bool_]:
    """Shape ``(m,)``: which clusters may be joined with one of some others, and are within the distance of it.

    Args:
        means: Shape ``(m, d)``, float32: the mean of each cluster's embeddings.
        barred: Which clusters are never joined.
        rows: The others.
        distance: As of :func:`average_linkage`.
    """
    found = np.zeros(len(means), np.bool_)
    for _, cosines in allowed_cosines(means, barred, rows):
        found |= (cosines >= _floor(distance)).any(axis=0)
    return found


def _floor(distance: float) -> float:
    """The mean cosine of clusters that are so far apart."""
    return 1.0 - distance * distance / 2.0


def _nearest(
    means: NDArray[np.float32], barred: Barred, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest cluster that each may be joined with, and the mean cosine to it: -infinity if there is none."""
    nearest, best = np.zeros(len(rows), np.int64), np.full(len(rows), -np.inf, np.float32)
    for place, cosines in allowed_cosines(means, barred, rows):
        nearest[place] = cosines.argmax(axis=1)
        best[place] = cosines.max(axis=1)
    return nearest, best


def allowed_cosines(
    means: NDArray[np.float32], barred: Barred, rows: NDArray[np.int64]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Mean cosines of some clusters to all, -infinity where they can't be joined, in pieces: which rows, and theirs."""
    step = max(BLOCK // max(len(means), 1), 1)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        cosines = means[some] @ means.T
        cosines[barred.pairs(some)] = -np.inf
        cosines[np.arange(len(some)), some] = -np.inf
        yield slice(start, start + len(some)), cosines
