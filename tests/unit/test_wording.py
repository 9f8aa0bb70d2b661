from __future__ import annotations

from dataclasses import replace

import pytest

from facenet_core import wording
from facenet_core.calibration import fixed_threshold
from facenet_core.survey import Rate, survey
from tests.fakes import MEASURED
from tests.galleries import gallery, measured


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (1.0, "1 in 1"),
        (0.3, "1 in 3"),
        (1 / 87, "1 in 87"),
        (1 / 1234, "1 in 1,200"),
        (1e-6, "1 in 1,000,000"),
        (0, "none"),
    ],
)
def test_a_rate_is_told_to_two_digits(rate: float, said: str) -> None:
    assert wording.one_in(rate) == said


@pytest.mark.parametrize(
    ("rate", "said"), [(0.5, "50 in 100"), (0.0421, "4 in 100"), (0.0095, "1 in 100"), (0.004, "4 in 1,000")]
)
def test_a_share_of_visitors_is_told_in_whole_people(rate: float, said: str) -> None:
    assert wording.in_hundred(rate) == said


def test_a_target_is_told_for_strangers_and_for_true_visitors() -> None:
    said = wording.trade_off(MEASURED, 1e-3)
    assert said == "About 1 stranger in 1,000 is let in, about 34 in 100 true visitors are turned away."
    assert wording.rests_on(MEASURED, 1e-3) == "Each held against one photo, on photos like those of squares."


def test_a_target_beyond_the_data_is_said_to_be_an_estimate() -> None:
    assert "Down to 1 in 10,000 the share of strangers was counted; beyond, it is estimated." in wording.rests_on(
        MEASURED, 1e-5
    )


def test_a_target_beyond_any_estimate_is_not_promised() -> None:
    strict = replace(MEASURED, rates=MEASURED.rates[:3], distances=MEASURED.distances[:3], measured_to=1e-3)
    assert wording.trade_off(strict, 1e-6).startswith(
        "Fewer than 1 stranger in 100,000 is let in (nothing stricter can be promised)"
    )


def test_visitors_beyond_what_was_counted_are_bounded() -> None:
    assert "fewer than 1 in 100 true visitors" in wording.trade_off(MEASURED, 0.1)
    hard = replace(MEASURED, missed_distances=(1.3, 1.1))
    assert "more than 90 in 100 true visitors" in wording.trade_off(hard, 1e-3)
    unknown = replace(MEASURED, missed_rates=(), missed_distances=())
    assert wording.trade_off(unknown, 1e-3).endswith("how many true visitors are turned away was not measured.")
    assert wording.turned_away(unknown, MEASURED.verify_threshold()) == ""


def test_visitors_measured_elsewhere_are_said_to_be() -> None:
    own = replace(MEASURED, provenance={**MEASURED.provenance, "mated_data": "circles"})
    assert "True visitors: as on circles." in wording.rests_on(own, 1e-3)


def test_a_search_tells_what_the_threshold_of_a_claim_would_do() -> None:
    verify, identify = MEASURED.verify_threshold(), MEASURED.identify_threshold(1000)
    assert wording.search(MEASURED, 1000, verify, identify) == (
        "With 1,000 enrolled photos, about 1 in 100 strangers would be given somebody's name. With the Verify "
        "threshold it would be about 1 in 2."
    )
    assert "Verify threshold" not in wording.search(MEASURED, 1, verify, verify)
    assert "With 1 enrolled photo, about 1 in 1,000" in wording.search(MEASURED, 1, verify, verify)
    assert "Nobody is enrolled" in wording.search(MEASURED, 0, verify, verify)


def test_a_fixed_threshold_turns_nobody_away_in_doubt() -> None:
    assert wording.turned_away(MEASURED, fixed_threshold(0.8)) == ""
    assert "told Can't tell" in wording.turned_away(MEASURED, MEASURED.verify_threshold())


@pytest.mark.parametrize(
    ("errors", "low", "high", "words"),
    [
        (50, 0.03, 0.08, ("1 in 20 (50 of 1,000)", "1 in 33 to 1 in 12", "more often")),
        (11, 0.006, 0.02, ("1 in 91 (11 of 1,000)", "1 in 170 to 1 in 50", "as shipped")),
        (0, 0.0, 0.05, ("none", "at most 1 in 20", "too few people to tell")),
        (1, 0.0, 0.005, ("1 in 1,000 (1 of 1,000)", "at most 1 in 200", "more rarely")),
    ],
)
def test_a_rate_is_compared_in_words(errors: int, low: float, high: float, words: tuple[str, ...]) -> None:
    rate = Rate(1.0, 0.01, errors, 1000, low, high, current=True)
    assert wording.compared(rate) == ("1 in 100", *words)


def test_people_who_look_more_alike_are_said_to() -> None:
    found = survey(gallery(80, alike=2.5), measured(), None, measured().verify_threshold())
    assert wording.verdict(found).startswith("Your people look more alike than those of the shipped rates")
    assert all(line.startswith("At distance ") for line in wording.departures(found))
    rarer = replace(found, rates=tuple(replace(r, errors=0, low=0.0, high=r.shipped / 2) for r in found.rates))
    assert wording.verdict(rarer).startswith("Your people look less alike")
    mixed = replace(found, rates=(rarer.rates[0], *found.rates[1:]))
    assert wording.verdict(mixed) == "The shipped rates do not fit your people."
    assert wording.verdict(replace(found, rates=())) == ""
