from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.metrics import (
    best_threshold,
    cross_validated,
    det,
    equal_error_rate,
    person_bootstrap,
    share_within,
    threshold_at,
    wilson_interval,
)

INF = math.inf


def of(*values: float) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def random_sets(count: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Sorted mated and non-mated distances: overlapping, with ties, some of them infinite."""
    rng = np.random.default_rng(7)
    sets = []
    for _ in range(count):
        mated = rng.normal(0.8, 0.25, rng.integers(1, 60)).round(rng.integers(1, 4))
        non_mated = rng.normal(1.3, 0.2, rng.integers(1, 200)).round(rng.integers(1, 4))
        for distances in (mated, non_mated):
            distances[rng.random(len(distances)) < 0.05] = INF
        sets.append((np.sort(mated), np.sort(non_mated)))
    return sets


def test_a_threshold_stands_between_the_last_accepted_and_the_first_refused_stranger() -> None:
    assert threshold_at(of(0.5, 0.7, 0.9, 1.1), 0.5) == pytest.approx(0.8)


def test_a_threshold_that_may_accept_nobody_is_below_the_closest_stranger() -> None:
    limit = threshold_at(of(0.5, 0.7, 0.9, 1.1), 0.2)
    assert 0.499 < limit < 0.5


def test_equally_distant_strangers_are_refused_together() -> None:
    assert threshold_at(of(0.5, 0.7, 0.7, 1.1), 0.5) == pytest.approx(0.6)


def test_a_threshold_never_reaches_comparisons_that_could_not_be_made() -> None:
    assert threshold_at(of(0.5, 0.7, INF, INF), 0.5) == 0.7


@pytest.mark.parametrize("rate", [1e-4, 0.01, 0.1, 0.3, 0.9])
def test_a_threshold_keeps_to_its_rate_and_no_larger_one_of_the_distances_does(rate: float) -> None:
    for _, non_mated in random_sets(200):
        limit = threshold_at(non_mated, rate)
        assert share_within(non_mated, limit) <= rate + 1e-12
        beyond = non_mated[(non_mated > limit) & np.isfinite(non_mated)]
        assert not len(beyond) or share_within(non_mated, float(beyond[0])) > rate


def test_a_distance_at_the_threshold_is_accepted() -> None:
    assert share_within(of(0.1, 0.2, 0.3, INF), of(0.2, 5.0)).tolist() == [0.5, 0.75]


def test_people_who_are_told_apart_have_no_equal_error_rate_to_speak_of() -> None:
    assert equal_error_rate(of(0.1, 0.2), of(0.8, 0.9)) == (0.0, 0.2)


def test_the_equal_error_rate_of_a_small_example() -> None:
    # At 0.6: one of four strangers is let in, one of four true visitors is not.
    assert equal_error_rate(of(0.2, 0.3, 0.5, 0.9), of(0.6, 1.0, 1.1, 1.2)) == (0.25, 0.6)


def test_a_photo_without_a_face_adds_to_the_equal_error_rate() -> None:
    assert equal_error_rate(of(0.1, INF), of(0.8, 0.9)) == (0.5, 0.8)
    rate, at = equal_error_rate(of(INF), of(INF))
    assert (rate, math.isnan(at)) == (0.5, True)


def test_the_equal_error_rate_is_where_both_rates_are_closest() -> None:
    for mated, non_mated in random_sets(100):
        rate, at = equal_error_rate(mated, non_mated)
        finite = np.concatenate([mated, non_mated])
        gaps = [abs(float((non_mated <= t).mean()) - float((mated > t).mean())) for t in finite[np.isfinite(finite)]]
        fmr, fnmr = float((non_mated <= at).mean()), float((mated > at).mean())
        assert abs(fmr - fnmr) == pytest.approx(min(gaps))
        assert rate == pytest.approx((fmr + fnmr) / 2)


def test_along_the_det_curve_one_rate_rises_and_the_other_falls() -> None:
    for mated, non_mated in random_sets(50):
        curve = det(mated, non_mated, 100)
        assert curve.thresholds.shape == curve.fmr.shape == curve.fnmr.shape == (100,)
        assert (np.diff(curve.fmr) >= 0).all()
        assert (np.diff(curve.fnmr) <= 0).all()
        assert curve.fnmr[-1] == pytest.approx(np.isinf(mated).mean())


def test_the_best_threshold_is_in_the_middle_of_the_best_range() -> None:
    assert best_threshold(of(0.9, 0.2, 0.4, 0.7), np.array([False, True, True, False])) == pytest.approx(0.55)


def test_no_threshold_answers_more_comparisons_right_than_the_best_one() -> None:
    for mated, non_mated in random_sets(200):
        distances = np.concatenate([mated, non_mated])
        same = np.arange(len(distances)) < len(mated)
        at = best_threshold(distances, same)
        right = int(((distances <= at) == same).sum())
        finite = distances[np.isfinite(distances)]
        assert right == max(int(((distances <= t) == same).sum()) for t in [-1.0, *finite])


def test_accuracy_is_counted_on_folds_that_did_not_choose_the_threshold() -> None:
    # Fold 0 chooses 0.55 for fold 1, where 0.6 of one person is then wrong; fold 1 chooses 0.7, and 0 is all right.
    distances = of(0.2, 0.9, 0.6, 0.8)
    mated = np.array([True, False, True, False])
    found = cross_validated(distances, mated, np.array([0, 0, 1, 1]))
    assert found.thresholds == pytest.approx((0.7, 0.55))
    assert found.mean == pytest.approx(0.75)
    assert found.standard_error == pytest.approx(math.sqrt(0.125) / math.sqrt(2))


def test_a_comparison_that_could_not_be_made_is_wrong_whoever_it_shows() -> None:
    distances = of(0.2, INF, 0.2, 0.9)
    mated = np.array([True, False, True, False])
    found = cross_validated(distances, mated, np.array([0, 0, 1, 1]))
    assert found.mean == pytest.approx((0.5 + 1.0) / 2)


def test_one_fold_is_too_few() -> None:
    with pytest.raises(ValueError, match="two folds"):
        cross_validated(of(0.1, 0.9), np.array([True, False]), np.zeros(2, np.int64))


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 81 of 263, 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@pytest.mark.parametrize("trials", [1, 7, 500])
def test_wilsons_interval_holds_its_rate(trials: int) -> None:
    for errors in range(trials + 1):
        low, high = wilson_interval(errors, trials)
        assert 0 <= low <= errors / trials + 1e-12
        assert errors / trials - 1e-12 <= high <= 1


def test_people_are_drawn_and_their_comparisons_weighted() -> None:
    mated = np.array([[0, 0], [1, 1], [2, 2]])
    non_mated = np.array([[0, 1], [0, 2], [1, 2]])
    seen = []

    def statistic(weights: Sequence[NDArray[np.float64]]) -> list[float]:
        own, between = weights
        seen.append(own)
        assert own.sum() == 3
        assert between.tolist() == [own[0] * own[1], own[0] * own[2], own[1] * own[2]]
        return [float(own[0])]

    person_bootstrap([mated, non_mated], statistic, 50)
    assert len({tuple(own) for own in seen}) > 5


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    people, each = 200, 5
    rng = np.random.default_rng(1)
    own = np.repeat(rng.normal(0.0, 1.0, people), each)
    pairs = np.repeat(np.arange(people), each)[:, np.newaxis].repeat(2, axis=1)
    ((low, high),) = person_bootstrap([pairs], lambda w: [float(np.average(own, weights=w[0]))])
    # What one person's comparisons share makes 200 observations of 1,000, not more.
    assert high - low == pytest.approx(2 * 1.96 * own.std() / math.sqrt(people), rel=0.15)
    assert low < own.mean() < high


def test_the_same_data_gives_the_same_interval() -> None:
    pairs = np.arange(20)[:, np.newaxis].repeat(2, axis=1)
    values = np.arange(20.0)
    first, second = (person_bootstrap([pairs], lambda w: [float(w[0] @ values)], 50) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_figure_that_is_often_undefined_has_no_interval() -> None:
    pairs = np.arange(4)[:, np.newaxis].repeat(2, axis=1)
    ends = person_bootstrap([pairs], lambda w: [float(w[0][0]) or math.nan, 1.0], 200)
    assert np.isnan(ends[0]).all()
    assert ends[1].tolist() == [1.0, 1.0]
