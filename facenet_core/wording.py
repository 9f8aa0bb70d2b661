"""Error rates in the words of somebody without statistics, for the pages and the command line alike."""

from __future__ import annotations

from facenet_core.calibration import Calibration
from facenet_core.flips import Answer, Flips, PairFlip
from facenet_core.survey import FACTOR, Rate, Survey
from facenet_core.types import Threshold

CLAIM = {"match": "Welcome in", "inconclusive": "Can't tell", "no_match": "Go away"}
"""What each outcome of a claim is called."""

WIDE = 2 * FACTOR
"""A rate that may be so many times the shipped one says neither that it agrees nor that it does not."""


def one_in(rate: float) -> str:
    """A rate as ``1 in 230``, to two digits."""
    if rate <= 0.0:
        return "none"
    strangers = 1.0 / rate
    step = 10 ** max(len(str(int(strangers))) - 2, 0)
    return f"1 in {max(round(strangers / step), 1) * step:,}"


def in_hundred(rate: float) -> str:
    """A rate as ``6 in 100``; a small one as ``4 in 1,000``."""
    return f"{round(100 * rate)} in 100" if rate >= 0.0095 else f"{max(round(1000 * rate), 1)} in 1,000"


def trade_off(calibration: Calibration, fmr: float) -> str:
    """What a target means for strangers and for true visitors.

    Args:
        calibration: What distances mean.
        fmr: The target of a claim (1:1).
    """
    distance, basis = calibration.distance_at(fmr)
    return f"{_strangers(calibration, fmr, basis == 'bound')}, {_visitors(calibration, distance)}."


def rests_on(calibration: Calibration, fmr: float) -> str:
    """What :func:`trade_off` rests on.

    Args:
        calibration: What distances mean.
        fmr: The target of a claim (1:1).
    """
    _, basis = calibration.distance_at(fmr)
    data = calibration.provenance
    photos = f"Each held against one photo, on photos like those of {data['data']}."
    if visitors := data.get("mated_data"):
        photos += f" True visitors: as on {visitors}."
    if basis == "measured":
        return photos
    least = f"1 in {1 / calibration.measured_to:,.0f}"
    return f"{photos} Down to {least} the share of strangers was counted; beyond, it is estimated."


def search(calibration: Calibration, templates: int, verify: Threshold, identify: Threshold) -> str:
    """What the thresholds mean for a search among everybody (1:N).

    Args:
        calibration: What distances mean.
        templates: Comparisons in one search.
        verify: The threshold of 1:1.
        identify: The threshold of 1:N.
    """
    if not templates:
        return "Nobody is enrolled yet, so nobody can be named."
    photos = "1 enrolled photo" if templates == 1 else f"{templates:,} enrolled photos"
    rarity = calibration.one_in(identify.distance, templates)
    said = f"With {photos}, {rarity} strangers would be given somebody's name."
    if verify.distance > identify.distance:
        said += f" With the Verify threshold it would be {calibration.one_in(verify.distance, templates)}."
    return said


def turned_away(calibration: Calibration, threshold: Threshold) -> str:
    """How many of the true visitors that a 1:1 threshold turns away are asked again; empty if none or not known."""
    refused, gone = calibration.fnmr(threshold.distance), calibration.fnmr(threshold.inconclusive)
    if refused is None or gone is None or refused - gone < 0.0005:
        return ""
    return f"Of all true visitors, {in_hundred(refused - gone)} are told Can't tell, not Go away: another photo may do."


def compared(rate: Rate) -> tuple[str, str, str, str]:
    """A rate as a row: where the thresholds were measured, here, the interval, and what to make of it."""
    here = f"{one_in(rate.share)} ({rate.errors:,} of {rate.comparisons:,})" if rate.errors else "none"
    return one_in(rate.shipped), here, _between(rate), _judged(rate)


def departures(survey: Survey) -> list[str]:
    """Where the people here differ from those of the shipped rates, a sentence for each."""
    return [
        f"At distance {rate.distance:.2f}, where {one_in(rate.shipped)} was expected, it is {one_in(rate.share)} here "
        f"(95 % sure: {_between(rate)})."
        for rate in survey.told
        if rate.departs
    ]


def verdict(survey: Survey) -> str:
    """Whether the shipped rates hold here, in one sentence; empty if nothing departs."""
    kinds = {rate.departs for rate in survey.told} - {None}
    if kinds == {"more"}:
        return "Your people look more alike than those of the shipped rates: more strangers pass than promised."
    if kinds == {"fewer"}:
        return "Your people look less alike than those of the shipped rates: fewer strangers pass than promised."
    return "The shipped rates do not fit your people." if kinds else ""


def flipped(found: Flips) -> list[str]:
    """What would be answered differently with another model, in sums: a sentence for each."""
    if found.problem:
        return [f"The decisions of the two models can't be compared: {found.problem}"]
    if not found.photos:
        return ["Nobody is enrolled with both models, so there is nothing to compare."]
    photos = "1 photo" if found.photos == 1 else f"{found.photos:,} photos"
    worse = f", {found.worse:,} of them worse" if found.flips else ""
    said = [f"Of {photos}, {found.same:,} would be answered as now and {len(found.flips):,} differently{worse}."]
    if found.pairs:
        pairs = "1 pair" if found.pairs == 1 else f"{found.pairs:,} pairs"
        said.append(
            f"Of {pairs} of people, {found.confusable_before:,} could pass for each other; with the "
            f"other model it would be {found.confusable_after:,}."
        )
    if found.fixed:
        said.append(
            "Thresholds that you fixed decided with both models. A distance of one model means something else with "
            "another: go back to measured ones, or fix them anew."
        )
    return said


def answered(answer: Answer) -> str:
    """What a model says about an enrolled photo: as a claim to be its person, and in a search."""
    search = f"named {answer.person.name}" if answer.person else "named nobody"
    if answer.claim is None:
        return search
    return f"{CLAIM[answer.claim]}, {search}"


def confusable(pair: PairFlip) -> str:
    """What another model changes about two people."""
    return "could pass for each other" if pair.confusable else "could no longer pass for each other"


def _strangers(calibration: Calibration, fmr: float, bound: bool) -> str:
    if bound:
        return f"Fewer than 1 stranger in {1 / calibration.floor:,.0f} is let in (nothing stricter can be promised)"
    return f"About 1 stranger in {1 / fmr:,.0f} is let in"


def _visitors(calibration: Calibration, distance: float) -> str:
    rate = calibration.fnmr(distance)
    if rate is None:
        return "how many true visitors are turned away was not measured"
    ends = calibration.missed_rates[0], calibration.missed_rates[-1]
    how = "fewer than" if rate <= ends[0] else "more than" if rate >= ends[1] else "about"
    return f"{how} {in_hundred(rate)} true visitors are turned away"


def _between(rate: Rate) -> str:
    return f"{one_in(rate.low)} to {one_in(rate.high)}" if rate.low else f"at most {one_in(rate.high)}"


def _judged(rate: Rate) -> str:
    if rate.departs:
        return "more often" if rate.departs == "more" else "more rarely"
    return "as shipped" if rate.high <= WIDE * rate.shipped else "too few people to tell"
