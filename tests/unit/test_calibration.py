from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facenet_core
from facenet_core.alignment import CROP_ID
from facenet_core.calibration import (
    IDENTIFY_FPIR,
    VERIFY_FMR,
    Calibration,
    calibration_for,
    fixed_threshold,
    wilson_interval,
)
from facenet_core.detection import MTCNNDetector
from facenet_core.errors import NoThresholdError, SettingError
from facenet_core.types import ModelId
from facenet_core.weights import DEFAULT_MODEL, entry

MADE = Calibration(
    rates=(0.5, 0.1, 0.01, 0.001, 0.0001),
    distances=(1.4, 1.2, 1.0, 0.8, 0.6),
    provenance={"non_mated": 10_000, "data": "made-up faces"},
)

ENTRIES: list[dict[str, Any]] = json.loads(
    (Path(facenet_core.__file__).parent / "thresholds.json").read_text("utf-8"),
)["models"]


def shipped(found: dict[str, Any]) -> ModelId:
    return ModelId(found["model"], found["preprocessing"], found["weights_sha256"], 512)


@pytest.mark.parametrize(
    ("rate", "distance"),
    [(0.5, 1.4), (0.1, 1.2), (0.01, 1.0), (0.001, 0.8), (0.0001, 0.6), (10**-1.5, 1.1), (10**-2.5, 0.9)],
)
def test_a_rate_is_reached_at_the_measured_distance(rate: float, distance: float) -> None:
    found, within = MADE.distance_at(rate)
    assert found == pytest.approx(distance)
    assert within


def test_fewer_strangers_never_need_a_larger_distance() -> None:
    found = [MADE.distance_at(rate)[0] for rate in np.logspace(-0.4, -5, 60)]
    assert all(a >= b for a, b in pairwise(found))


def test_a_rate_that_was_never_measured_gets_the_strictest_distance_and_says_so() -> None:
    assert MADE.distance_at(0.00009) == (0.6, False)


def test_a_distance_tells_how_many_strangers_look_alike() -> None:
    found = MADE.one_in(1.0)
    assert found.strangers == pytest.approx(100)
    assert not found.at_least
    assert str(found) == "about 1 in 100"
    assert MADE.one_in(0.9).strangers == pytest.approx(10**2.5)


def test_a_smaller_distance_is_never_more_common() -> None:
    found = [MADE.one_in(distance).strangers for distance in np.linspace(2, 0, 100)]
    assert all(a <= b for a, b in pairwise(found))


def test_below_the_measured_distances_only_a_bound_is_claimed() -> None:
    found = MADE.one_in(0.599)
    assert found.at_least
    assert found.strangers == pytest.approx(10_000)
    assert str(found) == "fewer than 1 in 10,000"
    assert not MADE.one_in(0.6).at_least


def test_above_the_measured_distances_half_of_all_strangers_look_alike() -> None:
    assert str(MADE.one_in(1.9)) == "about 1 in 2"


def test_the_verify_threshold_names_its_rate_and_its_data() -> None:
    found = MADE.verify_threshold()
    assert found.distance == pytest.approx(0.8)
    assert found.origin == "measured"
    assert found.explanation == (
        "About 1 in 1,000 strangers would be let in at this distance, measured on 10,000 comparisons of different "
        "people in made-up faces."
    )


def test_the_identify_threshold_falls_as_photos_are_added() -> None:
    found = [MADE.identify_threshold(photos).distance for photos in range(11, 100)]
    assert all(a > b for a, b in pairwise(found))


def test_in_a_small_gallery_nobody_is_named_whom_verify_would_send_away() -> None:
    found = [MADE.identify_threshold(photos).distance for photos in range(1, 11)]
    assert found == [MADE.verify_threshold().distance] * 10


@pytest.mark.parametrize("photos", [1, 2, 10, 11, 30, 100])
def test_searching_the_whole_gallery_names_a_stranger_no_more_often_than_promised(photos: int) -> None:
    rate = 1 / MADE.one_in(MADE.identify_threshold(photos).distance).strangers
    named = 1 - (1 - rate) ** photos
    assert named == pytest.approx(IDENTIFY_FPIR) if photos > 10 else named < IDENTIFY_FPIR


@pytest.mark.parametrize(
    ("photos", "text"),
    [
        (1, "With 1 enrolled photo, about 1 in 1,000 strangers"),
        (5, "With 5 enrolled photos, about 1 in 200 strangers"),
        (50, "With 50 enrolled photos, about 1 in 100 strangers"),
    ],
)
def test_the_identify_threshold_names_its_rate_its_gallery_and_its_data(photos: int, text: str) -> None:
    assert MADE.identify_threshold(photos).explanation == (
        f"{text} would be given somebody's name at this distance, measured on 10,000 comparisons of different people "
        "in made-up faces."
    )


def test_an_empty_gallery_has_the_threshold_of_one_photo() -> None:
    assert MADE.identify_threshold(0) == MADE.identify_threshold(1)


def test_a_gallery_too_large_for_the_measurement_gets_the_rate_that_it_really_has() -> None:
    found = MADE.identify_threshold(10_000)
    assert found.distance == 0.6
    assert found.explanation == (  # 1 - (1 - 0.0001)^10000 = 0.63
        "With 10,000 enrolled photos, about 1 in 2 strangers would be given somebody's name at this distance, measured "
        "on 10,000 comparisons of different people in made-up faces. It is the strictest distance that was measured."
    )


@pytest.mark.parametrize("distance", [0.0, 0.9, 2.0])
def test_a_threshold_of_ones_own_claims_no_rate(distance: float) -> None:
    found = fixed_threshold(distance)
    assert (found.distance, found.origin) == (distance, "fixed")
    assert "no error rate is claimed" in found.explanation


@pytest.mark.parametrize("distance", [-0.01, 2.01, nan])
def test_a_threshold_that_is_no_distance_is_refused(distance: float) -> None:
    with pytest.raises(SettingError, match="a distance from 0 to 2, not"):
        fixed_threshold(distance)


# -- what comes with the program --------------------------------------------


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


def test_the_default_model_as_this_program_uses_it_has_measured_thresholds() -> None:
    used = f"{MTCNNDetector.id}-{CROP_ID}-{entry(DEFAULT_MODEL).scaling}"
    assert any((found["model"], found["preprocessing"]) == (DEFAULT_MODEL, used) for found in ENTRIES)


@pytest.mark.parametrize("found", ENTRIES, ids=lambda found: str(found["model"]))
def test_the_measured_rates_fall_with_the_distances(found: dict[str, Any]) -> None:
    calibration = calibration_for(shipped(found))
    assert len(calibration.rates) == len(calibration.distances) >= 20
    assert all(a > b for a, b in pairwise(calibration.rates))
    assert all(a > b for a, b in pairwise(calibration.distances))
    assert 1 > calibration.rates[0] > VERIFY_FMR > calibration.rates[-1] > 0
    assert 2 > calibration.distances[0] > calibration.distances[-1] > 0


@pytest.mark.parametrize("found", ENTRIES, ids=lambda found: str(found["model"]))
def test_the_measured_rates_say_where_they_come_from(found: dict[str, Any]) -> None:
    provenance = found["provenance"]
    assert provenance.keys() >= {"data", "people", "photos", "non_mated", "mated", "script", "measured"}
    assert (Path(facenet_core.__file__).parents[1] / provenance["script"]).is_file()
    # Ten errors at least stand behind the smallest rate.
    assert found["points"][-1]["fmr"] * provenance["non_mated"] > 9.99
    low, high = provenance["distance_at_fmr_0.001_95"]
    assert low < calibration_for(shipped(found)).verify_threshold().distance < high
    assert len(found["weights_sha256"]) == 64


def test_no_model_is_measured_twice() -> None:
    keys = [(found["preprocessing"], found["weights_sha256"]) for found in ENTRIES]
    assert len(set(keys)) == len(keys)


def test_the_interval_of_a_rate_is_wilsons() -> None:
    """Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
