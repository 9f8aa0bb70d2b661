"""A calibration corrected by the user's own people: made, stored with the database, and read again.

What is stored is a frozen copy, so that thresholds do not move whenever
somebody is enrolled. It belongs to exact weights and preprocessing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facenet_core.calibration import Calibration
from facenet_core.curves import missed_curve
from facenet_core.metrics import Distances
from facenet_core.types import ModelId

KEY = "own_calibration"
"""Its name among the stored settings."""

PAIRS_NEEDED = 1000
"""Pairs of people, those of 46, from which on there is one: it then reaches down to a rate of 3 in 100, with
:data:`facenet_core.curves.ENOUGH_ERRORS` pairs behind it."""

LONGEST = 1000
"""Points of a curve that are read."""

_CURVES = ("rates", "distances", "missed_rates", "missed_distances")
_FIGURES = ("measured_to", "tail_scale")


def corrected(
    shipped: Calibration | None, non_mated: Distances, mated: Distances, photos: NDArray[np.int64], pairs: int
) -> tuple[Calibration | None, str]:
    """The shipped calibration, corrected by the user's own people.

    Args:
        shipped: What was measured for the model, if it was.
        non_mated: Sorted distances of photos of different people.
        mated: Sorted distances of photos of one person.
        photos: Shape ``(people,)``: how many each of them has.
        pairs: Pairs of different people among the comparisons.

    Returns:
        The calibration, or None and a sentence that says why.
    """
    if shipped is None:
        return None, "Nothing was measured for this model that your own people could correct."
    if pairs < PAIRS_NEEDED:
        people = math.ceil((1 + math.sqrt(1 + 8 * PAIRS_NEEDED)) / 2)
        return None, f"Your own people can replace the shipped rates once there are about {people} of them."
    today = datetime.now(UTC).date()
    provenance = {
        "data": f"your own gallery of {len(photos):,} people, {today.day} {today:%b %Y}",
        "non_mated": len(non_mated),
        "people": len(photos),
        "date": today.isoformat(),
    }
    visitors = _worth(mated, int((photos > 1).sum()))
    if not missed_curve(visitors)[0]:
        provenance["mated_data"] = shipped.provenance["data"]
    return shipped.moved(_worth(non_mated, pairs), visitors, provenance), ""


def encoded(calibration: Calibration, model_id: ModelId) -> dict[str, Any]:
    """A calibration as JSON.

    Args:
        calibration: From :func:`corrected`.
        model_id: Of the templates that it was made from.
    """
    return {
        "preprocessing": model_id.preprocessing,
        "weights_sha256": model_id.weights_sha256,
        **{name: list(getattr(calibration, name)) for name in _CURVES},
        **{name: getattr(calibration, name) for name in _FIGURES},
        "provenance": dict(calibration.provenance),
    }


def decoded(stored: object, model_id: ModelId) -> Calibration | None:
    """What :func:`encoded` made.

    Args:
        stored: Anything.
        model_id: The current model.

    Returns:
        The calibration, or None if it is one of another model.

    Raises:
        ValueError: If it is damaged.
    """
    if not isinstance(stored, dict):
        raise ValueError("expected an object")
    if (stored.get("preprocessing"), stored.get("weights_sha256")) != (model_id.preprocessing, model_id.weights_sha256):
        return None
    curves = {name: _curve(stored.get(name)) for name in _CURVES}
    figures = {name: _figure(stored.get(name)) for name in _FIGURES}
    rates, missed = curves["rates"], curves["missed_rates"]
    sound = (
        len(rates) == len(curves["distances"]) >= 2
        and len(missed) == len(curves["missed_distances"])
        and all(0.0 < rate < 1.0 for rate in (*rates, *missed))
        and _falls(rates, strictly=True)
        and _falls(missed[::-1], strictly=True)
        and _falls(curves["distances"])
        and _falls(curves["missed_distances"])
        and rates[-1] <= figures["measured_to"] <= rates[0]
        and figures["tail_scale"] > 0.0
    )
    if not sound:
        raise ValueError("expected error rates that fall with the distance")
    return Calibration(
        rates,
        curves["distances"],
        measured_to=figures["measured_to"],
        tail_scale=figures["tail_scale"],
        missed_rates=missed,
        missed_distances=curves["missed_distances"],
        provenance=_provenance(stored.get("provenance")),
    )


def _worth(ordered: Distances, count: int) -> Distances:
    """So many comparisons, of the same distribution.

    Several photos of the same people are not so many independent observations:
    rates are claimed as if each person, or each pair of people, gave one.
    """
    if count >= len(ordered):
        return ordered
    return np.quantile(ordered, (np.arange(count) + 0.5) / count, method="nearest") if count else ordered[:0]


def _curve(stored: object) -> tuple[float, ...]:
    if not isinstance(stored, list) or len(stored) > LONGEST:
        raise ValueError("expected a list of numbers")
    return tuple(map(_figure, stored))


def _figure(stored: object) -> float:
    if not isinstance(stored, int | float) or isinstance(stored, bool) or not -2.0 <= stored <= 2.0:
        raise ValueError("expected a rate or a distance")
    return float(stored)


def _falls(values: tuple[float, ...], *, strictly: bool = False) -> bool:
    steps = np.diff(values)
    return bool((steps < 0).all() if strictly else (steps <= 0).all())


def _provenance(stored: object) -> Mapping[str, Any]:
    expected = {"data": str, "non_mated": int, "people": int, "date": str}
    if not isinstance(stored, dict) or any(type(stored.get(key)) is not kind for key, kind in expected.items()):
        raise ValueError("expected where the rates come from")
    if not isinstance(stored.get("mated_data"), str | None):
        raise ValueError("expected where the rates come from")
    return stored
