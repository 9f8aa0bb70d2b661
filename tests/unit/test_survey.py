from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facenet_core import survey as module
from facenet_core.calibration import fixed_threshold
from facenet_core.matching import distance
from facenet_core.metrics import person_bootstrap
from facenet_core.survey import Rate, curve, survey
from tests.galleries import embeddings, gallery, gallery_with, measured

VERIFY = measured().verify_threshold()


@pytest.mark.parametrize(("people", "photos"), [(0, 1), (1, 1), (1, 3), (2, 1), (3, 2)])
def test_few_people_are_counted_and_nothing_is_claimed_of_them(people: int, photos: int) -> None:
    found = survey(gallery(people, photos), measured(), None, VERIFY)
    assert (found.people, found.photos, found.compared_photos) == (people, people * photos, people * photos)
    assert len(found.non_mated) == people * (people - 1) // 2 * photos**2
    assert len(found.mated) == people * photos * (photos - 1) // 2
    assert not any(rate.departs for rate in found.rates)
    assert found.own is None
    assert "about 46" in found.own_reason
    assert found.det is None
    assert len(found.single_photo) == (people if photos == 1 else 0)


def test_every_two_photos_are_compared_once() -> None:
    rows = embeddings(4, lambda i: 1 + i % 2, seed=3)
    found = survey(gallery_with(rows), None)
    photos = [(i, row) for i, own in enumerate(rows) for row in own]
    expected: dict[bool, list[float]] = {True: [], False: []}
    for k, (i, a) in enumerate(photos):
        for j, b in photos[k + 1 :]:
            expected[i == j].append(distance(a, b))
    assert found.mated == pytest.approx(sorted(expected[True]), abs=1e-3)
    assert found.non_mated == pytest.approx(sorted(expected[False]), abs=1e-3)


def test_without_a_calibration_distances_are_shown_and_no_rates() -> None:
    found = survey(gallery(60, 2), None, None, fixed_threshold(1.0))
    assert (found.rates, found.duplicates, found.own) == ((), (), None)
    assert "Nothing was measured" in found.own_reason
    assert found.lookalikes and found.lookalikes[0].one_in is None
    assert found.det is not None


@pytest.mark.parametrize("seed", range(4))
def test_the_shipped_rates_are_not_said_to_be_wrong_where_they_are_right(seed: int) -> None:
    found = survey(gallery(70, 2, seed=seed), measured(), None, VERIFY)
    assert [rate.shipped for rate in found.told] == [0.1, 0.01, 0.001]
    assert not any(rate.departs for rate in found.told)
    assert all(rate.low <= rate.share <= rate.high for rate in found.rates)


@pytest.mark.parametrize(("alike", "direction"), [(2.2, "more"), (0.0, "fewer")])
def test_people_who_look_more_or_less_alike_than_promised_are_noticed(alike: float, direction: str) -> None:
    shipped = measured()
    if direction == "fewer":  # made from people who look more alike
        shipped = replace(shipped, distances=tuple(d - 0.12 for d in shipped.distances))
    found = survey(gallery(100, alike=alike), shipped, None, shipped.verify_threshold())
    assert {rate.departs for rate in found.told} - {None} == {direction}


def test_people_enrolled_twice_do_not_count_as_strangers_who_look_alike() -> None:
    rows = embeddings(40, lambda _: 2, seed=5)
    twice = [own[:1] for own in rows] + [own[1:] for own in rows[:6]]
    found = survey(gallery_with(twice), measured(), None, VERIFY)
    listed = {frozenset((p.first.person.name, p.second.person.name)) for p in found.duplicates}
    assert listed == {frozenset((f"P{i}", f"P{40 + i}")) for i in range(6)}
    assert found.people_pairs == 46 * 45 // 2 - len(listed)
    assert len(found.non_mated) == found.people_pairs
    shown = {frozenset((p.first.person.name, p.second.person.name)) for p in found.lookalikes}
    assert shown and shown.isdisjoint(listed)


def test_people_who_all_look_alike_are_not_taken_for_one_another() -> None:
    """Or what is out of the ordinary would hide itself: they would be left out of the rates."""
    found = survey(gallery(80, alike=3.0), measured(), None, VERIFY)
    assert len(found.duplicates) <= 2
    assert found.told[-1].departs == "more"


def test_drawing_people_gives_the_interval_of_drawing_their_comparisons() -> None:
    crowd = gallery(60, 2, seed=9)
    found = survey(crowd, measured(), None, VERIFY)
    rate = found.told[0]
    owners = np.arange(60).repeat(2)
    first, second = np.triu_indices(120, 1)
    different = owners[first] != owners[second]
    pairs = np.column_stack([owners[first], owners[second]])[different]
    between = np.linalg.norm(crowd.matrix[first] - crowd.matrix[second], axis=1)[different]
    close = between <= rate.distance
    (ends,) = person_bootstrap([pairs], lambda w: [float(w[0][close].sum() / w[0].sum())])
    assert (rate.low, rate.high) == pytest.approx(tuple(ends), rel=0.02)


def test_no_errors_at_all_leave_room_for_some() -> None:
    rate = survey(gallery(12), measured(), None, VERIFY).told[-1]
    assert (rate.errors, rate.low) == (0, 0.0)
    assert 3 / 66 < rate.high < 4 / 66


@pytest.mark.parametrize(
    ("errors", "low", "high", "departs"),
    [
        (30, 0.02, 0.05, "more"),
        (14, 0.011, 0.02, None),  # for certain, and by little
        (30, 0.005, 0.05, None),  # by much, and not for certain
        (0, 0.0, 0.004, "fewer"),
        (9, 0.006, 0.0099, None),
    ],
)
def test_a_rate_departs_by_a_lot_and_for_certain(errors: int, low: float, high: float, departs: str | None) -> None:
    assert Rate(1.0, 0.01, errors, 1000, low, high, current=False).departs == departs


def test_the_threshold_in_use_is_among_the_rates() -> None:
    shipped = measured()
    crowd = gallery(20)
    assert [r.current for r in survey(crowd, shipped, None, VERIFY).told] == [False, False, True]
    moved = survey(crowd, shipped, None, shipped.verify_threshold(fmr=0.03))
    assert [r.current for r in moved.told] == [False, True, False, False]
    strict = survey(crowd, shipped, None, fixed_threshold(0.01))
    assert not any(r.current for r in strict.told)  # nothing is known of it


def test_of_many_photos_those_of_some_people_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 50)
    crowd = gallery(60, 2)
    found = survey(crowd, measured(), None, VERIFY)
    again = survey(crowd, measured(), None, VERIFY)
    assert (found.people, found.photos, found.compared_photos) == (60, 120, 50)
    assert (found.people_pairs, len(found.mated)) == (25 * 24 // 2, 25)
    assert np.array_equal(found.non_mated, again.non_mated)
    assert found.rates == again.rates


def test_photos_that_do_not_look_alike_are_found_at_the_threshold() -> None:
    rows = embeddings(10, lambda _: 3, seed=2)
    rows[4] = np.concatenate([rows[4], rows[7][:1]])
    found = survey(gallery_with(rows), measured(), None, VERIFY)
    assert (found.strays[0].first.person.name, found.strays[0].first.number) == ("P4", 4)
    assert found.strays[0].distance > VERIFY.inconclusive
    assert survey(gallery_with(rows), measured()).strays == ()  # without a threshold nobody can say


def test_a_curve_goes_from_the_strictest_distance_to_the_most_lenient() -> None:
    points = curve(measured())
    assert points[0].distance == pytest.approx(measured().distance_at(measured().floor)[0])
    assert points[-1].fmr == pytest.approx(0.5)
    assert [p.fmr for p in points] == sorted(p.fmr for p in points)
    assert [p.basis for p in points] == sorted((p.basis for p in points), key=["estimated", "measured"].index)
    known = [p.fnmr for p in points if p.fnmr is not None]
    assert known == sorted(known, reverse=True)
    assert points[-1].fnmr is None  # fewer than ever were counted
    assert {p.fnmr for p in curve(replace(measured(), missed_rates=(), missed_distances=()))} == {None}
