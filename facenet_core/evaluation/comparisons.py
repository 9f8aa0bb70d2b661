"""Mated and non-mated comparisons, ready to count errors in and to resample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.metrics import Distances, person_bootstrap

TAIL_SHARE, TAIL_LEAST = 0.03, 300_000
"""Of the non-mated comparisons so many of the closest, but at least so many, are resampled. The others are too far
apart to bear on an FMR up to 1e-2, and are counted only."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each comparison counts in one resample.

    Attributes:
        mated: Shape ``(m,)``, in the order of the mated distances.
        closest: Shape ``(k,)``: of the closest non-mated comparisons.
        non_mated: Of all non-mated comparisons together.
    """

    mated: Distances
    closest: Distances
    non_mated: float


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Comparisons of labelled photos. Those that could not be made are infinite.

    Attributes:
        mated: Sorted, rising.
        mated_people: Shape ``(m, 2)``: whose photos they compare.
        non_mated: Sorted, rising.
        closest_people: Shape ``(k, 2)``: whose photos the first k of them compare.
        photos: Shape ``(people,)``: how many photos of each person were
            compared with all others; None if the comparisons were listed.
    """

    mated: Distances
    mated_people: NDArray[np.int64]
    non_mated: Distances
    closest_people: NDArray[np.int64]
    photos: NDArray[np.int64] | None

    @classmethod
    def listed(cls, distances: Distances, people: NDArray[np.int64]) -> Comparisons:
        """Comparisons that somebody chose.

        Args:
            distances: Shape ``(n,)``.
            people: Shape ``(n, 2)``; equal in mated ones.
        """
        order = np.argsort(distances, kind="stable")
        distances, people = distances[order], people[order]
        mated = people[:, 0] == people[:, 1]
        return cls(distances[mated], people[mated], distances[~mated], people[~mated], None)

    @classmethod
    def of_all(cls, matrix: NDArray[np.float32], person: NDArray[np.int64]) -> Comparisons:
        """Every photo against every other.

        Args:
            matrix: Shape ``(n, n)``: distances, symmetric.
            person: Shape ``(n,)``: whose photos they are, from 0.
        """
        mated, owner, others = [], [], []
        for first, row, same in _rows(matrix, person):
            mated.append(row[same])
            owner.append(np.full(int(same.sum()), person[first]))
            others.append(row[~same])
        of_one, owners = np.concatenate(mated).astype(np.float64), np.concatenate(owner)
        non_mated = np.sort(np.concatenate(others)).astype(np.float64)
        order = np.argsort(of_one, kind="stable")
        closest = _closest_people(matrix, person, non_mated[: max(int(TAIL_SHARE * len(non_mated)), TAIL_LEAST)])
        return cls(of_one[order], np.stack([owners[order]] * 2, axis=1), non_mated, closest, np.bincount(person))

    @property
    def closest(self) -> Distances:
        """Shape ``(k,)``: the non-mated distances that are resampled."""
        return self.non_mated[: len(self.closest_people)]

    def resampled(self, statistic: Callable[[Weights], Sequence[float]]) -> NDArray[np.float64]:
        """95 % intervals; see :func:`facenet_core.metrics.person_bootstrap`.

        Args:
            statistic: From weights to figures.

        Returns:
            Shape ``(figures, 2)``.
        """
        sets = [self.mated_people, self.closest_people]
        if self.photos is not None:
            # A person's comparison with themselves weighs what the person does.
            sets.append(np.repeat(np.arange(len(self.photos))[:, np.newaxis], 2, axis=1))

        def figures(weights: Sequence[Distances]) -> Sequence[float]:
            total = float(weights[1].sum())
            if self.photos is not None:
                photos = weights[2] * self.photos
                total = float(photos.sum() ** 2 - (photos**2).sum()) / 2
            return statistic(Weights(weights[0], weights[1], total))

        return person_bootstrap(sets, figures)


def _rows(
    matrix: NDArray[np.float32], person: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.bool_]]]:
    """Each photo with its distances to those after it, and which of those show the same person."""
    for first in range(len(person) - 1):
        yield first, matrix[first, first + 1 :], person[first + 1 :] == person[first]


def _closest_people(matrix: NDArray[np.float32], person: NDArray[np.int64], closest: Distances) -> NDArray[np.int64]:
    """Whose photos the closest non-mated comparisons compare.

    A second pass, because the places of all of them would take several times
    the memory of their distances.
    """
    limit = closest[-1]
    pairs, distances = [], []
    for first, row, same in _rows(matrix, person):
        near = np.flatnonzero((row <= limit) & ~same)
        pairs.append(np.stack([np.full(len(near), person[first]), person[first + 1 + near]], axis=1))
        distances.append(row[near])
    order = np.argsort(np.concatenate(distances), kind="stable")[: len(closest)]
    people: NDArray[np.int64] = np.concatenate(pairs)[order]
    return people
