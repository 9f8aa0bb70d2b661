"""What the enrolled people themselves say about the error rates. Pure numpy.

Different people of one gallery are non-mated comparisons that cost nothing:
they show whether strangers look as much alike here as where the thresholds were
measured. Two people who look so much alike that they may be one, enrolled
twice, are left out of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.calibration import Calibration
from facenet_core.matching import Gallery, distances
from facenet_core.metrics import RESAMPLES, SEED, Det, Distances, det, threshold_at, wilson_interval
from facenet_core.neighbours import Resemblance, neighbours, strays
from facenet_core.owncalibration import corrected
from facenet_core.types import Basis, Person, Threshold

MOST = 3000
"""Photos that are compared for the rates; of more people a part is drawn."""

PAIRS_TO_DRAW = 40
"""Comparisons of each kind from which on a curve is worth a look."""

RATES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""Shipped rates that are held against the people's own."""

TOLD_RATES = (1e-1, 1e-2, 1e-3)
"""Those that are told in words, and that can be said to depart."""

LOOKALIKES = 10
"""Pairs of lookalikes that are told."""

SAME = 0.005
"""Distances that read the same with two decimals."""

FEW_PEOPLE, RESAMPLES_OF_MANY = 1000, 200
"""Beyond so many people the intervals rest on so many resamples, to take seconds."""

FACTOR = 1.5
"""A rate departs if it is so many times the shipped one, or less than that part of it, and its interval agrees."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often different people here are at most so far apart.

    Attributes:
        distance: 0 to 2.
        shipped: The share of strangers who are, by the shipped calibration.
        errors: How many of the comparisons here are.
        comparisons: How many there are.
        low: Lower end of the 95 % interval of the share.
        high: Its upper end.
        current: Whether the distance is the 1:1 threshold.
    """

    distance: float
    shipped: float
    errors: int
    comparisons: int
    low: float
    high: float
    current: bool

    @property
    def share(self) -> float:
        """The share of the comparisons."""
        return self.errors / self.comparisons

    @property
    def departs(self) -> Literal["more", "fewer"] | None:
        """Whether strangers here are that alike more often than shipped, or more rarely; None if nobody can tell."""
        if self.low > self.shipped and self.share >= FACTOR * self.shipped:
            return "more"
        if self.high < self.shipped and self.share <= self.shipped / FACTOR:
            return "fewer"
        return None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a gallery says about itself.

    Attributes:
        people: Enrolled people with a template of this model.
        photos: Their templates.
        compared_photos: How many of them the distances and rates are about:
            all, or those of people drawn at random, at most :data:`MOST`.
        people_pairs: Pairs of different people among those.
        non_mated: Sorted distances of photos of different people, without
            possible duplicates.
        mated: Sorted distances of photos of one person.
        rates: How often strangers look alike here, and where the calibration
            was measured; empty without a calibration.
        own: The shipped calibration corrected by these people; None if there
            are too few.
        own_reason: Why there is none, a sentence.
        duplicates: Pairs of people who may be one, closest first.
        lookalikes: The most similar other pairs of people, closest first.
        strays: Photos that look like no other photo of their person, farthest first.
        single_photo: People with one photo.
    """

    people: int
    photos: int
    compared_photos: int
    people_pairs: int
    non_mated: Distances
    mated: Distances
    rates: tuple[Rate, ...]
    own: Calibration | None
    own_reason: str
    duplicates: tuple[Resemblance, ...]
    lookalikes: tuple[Resemblance, ...]
    strays: tuple[Resemblance, ...]
    single_photo: tuple[Person, ...]

    @property
    def told(self) -> tuple[Rate, ...]:
        """The rates that are told in words, and that can be said to depart, most frequent first."""
        return tuple(r for r in self.rates if r.current or r.shipped in TOLD_RATES)

    @property
    def det(self) -> Det | None:
        """The error rates of these people against each other; None if there are too few comparisons."""
        enough = min(len(self.non_mated), len(self.mated)) >= PAIRS_TO_DRAW
        return det(self.mated, self.non_mated) if enough else None


@dataclass(frozen=True, slots=True)
class _Compared:
    """The photos that the rates are about.

    Attributes:
        between: Shape ``(n, n)``: all distances.
        sizes: Shape ``(people,)``: the photos of each person, whose rows follow each other.
        allowed: Shape ``(people, people)``: the pairs of different people that count, each once.
    """

    between: NDArray[np.float32]
    sizes: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    def non_mated(self) -> Distances:
        """Sorted distances of different people."""
        counted = self.allowed.repeat(self.sizes, axis=0).repeat(self.sizes, axis=1)
        return np.sort(self.between[counted]).astype(np.float64)

    def mated(self) -> Distances:
        """Sorted distances of photos of one person."""
        owners = np.arange(len(self.sizes)).repeat(self.sizes)
        counted = np.triu(owners[:, np.newaxis] == owners, 1)
        return np.sort(self.between[counted]).astype(np.float64)

    def within(self, distance: float) -> NDArray[np.float32]:
        """Shape ``(people, people)``: comparisons of two people that are at most so far apart."""
        starts = np.cumsum(self.sizes) - self.sizes
        close = (self.between <= distance).astype(np.float32)
        return np.add.reduceat(np.add.reduceat(close, starts, axis=0), starts, axis=1) * self.allowed


def survey(
    gallery: Gallery,
    shipped: Calibration | None,
    used: Calibration | None = None,
    threshold: Threshold | None = None,
) -> Survey:
    """Holds everybody against everybody.

    Args:
        gallery: The enrolled people.
        shipped: What was measured for the model, if it was.
        used: What says how rare a distance is; the shipped one by default.
        threshold: Of 1:1, if one is known.
    """
    used = used or shipped
    sizes = gallery.sizes
    drawn = np.random.default_rng(SEED).permutation(len(sizes))
    drawn = np.sort(drawn[np.cumsum(sizes[drawn]) <= MOST])
    rows = np.flatnonzero(np.isin(np.arange(len(sizes)).repeat(sizes), drawn))
    everybody = np.triu(np.ones((len(drawn), len(drawn)), np.bool_), 1)
    compared = _Compared(distances(gallery.matrix[rows], gallery.matrix[rows]), sizes[drawn], everybody)

    found = neighbours(gallery, used, _nearer(compared, used))
    place = np.full(len(sizes), -1)
    place[drawn] = np.arange(len(drawn))
    first, second = place[found.alike[np.isin(found.alike, drawn).all(axis=1)]].T
    strangers = everybody.copy()
    strangers[first, second] = False
    compared = replace(compared, allowed=strangers)

    non_mated, mated = compared.non_mated(), compared.mated()
    own, reason = corrected(shipped, non_mated, mated, sizes[drawn], int(strangers.sum()))
    return Survey(
        people=len(gallery.people),
        photos=len(gallery),
        compared_photos=len(rows),
        people_pairs=int(strangers.sum()),
        non_mated=non_mated,
        mated=mated,
        rates=_rates(compared, shipped, threshold) if shipped and strangers.any() else (),
        own=own,
        own_reason=reason,
        duplicates=found.duplicates,
        lookalikes=found.nearest[:LOOKALIKES],
        strays=strays(gallery, threshold.inconclusive) if threshold else (),
        single_photo=tuple(person for person in gallery.people if len(person.templates) == 1),
    )


def _nearer(compared: _Compared, calibration: Calibration | None) -> float:
    """By how much these people look more alike in general: by what one pair in ten is closer.

    A few people who are enrolled twice hardly move that.
    """
    if calibration is None or compared.allowed.sum() < PAIRS_TO_DRAW:
        return 0.0
    return max(calibration.distance_at(0.1)[0] - threshold_at(compared.non_mated(), 0.1), 0.0)


def _rates(compared: _Compared, shipped: Calibration, threshold: Threshold | None) -> tuple[Rate, ...]:
    at = {rate: shipped.distance_at(rate)[0] for rate in RATES if rate >= shipped.floor}
    current = threshold.distance if threshold else -1.0
    if threshold and not any(abs(x - current) < SAME for x in at.values()):
        rate, basis = shipped.fmr(current)
        if basis != "bound":
            at[rate] = current
    people = len(compared.sizes)
    rng = np.random.default_rng(SEED)
    resamples = RESAMPLES if people <= FEW_PEOPLE else RESAMPLES_OF_MANY
    times = np.stack([np.bincount(rng.integers(0, people, people), minlength=people) for _ in range(resamples)])
    weights = times.astype(np.float32)
    comparisons = np.outer(compared.sizes, compared.sizes) * compared.allowed
    total, pairs = int(comparisons.sum()), int(compared.allowed.sum())
    weighted = _weighted(comparisons.astype(np.float32), weights)
    found = []
    for rate, distance in sorted(at.items(), reverse=True):
        close = compared.within(distance)
        errors = int(close.sum(dtype=np.float64))
        shares = _weighted(close, weights)[weighted > 0] / weighted[weighted > 0]
        ends = np.percentile(shares, [2.5, 97.5])
        # Drawing people anew can't show what none of them has shown: then it is the number of pairs that limits.
        by_pairs = wilson_interval(round(errors / total * pairs), pairs)
        low, high = min(float(ends[0]), by_pairs[0]), max(float(ends[1]), by_pairs[1])
        found.append(Rate(distance, rate, errors, total, low, high, abs(distance - current) < SAME))
    return tuple(found)


def _weighted(counts: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of counts by pairs of people, each pair as often as the product of how often its people were drawn.

    The subsets bootstrap of :func:`facenet_core.metrics.person_bootstrap`, by
    people instead of by comparisons: of millions of them it takes a second.

    Args:
        counts: Shape ``(people, people)``.
        weights: Shape ``(resamples, people)``: how often each was drawn.
    """
    summed: NDArray[np.float32] = ((weights @ counts) * weights).sum(axis=1)
    return summed


@dataclass(frozen=True, slots=True)
class Point:
    """The error rates at one distance, as a calibration has them.

    Attributes:
        distance: 0 to 2.
        fmr: Share of strangers that are let in.
        basis: What that rests on.
        fnmr: Share of true visitors that are turned away; None if it was not
            measured for this distance.
    """

    distance: float
    fmr: float
    basis: Basis
    fnmr: float | None


def curve(calibration: Calibration, points: int = 150) -> tuple[Point, ...]:
    """A calibration's error rates, evenly spread from its strictest distance to its most lenient one.

    Args:
        calibration: The calibration.
        points: How many.
    """
    ends = calibration.distance_at(calibration.floor)[0], calibration.distances[0]
    known = calibration.missed_distances or (-1.0,)
    found = []
    for distance in np.linspace(*ends, points).tolist():
        fnmr = calibration.fnmr(distance) if known[-1] <= distance <= known[0] else None
        found.append(Point(distance, *calibration.fmr(distance), fnmr))
    return tuple(found)
