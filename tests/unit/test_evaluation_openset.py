from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.embedding import unit_norm
from facenet_core.evaluation import Embedded, Folders, Thresholds
from facenet_core.evaluation.openset import OpenSets, gallery_sizes
from facenet_core.matching import distance, mean_template
from tests.fakes import MODEL


def labelled(person: list[int], embeddings: NDArray[np.float64]) -> tuple[Folders, Embedded]:
    paths = tuple(Path(f"{i}.jpg") for i in range(len(person)))
    folders = Folders(tuple(f"P{i}" for i in range(max(person) + 1)), paths, np.array(person))
    rows = np.full(embeddings.shape, np.nan, np.float32)
    known = ~np.isnan(embeddings[:, 0])
    rows[known] = unit_norm(embeddings[known].astype(np.float32))
    return folders, Embedded(paths, rows, (), 0, MODEL)


def at(*degrees: float) -> NDArray[np.float64]:
    """Points on a circle: 60 degrees apart are at distance 1. NaN is a photo without a face."""
    radians = np.radians(np.array(degrees))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def opened(person: list[int], embeddings: NDArray[np.float64], photos: int = 1) -> OpenSets:
    folders, embedded = labelled(person, embeddings)
    return OpenSets(folders, embedded, embedded.matrix(), photos)


def constant(identify: float, verify: float) -> Thresholds:
    return Thresholds(lambda templates, of_person: identify, verify, "of a test")


def test_searches_of_two_people_one_of_them_enrolled() -> None:
    # P0's photos are 20 degrees apart (0.35), P1's 40 degrees (0.68); P1's second photo is 30 from P0's first (0.52).
    sets = opened([0, 0, 1, 1], at(0, 20, 70, 30))
    assert sets.largest == 1
    found = sets.measure(1, constant(0.5, 0.6), splits=200)
    assert (found.people, found.templates, found.mated, found.non_mated) == (1, 1.0, 1.0, 2.0)
    assert found.identify.fnir
    assert found.verify.fnir
    # With P0 enrolled nobody is missed; with P1, their other photo is, at both thresholds. At 0.6 P0's first photo
    # lets one of P1's two in; P1's first photo, at 70 degrees, is 50 (0.85) from the nearest of P0's.
    assert found.identify.fpir.mean == 0.0
    share = found.identify.fnir.mean  # how often P1 was drawn
    assert 0.4 < share < 0.6
    assert found.verify.fnir.mean == share
    assert found.verify.fpir.mean == pytest.approx(0.5 * (1 - share))
    assert found.identify.fnir.interval == (0.0, 1.0)


def test_a_search_that_returns_somebody_closer_is_a_miss() -> None:
    # P0's second photo is nearer to P1's first one than to their own.
    sets = opened([0, 0, 1, 2], at(0, 20, 30, 180))
    found = sets.measure(2, constant(0.5, 0.5), splits=50)
    assert found.identify.fnir
    alone = sets.measure(1, constant(0.5, 0.5), splits=50)
    assert alone.identify.fnir
    assert alone.identify.fnir.mean == 0.0
    assert found.identify.fnir.mean > 0.2


def test_a_photo_without_a_face_is_not_enrolled_and_its_search_finds_nobody() -> None:
    # P0's first photo has no face: their second is enrolled. P1 has no face at all: always a stranger.
    sets = opened([0, 0, 0, 1, 1], at(math.nan, 0, 5, math.nan, math.nan))
    assert sets.largest == 1
    found = sets.measure(1, constant(2.0, 2.0), splits=5)
    assert found.identify.fnir
    assert found.identify.fnir.mean == 0.5
    assert found.identify.fpir.mean == 0.0


def test_somebody_who_is_enrolled_leaves_a_photo_to_be_searched_with() -> None:
    sets = opened([0, 0, 0, 1, 1, 2], at(0, 1, 2, 90, 91, 180), photos=2)
    found = sets.measure(2, constant(1.9, 1.9), splits=100)
    # P0 is enrolled with two, P1 and P2 with one; P2 has no other.
    assert 2.0 < found.templates < 3.0
    assert 1.0 < found.mated < 2.0


def test_where_nobody_enrolled_has_another_photo_fnir_is_unknown() -> None:
    sets = opened([0, 1, 2], at(0, 90, 180))
    assert sets.measure(1, constant(0.5, 0.5), splits=5).identify.fnir is None


def test_the_threshold_is_the_one_for_this_gallery_and_this_person() -> None:
    asked = set()

    def identify(templates: int, of_person: int) -> float:
        asked.add((templates, of_person))
        return 0.1 * of_person

    sets = opened([0, 0, 0, 1, 1, 1, 2], at(0, 8, 2, 90, 98, 92, 180), photos=2)
    found = sets.measure(2, Thresholds(identify, 0.3, "of a test"), splits=60)
    assert asked == {(3, 1), (3, 2), (4, 1), (4, 2)}
    assert found.identify.threshold == pytest.approx(0.1)
    assert found.verify.threshold == 0.3


@pytest.mark.parametrize("photos", [1, 3])
def test_searches_answer_as_the_app_would(photos: int) -> None:
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(12), rng.integers(1, 6, 12))
    rows = rng.normal(size=(12, 6))[person] + rng.normal(scale=0.8, size=(len(person), 6))
    rows[rng.random(len(person)) < 0.1] = np.nan
    sets = opened(person.tolist(), rows, photos)
    enrolled = rng.permutation(np.array(list(sets._templates)))[:6]
    mated, right, found, of_nearest = sets._search(enrolled)
    _, embedded = labelled(person.tolist(), rows)
    taken = {int(i) for p in enrolled.tolist() for i in sets._templates[p]}
    probes = [i for i in range(len(person)) if i not in taken]
    assert len(probes) == len(mated)
    for place, probe in enumerate(probes):
        to_people = []
        for p in enrolled.tolist():
            own = embedded.embeddings[sets._templates[p]]
            templates = (*own, mean_template(own)) if embedded.found[probe] else ()
            far = min((distance(embedded.embeddings[probe], row) for row in templates), default=math.inf)
            to_people.append((far, p, len(own)))
        nearest = min(to_people)
        assert found[place] == pytest.approx(nearest[0], abs=1e-3)
        assert mated[place] == (person[probe] in enrolled)
        if math.isfinite(nearest[0]):
            assert right[place] == (nearest[1] == person[probe])
            assert of_nearest[place] == nearest[2]


def test_the_same_photos_give_the_same_figures() -> None:
    sets = opened([0, 0, 1, 1, 2, 2], at(0, 20, 70, 30, 140, 150))
    assert sets.measure(2, constant(0.5, 0.6)) == sets.measure(2, constant(0.5, 0.6))


def test_a_gallery_that_leaves_no_stranger_is_left_out() -> None:
    sizes = dict(gallery_sizes([2, 3, 2, 500], 2))
    assert sizes[2] == ""
    assert list(sizes) == [2, 3, 500]
    assert "at most 2 people" in sizes[3]
