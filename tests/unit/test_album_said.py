"""What follows from what users have said: the later word counts, and nothing contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

from facenet_core.album.clustering import Links, all_apart, cluster
from facenet_core.album.said import Agreed, Kind, Said, agreed
from facenet_core.store import name_key


def words(*said: tuple[str, set[int]] | tuple[str, set[int], set[int]]) -> Agreed:
    """What follows from ``same``, ``apart``, or else names, the oldest first."""
    made = []
    for number, (kind, faces, *others) in enumerate(said):
        held = frozenset(others[0]) if others else frozenset()
        if kind == "same" or kind == "apart" or kind == "sure" or kind == "differ":
            made.append(Said(number, kind, frozenset(faces), held, None, None))
        else:
            made.append(Said(number, "named", frozenset(faces), held, kind, None))
    return agreed(made)


def names(found: Agreed) -> dict[str, set[int]]:
    return {name: set(faces) for faces, name, _ in found.names}


def same(found: Agreed) -> list[set[int]]:
    return [set(faces) for faces in found.same]


def test_nothing_follows_from_nothing() -> None:
    assert words() == Agreed((), (), ())


def test_faces_that_are_one_person_with_the_same_face_are_one_person() -> None:
    assert same(words(("same", {1, 2}), ("same", {4, 5}), ("same", {2, 3}))) == [{1, 2, 3}, {4, 5}]


def test_whoever_is_said_to_be_somebody_else_later_leaves() -> None:
    found = words(("same", {1, 2, 3}), ("apart", {3}, {1, 2}))
    assert same(found) == [{1, 2}]
    assert found.apart == ((frozenset({3}), frozenset({1, 2})),)


def test_whoever_is_put_together_again_later_is_together() -> None:
    found = words(("apart", {3}, {1, 2}), ("same", {1, 2, 3}))
    assert same(found) == [{1, 2, 3}]
    assert found.apart == ()


def test_an_answer_about_groups_as_they_were_counts_like_one_that_changed_them() -> None:
    assert words(("sure", {1, 2}), ("same", {2, 3})) == words(("same", {1, 2}), ("same", {2, 3}))
    assert words(("sure", {1, 2, 3}), ("differ", {3}, {1, 2})) == words(("same", {1, 2, 3}), ("apart", {3}, {1, 2}))


def test_whoever_joined_the_one_that_left_leaves_too() -> None:
    found = words(("same", {1, 2, 3}), ("same", {3, 4}), ("apart", {4}, {1, 2}))
    assert same(found) == [{1, 2}, {3, 4}]


def test_older_words_go_on_to_count_for_whoever_they_still_can() -> None:
    found = words(("same", {1, 2, 3, 4}), ("apart", {3}, {9}), ("same", {9, 4}))
    assert same(found) == [{1, 2, 4, 9}]
    assert len(found.apart) == 1


def test_one_name_is_one_person_in_whatever_case() -> None:
    found = words(("Ann", {1, 2}), ("ann", {4, 5}))
    assert same(found) == [{1, 2, 4, 5}]
    assert names(found) == {"ann": {1, 2, 4, 5}}


def test_the_last_name_counts() -> None:
    found = words(("Ann", {1, 2}), ("Bo", {1, 2}))
    assert names(found) == {"Bo": {1, 2}}
    found = words(("Ann", {1, 2, 3}), ("Bo", {3}))
    assert names(found) == {"Bo": {3}, "Ann": {1, 2}}


def test_the_name_stays_with_the_rest_when_faces_leave() -> None:
    found = words(("Ann", {1, 2, 3}), ("apart", {3}, {1, 2}))
    assert names(found) == {"Ann": {1, 2}}


def test_whoever_was_held_apart_from_a_person_does_not_get_the_name_back() -> None:
    """3 was called Ann, then was said not to be 2, and then 2 was called Ann."""
    found = words(("Ann", {3}), ("apart", {3}, {2}), ("Ann", {1, 2}))
    assert names(found) == {"Ann": {1, 2}}
    found = words(("Ann", {2}), ("apart", {3}, {2}), ("Ann", {1, 3}))
    assert names(found) == {"Ann": {1, 3}}


def test_two_names_are_two_people_unless_they_were_put_together_later() -> None:
    ann, bo = ("Ann", {1, 2}), ("Bo", {3})
    assert set(words(ann, bo).people) == {frozenset({1, 2}), frozenset({3})}
    assert words(ann, bo, ("same", {1, 2, 3})).people == (frozenset({1, 2, 3}),)
    assert len(words(ann, bo, ("same", {1, 2, 3}), ("apart", {3}, {1, 2})).people) == 2


@pytest.mark.parametrize("seed", range(120))
def test_what_was_said_never_contradicts_itself_and_the_last_word_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 9))
    said: list[Said] = []
    for number in range(int(rng.integers(1, 9))):
        kind: Kind = ("same", "apart", "named")[rng.integers(3)]
        faces = rng.permutation(count).tolist()
        first = int(rng.integers(1, count))
        second = int(rng.integers(first + 1, count + 1))
        others = frozenset(faces[first:second]) if kind == "apart" else frozenset[int]()
        name = ("Ann", "ann", "Bo", "Cy")[rng.integers(4)] if kind == "named" else None
        said.append(Said(number, kind, frozenset(faces[:first]), others, name, None))

    found = agreed(said)

    must = tuple(tuple(sorted(faces)) for faces in found.same)
    cannot = tuple((tuple(sorted(one)), tuple(sorted(other))) for one, other in found.apart)
    cannot += all_apart([min(faces) for faces in found.people])
    embeddings = rng.normal(size=(count, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = cluster(embeddings.astype(np.float32), np.arange(count), Links(must, cannot), 0.6)

    def people(faces: frozenset[int]) -> set[int]:
        return set(labels[sorted(faces)].tolist())

    named = [face for faces, _, _ in found.names for face in faces]
    assert len(named) == len(set(named))
    assert all(len(people(faces)) == 1 for faces, _, _ in found.names)
    assert len({label for faces in found.people for label in people(faces)}) == len(found.people)
    last = said[-1]
    if last.kind == "apart":
        assert not people(last.faces) & people(last.others)
    else:
        assert len(people(last.faces)) == 1
    if last.name:
        (whole,) = (faces for faces, name, _ in found.names if name_key(name) == name_key(last.name))
        assert last.faces <= whole
