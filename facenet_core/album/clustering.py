"""Which faces of an album show one person, when nobody says how many people there are.

Clusters are joined by average linkage (:mod:`facenet_core.album.linkage`). What
users have said always holds: faces that are one person start as one cluster,
and clusters that are not, or that share a photo, are never joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from facenet_core.album.linkage import Barred, average_linkage, membership, within
from facenet_core.matching import NORM_TOLERANCE

NEW = -1
"""The label of a face that has none yet."""

JOIN_FMR = 1e-4
"""The distance of this rate, by :meth:`facenet_core.calibration.Calibration.distance_at`, suits both models that were
measured: on LFW View 1 it is within 0.01 of the best BCubed F1 of either. The fewer strangers, the more would do."""

PIECE = 4096
"""Faces whose links are checked at once."""


@dataclass(frozen=True, slots=True)
class Links:
    """What users have said about faces. Faces are row numbers.

    Attributes:
        must: Groups of faces that are one person. Groups that share a face are
            one group. Who joins two clusters names all of their faces: one of
            them alone may leave the others behind.
        cannot: Pairs of groups: nobody on a face of one is on a face of the other.
    """

    must: tuple[tuple[int, ...], ...] = ()
    cannot: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()


def all_apart(faces: Sequence[int]) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Cannot-links that hold each of some faces apart from each other.

    Two numbers differ in a bit: one link for each bit, of the faces whose places
    have it and those whose places don't, is enough. 1,000 faces take ten links,
    not half a million pairs.
    """
    sides = []
    for bit in range((len(faces) - 1).bit_length() if faces else 0):
        has = [bool(place >> bit & 1) for place in range(len(faces))]
        sides.append((tuple(compress(faces, map(not_, has))), tuple(compress(faces, has))))
    return tuple(sides)


def cluster(
    embeddings: NDArray[np.float32], photos: NDArray[np.int64], links: Links, distance: float
) -> NDArray[np.int64]:
    """Sorts faces into people.

    Two faces of one photo are two people, unless a must-link says otherwise.
    The same faces and links give the same labels.

    Args:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        photos: Shape ``(n,)``, int64: which photo each face is on.
        links: What users have said.
        distance: Clusters are joined while the root mean square of the distances
            between their faces is at most this, 0 to 2.

    Returns:
        Shape ``(n,)``, int64: labels from 0, the largest cluster first, of equal
        ones the one with the first face. A face that resembles nobody is a
        cluster of one.

    Raises:
        ValueError: If the arrays do not fit together, an embedding is no
            unit-norm vector, a link names a row that
            there is not, or the links contradict each other.
    """
    faces = Faces.of(embeddings, photos, links, distance)
    return _by_size(faces.clustered(np.ones(len(photos), np.bool_)))


def extend(
    embeddings: NDArray[np.float32],
    photos: NDArray[np.int64],
    links: Links,
    distance: float,
    before: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Sorts new faces, and those that new links are about, into the people of an earlier run.

    Only groups that a new face may belong to, that a link says to join, or that
    hold faces which are not one person are clustered again, and those that the
    outcome may be joined with. Every other group keeps its faces and its label.
    One that was clustered again keeps the label that most of its faces had; of
    several with the same claim, the one that holds most of them does. The others
    get new numbers.

    Args:
        embeddings: As of :func:`cluster`.
        photos: As of :func:`cluster`.
        links: What users have said until now.
        distance: As of :func:`cluster`.
        before: Shape ``(n,)``, int64: the labels of an earlier run; -1 for faces
            that are new.

    Returns:
        Shape ``(n,)``, int64: labels, not always without gaps.

    Raises:
        ValueError: As of :func:`cluster`; or if there is a label below -1.
    """
    faces = Faces.of(embeddings, photos, links, distance)
    if before.shape != photos.shape or (before < NEW).any():
        raise ValueError(f"expected {len(photos)} labels from {NEW} on, got an array of shape {before.shape}")
    new = before == NEW
    apart = len(before) + before
    again = new | np.isin(before, before[faces.disputed(before)])
    again |= faces.near(np.where(new, faces.seed, apart), new)
    while True:
        outcome = faces.clustered(again)
        touched = faces.near(np.where(again, outcome, apart), again)
        if not touched.any():
            return _renamed(outcome, before, again)
        again |= touched


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces with what is known about them.

    Attributes:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        seed: Shape ``(n,)``, int64: the same number for faces that are one
            person by must-links.
        barred: Which faces can't be one person, must-links aside.
        distance: Up to which clusters are joined.
    """

    embeddings: NDArray[np.float32]
    seed: NDArray[np.int64]
    barred: Barred
    distance: float

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], photos: NDArray[np.int64], links: Links, distance: float) -> Faces:
        """Checks and prepares.

        Raises:
            ValueError: As of :func:`cluster`.
        """
        count = len(embeddings)
        if embeddings.ndim != 2 or photos.shape != (count,):
            raise ValueError(
                "expected embeddings of shape (n, d) and photos of shape (n,), "
                f"got {embeddings.shape} and {photos.shape}"
            )
        if not np.allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=0.0, atol=NORM_TOLERANCE):
            raise ValueError("expected embeddings of length 1")
        sides = [side for pair in links.cannot for side in pair]
        for face in (face for group in (*links.must, *sides) for face in group):
            if not 0 <= face < count:
                raise ValueError(f"expected links between faces 0 to {count - 1}, got face {face}")
        pairs = np.array([(group[0], face) for group in links.must for face in group], np.int64).reshape(-1, 2)
        graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        seed = connected_components(graph, directed=False)[1].astype(np.int64) if count else np.empty(0, np.int64)
        for one, other in links.cannot:
            at = {int(seed[face]): face for face in one}
            for face in other:
                if (same := at.get(int(seed[face]))) is not None:
                    raise ValueError(f"faces {same} and {face} are said to be one person, and not to be")
        numbers = np.unique(photos, return_inverse=True)[1]
        on_photo = sparse.csr_array((np.ones(count, np.float32), (np.arange(count), numbers)), shape=(count, count))
        first, second = (_sides([pair[i] for pair in links.cannot], count) for i in (0, 1))
        return cls(embeddings, seed, Barred(on_photo, first, second), distance)

    def clustered(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Clusters some faces.

        Args:
            rows: Shape ``(n,)``: which. Faces that are one person by must-links
                are all among them, or none is.

        Returns:
            Shape ``(n,)``: a number below n for each cluster; -1 for the others.
        """
        into = np.full(len(rows), NEW, np.int64)
        seeds, into[rows] = np.unique(self.seed[rows], return_inverse=True)
        sums, sizes, barred = self.together(into, len(seeds))
        joined = average_linkage(sums / sizes[:, np.newaxis], sizes, barred, self.distance)
        outcome = np.full(len(rows), NEW, np.int64)
        outcome[rows] = joined[into[rows]]
        return outcome

    def near(self, labels: NDArray[np.int64], asking: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which clusters some others could be joined with.

        Args:
            labels: Shape ``(n,)``: numbers of clusters.
            asking: Shape ``(n,)``: the faces of the others.

        Returns:
            Shape ``(n,)``: the faces of those that were found; none of those that ask.
        """
        names, into = np.unique(labels, return_inverse=True)
        sums, sizes, barred = self.together(into, len(names))
        found = within(sums / sizes[:, np.newaxis], barred, np.unique(into[asking]), self.distance)
        return found[into] & ~asking

    def disputed(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Shape ``(n,)``: which faces have labels that must-links or cannot-links speak against, or a shared photo."""
        lowest = np.full(len(labels), len(labels) + labels.max(initial=0))
        highest = np.full(len(labels), NEW)
        np.minimum.at(lowest, self.seed, labels)
        np.maximum.at(highest, self.seed, labels)
        found: NDArray[np.bool_] = (lowest != highest)[self.seed]
        seeds = self.barred.joined(self.seed, len(labels))
        for start in range(0, len(labels), PIECE):
            one, other = seeds.pairs(np.arange(start, min(start + PIECE, len(labels))))
            one += start
            wrong = (one != other) & (lowest[one] == lowest[other])
            found |= np.isin(self.seed, one[wrong])
        return found

    def together(self, into: NDArray[np.int64], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], Barred]:
        """The sums of the embeddings of clusters, how many faces they have, and which are barred."""
        holds = membership(into, count)
        return (
            holds @ self.embeddings,
            np.bincount(into[into >= 0], minlength=count).astype(np.float32),
            self.barred.joined(into, count),
        )


def renamed(labels: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gives clusters the labels that most of their faces had, as :func:`extend` does.

    Args:
        labels: Shape ``(n,)``, int64: any numbers.
        before: Shape ``(n,)``, int64: the labels of an earlier run; -1 for faces
            that are new.
    """
    return _renamed(labels, before, np.ones(len(labels), np.bool_))


def _sides(groups: list[tuple[int, ...]], count: int) -> sparse.csr_array:
    """Which faces are in which group: shape ``(count, len(groups))``."""
    faces = [face for group in groups for face in group]
    numbers = np.arange(len(groups)).repeat([len(group) for group in groups])
    marks = sparse.csr_array((np.ones(len(faces), np.float32), (faces, numbers)), shape=(count, len(groups)))
    return marks


def _by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same clusters with numbers from 0, the largest first; of equal ones the one with the first face."""
    _, first, into, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    numbers = np.empty(len(sizes), np.int64)
    numbers[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return numbers[into]


def _renamed(outcome: NDArray[np.int64], before: NDArray[np.int64], again: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Gives faces that were clustered again the labels of before, as far as they are the same people."""
    rows = np.flatnonzero(again)
    into = _by_size(outcome[rows])
    labels = np.full(int(into.max(initial=-1)) + 1, NEW, np.int64)
    old = before[rows] != NEW
    claims, faces = np.unique(np.stack([into[old], before[rows][old]]), axis=1, return_counts=True)
    undecided, taken = set(claims[0].tolist()), set()
    for place in np.lexsort((claims[0], claims[1], -faces)).tolist():
        one, label = claims[:, place].tolist()
        if one in undecided and label not in taken:
            labels[one] = label
            taken.add(label)
        undecided.discard(one)
    unnamed = labels == NEW
    labels[unnamed] = int(before.max(initial=NEW)) + 1 + np.arange(np.count_nonzero(unnamed))
    result = before.copy()
    result[rows] = labels[into]
    return result
