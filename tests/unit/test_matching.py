from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.matching import Gallery, distance, distances, largest
from facenet_core.types import Box, Detection, Embedding, Landmarks, ModelId, Person, Template

MODEL = ModelId("tiny", "none", "0" * 64, 2)
OTHER = ModelId("tiny", "none", "1" * 64, 2)
WIDER = ModelId("wide", "none", "2" * 64, 3)
NOW = datetime(2024, 5, 3, tzinfo=UTC)
DETECTION = Detection(Box(0, 0, 9, 9), Landmarks((3, 3), (6, 3), (4, 5), (3, 7), (6, 7)), 0.99)


def at(degrees: float) -> Embedding:
    """A unit vector in the plane; the distance of two is 2·sin of half the angle between them."""
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def apart(degrees: float) -> float:
    return float(2 * np.sin(np.radians(degrees) / 2))


def person(name: str, *templates: Embedding | tuple[Embedding, ModelId]) -> Person:
    made = []
    for number, given in enumerate(templates):
        embedding, model = given if isinstance(given, tuple) else (given, MODEL)
        made.append(
            Template(f"{name}-{number}", name, "a" * 64, "b" * 64, f"{number}.jpg", DETECTION, embedding, model, NOW)
        )
    return Person(name, name, NOW, tuple(made))


def unit_rows(rng: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    rows = rng.normal(size=(count, dimensions))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_distances_are_those_of_plain_arithmetic_in_double_precision() -> None:
    rng = np.random.default_rng(1)
    probes, templates = unit_rows(rng, 7, 512), unit_rows(rng, 50, 512)
    exact = np.linalg.norm(probes[:, None].astype(np.float64) - templates[None].astype(np.float64), axis=2)
    found = distances(probes, templates)
    assert found.shape == (7, 50)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=1e-5)
    assert distance(probes[0], templates[0]) == pytest.approx(exact[0, 0], abs=1e-12)


def test_distances_stay_between_0_and_2_at_both_ends() -> None:
    row = unit_rows(np.random.default_rng(2), 200, 512)
    same, opposite = np.diag(distances(row, row)), np.diag(distances(row, -row))
    assert np.isfinite(same).all()
    assert same.min() >= 0
    assert same.max() < 2e-3
    assert opposite.max() <= 2
    assert opposite.min() > 1.999


def test_an_embedding_is_at_distance_0_from_itself() -> None:
    row = unit_rows(np.random.default_rng(3), 1, 512)[0]
    assert distance(row, row) == 0.0


def test_a_person_is_as_close_as_their_closest_photo() -> None:
    gallery = Gallery.of([person("Ann", at(90), at(10), at(60)), person("Ben", at(20))], MODEL)
    first, second = gallery.rank(at(0), 5)
    assert (first.person.name, second.person.name) == ("Ann", "Ben")
    assert first.distance == first.photo_distance == pytest.approx(apart(10), abs=1e-6)
    assert (first.photo_number, first.template.id, first.compared) == (2, "Ann-1", 3)
    assert second.distance == pytest.approx(apart(20), abs=1e-6)


def test_a_person_is_as_close_as_the_mean_of_their_photos_if_that_is_closer() -> None:
    gallery = Gallery.of([person("Ann", at(30), at(-20)), person("Ben", at(10))], MODEL)
    ann, ben = gallery.rank(at(0), 5)
    assert (ann.person.name, ben.person.name) == ("Ann", "Ben")
    assert ann.distance == pytest.approx(apart(5), abs=1e-6)
    assert (ann.photo_number, ann.photo_distance) == (2, pytest.approx(apart(20), abs=1e-6))


def test_without_the_carrying_photo_the_others_and_their_mean_remain() -> None:
    people = [person("Ben", at(20)), person("Ann", at(90), at(60), at(10)), person("Cy", at(5))]
    ann = next(c for c in Gallery.of(people, MODEL).rank(at(0), 5) if c.person.name == "Ann")
    assert ann.distance_without == pytest.approx(apart(60), abs=1e-6)
    (dan,) = Gallery.of([person("Dan", at(1), at(30), at(-20))], MODEL).rank(at(0), 5)
    assert dan.distance_without == pytest.approx(apart(5), abs=1e-6)


def test_without_the_only_photo_nothing_remains() -> None:
    (only,) = Gallery.of([person("Ann", at(10))], MODEL).rank(at(0), 5)
    assert only.distance_without is None


def test_photos_that_cancel_out_have_the_first_as_their_mean() -> None:
    (ann,) = Gallery.of([person("Ann", at(90), at(-90))], MODEL).rank(at(0), 5)
    assert ann.distance == pytest.approx(apart(90), abs=1e-6)


def test_people_at_the_same_distance_keep_their_order() -> None:
    people = [person(name, at(30)) for name in ("Cy", "Ann", "Ben")]
    assert [c.person.name for c in Gallery.of(people, MODEL).rank(at(0), 5)] == ["Cy", "Ann", "Ben"]


@pytest.mark.parametrize(("top_k", "names"), [(1, ["A"]), (2, ["A", "B"]), (9, ["A", "B", "C"])])
def test_at_most_so_many_people_are_listed(top_k: int, names: list[str]) -> None:
    gallery = Gallery.of([person("C", at(30)), person("A", at(10), at(11)), person("B", at(20))], MODEL)
    assert [c.person.name for c in gallery.rank(at(0), top_k)] == names


@pytest.mark.parametrize("people", [[], [person("Ann")], [person("Ann", (at(0), OTHER))]])
def test_where_nobody_can_be_compared_nobody_is_found(people: list[Person]) -> None:
    gallery = Gallery.of(people, MODEL)
    assert len(gallery) == 0
    assert gallery.rank(at(0), 5) == ()
    assert all(gallery.compare(at(0), p) is None for p in people)


def test_templates_of_another_model_are_never_compared() -> None:
    ann = person("Ann", (at(0), OTHER), at(80))
    ben = person("Ben", (at(0), OTHER))
    cy = person("Cy", (np.array([1, 0, 0], np.float32), WIDER), at(40))
    gallery = Gallery.of([ann, ben, cy], MODEL)
    assert len(gallery) == 2
    assert [c.person.name for c in gallery.rank(at(0), 5)] == ["Cy", "Ann"]
    assert gallery.compare(at(0), ben) is None
    held = gallery.compare(at(0), ann)
    assert held is not None
    assert held.distance == pytest.approx(apart(80), abs=1e-6)
    assert held.distance_without is None


def test_a_photo_keeps_its_number_among_all_of_the_persons_photos() -> None:
    gallery = Gallery.of([person("Ann", (at(0), OTHER), at(50), (at(0), OTHER), at(10))], MODEL)
    (ann,) = gallery.rank(at(0), 5)
    assert (ann.photo_number, ann.template.id) == (4, "Ann-3")


def test_a_claim_is_held_against_the_claimed_person_alone() -> None:
    ann, ben, zoe = person("Ann", at(5)), person("Ben", at(60), at(70)), person("Zoe", at(90))
    gallery = Gallery.of([ann, ben, zoe], MODEL)
    held = gallery.compare(at(0), ben)
    assert held is not None
    assert (held.person, held.photo_number) == (ben, 1)
    assert held.distance == pytest.approx(apart(60), abs=1e-6)
    assert held.distance_without == pytest.approx(apart(70), abs=1e-6)
    assert gallery.compare(at(0), person("Nobody", at(0))) is None


def test_a_large_gallery_is_ranked_as_by_comparing_one_by_one() -> None:
    rng = np.random.default_rng(4)
    model = ModelId("m", "none", "3" * 64, 64)
    people = [
        person(f"P{number:03d}", *((row, model) for row in unit_rows(rng, int(rng.integers(1, 5)), 64)))
        for number in range(150)
    ]
    gallery = Gallery.of(people, model)
    for probe in unit_rows(rng, 5, 64):
        photos = {p.name: sorted(distance(probe, t.embedding) for t in p.templates) for p in people}
        means = {p.name: np.mean([t.embedding for t in p.templates], axis=0, dtype=np.float64) for p in people}
        to_mean = {name: float(np.linalg.norm(probe - mean / np.linalg.norm(mean))) for name, mean in means.items()}
        closest = {name: min(photos[name][0], to_mean[name]) for name in photos}
        expected = sorted(closest, key=lambda name: closest[name])[:10]
        found = gallery.rank(probe, 10)
        assert [c.person.name for c in found] == expected
        assert [c.distance for c in found] == pytest.approx([closest[name] for name in expected], abs=1e-6)
        for candidate in found:
            assert candidate.photo_distance == photos[candidate.person.name][0]
            assert candidate.compared == len(candidate.person.templates)
            assert candidate.person.templates[candidate.photo_number - 1] is candidate.template


@pytest.mark.parametrize(
    "flawed",
    [
        np.array([np.nan, 0], np.float32),
        np.array([np.inf, 0], np.float32),
        np.zeros(2, np.float32),
        np.array([2, 0], np.float32),
        np.array([1, 0, 0], np.float32),
        np.array([[1, 0]], np.float32),
    ],
    ids=["nan", "infinite", "zero", "too long", "of three", "of two axes"],
)
def test_what_is_no_embedding_is_compared_with_nobody(flawed: Embedding) -> None:
    ann = person("Ann", at(10))
    gallery = Gallery.of([ann], MODEL)
    for ask in (
        lambda: gallery.rank(flawed, 5),
        lambda: gallery.compare(flawed, ann),
        lambda: distance(at(0), flawed),
        lambda: distance(flawed, at(0)),
    ):
        with pytest.raises(ValueError, match="expected an embedding of"):
            ask()


@pytest.mark.parametrize("count", [0, 1, 3, 7, 20])
def test_the_largest_are_found_in_order_and_equals_keep_theirs(count: int) -> None:
    values = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], np.float32)
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:count]
    assert largest(values, count).tolist() == expected
