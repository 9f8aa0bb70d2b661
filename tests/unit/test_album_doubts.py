from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.album import doubts as module
from facenet_core.album.clustering import Links
from facenet_core.album.doubts import doubts
from tests.unit.test_album_clustering import apart, at, crowd, numbers

TWO = at(0, 1, 2, 60, 61, 62)
NOBODY_SAID = Links()


def test_two_people_in_one_cluster_are_told_with_their_halves() -> None:
    (merge,) = doubts(TWO, apart(6), NOBODY_SAID, 0.5, numbers(*[4] * 6)).merges
    assert merge.label == 4
    assert sorted((merge.first, merge.second)) == [(0, 1, 2), (3, 4, 5)]
    assert merge.separation > 0.9


def test_separation_is_what_distances_within_halves_are_to_those_between() -> None:
    faces = at(0, 30, 120, 150)
    (merge,) = doubts(faces, apart(4), NOBODY_SAID, 0.5, numbers(0, 0, 0, 0)).merges
    squares = 2.0 - 2.0 * (faces @ faces.T).astype(np.float64)
    within, between = (squares[0, 1] + squares[2, 3]) / 2, squares[:2, 2:].mean()
    assert merge.separation == pytest.approx(1 - np.sqrt(within / between), abs=1e-5)


def test_one_person_and_one_odd_photo_are_not_told() -> None:
    faces, who = crowd(300, 10, 1, 64, 0.6)
    assert doubts(faces, apart(300), NOBODY_SAID, 0.9, who).merges == ()
    assert doubts(at(0, 1, 2, 60), apart(4), NOBODY_SAID, 0.5, numbers(0, 0, 0, 0)).merges == ()


def test_equal_faces_are_one_person() -> None:
    assert doubts(at(0, 0, 0, 0), apart(4), NOBODY_SAID, 0.5, numbers(0, 0, 0, 0)).merges == ()


def test_a_cluster_that_a_user_holds_together_is_not_doubted() -> None:
    assert doubts(TWO, apart(6), Links(must=((0, 5),)), 0.5, numbers(*[0] * 6)).merges == ()


def test_the_most_separate_halves_and_the_nearest_clusters_come_first() -> None:
    faces = at(0, 1, 2, 40, 41, 42, 180, 181, 240, 241)
    found = doubts(faces, apart(10), NOBODY_SAID, 1.1, numbers(0, 0, 0, 0, 0, 0, 1, 1, 1, 1))
    assert [merge.label for merge in found.merges] == [1, 0]
    split = doubts(at(0, 20, 50), apart(3), NOBODY_SAID, 0.6, numbers(5, 3, 9)).splits
    assert [(pair.first, pair.second) for pair in split] == [(3, 5), (3, 9)]
    assert split[0].nearness == pytest.approx(0.6 / (2 * np.sin(np.radians(10))), rel=1e-3)


def test_one_person_in_two_clusters_is_told_once() -> None:
    (split,) = doubts(TWO, apart(6), NOBODY_SAID, 0.5, numbers(0, 1, 0, 2, 2, 2)).splits
    assert (split.first, split.second) == (0, 1)
    assert split.nearness > 10


@pytest.mark.parametrize(
    ("photos", "links"),
    [(numbers(0, 0, 1), NOBODY_SAID), (numbers(0, 1, 2), Links(cannot=(((0,), (1,)),)))],
)
def test_two_clusters_that_can_not_be_one_are_not_told(photos: NDArray[np.int64], links: Links) -> None:
    assert doubts(at(0, 1, 180), photos, links, 0.5, numbers(0, 1, 2)).splits == ()


def test_no_more_doubts_than_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 3)
    found = doubts(at(*range(0, 40, 2)), apart(20), NOBODY_SAID, 0.5, apart(20)).splits
    assert len(found) == 3
    assert found[0].nearness >= found[-1].nearness


def test_the_silhouette_tells_right_clusters_from_wrong_ones() -> None:
    faces, who = crowd(300, 10, 1, 64, 0.6)
    right = doubts(faces, apart(300), NOBODY_SAID, 0.9, who).silhouette
    wrong = doubts(faces, apart(300), NOBODY_SAID, 0.9, np.roll(who, 7)).silhouette
    assert right is not None and wrong is not None
    assert right > 0.3 > 0.0 > wrong


def test_the_silhouette_of_a_sample_is_near_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, who = crowd(600, 60, 2, 64, 0.6)
    whole = doubts(faces, apart(600), NOBODY_SAID, 0.9, who).silhouette
    monkeypatch.setattr(module, "SAMPLED", 300)
    assert doubts(faces, apart(600), NOBODY_SAID, 0.9, who).silhouette == pytest.approx(whole, abs=0.08)


@pytest.mark.parametrize("labels", [numbers(0, 0, 0), numbers(0, 1, 2)])
def test_there_is_no_silhouette_of_one_cluster_or_of_single_faces(labels: NDArray[np.int64]) -> None:
    assert doubts(at(0, 90, 180), apart(3), NOBODY_SAID, 0.5, labels).silhouette is None


def test_an_empty_album_raises_no_doubts() -> None:
    found = doubts(np.empty((0, 4), np.float32), apart(0), NOBODY_SAID, 0.9, apart(0))
    assert (found.silhouette, found.merges, found.splits) == (None, (), ())


def test_labels_of_other_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 labels"):
        doubts(at(0, 1, 2), apart(3), NOBODY_SAID, 0.9, apart(2))
