"""The calibrations that ship with the program.

``thresholds.json`` holds, for each model and preprocessing, the distances at
which a given share of non-mated comparisons would be accepted, and those at
which a given share of mated ones would be refused. It is written by
``scripts/measure_thresholds.py`` and never by hand.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from facenet_core.calibration import Calibration
from facenet_core.errors import NoThresholdError
from facenet_core.types import ModelId


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
            tuple(r for r, _ in e["non_mated"]),
            tuple(d for _, d in e["non_mated"]),
            measured_to=e["non_mated"][-1][0],
            tail_scale=e["tail_scale"],
            missed_rates=tuple(r for r, _ in e["mated"]),
            missed_distances=tuple(d for _, d in e["mated"]),
            provenance=e["provenance"],
        )
        for e in entries
    }
