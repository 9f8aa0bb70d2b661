"""Error rates of biometric comparisons (ISO/IEC 19795-1). Pure numpy.

A comparison that could not be made, because no face was found in a photo, has
distance infinity: it is never a match, and it is never left out. So a failure
to acquire is a false non-match of its mated comparison, which is the
standard's *generalised* rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]
"""Shape ``(n,)``, float64: Euclidean distances, 0 to 2, or infinity."""

RESAMPLES = 500
"""Bootstrap resamples behind an interval."""

SEED = 20261121
"""Of every resampling: the same data gives the same interval."""


def threshold_at(non_mated: Distances, fmr: float) -> float:
    """The largest threshold that accepts at most a given share of non-mated comparisons.

    Args:
        non_mated: Sorted, rising.
        fmr: Target false match rate, 0 to 1.

    Returns:
        A distance halfway between the last one that is accepted and the first
        that is not; just below the smallest if none may be accepted.
    """
    accepted = math.floor(fmr * len(non_mated) + 1e-9)
    if accepted >= len(non_mated):
        return float(non_mated[-1])
    beyond = float(non_mated[accepted])
    # Equal distances are accepted or refused together.
    inside = non_mated[: np.searchsorted(non_mated, beyond, side="left")]
    if not len(inside):
        return float(np.nextafter(beyond, -1.0))
    return (float(inside[-1]) + beyond) / 2 if math.isfinite(beyond) else float(inside[-1])


def share_within(ordered: Distances, threshold: float | Distances) -> Distances:
    """The share of comparisons that a threshold accepts: FMR of non-mated, 1 - FNMR of mated ones.

    Args:
        ordered: Sorted, rising; at least one.
        threshold: One or several.
    """
    share: Distances = np.searchsorted(ordered, threshold, side="right") / len(ordered)
    return share


def equal_error_rate(mated: Distances, non_mated: Distances) -> tuple[float, float]:
    """Where FMR and FNMR meet.

    Args:
        mated: Sorted, rising.
        non_mated: Sorted, rising.

    Returns:
        The mean of both rates where they are closest, and the threshold there.
    """
    candidates = np.unique(np.concatenate([mated, non_mated]))
    candidates = candidates[np.isfinite(candidates)]
    if not len(candidates):
        return 0.5, math.nan
    fmr, fnmr = share_within(non_mated, candidates), 1.0 - share_within(mated, candidates)
    at = int(np.argmin(np.abs(fmr - fnmr)))
    return float(fmr[at] + fnmr[at]) / 2, float(candidates[at])


@dataclass(frozen=True, slots=True)
class Det:
    """A detection error trade-off curve.

    Attributes:
        thresholds: Shape ``(k,)``, rising.
        fmr: Shape ``(k,)``, rising.
        fnmr: Shape ``(k,)``, falling.
    """

    thresholds: Distances
    fmr: Distances
    fnmr: Distances


def det(mated: Distances, non_mated: Distances, points: int = 400) -> Det:
    """The DET curve, with points spread evenly over the distances that occur.

    Args:
        mated: Sorted, rising; at least one.
        non_mated: Sorted, rising; at least one.
        points: How many.
    """
    both = np.concatenate([mated, non_mated])
    both = both[np.isfinite(both)]
    ends = (float(both.min()), float(both.max())) if len(both) else (0.0, 2.0)
    thresholds = np.linspace(*ends, points)
    return Det(thresholds, share_within(non_mated, thresholds), 1.0 - share_within(mated, thresholds))


def best_threshold(distances: Distances, mated: NDArray[np.bool_]) -> float:
    """The threshold that answers most of these comparisons right.

    Args:
        distances: In any order.
        mated: Shape ``(n,)``: which of them are of one person.

    Returns:
        The middle of the range that is best; of several such ranges, the first.
    """
    order = np.argsort(distances, kind="stable")
    ordered = distances[order]
    # right[i]: right answers when the i smallest distances are called matches.
    gains = np.where(mated[order], 1, -1)
    right = np.concatenate([[0], np.cumsum(gains)])
    # A threshold can't fall between equal distances, nor beyond infinity.
    possible = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    possible[1:] &= np.isfinite(ordered)
    at = int(np.argmax(np.where(possible, right, -len(right) - 1)))
    low = float(ordered[at - 1]) if at else 0.0
    high = float(ordered[at]) if at < len(ordered) and math.isfinite(ordered[at]) else low
    return (low + high) / 2 if at else float(np.nextafter(ordered[0], -1.0))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracy by cross-validation over folds.

    Attributes:
        mean: Over the folds, 0 to 1.
        standard_error: Standard deviation over the folds (n - 1) divided by the
            square root of their number, as LFW's protocol has it (Huang et al.,
            "Labeled Faces in the Wild", UMass 07-49, 2007).
        thresholds: The threshold of each fold, chosen on all of the others.
    """

    mean: float
    standard_error: float
    thresholds: tuple[float, ...]


def cross_validated(distances: Distances, mated: NDArray[np.bool_], folds: NDArray[np.int64]) -> Accuracy:
    """Accuracy of each fold at the threshold that is best on the others.

    A comparison that could not be made (infinity) is a wrong answer, whoever
    its photos show: not to answer is not to be right.

    Args:
        distances: In any order.
        mated: Shape ``(n,)``: which of them are of one person.
        folds: Shape ``(n,)``: the fold of each.

    Raises:
        ValueError: If there is one fold only.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ValueError("expected at least two folds")
    chosen, shares = [], []
    for fold in numbers:
        out = folds == fold
        threshold = best_threshold(distances[~out], mated[~out])
        right = ((distances[out] <= threshold) == mated[out]) & np.isfinite(distances[out])
        chosen.append(threshold)
        shares.append(float(right.mean()))
    error = float(np.std(shares, ddof=1) / math.sqrt(len(numbers)))
    return Accuracy(float(np.mean(shares)), error, tuple(chosen))


def wilson_interval(errors: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson, "Probable inference", 1927).

    Args:
        errors: How many of the trials count.
        trials: At least one, taken as independent.

    Returns:
        The lower and the upper end, 0 to 1.
    """
    z, p = 1.959964, errors / trials
    centre = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def person_bootstrap(
    people: Sequence[NDArray[np.int64]],
    statistic: Callable[[Sequence[Distances]], Sequence[float]],
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """95 % intervals that allow for comparisons sharing people.

    People are drawn with replacement; a comparison of two people counts as
    often as the product of how often they were drawn, one of a single person as
    often as that person. (Bolle, Ratha and Pankanti, "Error analysis of pattern
    recognition systems: the subsets bootstrap", 2004.)

    Args:
        people: For each set of comparisons, shape ``(n, 2)``: numbers, from 0,
            of the people they compare; both the same in mated ones.
        statistic: From the weights of each set, shapes ``(n,)``, to the figures.
        resamples: How many.

    Returns:
        Shape ``(k, 2)``: lower and upper end for each figure; NaN where a
        figure was undefined in more than a few resamples.
    """
    rng = np.random.default_rng(SEED)
    count = max(int(pairs.max()) for pairs in people if len(pairs)) + 1
    # In a mated comparison the second factor is that of nobody, 1.
    factors = [(pairs[:, 0].copy(), np.where(pairs[:, 0] == pairs[:, 1], count, pairs[:, 1])) for pairs in people]
    rows = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, count, count), minlength=count + 1).astype(np.float64)
        times[count] = 1.0
        rows.append(statistic([times[first] * times[second] for first, second in factors]))
    table = np.array(rows, np.float64)
    ends = np.full((table.shape[1], 2), np.nan)
    for column, values in enumerate(table.T):
        known = values[~np.isnan(values)]
        if len(known) >= 0.95 * resamples:
            ends[column] = np.percentile(known, [2.5, 97.5])
    return ends
