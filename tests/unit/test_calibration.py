from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from facenet_core.calibration import (
    IDENTIFY_FPIR,
    Calibration,
    any_of,
    each_of,
    fixed_threshold,
)
from facenet_core.curves import ENOUGH_ERRORS
from facenet_core.errors import SettingError

MADE = Calibration(
    rates=(0.5, 0.1, 0.01, 0.001, 0.0001),
    distances=(1.4, 1.2, 1.0, 0.8, 0.6),
    measured_to=0.0001,
    tail_scale=0.2 / np.log(10),
    missed_rates=(0.01, 0.1, 0.9),
    missed_distances=(1.1, 0.8, 0.3),
    provenance={"non_mated": 10_000, "data": "made-up faces"},
)
"""FMR falls by ten every 0.2, measured to 0.6 and estimated to 0.2."""

# -- rates and distances --------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "distance"),
    [(0.5, 1.4), (0.1, 1.2), (0.01, 1.0), (0.001, 0.8), (0.0001, 0.6), (10**-1.5, 1.1), (10**-2.5, 0.9)],
)
def test_a_rate_is_reached_at_the_measured_distance(rate: float, distance: float) -> None:
    assert MADE.distance_at(rate) == (pytest.approx(distance), "measured")
    assert MADE.fmr(distance) == (pytest.approx(rate), "measured")


@pytest.mark.parametrize(("rate", "distance"), [(1e-5, 0.4), (10**-4.5, 0.5), (1e-6, 0.2)])
def test_beyond_the_data_the_tail_goes_on_and_is_said_to_be_estimated(rate: float, distance: float) -> None:
    assert MADE.distance_at(rate) == (pytest.approx(distance), "estimated")
    assert MADE.fmr(distance + 1e-9) == (pytest.approx(rate), "estimated")


def test_where_the_tail_ends_only_a_bound_is_claimed() -> None:
    assert MADE.distance_at(1e-7) == (pytest.approx(0.2), "bound")
    assert MADE.fmr(0.1) == (1e-6, "bound")
    found = MADE.one_in(0.1)
    assert found.at_least
    assert str(found) == "fewer than 1 in 1,000,000"


def test_fewer_strangers_never_need_a_larger_distance() -> None:
    found = [MADE.distance_at(rate)[0] for rate in np.logspace(-0.4, -8, 90)]
    assert all(a >= b for a, b in pairwise(found))


def test_a_distance_tells_how_many_strangers_look_alike() -> None:
    found = MADE.one_in(1.0)
    assert found.strangers == pytest.approx(100)
    assert found.basis == "measured"
    assert str(found) == "about 1 in 100"
    assert MADE.one_in(0.9).strangers == pytest.approx(10**2.5)
    assert MADE.one_in(0.5).basis == "estimated"


def test_a_smaller_distance_is_never_more_common() -> None:
    found = [MADE.one_in(distance).strangers for distance in np.linspace(2, 0, 100)]
    assert all(a <= b for a, b in pairwise(found))


def test_above_the_measured_distances_half_of_all_strangers_look_alike() -> None:
    assert str(MADE.one_in(1.9)) == "about 1 in 2"


def test_a_stranger_held_against_more_photos_is_more_likely_to_look_alike() -> None:
    found = [MADE.one_in(0.8, photos).strangers for photos in (1, 2, 5)]
    assert found == [pytest.approx(1_000), pytest.approx(500, rel=1e-3), pytest.approx(200, rel=1e-2)]


def test_how_many_true_visitors_are_turned_away_grows_as_the_threshold_falls() -> None:
    assert MADE.fnmr(0.8) == pytest.approx(0.1)
    assert MADE.fnmr(1.5) == pytest.approx(0.01)  # no fewer than were measured
    found = [MADE.fnmr(distance) or 0.0 for distance in np.linspace(2, 0, 50)]
    assert all(a <= b for a, b in pairwise(found))
    assert replace(MADE, missed_rates=(), missed_distances=()).fnmr(0.8) is None


@pytest.mark.parametrize("comparisons", [1, 2, 30, 10_000])
def test_the_rate_of_each_comparison_and_of_all_of_them_are_inverses(comparisons: int) -> None:
    for rate in (1e-7, 1e-3, 0.4):
        assert any_of(each_of(rate, comparisons), comparisons) == pytest.approx(rate)
    assert any_of(0.001, 1000) == pytest.approx(0.632, abs=1e-3)  # the fixed threshold in a gallery of 1,000


# -- 1:1 ---------------------------------------------------------------------------


def test_the_verify_threshold_names_its_rate_its_data_and_where_it_can_not_tell() -> None:
    found = MADE.verify_threshold()
    assert found.distance == pytest.approx(0.8)
    assert found.inconclusive == pytest.approx(1.0)
    assert found.origin == "measured"
    assert found.explanation == (
        "A threshold of 0.80 lets in about 1 in 1,000 strangers, measured on 10,000 comparisons of different people in "
        "made-up faces. Beyond it, up to 1.00, the answer is Can't tell."
    )


def test_a_claim_held_against_more_photos_needs_a_smaller_distance() -> None:
    found = [MADE.verify_threshold(photos) for photos in (1, 2, 5, 10)]
    assert all(a.distance > b.distance and a.inconclusive > b.inconclusive for a, b in pairwise(found))
    assert "lets in about 1 in 1,000 strangers, held against 5 photos, measured" in found[2].explanation
    assert MADE.one_in(found[2].distance, 5).strangers == pytest.approx(1_000)


def test_a_stricter_target_gives_a_smaller_distance() -> None:
    found = [MADE.verify_threshold(fmr=rate) for rate in (1e-1, 1e-2, 1e-3, 1e-5)]
    assert all(a.distance > b.distance for a, b in pairwise(found))
    assert [t.origin for t in found] == ["measured", "measured", "measured", "estimated"]
    assert "lets in about 1 in 100,000 strangers, estimated beyond 10,000" in (found[-1].explanation)


@pytest.mark.parametrize(
    ("distance", "outcome"),
    [
        (0.0, "match"),
        (0.8, "match"),
        (0.81, "inconclusive"),
        (1.0, "inconclusive"),
        (1.01, "no_match"),
        (inf, "no_match"),
    ],
)
def test_between_yes_and_no_there_is_can_not_tell(distance: float, outcome: str) -> None:
    threshold = replace(MADE.verify_threshold(), distance=0.8, inconclusive=1.0)
    assert threshold.judge(distance) == outcome


def test_a_distance_that_is_no_number_is_never_a_match() -> None:
    assert MADE.verify_threshold().judge(nan) == "no_match"


@pytest.mark.parametrize(
    "threshold",
    [MADE.verify_threshold(), MADE.verify_threshold(7), MADE.identify_threshold(300), fixed_threshold(0.9)],
)
def test_a_lower_distance_never_turns_a_match_into_a_refusal(threshold: Any) -> None:
    order = ["match", "inconclusive", "no_match"]
    found = [order.index(threshold.judge(distance)) for distance in np.linspace(0, 2, 2001)]
    assert all(a <= b for a, b in pairwise(found))
    assert found[0] == 0 and found[-1] == 2


# -- 1:N ---------------------------------------------------------------------------


def test_the_identify_threshold_falls_as_photos_are_added() -> None:
    found = [MADE.identify_threshold(photos) for photos in range(11, 1000)]
    assert all(a.distance > b.distance and a.inconclusive > b.inconclusive for a, b in pairwise(found))


def test_adding_people_never_makes_a_search_more_lenient() -> None:
    for fpir in (1e-3, 1e-2, 0.1):
        found = [MADE.identify_threshold(photos, fpir) for photos in (*range(40), 100, 10**3, 10**4, 10**5, 10**6)]
        assert all(a.distance >= b.distance and a.inconclusive >= b.inconclusive for a, b in pairwise(found))


def test_in_a_small_gallery_nobody_is_named_whom_verify_would_send_away() -> None:
    found = [MADE.identify_threshold(photos).distance for photos in range(1, 11)]
    assert found == [MADE.verify_threshold().distance] * 10


@pytest.mark.parametrize("photos", [1, 2, 10, 11, 30, 100, 5_000])
def test_searching_the_whole_gallery_names_a_stranger_no_more_often_than_promised(photos: int) -> None:
    rate, _ = MADE.fmr(MADE.identify_threshold(photos).distance)
    named = any_of(rate, photos)
    assert named == pytest.approx(IDENTIFY_FPIR) if photos > 10 else named < IDENTIFY_FPIR


@pytest.mark.parametrize(
    ("photos", "text", "source", "end"),
    [
        (1, "With 1 enrolled photo, a threshold of 0.80 gives about 1 in 1,000", "measured on", "1.00"),
        (5, "With 5 enrolled photos, a threshold of 0.80 gives about 1 in 200", "measured on", "1.00"),
        (50, "With 50 enrolled photos, a threshold of 0.66 gives about 1 in 100", "measured on", "0.86"),
        (5_000, "With 5,000 enrolled photos, a threshold of 0.26 gives about 1 in 100", "estimated beyond", "0.46"),
    ],
)
def test_the_identify_threshold_names_its_rate_its_gallery_and_its_data(
    photos: int, text: str, source: str, end: str
) -> None:
    assert MADE.identify_threshold(photos).explanation == (
        f"{text} strangers somebody's name, {source} 10,000 comparisons of different people in made-up faces. "
        f"Beyond it, up to {end}, the answer is Can't tell."
    )


def test_an_empty_gallery_has_the_threshold_of_one_photo() -> None:
    assert MADE.identify_threshold(0) == MADE.identify_threshold(1)


def test_a_gallery_too_large_for_the_estimate_gets_the_rate_that_it_really_has() -> None:
    found = MADE.identify_threshold(1_000_000)
    assert found.distance == pytest.approx(0.2)
    # 1 - (1 - 0.000001)^1000000 = 0.63
    assert "With 1,000,000 enrolled photos, a threshold of 0.20 gives about 1 in 2 strangers" in found.explanation
    assert "It is the strictest distance for which anything can be said." in found.explanation


# -- fixed -----------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.0, 0.9, 2.0])
def test_a_threshold_of_ones_own_claims_no_rate_and_says_yes_or_no(distance: float) -> None:
    found = fixed_threshold(distance)
    assert (found.distance, found.origin) == (distance, "fixed")
    assert "no error rate is claimed" in found.explanation
    assert (found.judge(distance), found.judge(distance + 1e-9)) == ("match", "no_match")


@pytest.mark.parametrize("distance", [-0.01, 2.01, nan])
def test_a_threshold_that_is_no_distance_is_refused(distance: float) -> None:
    with pytest.raises(SettingError, match="a distance from 0 to 2, not"):
        fixed_threshold(distance)


# -- measuring --------------------------------------------------------------------------


def normal(count: int, mean: float, seed: int = 0) -> Any:
    return np.sort(np.random.default_rng(seed).normal(mean, 0.1, count))


SOURCE = {"non_mated": 200_000, "data": "normal numbers"}


def test_what_is_measured_is_right_on_numbers_that_were_never_seen() -> None:
    made = Calibration.measured(normal(200_000, 1.4), normal(2_000, 0.7), SOURCE)
    unseen, selves = normal(1_000_000, 1.4, seed=1), normal(100_000, 0.7, seed=2)
    for rate in (0.1, 1e-2, 1e-3):
        distance, basis = made.distance_at(rate)
        assert basis == "measured"
        assert (unseen <= distance).mean() == pytest.approx(rate, rel=0.2)
    assert made.fnmr(0.8) == pytest.approx((selves > 0.8).mean(), rel=0.2)


def test_thirty_errors_at_least_stand_behind_what_is_called_measured() -> None:
    strangers = normal(200_000, 1.4)
    made = Calibration.measured(strangers, np.empty(0), SOURCE)
    assert (strangers <= made.distances[-1]).sum() == ENOUGH_ERRORS
    assert made.fmr(made.distances[-1] - 0.01)[1] == "estimated"
    assert made.fnmr(0.8) is None


def test_too_few_comparisons_are_no_measurement() -> None:
    with pytest.raises(ValueError, match="at least 120 comparisons"):
        Calibration.measured(normal(119, 1.4), normal(10, 0.7), SOURCE)


def test_other_peoples_rates_take_over_as_far_as_they_go_and_the_shape_goes_on() -> None:
    own = normal(2_000, 1.3, seed=3)
    base = Calibration.measured(normal(200_000, 1.4), normal(2_000, 0.7), SOURCE)
    moved = base.moved(own, np.empty(0), {"non_mated": 2_000, "data": "own"})
    # Their people are 0.1 closer to each other.
    for rate, tolerance in ((0.1, 0.02), (1e-3, 0.06)):
        assert moved.distance_at(rate)[0] == pytest.approx(base.distance_at(rate)[0] - 0.1, abs=tolerance)
    assert (moved.distance_at(0.1)[1], moved.distance_at(1e-3)[1]) == ("measured", "estimated")
    assert all(a >= b for a, b in pairwise(moved.distances))
    assert moved.fnmr(0.8) == base.fnmr(0.8)
    assert "of different people in own" in moved.verify_threshold().explanation
