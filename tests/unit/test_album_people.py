"""Who is in an album: grouped, named, corrected, and never forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenet_core import shipped
from facenet_core.album import groups
from facenet_core.album.clustering import Links
from facenet_core.config import Settings
from facenet_core.errors import AlbumError, FaceNetError, InputError, NoThresholdError
from facenet_core.service import FaceService
from tests.albums import Scene
from tests.fakes import BLUE, DARK_RED, GREEN, MEASURED, MODEL, OTHER_MODEL, RED, YELLOW, fake_engine, photo


@pytest.fixture
def scene(album_settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    """Red on three photos, green on two, blue on one."""
    scene = Scene(album_settings, tmp_path / "photos")
    scene.put("red 1.png", RED, mark=1)
    scene.put("red 2.png", RED, mark=2)
    scene.put("red dark.png", DARK_RED)
    scene.put("green 1.png", GREEN, mark=1)
    scene.put("green 2.png", GREEN, mark=2)
    scene.put("blue.png", BLUE)
    scene.index()
    yield scene
    scene.close()


REDS, GREENS = {"red 1.png", "red 2.png", "red dark.png"}, {"green 1.png", "green 2.png"}


def everything(scene: Scene) -> list[tuple[str | None, set[str]]]:
    """The same after everything that might make the album forget."""
    told = scene.groups()
    for anew in (False, True):
        scene.album.people.group(anew=anew)
        assert scene.groups() == told
    scene.index(again=True)
    assert scene.groups() == told
    other = scene.opened()
    assert [group.name for group in other.people.all()] == [name for name, _ in told]
    other.close()
    return told


# -- grouping -------------------------------------------------------------------


def test_faces_are_grouped_by_person_the_largest_group_first(scene: Scene) -> None:
    assert everything(scene) == [(None, REDS), (None, GREENS)]
    sizes = [(len(group.faces), group.photos) for group in scene.album.people.all(1)]
    assert sizes == [(3, 3), (2, 2), (1, 1)]
    assert scene.album.people.ungrouped() == 0


def test_two_faces_of_a_photo_are_two_people(scene: Scene) -> None:
    scene.put("twins.png", RED, DARK_RED)
    scene.index()
    one, other = scene.faces("twins.png")
    groups = [set(group.faces) for group in scene.album.people.all(1)]
    assert not [faces for faces in groups if {one, other} <= faces]


def test_new_photos_join_the_group_that_they_belong_to(scene: Scene) -> None:
    before = scene.group_of("green 1.png")
    scene.put("green 3.png", GREEN, mark=3)
    scene.put("yellow.png", YELLOW)
    scene.index()
    assert scene.group_of("green 3.png") == scene.group_of("green 1.png") == before
    assert scene.group_of("yellow.png") not in {before, scene.group_of("red 1.png")}


def test_what_has_gone_is_in_no_group(scene: Scene) -> None:
    (scene.folder / "green 1.png").unlink()
    scene.index()
    assert scene.groups() == [(None, REDS)]


def test_an_album_without_measured_rates_is_indexed_and_not_grouped(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(photo(RED))
    album = FaceService(settings, fake_engine()).album
    album.add(tmp_path / "photos")
    assert len(list(album.index())) == 1
    assert album.people.all() == () and album.people.ungrouped() == 1
    with pytest.raises(NoThresholdError):
        album.people.group()


def test_an_album_without_faces_has_no_people(settings: Settings, tmp_path: Path) -> None:
    scene = Scene(settings, tmp_path / "empty")
    scene.put("nobody.png")
    scene.index()
    people = scene.album.people
    assert people.all(1) == people.group(anew=True) == ()
    assert people.ungrouped() == 0
    assert people.undo() is None
    found = people.doubts()
    assert (found.silhouette, found.merges, found.splits) == (None, (), ())


# -- names ------------------------------------------------------------------------


def test_a_name_stays_with_the_person(scene: Scene) -> None:
    outcomes = scene.album.people.name(scene.group_of("green 1.png"), "  Gina ")
    assert all(each.accepted for each in outcomes)
    assert everything(scene) == [("Gina", GREENS), (None, REDS)]
    scene.put("green 3.png", GREEN, mark=3)
    scene.index()
    assert everything(scene)[0] == ("Gina", {*GREENS, "green 3.png"})


def test_who_is_alone_can_be_named(scene: Scene) -> None:
    scene.album.people.name(scene.group_of("blue.png"), "Bo")
    assert everything(scene)[0] == ("Bo", {"blue.png"})


def test_a_name_enrols_the_person_with_the_best_photos(settings: Settings, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
        service = FaceService(settings, fake_engine())
        (tmp_path / "photos").mkdir()
        for number in range(8):
            (tmp_path / "photos" / f"{number}.png").write_bytes(photo(GREEN, RED, mark=number))
        service.album.add(tmp_path / "photos")
        list(service.album.index())
        assert service.people() == ()
        first, second = service.album.people.all()
        outcomes = service.album.people.name(first.number, "Ann")
        assert len(outcomes) == 5 and all(each.accepted for each in outcomes), outcomes
        (person,) = service.people()
        assert (person.name, len(person.templates)) == ("Ann", 5)
        np.testing.assert_allclose(person.templates[0].embedding, service.album.embeddings(first.faces)[0], atol=1e-5)
        assert service.album.people.get(first.number).person == person.id
        assert service.album.people.get(second.number).person is None
        assert service.identify(service.analyse(service.photo(photo(RED, mark=50), "a.png")))
        # The photos of the folder are as they were, whatever was enrolled.
        assert (tmp_path / "photos" / "0.png").read_bytes() == photo(GREEN, RED, mark=0)
        service.album.close()


def test_faces_of_photos_that_are_kept_smaller_are_enrolled(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
    service = FaceService(settings, fake_engine())
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "large.png").write_bytes(photo(BLUE, RED, GREEN, side=700))
    service.album.add(tmp_path / "photos")
    list(service.album.index())
    left = {group.number: service.album.faces(group.faces)[0].box.left for group in service.album.people.all(1)}
    red = sorted(left, key=left.__getitem__)[1]
    outcomes = service.album.people.name(red, "Rhea")
    assert [each.accepted for each in outcomes] == [True], outcomes
    (template,) = service.people()[0].templates
    expected = service.album.embeddings(service.album.people.get(red).faces)[0]
    np.testing.assert_allclose(template.embedding, expected, atol=1e-5)
    service.album.close()


def test_the_right_face_is_enrolled_beside_one_that_an_earlier_model_found(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put("more.png", BLUE, RED, GREEN)
    scene.index()
    detect = scene.detector.detect
    monkeypatch.setattr(scene.detector, "detect", lambda pixels: detect(pixels)[-2:])  # not the blue face any more
    scene.model_id = OTHER_MODEL
    scene.index()
    scene.album.people.name(scene.group_of("red 1.png"), "Rhea")
    assert {each.box.left for each in scene.enrolled if each.box and each.photo == "more.png"} == {110}
    assert {each.face for each in scene.enrolled} == {None}


def test_the_right_face_of_each_photo_is_enrolled(scene: Scene) -> None:
    scene.put("green and more.png", BLUE, RED, GREEN, mark=5)
    scene.index()
    scene.album.people.name(scene.group_of("green 1.png"), "Gina")
    assert {(each.photo, each.face, each.box and each.box.left) for each in scene.enrolled} == {
        ("green 1.png", None, 30), ("green 2.png", None, 30), ("green and more.png", None, 190)
    }  # fmt: skip
    assert {each.person for each in scene.enrolled} == {"Gina"}


def test_a_name_that_can_t_be_used_changes_nothing(scene: Scene) -> None:
    with pytest.raises(InputError):
        scene.album.people.name(scene.group_of("blue.png"), "  ")
    assert scene.album.people.undo() is None
    assert scene.enrolled == []


def test_the_last_name_of_a_group_counts(scene: Scene) -> None:
    for name in ("Ann", "Anna"):
        scene.album.people.name(scene.group_of("red 1.png"), name)
    assert everything(scene)[0] == ("Anna", REDS)


def test_two_groups_of_one_name_become_one_person(scene: Scene) -> None:
    scene.album.people.name(scene.group_of("red 1.png"), "Kim")
    scene.album.people.name(scene.group_of("green 1.png"), "kim")
    assert everything(scene) == [("kim", REDS | GREENS)]


def test_two_names_are_two_people_however_alike_they_look(scene: Scene) -> None:
    people = scene.album.people
    grouped_within(scene, *NARROW)
    people.name(scene.group_of("red 1.png"), "Ann")
    people.name(scene.group_of("red dark.png"), "Bo")
    people._calibration = lambda: MEASURED
    reds = {"red 1.png", "red 2.png"}
    named = {("Ann", frozenset(reds)), ("Bo", frozenset({"red dark.png"}))}
    scene.put("red 3.png", RED, mark=3)
    scene.index()
    assert {(name, frozenset(files - {"red 3.png"})) for name, files in everything(scene) if name} == named
    people.merge([scene.group_of("red 1.png"), scene.group_of("red dark.png")])
    assert everything(scene)[0] == ("Ann", {*REDS, "red 3.png"})
    assert people.undo() == "same"
    assert {(name, frozenset(files - {"red 3.png"})) for name, files in everything(scene) if name} == named


def test_a_name_stays_though_no_photo_can_be_read(scene: Scene) -> None:
    number = scene.group_of("blue.png")
    (scene.folder / "blue.png").unlink()
    (outcome,) = scene.album.people.name(number, "Bo")
    assert (outcome.photo, outcome.accepted, outcome.code) == ("blue.png", False, "album")
    assert "can't be read" in outcome.reason
    assert scene.groups()[0][0] == "Bo"


def test_a_photo_that_has_changed_is_not_enrolled(scene: Scene) -> None:
    number = scene.group_of("blue.png")
    scene.put("blue.png", YELLOW)
    (outcome,) = scene.album.people.name(number, "Bo")
    assert not outcome.accepted and "has changed since it was indexed" in outcome.reason
    assert scene.enrolled == []


# -- corrections --------------------------------------------------------------------


def test_groups_that_are_one_person_are_merged_for_good(scene: Scene) -> None:
    scene.album.people.merge([scene.group_of("red 1.png"), scene.group_of("green 1.png")])
    assert everything(scene) == [(None, REDS | GREENS)]


def test_a_merged_group_keeps_the_name_of_either(scene: Scene) -> None:
    scene.album.people.name(scene.group_of("green 1.png"), "Gina")
    scene.album.people.merge([scene.group_of("red 1.png"), scene.group_of("green 1.png")])
    assert everything(scene) == [("Gina", REDS | GREENS)]


@pytest.mark.parametrize("numbers", [[], [0], [0, 0]])
def test_fewer_than_two_groups_can_t_be_merged(scene: Scene, numbers: list[int]) -> None:
    with pytest.raises(AlbumError, match="at least two"):
        scene.album.people.merge(numbers)
    with pytest.raises(AlbumError, match="no group 99 any more"):
        scene.album.people.merge([0, 99])


def test_faces_that_are_somebody_else_leave_for_good(scene: Scene) -> None:
    scene.album.people.split(scene.group_of("red 1.png"), scene.faces("red dark.png"))
    assert everything(scene) == [(None, REDS - {"red dark.png"}), (None, GREENS)]
    scene.put("red 3.png", RED, mark=3)
    scene.index()
    assert "red dark.png" not in everything(scene)[0][1]


def test_a_named_group_keeps_its_name_when_faces_leave(scene: Scene) -> None:
    scene.album.people.name(scene.group_of("red 1.png"), "Ann")
    scene.album.people.split(scene.group_of("red 1.png"), scene.faces("red dark.png"))
    assert everything(scene) == [("Ann", REDS - {"red dark.png"}), (None, GREENS)]
    scene.album.people.name(scene.group_of("red dark.png"), "Dora")
    assert {name: files for name, files in everything(scene) if name} == {
        "Ann": REDS - {"red dark.png"},
        "Dora": {"red dark.png"},
    }


def test_only_faces_of_the_group_can_leave_and_not_all_of_them(scene: Scene) -> None:
    number = scene.group_of("red 1.png")
    with pytest.raises(AlbumError, match="faces of this group"):
        scene.album.people.split(number, scene.faces("blue.png"))
    with pytest.raises(AlbumError, match="faces of this group"):
        scene.album.people.split(number, [])
    with pytest.raises(AlbumError, match="Leave those that are the person"):
        scene.album.people.split(number, scene.album.people.get(number).faces)
    assert scene.album.people.undo() is None


def test_the_later_word_counts(scene: Scene) -> None:
    people = scene.album.people
    people.split(scene.group_of("red 1.png"), scene.faces("red dark.png"))
    people.merge([scene.group_of("red 1.png"), scene.group_of("red dark.png")])
    assert everything(scene)[0] == (None, REDS)
    people.split(scene.group_of("red 1.png"), scene.faces("red dark.png"))
    assert everything(scene)[0] == (None, REDS - {"red dark.png"})


def grouped_within(scene: Scene, *distances: float) -> None:
    """Groups all faces by other distances, those of one colour in two groups or those of two in one."""
    scene.album.people._calibration = lambda: replace(MEASURED, distances=distances)
    scene.album.people.group(anew=True)


NARROW, WIDE = (1.3, 0.9, 0.5, 0.03), (1.9, 1.8, 1.7, 1.6)


def doubted(scene: Scene) -> set[frozenset[int]]:
    """Pairs of groups, and halves of groups, as the faces of both."""
    found, people = scene.album.people.doubts(), scene.album.people
    pairs = [people.get(each.first).faces + people.get(each.second).faces for each in found.splits]
    return {frozenset(pair) for pair in (*pairs, *(merge.first + merge.second for merge in found.merges))}


def test_groups_that_are_two_people_are_never_joined_nor_doubted_again(scene: Scene) -> None:
    people = scene.album.people
    grouped_within(scene, *NARROW)
    people._calibration = lambda: MEASURED
    reds = frozenset(face for name in REDS for face in scene.faces(name))
    before = scene.groups()
    assert doubted(scene) == {reds}
    people.differ(scene.group_of("red 1.png"), scene.group_of("red dark.png"))
    assert scene.groups() == before and doubted(scene) == set()
    assert everything(scene) == before
    scene.put("red 3.png", RED, mark=3)
    scene.index()
    assert len({scene.group_of(name) for name in ("red 1.png", "red dark.png")}) == 2
    assert doubted(scene) == set()
    (scene.folder / "red 3.png").unlink()
    scene.index()
    assert people.undo() == "differ"
    assert doubted(scene) == {reds}
    people.differ(scene.group_of("red dark.png"), scene.group_of("red 1.png"))
    people.merge([scene.group_of("red 1.png"), scene.group_of("red dark.png")])
    assert everything(scene)[0] == (None, REDS)


def test_a_group_does_not_differ_from_itself(scene: Scene) -> None:
    with pytest.raises(AlbumError, match="two groups that are different people"):
        scene.album.people.differ(0, 0)
    with pytest.raises(AlbumError, match="no group 99 any more"):
        scene.album.people.differ(0, 99)
    with pytest.raises(AlbumError, match="no group 99 any more"):
        scene.album.people.confirm(99)
    assert scene.album.people.undo() is None


def test_a_group_that_is_one_person_stays_together_and_is_not_doubted_again(scene: Scene) -> None:
    people = scene.album.people
    grouped_within(scene, *WIDE)
    people._calibration = lambda: MEASURED
    (both,) = (frozenset(group.faces) for group in people.all())
    assert doubted(scene) == {both}
    before = scene.groups()
    people.confirm(scene.group_of("red 1.png"))
    assert doubted(scene) == set()
    assert everything(scene) == before
    assert people.undo() == "sure"
    assert doubted(scene) == {both}
    people.group(anew=True)
    assert scene.groups() == [(None, REDS), (None, GREENS)]


def test_each_kind_of_word_can_be_taken_back(scene: Scene) -> None:
    people, before = scene.album.people, scene.groups()
    people.merge([scene.group_of("red 1.png"), scene.group_of("green 1.png")])
    merged = scene.groups()
    people.name(scene.group_of("red 1.png"), "Kim")
    named = scene.groups()
    people.split(scene.group_of("red 1.png"), scene.faces("green 1.png"))
    assert everything(scene) != named
    assert people.undo() == "apart"
    assert everything(scene) == named
    assert people.undo() == "named"
    assert everything(scene) == merged
    assert people.undo() == "same"
    assert everything(scene) == before
    assert people.undo() is None


def test_what_others_say_while_faces_are_grouped_always_counts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    other, here, links = scene.opened().people, threading.current_thread(), groups._links
    words = [
        lambda: other.merge([scene.group_of("red 1.png"), scene.group_of("green 1.png")]),
        lambda: other.merge([scene.group_of("red 1.png"), scene.group_of("blue.png")]),
        lambda: other.split(scene.group_of("red 1.png"), scene.faces("blue.png")),
    ]
    said = []

    def interrupted(*args: Any) -> Links:
        if threading.current_thread() is here:
            said.append(threading.Thread(target=words[len(said)]))
            said[-1].start()
            said[-1].join(None if len(said) < groups.TURNS else 1)  # the last has to wait
        return links(*args)

    monkeypatch.setattr(groups, "_links", interrupted)
    scene.album.people.group(anew=True)
    for thread in said:
        thread.join()
    assert len(said) == groups.TURNS == len(words)
    monkeypatch.undo()
    assert everything(scene) == [(None, REDS | GREENS)]


# -- what must not be forgotten -------------------------------------------------------


def corrected(scene: Scene) -> list[tuple[str | None, set[str]]]:
    """Merged, split and named."""
    people = scene.album.people
    people.merge([scene.group_of("green 1.png"), scene.group_of("blue.png")])
    people.split(scene.group_of("red 1.png"), scene.faces("red dark.png"))
    people.name(scene.group_of("red 1.png"), "Ann")
    told = scene.groups()
    assert told == [("Ann", REDS - {"red dark.png"}), (None, {*GREENS, "blue.png"})]
    return told


def test_what_was_said_outlives_another_model(scene: Scene) -> None:
    told = corrected(scene)
    scene.model_id = OTHER_MODEL
    assert scene.groups() == []
    scene.index()
    assert everything(scene) == told
    scene.model_id = MODEL
    assert everything(scene) == told


def test_what_was_said_of_moved_files_still_holds(scene: Scene) -> None:
    told = corrected(scene)
    (scene.folder / "moved").mkdir()
    for path in sorted(scene.folder.glob("*.png")):
        path.rename(scene.folder / "moved" / path.name)
    scene.index()
    assert everything(scene) == [(name, {f"moved/{file}" for file in files}) for name, files in told]


def test_what_was_said_of_photos_that_come_back_holds_again(scene: Scene) -> None:
    told = corrected(scene)
    away = {path: path.read_bytes() for path in scene.folder.glob("red*.png")}
    for path in away:
        path.unlink()
    scene.index()
    assert scene.groups() == [(None, {*GREENS, "blue.png"})]
    scene.later(days=20)
    for path, content in away.items():
        path.write_bytes(content)
    scene.index()
    assert everything(scene) == told


def test_what_was_said_of_photos_that_are_forgotten_does_no_harm(scene: Scene) -> None:
    corrected(scene)
    for path in scene.folder.glob("red*.png"):
        path.unlink()
    for _ in range(2):
        scene.index()
        scene.later(days=31)
    assert everything(scene) == [(None, {*GREENS, "blue.png"})]
    while scene.album.people.undo():
        pass
    assert everything(scene) == [(None, GREENS)]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_said_in_whatever_order_can_be_taken_back(scene: Scene, seed: int) -> None:
    rng, people, before = np.random.default_rng(seed), scene.album.people, scene.groups()
    for _ in range(14):
        groups = people.all(1)
        group = groups[rng.integers(len(groups))]
        some = rng.permutation(group.faces)[: rng.integers(1, len(group.faces) + 1)].tolist()
        deed = rng.integers(7)
        try:
            if deed == 0:
                people.merge([groups[i].number for i in rng.integers(len(groups), size=rng.integers(1, 4))])
            elif deed == 1:
                people.name(group.number, str(rng.choice(["Ann", "Bo", "ann"])))
            elif deed == 2:
                people.undo()
            elif deed == 3:
                people.differ(group.number, groups[rng.integers(len(groups))].number)
            elif deed == 4:
                people.confirm(group.number)
            else:
                people.split(group.number, some)
                (left,) = (each for each in people.all(1) if some[0] in each.faces)
                assert set(left.faces).isdisjoint(set(group.faces) - set(some))
        except AlbumError as error:
            assert "Choose" in str(error) or "Leave" in str(error)
        held = [face for each in people.all(1) for face in each.faces]
        assert len(held) == len(set(held)) == 6
        named = [each.name.casefold() for each in people.all(1) if each.name]
        assert len(named) == len(set(named))
    everything(scene)
    while people.undo():
        pass
    assert scene.groups() == before


# -- doubts -------------------------------------------------------------------------


def test_two_people_in_one_group_are_told_by_its_number(scene: Scene) -> None:
    grouped_within(scene, *WIDE)
    number = scene.group_of("red 1.png")
    assert scene.group_of("green 1.png") == number
    (merge,) = [each for each in scene.album.people.doubts().merges if each.label == number]
    assert {*merge.first, *merge.second} == set(scene.album.people.get(number).faces)
    assert {face for name in REDS for face in scene.faces(name)} in ({*merge.first}, {*merge.second})


def test_errors_are_those_of_the_program(scene: Scene) -> None:
    with pytest.raises(FaceNetError, match="no group 12345 any more"):
        scene.album.people.get(12345)
