"""The error rates of 1:1, with what can't be said about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.evaluation.comparisons import Comparisons, Weights
from facenet_core.metrics import (
    Distances,
    equal_error_rate,
    share_within,
    threshold_at,
    wilson_interval,
)
from facenet_core.types import Threshold

TARGETS = (1e-2, 1e-3, 1e-4)
"""False match rates at which FNMR is given."""

FEW = 10
"""Expected false matches below which a figure is said to rest on few."""

GRID = 4096
"""Candidates for the threshold of a resampled EER: steps of 0.02 % in the rates."""

Interval = tuple[float, float]
"""Lower and upper end, 95 %."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured rate.

    Attributes:
        value: 0 to 1.
        interval: None if the data is too small for one.
    """

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """FNMR at a target FMR.

    Attributes:
        fmr: The target.
        fnmr: None where the data can't say.
        threshold: The largest distance that keeps to the target; None likewise.
        expected: False matches that the target allows among the non-mated comparisons.
        remark: Why there is no figure, or what it rests on; empty otherwise.
    """

    fmr: float
    fnmr: Rate | None
    threshold: float | None
    expected: float
    remark: str


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Error rates at a given threshold.

    Attributes:
        threshold: The threshold.
        accuracy: The mean of the shares of mated and of non-mated comparisons
            that are answered right, so that neither kind outnumbers the other.
            One that could not be made is not right.
        fmr: Of the non-mated comparisons.
        fnmr: Of the mated comparisons.
    """

    threshold: Threshold
    accuracy: float
    fmr: Rate
    fnmr: Rate


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """The error rates of 1:1.

    Attributes:
        comparisons: What they were counted in.
        eer: Equal error rate.
        eer_threshold: Where it is.
        points: FNMR at each of :data:`TARGETS`.
        at_app: At the threshold that the app uses; None if there is none.
    """

    comparisons: Comparisons
    eer: Rate
    eer_threshold: float
    points: tuple[OperatingPoint, ...]
    at_app: AtThreshold | None


def error_rates(comparisons: Comparisons, threshold: Threshold | None) -> ErrorRates:
    """Counts errors.

    Intervals are those of a bootstrap over people in which every threshold is
    chosen anew. Where nothing or everything is an error, resampling shows no
    spread, and Wilson's interval is given.

    Args:
        comparisons: At least one mated and one non-mated one that could be made.
        threshold: The app's.
    """
    mated, non_mated = comparisons.mated, comparisons.non_mated
    eer, eer_at = equal_error_rate(mated, non_mated)
    intervals = comparisons.resampled(_Statistic(comparisons, threshold))
    at_app = None
    if threshold:
        fmr = float(share_within(non_mated, threshold.distance))
        fnmr = 1.0 - float(share_within(mated, threshold.distance))
        refused = fmr + float(np.isinf(non_mated).mean())
        at_app = AtThreshold(
            threshold,
            (1.0 - fnmr + 1.0 - refused) / 2,
            _rate(fmr, len(non_mated), intervals[-2]),
            _rate(fnmr, len(mated), intervals[-1]),
        )
    return ErrorRates(
        comparisons,
        _rate(eer, min(len(mated), len(non_mated)), intervals[0]),
        eer_at,
        tuple(_point(comparisons, fmr, ends) for fmr, ends in zip(TARGETS, intervals[1:], strict=False)),
        at_app,
    )


def _point(comparisons: Comparisons, fmr: float, ends: Distances) -> OperatingPoint:
    mated, non_mated = comparisons.mated, comparisons.non_mated
    expected = fmr * len(non_mated)
    if expected < 1 - 1e-9:
        least = math.ceil(1 / fmr - 1e-9)
        remark = (
            f"{len(non_mated):,} non-mated comparisons are too few: less than one false match is expected, "
            f"which takes {least:,}"
        )
        return OperatingPoint(fmr, None, None, expected, remark)
    threshold = min(threshold_at(non_mated, fmr), 2.0)
    fnmr = _rate(1.0 - float(share_within(mated, threshold)), len(mated), ends)
    remark = f"rests on few false matches: {expected:.3g} expected" if expected < FEW else ""
    return OperatingPoint(fmr, fnmr, threshold, expected, remark)


def _rate(value: float, trials: int, ends: Distances) -> Rate:
    errors = round(value * trials)
    if errors in (0, trials):
        return Rate(value, wilson_interval(errors, trials))
    low, high = (float(end) for end in ends)
    # The figure itself is a point of the interval, however coarse the resamples are.
    return Rate(value, None if math.isnan(low) else (min(low, value), max(high, value)))


class _Statistic:
    """EER, FNMR at each target, FMR and FNMR at the threshold: of one resample."""

    def __init__(self, comparisons: Comparisons, threshold: Threshold | None) -> None:
        mated = comparisons.mated
        # How many mated comparisons are within the distance of the n-th closest stranger.
        self._mated_within = np.concatenate([[0], self._places(mated, comparisons.closest)])
        # EER is undefined if it lies beyond what is resampled.
        self._complete = len(comparisons.closest) == len(comparisons.non_mated)
        end = np.inf if self._complete else comparisons.closest[-1]
        limits = np.unique(np.concatenate([mated, comparisons.closest]))
        limits = limits[np.isfinite(limits) & (limits <= end)]
        if len(limits) > GRID:
            limits = limits[np.linspace(0, len(limits) - 1, GRID).round().astype(np.int64)]
        self._mated_places = self._places(mated, limits)
        self._closest_places = self._places(comparisons.closest, limits)
        at = np.array([threshold.distance]) if threshold else np.empty(0)
        self._at = self._places(mated, at), self._places(comparisons.closest, at)
        self._covered = not len(at) or at[0] < end or self._complete

    def __call__(self, weights: Weights) -> Sequence[float]:
        mated = np.concatenate([[0.0], np.cumsum(weights.mated)])
        closest = np.concatenate([[0.0], np.cumsum(weights.closest)])
        if not mated[-1] or not weights.non_mated:
            return [math.nan] * (1 + len(TARGETS) + 2 * len(self._at[0]))
        accepted, false = mated / mated[-1], closest / weights.non_mated
        fmr, fnmr = false[self._closest_places], 1.0 - accepted[self._mated_places]
        at = int(np.argmin(np.abs(fmr - fnmr)))
        known = self._complete or fmr[-1] > fnmr[-1]
        figures = [float(fmr[at] + fnmr[at]) / 2 if known else math.nan]
        for target in TARGETS:
            # A little more, so that rounding does not decide where the target is hit exactly.
            strangers = int(np.searchsorted(closest, target * weights.non_mated * (1 + 1e-12), side="right")) - 1
            place = self._mated_within[strangers]
            figures.append(1.0 - float(accepted[place]) if strangers else math.nan)
        mated_at, closest_at = self._at
        figures += [float(x) if self._covered else math.nan for x in false[closest_at]]
        figures += [1.0 - float(x) for x in accepted[mated_at]]
        return figures

    @staticmethod
    def _places(ordered: Distances, limits: Distances) -> NDArray[np.int64]:
        places: NDArray[np.int64] = np.searchsorted(ordered, limits, side="right")
        return places
