from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.calibration import fixed_threshold
from facenet_core.evaluation import Comparisons, comparisons
from facenet_core.evaluation.verification import error_rates
from facenet_core.metrics import wilson_interval


def listed(mated: list[float], non_mated: list[float]) -> Comparisons:
    """Comparisons in which each person appears once or twice."""
    people = [[i, i] for i in range(len(mated))] + [[i, i + 1] for i in range(len(non_mated))]
    return Comparisons.listed(np.array([*mated, *non_mated], np.float64), np.array(people))


STRANGERS = [1.0 + 0.001 * i for i in range(200)]


def labelled(people: int, photos: int, seed: int = 3) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Distances between photos of people who are not easily told apart; one photo has no face."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, photos + 1, people))
    rows = rng.normal(size=(people, 8))[person] + rng.normal(scale=0.7, size=(len(person), 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2).astype(np.float32)
    matrix[5] = matrix[:, 5] = np.inf
    return matrix, person


def test_the_figures_of_a_small_example() -> None:
    found = error_rates(listed([0.5, 1.0012, 1.2, math.inf], STRANGERS), fixed_threshold(1.0001))
    # 1 in 100 of 200 strangers are two: those at 1.000 and 1.001.
    point = found.points[0]
    assert (point.fmr, point.expected) == (0.01, 2.0)
    assert point.threshold == pytest.approx(1.0015)
    assert point.fnmr
    assert point.fnmr.value == 0.5
    assert found.at_app
    assert (found.at_app.fmr.value, found.at_app.fnmr.value) == (0.005, 0.75)
    assert found.at_app.accuracy == pytest.approx((0.25 + 0.995) / 2)


def test_what_the_data_cant_say_is_not_said() -> None:
    hundredth, thousandth, ten_thousandth = error_rates(listed([0.5] * 20, STRANGERS), None).points
    assert hundredth.remark == "rests on few false matches: 2 expected"
    for point, least in ((thousandth, "1,000"), (ten_thousandth, "10,000")):
        assert (point.fnmr, point.threshold) == (None, None)
        assert "200 non-mated comparisons are too few: less than one false match is expected" in point.remark
        assert f"which takes {least}" in point.remark


def test_ten_expected_false_matches_are_not_few() -> None:
    found = error_rates(listed([0.5] * 20, [1.0 + 0.0005 * i for i in range(1000)]), None)
    assert [point.remark for point in found.points[:2]] == ["", "rests on few false matches: 1 expected"]


def test_where_no_error_was_seen_the_interval_is_wilsons() -> None:
    found = error_rates(listed([0.5] * 20, STRANGERS), fixed_threshold(0.9))
    assert found.points[0].fnmr
    assert found.points[0].fnmr.interval == wilson_interval(0, 20)
    assert found.at_app
    assert found.at_app.fmr.interval == wilson_interval(0, 200)


def test_an_interval_holds_its_figure_and_narrows_with_more_people() -> None:
    widths = []
    for people in (30, 300):
        found = error_rates(Comparisons.of_all(*labelled(people, 2)), fixed_threshold(0.9))
        assert found.points[0].fnmr
        assert found.at_app
        for rate in (found.eer, found.points[0].fnmr, found.at_app.fmr, found.at_app.fnmr):
            assert rate.interval
            low, high = rate.interval
            assert low <= rate.value <= high
            assert high > low
        assert found.eer.interval
        widths.append(found.eer.interval[1] - found.eer.interval[0])
    assert widths[1] < 0.6 * widths[0]


def test_all_comparisons_of_labelled_photos_are_made_once() -> None:
    matrix, person = labelled(12, 3)
    found = Comparisons.of_all(matrix, person)
    first, second = np.triu_indices(len(person), 1)
    same = person[first] == person[second]
    np.testing.assert_array_equal(found.mated, np.sort(matrix[first, second][same]).astype(np.float64))
    np.testing.assert_array_equal(found.non_mated, np.sort(matrix[first, second][~same]).astype(np.float64))
    assert np.isinf(found.non_mated).any()
    for distances, people in ((found.mated, found.mated_people), (found.non_mated, found.closest_people)):
        assert len(distances) == len(people)
        for distance, (a, b) in zip(distances.tolist(), people.tolist(), strict=True):
            assert distance in matrix[np.ix_(person == a, person == b)]


def test_the_far_strangers_need_only_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, person = labelled(60, 3)
    whole = Comparisons.of_all(matrix, person)
    monkeypatch.setattr(comparisons, "TAIL_LEAST", 0)
    tail = Comparisons.of_all(matrix, person)
    assert len(tail.closest_people) < 0.04 * len(whole.closest_people)
    limit = fixed_threshold(float(tail.closest[-1]) - 0.01)
    a, b = error_rates(whole, limit), error_rates(tail, limit)
    assert a.points[0].fnmr
    assert b.points[0].fnmr
    assert b.points[0].fnmr.interval == pytest.approx(a.points[0].fnmr.interval)
    assert a.at_app
    assert b.at_app
    assert b.at_app.fmr.interval == pytest.approx(a.at_app.fmr.interval)
    assert a.eer.interval
    assert b.eer.interval is None  # it lies among those that were only counted
