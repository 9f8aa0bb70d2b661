from __future__ import annotations

import numpy as np
import pytest

from facenet_core import neighbours as module
from facenet_core.matching import distance
from facenet_core.neighbours import neighbours, strays
from tests.galleries import embeddings, gallery, gallery_with, measured


def name(number: int) -> str:
    return f"P{number}"


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_closest_photos_of_two_people_are_named_whatever_the_pieces(
    monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(module, "PIECE", piece)
    rows = embeddings(9, lambda i: 1 + i % 3, seed=4)
    found = neighbours(gallery_with(rows), measured())
    for pair in found.nearest:
        i, j = (int(shot.person.name[1:]) for shot in (pair.first, pair.second))
        closest = min(distance(a, b) for a in rows[i] for b in rows[j])
        assert pair.distance == pytest.approx(closest, abs=1e-3)
        carried = distance(pair.first.template.embedding, pair.second.template.embedding)
        assert carried == pytest.approx(closest, abs=1e-3)
        others = [distance(a, b) for a in rows[i] for k in range(9) if k != i for b in rows[k]]
        back = [distance(a, b) for a in rows[j] for k in range(9) if k != j for b in rows[k]]
        assert closest == pytest.approx(min(others), abs=1e-3) or closest == pytest.approx(min(back), abs=1e-3)
    assert {p for pair in found.nearest for p in (pair.first.person.name, pair.second.person.name)} == set(
        map(name, range(9))
    )
    assert [p.distance for p in found.nearest] == sorted(p.distance for p in found.nearest)


def test_a_photo_is_named_by_its_place_among_all_of_the_person() -> None:
    rows = embeddings(2, lambda _: 3, seed=4)
    rows[1] = np.concatenate([rows[1], rows[0][2:]])
    (pair,) = neighbours(gallery_with(rows), measured()).duplicates
    assert (pair.first.number, pair.second.number) == (3, 4)
    assert pair.distance == pytest.approx(0.0, abs=1e-3)
    assert pair.one_in is not None and pair.one_in.at_least


def test_among_strangers_hardly_anybody_is_taken_for_a_duplicate() -> None:
    found = [len(neighbours(gallery(150, 2, seed=seed), measured()).alike) for seed in range(6)]
    assert sum(found) <= 12  # one in each is expected


def test_more_photos_ask_for_a_closer_resemblance() -> None:
    """As many as there are, one of them is close by chance."""
    pair = neighbours(gallery(2), measured()).nearest[0]
    rows = embeddings(2, lambda _: 1, seed=8)
    at = measured().distance_at(1e-4)[0] * 0.99
    middle, other = rows[0][0], rows[1][0]
    other = other - (other @ middle) * middle
    cosine = 1 - at * at / 2
    near = cosine * middle + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)
    one = gallery_with([middle[np.newaxis], near[np.newaxis].astype(np.float32)])
    away = embeddings(1, lambda _: 9, seed=77)[0]
    many = gallery_with([np.concatenate([middle[np.newaxis], away]), near[np.newaxis].astype(np.float32)])
    assert len(neighbours(one, measured()).alike) == 1
    assert len(neighbours(many, measured()).alike) == 0
    assert len(neighbours(one, measured(), nearer=0.1).alike) == 0
    assert pair.distance > at


def test_equal_people_are_all_found_and_a_number_of_them_listed() -> None:
    rows = embeddings(1, lambda _: 1, seed=1) * 40
    found = neighbours(gallery_with(rows), measured())
    assert len(found.alike) == 40 * 39 // 2
    assert (len(found.duplicates), found.nearest) == (module.LISTED, ())


def test_nobody_and_one_person_have_no_neighbours() -> None:
    for people in (0, 1):
        found = neighbours(gallery(people, 2), measured())
        assert (found.alike.shape, found.duplicates, found.nearest) == ((0, 2), (), ())


def test_a_photo_of_somebody_else_is_a_stray_and_a_pair_of_unlike_photos_is_one() -> None:
    rows = embeddings(4, lambda _: 3, seed=6)
    rows[1] = np.concatenate([rows[1], rows[2][:1]])
    rows[3] = np.stack([rows[3][0], -rows[3][0]])
    found = strays(gallery_with(rows), 1.2)
    assert [(p.first.person.name, p.first.number) for p in found] == [("P3", 1), ("P1", 4)]
    assert found[0].distance == pytest.approx(2.0)
    assert all(p.first.person is p.second.person for p in found)
