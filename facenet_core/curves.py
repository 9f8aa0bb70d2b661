"""Error rates over distance: the curves of a calibration, as far as errors were counted."""

from __future__ import annotations

import numpy as np

from facenet_core.metrics import Distances, threshold_at

ENOUGH_ERRORS = 30
"""Errors behind a measured rate: the truth is then within 30 % of it, at 90 % confidence, if comparisons were
independent (Doddington et al., "The NIST speaker recognition evaluation", 2000)."""

POINTS = 48
"""Points of a stored curve."""


def measured_curve(non_mated: Distances) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """FMR from one half down to thirty errors, and the distance at which each rate is reached.

    Args:
        non_mated: Sorted, rising.

    Raises:
        ValueError: If there are too few comparisons to say anything.
    """
    if len(non_mated) < 4 * ENOUGH_ERRORS:
        raise ValueError(f"expected at least {4 * ENOUGH_ERRORS} comparisons of different people")
    smallest = ENOUGH_ERRORS / len(non_mated)
    rates = [float(f"{r:.4g}") for r in np.geomspace(0.5, smallest, POINTS)]
    distances = [round(threshold_at(non_mated, r), 4) for r in rates]
    return tuple(rates), tuple(distances)


def missed_curve(mated: Distances) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """FNMR from ten errors up to nine tenths, and the distance of each.

    Args:
        mated: Sorted, rising.

    Returns:
        Rates, rising, and distances, falling; empty if there are too few comparisons.
    """
    errors = 10
    if len(mated) < 4 * errors:
        return (), ()
    rates = np.geomspace(errors / len(mated), 0.9, POINTS)
    distances = np.quantile(mated, 1.0 - rates, method="lower")
    known = np.isfinite(distances)
    return tuple(float(f"{r:.4g}") for r in rates[known]), tuple(round(float(d), 4) for d in distances[known])
