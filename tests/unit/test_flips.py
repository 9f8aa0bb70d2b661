from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import wording
from facenet_core.calibration import fixed_threshold
from facenet_core.errors import NoThresholdError
from facenet_core.flips import Answer, Flips, Rules, flips
from facenet_core.matching import Gallery
from facenet_core.types import ModelId, Person, Threshold
from tests.galleries import DRAWN, embeddings, measured, people_with

OTHER = replace(DRAWN, model="other", weights_sha256="3" * 64)


def as_other(people: Sequence[Person], model: ModelId = OTHER) -> list[Person]:
    """The same people and photos, under another model."""
    return [replace(p, templates=tuple(replace(t, model_id=model) for t in p.templates)) for p in people]


def galleries(before: Sequence[NDArray[np.float32]], after: Sequence[NDArray[np.float32]]) -> tuple[Gallery, Gallery]:
    return Gallery.of(people_with(before), DRAWN), Gallery.of(as_other(people_with(after)), OTHER)


def rules(verify: float = 1.0, identify: float = 1.0, unsure: float = 1.2) -> Rules:
    def of(distance: float) -> Threshold:
        return Threshold(distance, "measured", "", unsure)

    return Rules(lambda photos: of(verify), lambda searched, of_person: of(identify))


MEASURED = Rules(
    lambda photos: measured().verify_threshold(photos),
    lambda searched, of_person: min(
        measured().identify_threshold(searched), measured().verify_threshold(of_person), key=lambda t: t.distance
    ),
)


def left_out(people: Sequence[Person], which: int, number: int) -> list[Person]:
    """Everybody, without one photo."""
    person = people[which]
    kept = person.templates[:number] + person.templates[number + 1 :]
    return [*people[:which], replace(person, templates=kept), *people[which + 1 :]]


def one_by_one(people: Sequence[Person], rules: Rules) -> dict[str, Answer]:
    """Each photo's answer, as Verify and Recognise would give it for a gallery without the photo."""
    answers = {}
    for which, person in enumerate(people):
        for number, template in enumerate(person.templates):
            rest = left_out(people, which, number)
            gallery = Gallery.of(rest, template.model_id)
            own = gallery.compare(template.embedding, person)
            best = gallery.rank(template.embedding, 1)
            named = best[0].person if best else None
            if best and best[0].distance > rules.identify(len(gallery), best[0].compared).distance:
                named = None
            answers[template.id] = Answer(
                rules.verify(own.compared).judge(own.distance) if own else None,
                own.distance if own else None,
                "nobody" if named is None else "right" if named.id == person.id else "other",
                named,
            )
    return answers


def told(answer: Answer) -> tuple[object, ...]:
    return answer.claim, answer.named, answer.person.name if answer.person else None


def test_the_answers_are_those_of_verify_and_recognise_without_the_photo() -> None:
    rng = np.random.default_rng(7)
    photos = rng.integers(1, 5, 60)
    rows = embeddings(60, lambda i: int(photos[i]), 3, alike=1.2)
    other = embeddings(60, lambda i: int(photos[i]), 4, alike=0.5)
    before, after = galleries(rows, other)
    # Distances in the midst of those of photos of one person, so that all answers occur.
    narrow = Rules(
        lambda photos: Threshold(0.6 - 0.02 * photos, "measured", "", 0.63 - 0.02 * photos),
        lambda searched, of_person: fixed_threshold(0.6 - 0.015 * of_person - 1e-4 * searched),
    )
    found = flips(before, after, narrow, narrow)
    old = one_by_one(people_with(rows), narrow)
    new = one_by_one(as_other(people_with(other)), narrow)
    expected = {key for key in old if told(old[key]) != told(new[key])}
    assert len(expected) > 10
    assert found.photos == len(old) == photos.sum()
    assert {flip.shot.template.id for flip in found.flips} == expected
    for flip in found.flips:
        key = flip.shot.template.id
        assert flip.shot.person.templates[flip.shot.number - 1].id == key
        assert (told(flip.before), told(flip.after)) == (told(old[key]), told(new[key]))
        for answer, exact in ((flip.before, old[key]), (flip.after, new[key])):
            assert answer.distance == pytest.approx(exact.distance, abs=1e-4)


def test_two_models_that_see_the_same_flip_nothing() -> None:
    rows = embeddings(20, lambda _: 2, 1)
    found = flips(*galleries(rows, rows), MEASURED, MEASURED)
    assert (found.photos, found.same, found.flips, found.pair_flips) == (40, 40, (), ())
    assert found.pairs == 190 and found.confusable_before == found.confusable_after
    assert wording.flipped(found)[0] == "Of 40 photos, 40 would be answered as now and 0 differently."


def unit(*numbers: float) -> NDArray[np.float32]:
    row = np.zeros(DRAWN.dimensions, np.float32)
    row[: len(numbers)] = numbers
    return row / np.linalg.norm(row)


def test_each_kind_of_flip_is_told_with_its_photo_and_whether_it_is_worse() -> None:
    ann = np.stack([unit(1, 0), unit(1, 0.1)])
    bo = np.stack([unit(0, 0, 1)])
    lost = np.stack([unit(1, 0), unit(0, 0, 0, 1)])  # her second photo no longer looks like her first
    like_ann = np.stack([unit(1, 0.05)])  # Bo looks like Ann
    found = flips(*galleries([ann, bo], [lost, bo]), rules(), rules())
    assert [(f.shot.person.name, f.shot.number) for f in found.flips] == [("P0", 1), ("P0", 2)]
    first = found.flips[0]
    assert (told(first.before), told(first.after)) == (("match", "right", "P0"), ("no_match", "nobody", None))
    assert found.worse == 2 and found.same == 1 and not found.pair_flips
    assert wording.answered(first.before) == "Welcome in, named P0"
    assert wording.answered(first.after) == "Go away, named nobody"

    back = flips(*galleries([lost, bo], [ann, bo]), rules(), rules())
    assert len(back.flips) == 2 and back.worse == 0

    mixed = flips(*galleries([ann, bo], [ann, like_ann]), rules(), rules())
    (of_bo,) = [f for f in mixed.flips if f.shot.person.name == "P1"]
    assert (told(of_bo.before), told(of_bo.after)) == ((None, "nobody", None), (None, "other", "P0"))
    assert of_bo.worse and wording.answered(of_bo.after) == "named P0"
    (pair,) = mixed.pair_flips
    assert (pair.first.name, pair.second.name, pair.confusable) == ("P0", "P1", True)
    assert pair.before == pytest.approx(1.414, abs=1e-3) and pair.after < 0.1
    assert (mixed.pairs, mixed.confusable_before, mixed.confusable_after) == (1, 0, 1)
    parted = flips(*galleries([ann, like_ann], [ann, bo]), rules(), rules())
    assert [wording.confusable(p) for p in parted.pair_flips] == ["could no longer pass for each other"]


def test_the_band_of_cant_tell_is_an_answer_of_its_own() -> None:
    near, far = np.stack([unit(1, 0), unit(1, 0.3)]), np.stack([unit(1, 0), unit(1, 0.8)])
    found = flips(*galleries([near], [far]), rules(0.5, 0.5, 0.7), rules(0.5, 0.5, 0.7))
    assert {(f.before.claim, f.after.claim) for f in found.flips} == {("match", "inconclusive")}


def test_photos_that_only_one_model_knows_are_no_probes() -> None:
    rows = embeddings(3, lambda _: 2, 5)
    before, _ = galleries(rows, rows)
    people = as_other(people_with(rows))
    unfound = replace(people[0].templates[0], model_id=DRAWN)
    people[0] = replace(people[0], templates=(unfound, people[0].templates[1]))
    found = flips(before, Gallery.of(people, OTHER), MEASURED, MEASURED)
    assert found.photos == 5
    assert [(f.shot.person.name, f.shot.number, f.after.claim) for f in found.flips] == [("P0", 2, None)]


def test_nobody_to_compare_is_said_so() -> None:
    found = flips(*galleries([], []), rules(), rules())
    assert (found.photos, found.pairs) == (0, 0)
    assert wording.flipped(found) == ["Nobody is enrolled with both models, so there is nothing to compare."]
    alone = [np.stack([unit(1)])]
    assert flips(*galleries(alone, alone), rules(), rules()).same == 1


def test_without_thresholds_nothing_is_compared() -> None:
    def unknown(*_: int) -> Threshold:
        raise NoThresholdError("no threshold was measured for model other.")

    for rows in ([], [np.stack([unit(1)])]):
        with pytest.raises(NoThresholdError):
            flips(*galleries(rows, rows), rules(), Rules(unknown, unknown))
    assert wording.flipped(Flips(3, problem="no threshold was measured for model other."))[0].startswith(
        "The decisions of the two models can't be compared: no threshold"
    )


def test_thresholds_that_the_user_fixed_are_pointed_out() -> None:
    rows = embeddings(3, lambda _: 2, 5)
    fixed = Rules(lambda photos: fixed_threshold(0.9), rules().identify)
    found = flips(*galleries(rows, rows), fixed, fixed)
    assert found.fixed
    assert "Thresholds that you fixed decided with both models." in wording.flipped(found)[-1]


@pytest.mark.parametrize(("pairs", "said"), [(1, "Of 1 pair of people, 0"), (1200, "Of 1,200 pairs of people, 0")])
def test_pairs_of_people_are_counted_in_words_that_fit(pairs: int, said: str) -> None:
    assert wording.flipped(Flips(3, pairs=pairs))[1].startswith(said)
