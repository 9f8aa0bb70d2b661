from __future__ import annotations

import numpy as np
import pytest

from facenet_core.evaluation.clusterings import Agreement, compare


def of(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([ord(letter) for letter in text], np.int64)


def test_pairs_and_bcubed_of_a_small_album_by_hand() -> None:
    found = compare(of("aaabbc"), of("112223"))
    assert (found.faces, found.people, found.clusters) == (6, 3, 3)
    # In one cluster: 1 + 3 pairs, of which aa and bb are right; of one person: 3 + 1 pairs.
    assert found.pairs == Agreement(2 / 4, 2 / 4)
    assert found.bcubed.precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3 + 1) / 6)
    assert found.bcubed.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 + 1) / 6)
    # (2 - 4·4/15) / (4 - 4·4/15)
    assert found.adjusted_rand == pytest.approx(14 / 44)


def test_the_same_people_under_other_names_are_right() -> None:
    found = compare(of("aabbc"), of("zzyyx"))
    assert (found.pairs.f1, found.bcubed.f1, found.adjusted_rand) == (1.0, 1.0, 1.0)


def test_all_faces_alone_are_precise_and_find_nobody_again() -> None:
    found = compare(of("aaaa"), of("1234"))
    assert found.pairs == Agreement(1.0, 0.0)
    assert found.pairs.f1 == 0.0
    assert found.bcubed == Agreement(1.0, 1 / 4)
    assert found.bcubed.f1 == pytest.approx(0.4)


def test_all_faces_together_find_everybody_and_are_not_precise() -> None:
    found = compare(of("aabb"), of("1111"))
    assert found.pairs == Agreement(2 / 6, 1.0)
    assert found.bcubed == Agreement(1 / 2, 1.0)


def test_the_figures_are_those_of_all_pairs_counted_one_by_one() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        people, clusters = rng.integers(0, 12, 90), rng.integers(-1, 15, 90)
        found = compare(people, clusters)
        one, together = people[:, None] == people, clusters[:, None] == clusters
        both, upper = one & together, np.triu(np.ones((90, 90), bool), 1)
        assert found.pairs.precision == pytest.approx((both & upper).sum() / (together & upper).sum())
        assert found.pairs.recall == pytest.approx((both & upper).sum() / (one & upper).sum())
        assert found.bcubed.precision == pytest.approx((both.sum(1) / together.sum(1)).mean())
        assert found.bcubed.recall == pytest.approx((both.sum(1) / one.sum(1)).mean())


def test_a_hundred_thousand_faces_take_no_table_of_people_by_clusters() -> None:
    numbers = np.arange(100_000)
    assert compare(numbers // 2, numbers).bcubed == Agreement(1.0, 0.5)


@pytest.mark.parametrize(("people", "clusters"), [("", ""), ("ab", "a")])
def test_what_can_not_be_compared_is_refused(people: str, clusters: str) -> None:
    with pytest.raises(ValueError, match="as many people as clusters"):
        compare(of(people), of(clusters))
