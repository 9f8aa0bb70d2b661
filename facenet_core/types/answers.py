"""The answers to a comparison, a claim and a search, with what they rest on.

Distances are Euclidean between unit-norm embeddings, 0 to 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facenet_core.types.faces import Face, ModelId
from facenet_core.types.people import Person, Template

Outcome = Literal["match", "inconclusive", "no_match"]
"""What a comparison comes to."""

Basis = Literal["measured", "estimated", "bound"]
"""What a rate rests on: errors that were counted, a curve fitted beyond them, or neither: then it is a limit."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The largest distance that still counts as a match, and where it comes from.

    Attributes:
        distance: 0 to 2; a comparison matches when its distance is at most this.
        origin: ``measured`` from non-mated comparisons, ``estimated`` beyond
            them, or ``fixed`` by the user.
        explanation: One or two sentences for the page: which data, which error rate.
        inconclusive: Beyond ``distance`` and up to this one the answer is
            *can't tell*. Equal to ``distance`` if there is no such answer.
    """

    distance: float
    origin: Literal["measured", "estimated", "fixed"]
    explanation: str
    inconclusive: float

    def judge(self, distance: float) -> Outcome:
        """What a comparison of this distance comes to."""
        if distance <= self.distance:
            return "match"
        return "inconclusive" if distance <= self.inconclusive else "no_match"


@dataclass(frozen=True, slots=True)
class OneIn:
    """How rare a similarity is among strangers.

    Attributes:
        strangers: About one in this many looks at least this similar.
        basis: What that rests on; with ``bound`` it is rarer than that.
    """

    strangers: float
    basis: Basis

    @property
    def at_least(self) -> bool:
        """Whether the data can only say "rarer than that"."""
        return self.basis == "bound"

    def __str__(self) -> str:
        """For people, rounded to one digit: ``about 1 in 4,000``."""
        digits = len(str(int(self.strangers))) - 1
        step = 10**digits
        # A bound is rounded down: "fewer than 1 in 200,000" would claim more than the data says.
        rounded = max(1, int(self.strangers / step) if self.at_least else round(self.strangers / step)) * step
        return f"{'fewer than' if self.at_least else 'about'} 1 in {rounded:,.0f}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that a probe was compared with.

    Attributes:
        person: Who.
        template: Their closest template, which carried the comparison.
        photo_number: That template's place among the person's photos, from 1.
        compared: How many of the person's photos the probe was held against.
        distance: To the person: the smaller of those to the closest template
            and to the mean of all of them.
        photo_distance: To the closest template.
        distance_without: To the person without the carrying photo: what the
            answer would rest on then. None if they have one photo only.
    """

    person: Person
    template: Template
    photo_number: int
    compared: int
    distance: float
    photo_distance: float
    distance_without: float | None


class _Judged:
    """What has an outcome."""

    __slots__ = ()
    outcome: Outcome

    @property
    def matched(self) -> bool:
        """Whether the distance is at most the threshold."""
        return self.outcome == "match"


@dataclass(frozen=True, slots=True)
class Comparison(_Judged):
    """Two photos held against each other, without a database.

    Attributes:
        first: The compared face of the first photo.
        second: The compared face of the second photo.
        distance: Between them, 0 to 2.
        threshold: What the distance was held against.
        outcome: What that comes to.
        one_in: How rare this similarity is; None where no calibration says.
        model_id: What made the embeddings.
    """

    first: Face
    second: Face
    distance: float
    threshold: Threshold
    outcome: Outcome
    one_in: OneIn | None
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Verification(_Judged):
    """The answer to a claimed identity (1:1).

    Attributes:
        probe: The face that was verified.
        candidate: The claimed person, with the template that carried it.
        threshold: What the distance was held against.
        outcome: What that comes to.
        outcome_without: What it would be without the carrying photo, at the
            threshold for the remaining ones. None if there is one photo only.
        one_in: How rare this similarity is; None where no calibration says.
        model_id: What made the embeddings.
    """

    probe: Face
    candidate: Candidate
    threshold: Threshold
    outcome: Outcome
    outcome_without: Outcome | None
    one_in: OneIn | None
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Identification(_Judged):
    """The answer for one unknown face (1:N).

    Attributes:
        number: The face's number on the photo, from 1, left to right.
        face: The face.
        outcome: What the closest person's distance comes to; ``no_match`` if
            nobody is enrolled.
        candidates: The closest people, best first, at most ``top_k``.
        threshold: What the closest person's distance was held against: that of
            1:N, or that of 1:1 for this person if it is the stricter one.
        one_in: How rare the best candidate's similarity is; None where no
            calibration says, or nobody is enrolled.
    """

    number: int
    face: Face
    outcome: Outcome
    candidates: tuple[Candidate, ...]
    threshold: Threshold
    one_in: OneIn | None
