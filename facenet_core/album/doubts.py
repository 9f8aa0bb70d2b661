"""What may be wrong with the clusters of an album, told from the faces alone: nobody has to have named them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.album.clustering import Faces, Links
from facenet_core.album.linkage import allowed_cosines
from facenet_core.matching import apart

SAMPLED = 3000
"""Faces that the silhouette is taken of; of more, clusters are drawn by lot."""

SEED = 20261121
"""Of the lot."""

HALF = 2
"""Faces that each half of a doubtful cluster has at least: one odd photo is no second person."""

SEPARATION = 0.25
"""From here on two halves are told: 5 to 10 % of people with four photos or more, and 95 % of two people in one."""

MARGIN = 1.05
"""Clusters up to so many times the distance apart are told."""

LISTED = 100
"""Doubts of each kind that are told."""

ROUNDS = 20
"""In which the halves of a cluster settle."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A cluster that may be two people.

    Attributes:
        label: Of the cluster.
        first: The faces of its larger half, as row numbers.
        second: Those of the other.
        separation: 1 - w/b, where w and b are the root mean square distances
            within the halves and between them: 0 for one person, 1 for two of
            whom each has one face only.
    """

    label: int
    first: tuple[int, ...]
    second: tuple[int, ...]
    separation: float


@dataclass(frozen=True, slots=True)
class Split:
    """Two clusters that may be one person.

    Attributes:
        first: Label of the one with the smaller number.
        second: Label of the other.
        nearness: The distance that clusters are joined at, divided by that of
            the directions of their means, in which what differs from photo to
            photo cancels out: 1 just at the limit, more if they are nearer.
    """

    first: int
    second: int
    nearness: float


@dataclass(frozen=True, slots=True)
class Doubts:
    """What may be wrong.

    Attributes:
        silhouette: How much nearer a face is to its own cluster than to the next
            one, -1 to 1, on average over the faces that are not alone
            (Rousseeuw, 1987); None if there are no two clusters, or all faces
            are alone. In a sample the next cluster may be missing, which makes
            it look better.
        merges: Clusters that fall into two, the most separate halves first.
        splits: Pairs of clusters that nearly are one and may be, nearest first.
    """

    silhouette: float | None
    merges: tuple[Merge, ...]
    splits: tuple[Split, ...]


def doubts(
    embeddings: NDArray[np.float32],
    photos: NDArray[np.int64],
    links: Links,
    distance: float,
    labels: NDArray[np.int64],
) -> Doubts:
    """Looks for what may be wrong.

    What users have said is not doubted: a cluster whose halves a must-link holds
    together, or two that a cannot-link or a shared photo keeps apart.

    Args:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        photos: Shape ``(n,)``, int64: which photo each face is on.
        links: What users have said.
        distance: That clusters are joined at, 0 to 2.
        labels: Shape ``(n,)``, int64: the clusters, any numbers.

    Raises:
        ValueError: As of :func:`facenet_core.album.clustering.cluster`; or if
            there are not as many labels as faces.
    """
    faces = Faces.of(embeddings, photos, links, distance)
    if labels.shape != photos.shape:
        raise ValueError(f"expected {len(photos)} labels, got an array of shape {labels.shape}")
    return Doubts(_silhouette(embeddings, labels), _merges(faces, labels), _splits(faces, labels))


def _silhouette(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> float | None:
    names, into = np.unique(labels, return_inverse=True)
    lot = np.random.default_rng(SEED).permutation(len(names)) if len(labels) > SAMPLED else np.arange(len(names))
    rows = np.argsort(lot[into], kind="stable")[:SAMPLED]
    _, numbers, sizes = np.unique(labels[rows], return_inverse=True, return_counts=True)
    together = sizes[numbers] > 1
    if len(sizes) < 2 or not together.any():
        return None
    from sklearn.metrics import silhouette_samples  # takes a second

    return float(silhouette_samples(embeddings[rows], numbers)[together].mean())


def _merges(faces: Faces, labels: NDArray[np.int64]) -> tuple[Merge, ...]:
    found = []
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if len(rows) < 2 * HALF:
            continue
        side = _halves(faces.embeddings[rows])
        first, second = sorted((rows[side], rows[~side]), key=len, reverse=True)
        if len(second) < HALF or np.isin(faces.seed[first], faces.seed[second]).any():
            continue
        separation = _separation(faces.embeddings[first], faces.embeddings[second])
        if separation >= SEPARATION:
            found.append(Merge(int(labels[rows[0]]), tuple(first.tolist()), tuple(second.tolist()), separation))
    return tuple(sorted(found, key=lambda merge: (-merge.separation, merge.label))[:LISTED])


def _halves(embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
    """2-means, from the two sides of the direction in which the faces differ most: which are in the first half."""
    centred = embeddings - embeddings.mean(axis=0)
    some = centred[:: len(centred) // SAMPLED + 1]
    side: NDArray[np.bool_] = centred @ np.linalg.svd(some, full_matrices=False)[2][0] > 0
    for _ in range(ROUNDS):
        if side.all() or not side.any():
            break
        first, second = centred[side].mean(axis=0), centred[~side].mean(axis=0)
        before, side = side, centred @ (first - second) > (first @ first - second @ second) / 2
        if (before == side).all():
            break
    return side


def _separation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    between = 2.0 - 2.0 * float(first.mean(axis=0) @ second.mean(axis=0))
    squares, pairs = 0.0, 0
    for half in (first, second):
        total = half.sum(axis=0, dtype=np.float64)
        # Of all ordered pairs of two faces; each with itself adds a cosine of 1.
        number = len(half) * (len(half) - 1)
        squares += 2.0 * (number - float(total @ total) + len(half))
        pairs += number
    return 1.0 - float(np.sqrt(max(squares / pairs, 0.0) / between)) if between > 0 else 0.0


def _splits(faces: Faces, labels: NDArray[np.int64]) -> tuple[Split, ...]:
    names, into = np.unique(labels, return_inverse=True)
    means, _, barred = faces.together(into, len(names))
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    found: list[tuple[float, int, int]] = []
    for place, cosines in allowed_cosines(means, barred, np.arange(len(names))):
        between = apart(cosines)
        one, other = np.nonzero(np.isfinite(cosines) & (between <= MARGIN * faces.distance))
        pairs = zip(between[one, other].tolist(), (one + place.start).tolist(), other.tolist(), strict=True)
        found = sorted([*found, *(pair for pair in pairs if pair[1] < pair[2])])[:LISTED]
    least = float(np.finfo(np.float32).eps)
    return tuple(
        Split(int(names[one]), int(names[other]), faces.distance / max(between, least)) for between, one, other in found
    )
