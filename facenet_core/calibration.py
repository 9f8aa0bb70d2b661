"""What a distance means: the false match rate measured for a model.

``thresholds.json`` holds, for each model and preprocessing, the distances at
which a given share of non-mated comparisons would be accepted. It is written by
``scripts/measure_thresholds.py`` and never by hand. Nothing is extrapolated: a
distance below the smallest measured rate is reported as a bound.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from facenet_core.errors import NoThresholdError, SettingError
from facenet_core.types import ModelId, OneIn, Threshold

VERIFY_FMR = 1e-3
"""Target FMR of 1:1, one stranger in 1,000 (the least that NIST SP 800-63B asks for)."""

IDENTIFY_FPIR = 1e-2
"""Target FPIR of 1:N: one search in 100 for somebody who is not enrolled names anyone."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measured false match rate of one model.

    Attributes:
        rates: Shape ``(k,)``: FMR, falling.
        distances: Shape ``(k,)``: the distance at which each rate is reached, falling.
        provenance: What it was measured on: data, comparisons, script, date.
    """

    rates: tuple[float, ...]
    distances: tuple[float, ...]
    provenance: Mapping[str, Any]

    def distance_at(self, fmr: float) -> tuple[float, bool]:
        """The threshold for a target rate.

        Linear in log FMR between measured points.

        Returns:
            The distance, and whether the target is within the measured range;
            if it is not, the distance is that of the smallest measured rate.
        """
        x = float(np.interp(-np.log10(fmr), -np.log10(self.rates), self.distances))
        return x, fmr >= self.rates[-1]

    def one_in(self, distance: float) -> OneIn:
        """How rare it is that a stranger looks at least this similar.

        Args:
            distance: Of one comparison, 0 to 2.
        """
        if distance < self.distances[-1]:
            return OneIn(1.0 / self.rates[-1], at_least=True)
        log_rate = float(np.interp(distance, self.distances[::-1], np.log10(self.rates[::-1])))
        return OneIn(10.0**-log_rate, at_least=False)

    def verify_threshold(self) -> Threshold:
        """The default for 1:1: :data:`VERIFY_FMR`."""
        x, _ = self.distance_at(VERIFY_FMR)
        return Threshold(
            x,
            "measured",
            f"About 1 in {1 / VERIFY_FMR:,.0f} strangers would be let in at this distance, "
            f"measured on {self._source()}.",
        )

    def identify_threshold(self, templates: int) -> Threshold:
        """The default for 1:N: :data:`IDENTIFY_FPIR` over a whole gallery.

        FPIR = 1 - (1 - FMR)^n for n comparisons taken as independent, so the
        threshold falls as the gallery grows. In a small gallery it is that of
        1:1: nobody is named whom Verify would send away.

        Args:
            templates: Comparisons in one search.
        """
        n = max(templates, 1)
        fmr = min(1.0 - (1.0 - IDENTIFY_FPIR) ** (1.0 / n), VERIFY_FMR)
        x, within = self.distance_at(fmr)
        limit = "" if within else " It is the strictest distance that was measured."
        photos = "1 enrolled photo" if n == 1 else f"{n:,} enrolled photos"
        fpir = 1.0 - (1.0 - max(fmr, self.rates[-1])) ** n
        return Threshold(
            x,
            "measured",
            f"With {photos}, {OneIn(1 / fpir, at_least=False)} strangers would be given somebody's name "
            f"at this distance, measured on {self._source()}.{limit}",
        )

    def _source(self) -> str:
        return f"{self.provenance['non_mated']:,} comparisons of different people in {self.provenance['data']}"


def fixed_threshold(distance: float) -> Threshold:
    """A threshold that the user set.

    Raises:
        SettingError: If it is not a distance between unit-norm embeddings.
    """
    if not 0.0 <= distance <= 2.0:
        raise SettingError(f"a threshold is a distance from 0 to 2, not {distance:g}")
    return Threshold(distance, "fixed", "Set by you; no error rate is claimed for it.")


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


def calibration_for(model_id: ModelId) -> Calibration:
    """The measured calibration of a model.

    Raises:
        NoThresholdError: If none was measured for exactly these weights and
            this preprocessing.
    """
    key = (model_id.preprocessing, model_id.weights_sha256)
    if key not in _measured():
        raise NoThresholdError(
            f"no threshold was measured for model {model_id.model} with {model_id.preprocessing}. Set one yourself "
            "(FACENET_THRESHOLD and FACENET_IDENTIFY_THRESHOLD, or the Settings page), or measure it with "
            "scripts/measure_thresholds.py."
        )
    return _measured()[key]


@cache
def _measured() -> dict[tuple[str, str], Calibration]:
    entries = json.loads(files("facenet_core").joinpath("thresholds.json").read_text("utf-8"))["models"]
    return {
        (e["preprocessing"], e["weights_sha256"]): Calibration(
            tuple(p["fmr"] for p in e["points"]), tuple(p["distance"] for p in e["points"]), e["provenance"]
        )
        for e in entries
    }
