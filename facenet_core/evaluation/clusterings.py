"""How well clusters of faces agree with who the people are: pairs, BCubed and the adjusted Rand index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision, how much of what was put together belongs together, and recall, how much of that was.

    Attributes:
        precision: 0 to 1.
        recall: 0 to 1.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 0 if both are."""
        total = self.precision + self.recall
        return 2.0 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters held against people.

    Attributes:
        faces: How many were compared.
        people: How many they really show.
        clusters: How many were found.
        pairs: Of pairs of faces: precision is the share of those in one cluster
            that show one person, recall the share of those of one person that
            are in one cluster. 1 where there is no such pair. Large clusters
            dominate.
        bcubed: Of faces: the mean, over all of them, of the share of the face's
            cluster that is its person (precision), and of its person's faces
            that are in its cluster (recall), itself included (Bagga and
            Baldwin, "Entity-based cross-document coreferencing using the vector
            space model", COLING-ACL 1998).
        adjusted_rand: Agreement of pairs beyond chance: 1 if clusters and people
            are the same, about 0 for clusters drawn by lot (Hubert and Arabie,
            "Comparing partitions", 1985).
    """

    faces: int
    people: int
    clusters: int
    pairs: Agreement
    bcubed: Agreement
    adjusted_rand: float


def compare(people: NDArray[np.int64], clusters: NDArray[np.int64]) -> Clustering:
    """Holds clusters against people.

    Time and memory grow with the number of faces, not with that of their pairs.

    Args:
        people: Shape ``(n,)``: who each face shows, any numbers.
        clusters: Shape ``(n,)``: the cluster that each is in, any numbers.

    Raises:
        ValueError: If there are no faces, or not as many of both.
    """
    if people.shape != clusters.shape or people.ndim != 1 or not len(people):
        raise ValueError(f"expected as many people as clusters, and one face, got {people.shape} and {clusters.shape}")
    from sklearn.metrics import adjusted_rand_score  # takes a second

    person, sizes_of_people = _sizes(people)
    cluster, sizes_of_clusters = _sizes(clusters)
    # The filled cells of the table of people by clusters.
    cells, shared = np.unique(person * len(sizes_of_clusters) + cluster, return_counts=True)
    of_person, of_cluster = np.divmod(cells, len(sizes_of_clusters))
    squares = shared.astype(np.float64) ** 2
    right = _pairs(shared)
    return Clustering(
        faces=len(people),
        people=len(sizes_of_people),
        clusters=len(sizes_of_clusters),
        pairs=Agreement(_share(right, _pairs(sizes_of_clusters)), _share(right, _pairs(sizes_of_people))),
        bcubed=Agreement(
            float((squares / sizes_of_clusters[of_cluster]).sum()) / len(people),
            float((squares / sizes_of_people[of_person]).sum()) / len(people),
        ),
        adjusted_rand=float(adjusted_rand_score(people, clusters)),
    )


def _sizes(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels as numbers from 0, and how often each occurs."""
    _, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return numbers.astype(np.int64), sizes.astype(np.int64)


def _pairs(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
