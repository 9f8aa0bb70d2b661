"""What a distance means: the error rates measured for a model.

A rate is *measured* down to thirty errors in the data. Beyond, it is
*estimated*: FMR falls by a factor e every :attr:`Calibration.tail_scale` of
distance. That is the exponential tail of extreme-value theory (Pickands, 1975,
with shape 0): a shape that is fitted comes out close to 0, and fixing it told
more of held-out people than fitting it (``docs/accuracy.md``). Two
decades beyond the data the estimate ends, and only a bound is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facenet_core.curves import measured_curve, missed_curve
from facenet_core.errors import SettingError
from facenet_core.metrics import Distances, threshold_at
from facenet_core.types import Basis, OneIn, Threshold

VERIFY_FMR = 1e-3
"""Target FMR of 1:1, one stranger in 1,000 (the least that NIST SP 800-63B asks for)."""

IDENTIFY_FPIR = 1e-2
"""Target FPIR of 1:N: one search in 100 for somebody who is not enrolled names anyone."""

INCONCLUSIVE_FACTOR = 10.0
"""Beyond the threshold, up to the distance of so many times its target rate, the answer is *can't tell*."""

TAIL_RATE = 1e-3
"""The tail is fitted to the distances below this FMR."""

TAIL_DECADES = 2.0
"""Powers of ten beyond the data to which the tail is trusted: as far as held-out people could check it."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measured error rates of one model.

    Attributes:
        rates: Shape ``(k,)``: FMR, falling.
        distances: Shape ``(k,)``: the distance at which each rate is reached, falling.
        measured_to: The smallest of the rates that has data behind it; below
            it they are estimated.
        tail_scale: Distance in which FMR falls by a factor e, beyond the rates.
        missed_rates: Shape ``(m,)``: FNMR, rising. Empty if not measured.
        missed_distances: Shape ``(m,)``: the distance of each, falling.
        provenance: What it was measured on: data, comparisons, script, date.
    """

    rates: tuple[float, ...]
    distances: tuple[float, ...]
    measured_to: float
    tail_scale: float
    missed_rates: tuple[float, ...]
    missed_distances: tuple[float, ...]
    provenance: Mapping[str, Any]

    @classmethod
    def measured(cls, non_mated: Distances, mated: Distances, provenance: Mapping[str, Any]) -> Calibration:
        """Measures.

        Args:
            non_mated: Sorted, rising.
            mated: Sorted, rising; may be empty.
            provenance: At least ``data`` and ``non_mated``, for the explanations.

        Raises:
            ValueError: If there are too few comparisons to say anything.
        """
        rates, distances = measured_curve(non_mated)
        at = threshold_at(non_mated, max(TAIL_RATE, rates[-1]))
        excess = at - non_mated[non_mated < at]
        missed_rates, missed_distances = missed_curve(mated)
        return cls(
            rates,
            distances,
            measured_to=rates[-1],
            tail_scale=float(excess.mean()),
            missed_rates=missed_rates,
            missed_distances=missed_distances,
            provenance=provenance,
        )

    def moved(self, non_mated: Distances, mated: Distances, provenance: Mapping[str, Any]) -> Calibration:
        """This calibration, corrected by other people's comparisons as far as they go.

        Their own rates down to thirty errors; beyond, the shape of this one's
        curve, moved to join.

        Args:
            non_mated: Sorted, rising.
            mated: Sorted, rising. Too few of them, and the rates of this one stay.
            provenance: As in :meth:`measured`.

        Raises:
            ValueError: If there are too few comparisons to say anything.
        """
        rates, distances = measured_curve(non_mated)
        joined, _ = self.distance_at(rates[-1])
        by = distances[-1] - joined
        beyond = [(r, d + by) for r, d in zip(self.rates, self.distances, strict=True) if r < rates[-1]]
        missed = missed_curve(mated)
        if not missed[0]:
            missed = self.missed_rates, self.missed_distances
        return Calibration(
            rates + tuple(r for r, _ in beyond),
            distances + tuple(d for _, d in beyond),
            measured_to=rates[-1],
            tail_scale=self.tail_scale,
            missed_rates=missed[0],
            missed_distances=missed[1],
            provenance=provenance,
        )

    @property
    def floor(self) -> float:
        """The smallest rate that is claimed."""
        return self.rates[-1] / 10**TAIL_DECADES

    def distance_at(self, fmr: float) -> tuple[float, Basis]:
        """The threshold for a target rate.

        Linear in log FMR between the stored points.

        Returns:
            The distance, and what it rests on. For a target below the floor it
            is the distance of the floor, and ``bound``.
        """
        target = max(fmr, self.floor)
        if target >= self.rates[-1]:
            x = float(np.interp(-math.log(target), -np.log(self.rates), self.distances))
        else:
            x = self.distances[-1] - self.tail_scale * math.log(self.rates[-1] / target)
        return max(x, 0.0), self._basis(fmr)

    def fmr(self, distance: float) -> tuple[float, Basis]:
        """The share of strangers at most so far away.

        Args:
            distance: 0 to 2.

        Returns:
            The rate, and what it rests on; ``bound`` if it is smaller than that.
        """
        if distance >= self.distances[-1]:
            log = float(np.interp(distance, self.distances[::-1], np.log(self.rates[::-1])))
        else:
            log = math.log(self.rates[-1]) - (self.distances[-1] - distance) / self.tail_scale
        rate = math.exp(log)
        return max(rate, self.floor), self._basis(rate)

    def fnmr(self, distance: float) -> float | None:
        """The share of true visitors who are farther away, each held against one photo.

        Args:
            distance: 0 to 2.

        Returns:
            The rate, no smaller than the smallest that was measured; None if none was.
        """
        if not self.missed_rates:
            return None
        return float(np.interp(-distance, -np.array(self.missed_distances), self.missed_rates))

    def one_in(self, distance: float, templates: int = 1) -> OneIn:
        """How rare it is that a stranger looks at least this similar to a person.

        Args:
            distance: To the person, 0 to 2.
            templates: How many photos of the person the stranger is held
                against; see :func:`any_of`.
        """
        rate, basis = self.fmr(distance)
        return OneIn(1.0 / any_of(rate, templates), basis)

    def verify_threshold(self, templates: int = 1, fmr: float = VERIFY_FMR) -> Threshold:
        """The threshold of 1:1.

        Args:
            templates: How many photos the person has: each of them is a chance
                for a stranger, so more photos ask for a smaller distance.
            fmr: Target, of the claim as a whole.
        """
        x, basis = self.distance_at(each_of(fmr, templates))
        end, _ = self.distance_at(each_of(min(INCONCLUSIVE_FACTOR * fmr, 0.5), templates))
        photos = f", held against {templates} photos" if templates > 1 else ""
        return Threshold(
            x,
            "measured" if basis == "measured" else "estimated",
            f"A threshold of {x:.2f} lets in about {_one_in(fmr)} strangers{photos}, {self._source(basis)}. "
            f"Beyond it, up to {end:.2f}, the answer is Can't tell.",
            max(x, end),
        )

    def identify_threshold(
        self,
        templates: int,
        fpir: float = IDENTIFY_FPIR,
        verify_fmr: float = VERIFY_FMR,
        of: str = "enrolled photo",
        gives: str = "somebody's name",
    ) -> Threshold:
        """The threshold of 1:N.

        FPIR = 1 - (1 - FMR)^n for n comparisons taken as independent, so the
        threshold falls as the gallery grows. In a small gallery it is that of
        1:1 with one photo: nobody is named whom Verify would send away.

        Args:
            templates: Comparisons in one search.
            fpir: Target, of the search as a whole.
            verify_fmr: Target of 1:1.
            of: What one of those that are searched is called.
            gives: What whoever matches gets.
        """
        n = max(templates, 1)
        fmr = min(each_of(fpir, n), verify_fmr)
        x, basis = self.distance_at(fmr)
        loose = min(each_of(min(INCONCLUSIVE_FACTOR * fpir, 0.5), n), min(INCONCLUSIVE_FACTOR * verify_fmr, 0.5))
        end, _ = self.distance_at(loose)
        photos = f"1 {of}" if n == 1 else f"{n:,} {of}s"
        limit = " It is the strictest distance for which anything can be said." if basis == "bound" else ""
        return Threshold(
            x,
            "measured" if basis == "measured" else "estimated",
            f"With {photos}, a threshold of {x:.2f} gives about {_one_in(any_of(max(fmr, self.floor), n))} strangers "
            f"{gives}, {self._source(basis)}.{limit} Beyond it, up to {max(x, end):.2f}, the answer is Can't "
            "tell.",
            max(x, end),
        )

    def _basis(self, rate: float) -> Basis:
        # Rates that are written down are rounded.
        if rate >= self.measured_to * (1 - 1e-6):
            return "measured"
        return "estimated" if rate >= self.floor * (1 - 1e-6) else "bound"

    def _source(self, basis: Basis) -> str:
        how = "measured on" if basis == "measured" else "estimated beyond"
        return f"{how} {self.provenance['non_mated']:,} comparisons of different people in {self.provenance['data']}"


def any_of(rate: float, comparisons: int) -> float:
    """The rate at which at least one of several comparisons has an error of this rate.

    1 - (1 - rate)^n, for comparisons taken as independent. Those with several
    photos of one person are not, so this is the most that it can be; what was
    measured is in ``docs/accuracy.md``.

    Args:
        rate: Of one comparison.
        comparisons: How many.
    """
    return -math.expm1(comparisons * math.log1p(-rate)) if rate < 1.0 else 1.0


def each_of(rate: float, comparisons: int) -> float:
    """The rate of one comparison that makes :func:`any_of` so many of them this one.

    Args:
        rate: Of all comparisons together.
        comparisons: How many.
    """
    return -math.expm1(math.log1p(-rate) / max(comparisons, 1))


def fixed_threshold(distance: float) -> Threshold:
    """A threshold that the user set: a plain yes or no, without *can't tell*.

    Raises:
        SettingError: If it is not a distance between unit-norm embeddings.
    """
    if not 0.0 <= distance <= 2.0:
        raise SettingError(f"a threshold is a distance from 0 to 2, not {distance:g}")
    return Threshold(distance, "fixed", "Set by you; no error rate is claimed for it.", distance)


def _one_in(rate: float) -> str:
    return f"1 in {max(1, round(1 / rate)):,}"
