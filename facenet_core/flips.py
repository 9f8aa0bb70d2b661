"""What would be answered differently with another model. Pure numpy.

Every enrolled photo is a probe, held against all other photos: against its own
person's (1:1) and in the whole gallery (1:N), with both models and the
thresholds of each. So are pairs of different people: could one pass for the
other?
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.matching import CANCELLED, Gallery, apart, distances
from facenet_core.neighbours import LISTED, PIECE, Shot
from facenet_core.types import Outcome, Person, Threshold

Named = Literal["right", "nobody", "other"]
"""Whom a search names. Of somebody with one photo, who is not among the rest, *nobody* is what it should be."""

OUTCOMES: tuple[Outcome, ...] = ("no_match", "inconclusive", "match")
"""From worse to better, for a true claim."""

NAMED: tuple[Named, ...] = ("other", "nobody", "right")
"""From worse to better."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of one model.

    Attributes:
        verify: Of 1:1, for how many photos the claimed person has.
        identify: Of 1:N, for how many photos are searched, and how many the
            closest person has.
    """

    verify: Callable[[int], Threshold]
    identify: Callable[[int, int], Threshold]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model says about an enrolled photo, with the photo itself left out.

    Attributes:
        claim: Of the claim to be its person; None if they have no other photo.
        distance: To its person; None in the same case.
        named: Whom a search names.
        person: The person who is named, or None.
    """

    claim: Outcome | None
    distance: float | None
    named: Named
    person: Person | None

    @property
    def _rank(self) -> tuple[int, int]:
        return OUTCOMES.index(self.claim) if self.claim else 0, NAMED.index(self.named)


@dataclass(frozen=True, slots=True)
class Flip:
    """A photo that is answered differently.

    Attributes:
        shot: The photo.
        before: By the model in use.
        after: By the other one.
    """

    shot: Shot
    before: Answer
    after: Answer

    @property
    def worse(self) -> bool:
        """Whether a true claim comes to less, or a search names somebody wrong or the right person no more."""
        return any(new < old for old, new in zip(self.before._rank, self.after._rank, strict=True))


@dataclass(frozen=True, slots=True)
class PairFlip:
    """Two people, of whom one could pass for the other with one model and not with the other one.

    Attributes:
        first: One of them.
        second: The other.
        before: Their smallest distance with the model in use.
        after: With the other one.
        confusable: Whether it is the other model with which one could pass.
    """

    first: Person
    second: Person
    before: float
    after: float
    confusable: bool


@dataclass(frozen=True, slots=True)
class Flips:
    """Two models compared by their answers.

    Attributes:
        photos: Photos that both have a template of.
        flips: Those that are answered differently, the worse ones first, then by person.
        pairs: Pairs of people whom both know.
        confusable_before: Those of whom one could pass for the other with the model in use.
        confusable_after: The same with the other one.
        pair_flips: Those that differ in it, at most :data:`~facenet_core.neighbours.LISTED`,
            the newly confusable ones first.
        fixed: Whether thresholds that the user fixed decided, and for both alike.
        problem: Why decisions can't be compared, a sentence; empty if they can.
    """

    photos: int
    flips: tuple[Flip, ...] = ()
    pairs: int = 0
    confusable_before: int = 0
    confusable_after: int = 0
    pair_flips: tuple[PairFlip, ...] = ()
    fixed: bool = False
    problem: str = ""

    @property
    def same(self) -> int:
        """Photos that are answered the same."""
        return self.photos - len(self.flips)

    @property
    def worse(self) -> int:
        """Photos that are answered worse."""
        return sum(flip.worse for flip in self.flips)


@dataclass(frozen=True, slots=True)
class _Answers:
    """One model's answers.

    Attributes:
        gallery: Of whom.
        own: Shape ``(n,)``: distance to the photo's own person; infinite if they have no other photo.
        claims: Shape ``(n,)``: index into :data:`OUTCOMES`; -1 if they have no other photo.
        named: Shape ``(n,)``: index of the person who is named; -1 for nobody.
        confusable: Shape ``(k, 2)``: pairs of people, each once, the smaller index first.
    """

    gallery: Gallery
    own: NDArray[np.float32]
    claims: NDArray[np.int64]
    named: NDArray[np.int64]
    confusable: NDArray[np.int64]

    def rows(self) -> dict[str, int]:
        """Each template's row, by its id."""
        people, owners = self.gallery.people, _owners(self.gallery)
        numbers = zip(owners.tolist(), self.gallery.photo_numbers.tolist(), strict=True)
        return {people[owner].templates[number].id: row for row, (owner, number) in enumerate(numbers)}

    def named_ids(self) -> list[str | None]:
        """The id of the person whom each search names."""
        ids = [person.id for person in self.gallery.people]
        return [ids[index] if index >= 0 else None for index in self.named.tolist()]

    def confusable_ids(self, known: Collection[str]) -> set[tuple[str, str]]:
        """The ids of confusable people, if both are known; of all galleries of one database in the same order."""
        ids = [person.id for person in self.gallery.people]
        pairs = ((ids[first], ids[second]) for first, second in self.confusable.tolist())
        return {(first, second) for first, second in pairs if first in known and second in known}

    def answer(self, row: int) -> Answer:
        """The answer for one photo."""
        owner, named, claim = int(_owners(self.gallery)[row]), int(self.named[row]), int(self.claims[row])
        return Answer(
            OUTCOMES[claim] if claim >= 0 else None,
            float(self.own[row]) if claim >= 0 else None,
            "nobody" if named < 0 else "right" if named == owner else "other",
            self.gallery.people[named] if named >= 0 else None,
        )


def flips(before: Gallery, after: Gallery, rules: Rules, other_rules: Rules) -> Flips:
    """Compares two models on the same people.

    Args:
        before: The people, as the model in use knows them.
        after: The same people, as the other one does.
        rules: Of the model in use.
        other_rules: Of the other model.

    Raises:
        NoThresholdError: If no threshold is known for one of them.
    """
    old, new = _answers(before, rules), _answers(after, other_rules)
    old_rows, new_rows = old.rows(), new.rows()
    old_named, new_named = old.named_ids(), new.named_ids()
    shared = [(row, new_rows[template]) for template, row in old_rows.items() if template in new_rows]
    changed = [
        Flip(_shot(before, first), old.answer(first), new.answer(second))
        for first, second in shared
        if old.claims[first] != new.claims[second] or old_named[first] != new_named[second]
    ]
    known = {person.id for person in before.people} & {person.id for person in after.people}
    confusable, newly = old.confusable_ids(known), new.confusable_ids(known)
    here, there = ({person.id: i for i, person in enumerate(gallery.people)} for gallery in (before, after))
    differing = sorted((here[a], here[b], True) for a, b in newly - confusable)
    differing += sorted((here[a], here[b], False) for a, b in confusable - newly)
    people = before.people
    pair_flips = []
    for a, b, now in differing[:LISTED]:
        first, second = people[a], people[b]
        apart = _apart(before, a, b), _apart(after, there[first.id], there[second.id])
        pair_flips.append(PairFlip(first, second, *apart, now))
    return Flips(
        photos=len(shared),
        flips=tuple(sorted(changed, key=lambda flip: not flip.worse)),
        pairs=len(known) * (len(known) - 1) // 2,
        confusable_before=len(confusable),
        confusable_after=len(newly),
        pair_flips=tuple(sorted(pair_flips, key=lambda pair: (not pair.confusable, pair.after))),
        fixed="fixed" in (rules.verify(1).origin, rules.identify(1, 1).origin),
    )


def _answers(gallery: Gallery, rules: Rules) -> _Answers:
    photos, sizes, owners = len(gallery), gallery.sizes, _owners(gallery)
    own = _left_out(gallery)
    # A gallery without anybody is asked all the same: whether there are thresholds does not depend on it.
    possible = np.unique(np.concatenate([[1], sizes, sizes - 1]))
    passes, unsure, names = np.full((3, int(possible.max()) + 1), -1.0, np.float32)
    for size in possible[possible > 0].tolist():
        limit = rules.verify(size)
        passes[size], unsure[size] = limit.distance, limit.inconclusive
        names[size] = rules.identify(max(photos - 1, 0), size).distance
    others = sizes[owners] - 1
    claims = np.select([others == 0, own <= passes[others], own <= unsure[others]], [-1, 2, 1], 0)
    named = np.full(photos, -1, np.int64)
    codes = [np.empty(0, np.int64)]
    for start in range(0, photos, PIECE):
        owner = owners[start : start + PIECE]
        probes, rows = gallery.matrix[start : start + PIECE], np.arange(len(owner))
        to_people = apart(gallery.cosines(probes))
        to_people[rows, owner] = own[start : start + PIECE]
        closest = to_people.argmin(axis=1)
        limits = names[sizes[closest] - (closest == owner)]
        named[start : start + PIECE] = np.where(to_people[rows, closest] <= limits, closest, -1)
        to_people[rows, owner] = np.inf
        probe, passed_for = np.nonzero(to_people <= passes[sizes])
        pair = np.sort(np.column_stack([owner[probe], passed_for]), axis=1)
        codes.append(np.unique(pair[:, 0] * len(sizes) + pair[:, 1]))
    confusable = np.unique(np.concatenate(codes))
    return _Answers(gallery, own, claims, named, np.column_stack(np.divmod(confusable, max(len(sizes), 1))))


def _left_out(gallery: Gallery) -> NDArray[np.float32]:
    """Shape ``(n,)``: how far each photo is from its person as the others show them; infinite if there are none."""
    own = np.full(len(gallery), np.inf, np.float32)
    for start, size in zip(gallery.starts.tolist(), gallery.sizes.tolist(), strict=True):
        if size < 2:
            continue
        rows = gallery.matrix[start : start + size]
        between = distances(rows, rows)
        np.fill_diagonal(between, np.inf)
        rest = rows.sum(axis=0, dtype=np.float64) - rows
        lengths = np.linalg.norm(rest, axis=1, keepdims=True)
        means = rest / np.maximum(lengths, CANCELLED)
        # Without a direction there is no mean.
        to_mean = np.where(lengths[:, 0] < CANCELLED, np.inf, np.linalg.norm(rows - means, axis=1))
        own[start : start + size] = np.minimum(between.min(axis=1), to_mean)
    return own


def _owners(gallery: Gallery) -> NDArray[np.int64]:
    """Shape ``(n,)``: the index of each template's person."""
    return np.arange(len(gallery.people)).repeat(gallery.sizes)


def _apart(gallery: Gallery, first: int, second: int) -> float:
    """The smallest distance of two people's photos."""
    own, other = (slice(gallery.starts[i], gallery.starts[i] + gallery.sizes[i]) for i in (first, second))
    return float(distances(gallery.matrix[own], gallery.matrix[other]).min())


def _shot(gallery: Gallery, row: int) -> Shot:
    person = gallery.people[int(np.searchsorted(gallery.starts, row, side="right")) - 1]
    number = int(gallery.photo_numbers[row])
    return Shot(person, person.templates[number], number + 1)
