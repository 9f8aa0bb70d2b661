from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import facenet_core
from facenet_core.alignment import Profile, crop_id
from facenet_core.calibration import VERIFY_FMR
from facenet_core.catalogue import DEFAULT_MODEL, entry
from facenet_core.curves import ENOUGH_ERRORS
from facenet_core.detection import MTCNNDetector
from facenet_core.errors import NoThresholdError
from facenet_core.inception import INPUT_SIZE
from facenet_core.shipped import calibration_for
from facenet_core.types import ModelId

ENTRIES: list[dict[str, Any]] = json.loads(
    (Path(facenet_core.__file__).parent / "thresholds.json").read_text("utf-8"),
)["models"]


def shipped(found: dict[str, Any]) -> ModelId:
    return ModelId(found["model"], found["preprocessing"], found["weights_sha256"], 512)


def test_thresholds_belong_to_the_weights_and_not_to_their_name() -> None:
    model = shipped(ENTRIES[0])
    assert calibration_for(replace(model, model="renamed")) == calibration_for(model)


@pytest.mark.parametrize(
    "model",
    [
        replace(shipped(ENTRIES[0]), weights_sha256="0" * 64),
        replace(shipped(ENTRIES[0]), preprocessing="mtcnn-square160-fixed"),
    ],
    ids=["other weights", "another crop"],
)
def test_what_was_not_measured_has_no_threshold_and_says_what_to_do(model: ModelId) -> None:
    with pytest.raises(NoThresholdError) as caught:
        calibration_for(model)
    message = str(caught.value)
    assert f"for model {model.model} with {model.preprocessing}." in message
    assert "FACENET_THRESHOLD and FACENET_IDENTIFY_THRESHOLD, or the Settings page" in message


@pytest.mark.parametrize("profile", ["fast", "best"])
def test_the_default_model_as_this_program_uses_it_has_measured_thresholds(profile: Profile) -> None:
    used = f"{MTCNNDetector.id}-{crop_id(profile, INPUT_SIZE)}-{entry(DEFAULT_MODEL).scaling}-centred"
    assert any(found["model"] == DEFAULT_MODEL and found["preprocessing"].startswith(used) for found in ENTRIES)


@pytest.mark.parametrize("found", ENTRIES, ids=lambda found: str(found["preprocessing"]))
def test_the_measured_rates_fall_with_the_distances(found: dict[str, Any]) -> None:
    calibration = calibration_for(shipped(found))
    assert len(calibration.rates) == len(calibration.distances) >= 20
    assert all(a > b for a, b in pairwise(calibration.rates))
    assert all(a > b for a, b in pairwise(calibration.distances))
    assert 1 > calibration.rates[0] > VERIFY_FMR > calibration.rates[-1] > 0
    assert 2 > calibration.distances[0] > calibration.distances[-1] > 0


@pytest.mark.parametrize("found", ENTRIES, ids=lambda found: str(found["preprocessing"]))
def test_the_measured_rates_say_where_they_come_from(found: dict[str, Any]) -> None:
    provenance = found["provenance"]
    assert provenance.keys() >= {"data", "people", "photos", "non_mated", "mated", "script", "measured"}
    assert (Path(facenet_core.__file__).parents[1] / provenance["script"]).is_file()
    assert found["non_mated"][-1][0] * provenance["non_mated"] > ENOUGH_ERRORS - 0.1
    low, high = provenance["distance_at_fmr_0.001_95"]
    assert low < calibration_for(shipped(found)).verify_threshold().distance < high
    assert len(found["weights_sha256"]) == 64


def test_no_model_is_measured_twice() -> None:
    keys = [(found["preprocessing"], found["weights_sha256"]) for found in ENTRIES]
    assert len(set(keys)) == len(keys)
