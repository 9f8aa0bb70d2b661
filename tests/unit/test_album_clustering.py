from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.album import linkage
from facenet_core.album.clustering import Links, all_apart, cluster, extend

Faces = NDArray[np.float32]
Labels = NDArray[np.int64]


def at(*degrees: float) -> Faces:
    """Faces on a circle: 60 degrees are a distance of 1."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def numbers(*values: int) -> Labels:
    return np.array(values, np.int64)


def crowd(count: int, people: int, seed: int, dimensions: int = 32, noise: float = 0.6) -> tuple[Faces, Labels]:
    """Faces of people drawn by lot, and who they are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    who = rng.integers(0, people, count)
    faces = centres[who] + noise * rng.normal(size=(count, dimensions)) / np.sqrt(dimensions)
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), who.astype(np.int64)


def apart(count: int) -> Labels:
    """Every face on a photo of its own."""
    return np.arange(count, dtype=np.int64)


def same(first: Labels, second: Labels) -> bool:
    """Whether two labellings are the same clusters."""
    return bool(((first[:, None] == first) == (second[:, None] == second)).all())


def random_links(rng: np.random.Generator, count: int) -> Links:
    """Links that don't contradict each other: people are made up, and all links are true of them."""
    who = rng.integers(0, count // 4, count)
    must = [
        tuple(rng.permutation(np.flatnonzero(who == person))[:3].tolist()) for person in rng.permutation(count // 4)
    ]
    cannot = []
    for _ in range(rng.integers(0, 12)):
        one, other = rng.choice(count // 4, 2, replace=False)
        sides = [np.flatnonzero(who == person)[: rng.integers(1, 4)].tolist() for person in (one, other)]
        cannot.append((tuple(sides[0]), tuple(sides[1])))
    return Links(tuple(must[: rng.integers(0, 8)]), tuple(cannot))


def broken(labels: Labels, photos: Labels, links: Links) -> list[str]:
    """What labels break of what must hold."""
    seed = apart(len(labels))
    for group in links.must * len(links.must):
        if group:
            seed[np.isin(seed, seed[list(group)])] = seed[list(group)].min()
    wrong = [f"must {group}" for group in links.must if len(set(labels[list(group)].tolist())) > 1]
    wrong += [
        f"cannot {one} {other}" for one, other in links.cannot if set(labels[list(one)]) & set(labels[list(other)])
    ]
    shared = (labels[:, None] == labels) & (photos[:, None] == photos) & (seed[:, None] != seed)
    return [*wrong, *(f"photo {pair}" for pair in np.argwhere(shared).tolist())]


def test_near_faces_are_one_person_and_the_largest_cluster_comes_first() -> None:
    labels = cluster(at(180, 0, 10, 20, 185, 90), apart(6), Links(), 0.5)
    assert labels.tolist() == [1, 0, 0, 0, 1, 2]


def test_an_empty_album_has_no_people() -> None:
    assert cluster(np.empty((0, 8), np.float32), apart(0), Links(), 0.9).tolist() == []
    assert extend(np.empty((0, 8), np.float32), apart(0), Links(), 0.9, apart(0)).tolist() == []


def test_a_chain_of_lookalikes_is_not_one_person() -> None:
    labels = cluster(at(0, 30, 60, 90, 120, 150), apart(6), Links(), 0.6)
    assert labels.max() == 2


ROUNDS_ONLY, CHAINS_ONLY = 0, 10**9


@pytest.mark.parametrize("few", [ROUNDS_ONLY, linkage.FEW, CHAINS_ONLY])
@pytest.mark.parametrize("seed", range(4))
def test_without_links_it_is_average_linkage_of_squared_distances(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.cluster import AgglomerativeClustering  # takes seconds, and one test needs it

    monkeypatch.setattr(linkage, "FEW", few)
    faces, _ = crowd(150, 12, seed)
    squares = np.clip(2.0 - 2.0 * faces @ faces.T, 0.0, 4.0)
    for distance in (0.5, 0.8, 1.0, 1.3):
        library = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage="average", distance_threshold=distance**2
        ).fit_predict(squares)
        assert same(cluster(faces, apart(150), Links(), distance), library)


def test_pieces_of_any_size_give_the_same_people(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, _ = crowd(200, 20, 5)
    whole = cluster(faces, apart(200), Links(), 0.9)
    monkeypatch.setattr(linkage, "BLOCK", 1000)
    assert cluster(faces, apart(200), Links(), 0.9).tolist() == whole.tolist()


@pytest.mark.parametrize("few", [ROUNDS_ONLY, CHAINS_ONLY])
@pytest.mark.parametrize("seed", range(5))
def test_links_do_not_depend_on_how_clusters_are_joined(seed: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    faces, _ = crowd(80, 6, seed, 8, 1.0)
    photos, links = rng.integers(0, 40, 80), random_links(rng, 80)
    expected = cluster(faces, photos, links, 1.2)
    monkeypatch.setattr(linkage, "FEW", few)
    assert cluster(faces, photos, links, 1.2).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_too_many_for_a_matrix_are_joined_as_far_as_the_distance_and_no_further(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkage, "FEW", CHAINS_ONLY)
    monkeypatch.setattr(linkage, "DENSE", 7)
    rng = np.random.default_rng(seed)
    faces, _ = crowd(80, 6, seed, 8, 1.0)
    photos, links = rng.integers(0, 40, 80), random_links(rng, 80)
    assert broken(cluster(faces, photos, links, 1.2), photos, links) == []
    labels = cluster(faces, apart(80), Links(), 1.2)
    means = np.stack([faces[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    squares = 2.0 - 2.0 * means @ means.T
    assert squares[~np.eye(len(means), dtype=bool)].min() > 1.2**2
    # Within a cluster all pairs, each face with itself left out, are as near on average.
    for label, mean in enumerate(means):
        size = np.count_nonzero(labels == label)
        assert size == 1 or 2.0 - 2.0 * (size * mean @ mean - 1) / (size - 1) <= 1.2**2


def test_a_face_that_everybody_resembles_most_does_not_slow_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    typical, blur = rng.normal(size=64), rng.uniform(0.1, 1.0, (1500, 1))
    faces = typical / np.linalg.norm(typical) + blur * rng.normal(size=(1500, 64)) / 8.0
    compared, find = [], linkage._nearest

    def counted(means: Faces, barred: linkage.Barred, rows: Labels) -> tuple[Labels, Faces]:
        compared.append(len(rows) * len(means))
        return find(means, barred, rows)

    monkeypatch.setattr(linkage, "_nearest", counted)
    unit = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    assert np.bincount(cluster(unit, apart(1500), Links(), 1.0)).max() > 1000
    assert sum(compared) < 3 * 1500**2


def test_two_faces_of_one_photo_are_two_people() -> None:
    assert cluster(at(0, 0.1), numbers(7, 7), Links(), 0.9).tolist() == [0, 1]


def test_two_faces_of_one_photo_are_one_person_if_a_user_says_so() -> None:
    assert cluster(at(0, 120), numbers(7, 7), Links(must=((0, 1),)), 0.9).tolist() == [0, 0]


def test_a_third_face_of_that_photo_still_is_somebody_else() -> None:
    assert cluster(at(0, 1, 0.5), numbers(7, 7, 7), Links(must=((0, 1),)), 0.9).tolist() == [0, 0, 1]


def test_must_links_hold_through_others_and_cannot_links_through_must_links() -> None:
    links = Links(must=((0, 1), (1, 2)), cannot=(((2,), (3,)),))
    assert cluster(at(0, 90, 180, 0.5), apart(4), links, 0.9).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8])
def test_each_of_some_faces_is_held_apart_from_each_other(count: int) -> None:
    faces = at(*[0] * (count + 1))
    labels = cluster(faces, apart(count + 1), Links(cannot=all_apart(range(count))), 0.9)
    assert len(set(labels[:count].tolist())) == count
    assert count == 0 or labels[count] in labels[:count]


def test_a_thousand_people_are_held_apart_by_ten_links() -> None:
    links = all_apart(range(1000))
    assert len(links) == 10
    faces = np.tile(at(0, 0), (500, 1))
    assert len(np.unique(cluster(faces, apart(1000), Links(cannot=links), 0.9))) == 1000


def test_a_must_link_of_people_far_apart_survives_a_lookalike_of_one() -> None:
    labels = cluster(at(0, 180, 0, 0, 0), apart(5), Links(must=((0, 1),)), 0.5)
    assert labels[0] == labels[1]


@pytest.mark.parametrize("links", [Links(((0, 1), (1, 2)), (((0,), (2,)),)), Links((), (((0, 1), (1,)),))])
def test_links_that_contradict_each_other_are_refused(links: Links) -> None:
    with pytest.raises(ValueError, match=r"faces \d and \d are said to be one person, and not to be"):
        cluster(at(0, 1, 2), apart(3), links, 0.9)


def test_what_is_no_album_is_refused() -> None:
    with pytest.raises(ValueError, match="got face 3"):
        cluster(at(0, 1, 2), apart(3), Links(must=((0, 3),)), 0.9)
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(2,\)"):
        cluster(at(0, 1, 2), apart(2), Links(), 0.9)
    with pytest.raises(ValueError, match="of length 1"):
        cluster(np.full((3, 2), np.nan, np.float32), apart(3), Links(), 0.9)
    with pytest.raises(ValueError, match="labels from -1"):
        extend(at(0, 1), apart(2), Links(), 0.9, numbers(0, -2))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_users_have_said_holds_at_any_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    faces, _ = crowd(80, 6, seed, 8, 1.0)
    photos, links = rng.integers(0, 40, 80), random_links(rng, 80)
    distance = float(rng.uniform(0.2, 2.0))
    labels = cluster(faces, photos, links, distance)
    assert broken(labels, photos, links) == []
    assert np.bincount(labels).tolist() == sorted(np.bincount(labels), reverse=True)
    assert cluster(faces, photos, links, distance).tolist() == labels.tolist()
    # The same from any state: some faces new, the others labelled without the links.
    before = cluster(faces, photos, Links(), distance)
    before[rng.random(80) < 0.3] = -1
    assert broken(extend(faces, photos, links, distance, before), photos, links) == []


def test_if_all_faces_are_new_it_is_a_first_run() -> None:
    faces, _ = crowd(100, 10, 1)
    assert extend(faces, apart(100), Links(), 0.9, np.full(100, -1)).tolist() == (
        cluster(faces, apart(100), Links(), 0.9).tolist()
    )


def test_if_nothing_is_new_nothing_changes() -> None:
    faces, _ = crowd(100, 10, 2)
    before = cluster(faces, apart(100), Links(), 0.9) * 3 + 5
    assert extend(faces, apart(100), Links(), 0.9, before).tolist() == before.tolist()


def test_a_new_face_joins_its_person_and_nobody_else_changes() -> None:
    labels = extend(at(0, 5, 90, 95, 180, 92), apart(6), Links(), 0.5, numbers(4, 4, 9, 9, 2, -1))
    assert labels.tolist() == [4, 4, 9, 9, 2, 9]


def test_groups_that_new_faces_do_not_touch_stay_even_where_they_look_wrong() -> None:
    before = numbers(0, 1, 2, -1)  # The first two would be joined today.
    assert extend(at(0, 1, 180, 181), apart(4), Links(), 0.5, before).tolist() == [0, 1, 2, 2]


def test_a_new_face_that_joins_two_groups_keeps_the_label_of_the_larger() -> None:
    labels = extend(at(0, 0, 0, 40, 40, 20), apart(6), Links(), 0.65, numbers(3, 3, 3, 1, 1, -1))
    assert labels.tolist() == [3] * 6


def test_a_stranger_gets_a_new_number() -> None:
    assert extend(at(0, 1, 180), apart(3), Links(), 0.5, numbers(7, 7, -1)).tolist() == [7, 7, 8]


def test_a_new_must_link_joins_two_groups() -> None:
    links = Links(must=((0, 1, 2),))
    assert extend(at(0, 1, 90, 180), apart(4), links, 0.5, numbers(0, 0, 1, 2)).tolist() == [0, 0, 0, 2]


def test_a_new_cannot_link_divides_a_group_and_the_larger_part_keeps_the_label() -> None:
    links = Links(must=((0, 1),), cannot=(((0, 1), (2,)),))
    assert extend(at(0, 1, 2, 90), apart(4), links, 0.5, numbers(5, 5, 5, 6)).tolist() == [5, 5, 7, 6]


def test_a_face_that_was_taken_from_a_group_goes_to_the_next_one() -> None:
    before = numbers(0, 0, 0, 1, 1)
    links = Links(cannot=(((0, 1), (2,)),))
    assert extend(at(0, 0, 20, 40, 40), apart(5), links, 0.4, before).tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_people_who_are_easily_told_apart_come_out_the_same_bit_by_bit(seed: int) -> None:
    faces, who = crowd(240, 15, seed, 64, 0.5)
    labels = np.full(240, -1)
    for known in (80, 160, 240):
        before = labels[:known].copy()
        labels[:known] = extend(faces[:known], apart(known), Links(), 0.9, before)
        kept = before >= 0
        assert (labels[:known][kept] == before[kept]).all()
    assert same(labels, who)
    assert same(labels, cluster(faces, apart(240), Links(), 0.9))


def test_memory_grows_with_the_faces_and_not_with_their_pairs() -> None:
    faces, who = crowd(6000, 1500, 3, 64, 0.4)
    tracemalloc.start()
    try:
        labels = cluster(faces, apart(6000), Links(), 0.8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All distances would be 144 MB.
    assert peak < 90e6
    assert len(np.unique(labels)) == len(np.unique(who))
