"""The Album page, on photos whose people are colours."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from facenet_core import shipped
from facenet_core.album import indexing
from facenet_core.album.samples import MOST
from facenet_core.service import FaceService
from facenet_core.ui import album_hits, login
from facenet_core.ui.components import plain
from tests import fakes
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, YELLOW, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED, enrol, lose_photos
from tests.ui.test_login import User
from tests.ui.visitor import Visitor

ALBUM = "Section"
DROP = "Drop one photo of the person or several"
LIGHT_RED = (220, 35, 35)
PALE = (230, 230, 230)
"""Like none of the others."""

PHOTOS = {
    "ann-1.png": photo(RED),
    "ann-2.png": photo(DARK_RED, mark=1),
    "trip/ann-and-bob.png": photo(LIGHT_RED, BLUE, mark=2),
    "trip/bob.png": photo(BLUE, mark=3),
    "trip/eve.png": photo(GREEN, mark=4),
    "trip/nobody.png": photo(mark=5),
    "broken.png": b"no photo",
}


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)


@pytest.fixture
def service(service: FaceService) -> Iterator[FaceService]:
    yield service
    service.album.close()
    service.audit.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of photos that nobody has sorted."""
    root = tmp_path / "holiday"
    for name, content in PHOTOS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def indexed(service: FaceService, folder: Path) -> FaceService:
    service.album.add(folder)
    for _ in service.album.index():
        pass
    return service


def indexing_done() -> None:
    for thread in threading.enumerate():
        if thread.name == "album-index":
            thread.join(60)
            assert not thread.is_alive()


def section(visitor: Visitor, name: str) -> Visitor:
    return visitor.open("album").choose(ALBUM, name)


def packed(content: bytes) -> set[str]:
    """The photos in an archive."""
    return {Path(name).name for name in zipfile.ZipFile(io.BytesIO(content)).namelist()} - {"manifest.csv"}


def ticked(visitor: Visitor) -> list[bool]:
    """Which of what can be selected looks selected."""
    return [box.value for box in visitor.checkbox if box.label == "Select"]


def told(service: FaceService) -> list[tuple[str, str]]:
    return [(event.kind, event.outcome) for event in reversed(service.audit.latest())]


def looker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who may search and look, and no more."""
    secrets = {"auth": {"client_id": "faces"}, "roles": {"ann@example.org": ["identify"]}}
    monkeypatch.setattr(login, "_secrets", lambda name: secrets[name])
    monkeypatch.setattr(st, "user", User(email="ann@example.org"))


# -- folders ----------------------------------------------------------------


def test_an_empty_album_begins_with_its_folders(visitor: Visitor) -> None:
    visitor.open("album")
    assert visitor.has("text_input", "A folder on this machine")
    assert "Photos are only read" in visitor.text
    assert not visitor.has("button", "Index")
    for name in ("Search", "People", "Photos"):
        visitor.choose(ALBUM, name)
        assert "There are no photos here yet" in visitor.text
        visitor.click("Go to Folders")
        assert visitor.has("text_input", "A folder on this machine")


def test_a_folder_is_added_indexed_and_removed(service: FaceService, visitor: Visitor, folder: Path) -> None:
    visitor.open("album").fill("A folder on this machine", str(folder)).click("Add")
    assert f"{folder} was added" in visitor.text
    assert "Not indexed yet" in visitor.text
    visitor.click("Index")
    indexing_done()
    visitor.wait()
    assert "6 photos, 1 file that can't be used" in visitor.text
    assert "Up to date: 7 files looked at" in visitor.text
    ((row,),) = visitor.tables()
    assert row["File"] == "holiday/broken.png"
    rows = list(csv.DictReader(io.StringIO(visitor.download("CSV").decode())))
    assert [row["file"] for row in rows] == [str(folder / "broken.png")]
    visitor.click("Remove").click("Keep").click("Remove").click("Yes, remove")
    assert service.album.folders() == ()
    assert "Its photos stay as they are" in visitor.text
    assert {path.name for path in folder.rglob("*.png")} == {Path(name).name for name in PHOTOS}
    assert told(service) == [("album_add", "added"), ("album_index", "started"), ("album_remove", "removed")]


@pytest.mark.parametrize("path", ["", "/no/such/folder", "~nobody-of-this-name/x", "a\0b"])
def test_a_folder_that_is_none_is_refused_with_a_sentence(visitor: Visitor, service: FaceService, path: str) -> None:
    visitor.open("album").fill("A folder on this machine", path).click("Add")
    assert len(visitor.errors) == 1
    assert service.album.folders() == ()


def test_a_run_is_paused_and_goes_on(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    (folder / "new.png").write_bytes(photo(YELLOW, mark=9))
    (folder / "newer.png").write_bytes(photo(YELLOW, mark=10))
    run = indexed.album.index()
    next(run)
    section(visitor, "Folders")
    assert visitor.has("button", "Pause") and not visitor.has("button", "Index")
    run.close()
    visitor.wait()
    assert "Paused: 1 of 2 files" in visitor.text
    visitor.click("Go on")
    indexing_done()
    visitor.wait()
    assert "8 photos" in visitor.text
    visitor.click("Read every file again")
    indexing_done()
    visitor.wait()
    assert "Up to date: 9 files looked at" in visitor.text


def test_a_run_of_another_process_is_paused(
    indexed: FaceService, visitor: Visitor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "TOLD_EVERY", 0.0)
    for number in range(3):
        (folder / f"new {number}.png").write_bytes(photo(YELLOW, mark=number))
    other = FaceService(indexed.settings, fake_engine()).album
    run = other.index()
    next(run)
    section(visitor, "Folders").click("Pause")
    assert "Pausing after the photo that it is at: 1 of 3 files" in visitor.text
    assert not visitor.has("button", "Pause") and not visitor.has("button", "Go on")
    assert len(list(run)) == 1
    other.close()
    visitor.wait()
    assert "Paused: 2 of 3 files" in visitor.text
    assert visitor.has("button", "Go on")


def test_while_faces_are_grouped_there_is_nothing_to_pause(
    indexed: FaceService, visitor: Visitor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, began, go = indexed.album.people.group, threading.Event(), threading.Event()

    def grouping() -> object:
        began.set()
        assert go.wait(60)
        return group()

    monkeypatch.setattr(indexed.album.people, "group", grouping)
    section(visitor, "Folders").click("Look for new photos")
    assert began.wait(60)
    visitor.wait()
    assert "Grouping the faces into people" in visitor.text
    assert not visitor.has("button", "Pause")
    go.set()
    indexing_done()
    visitor.wait()
    assert "Up to date: 0 files looked at" in visitor.text


def test_a_run_that_failed_says_why(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    section(visitor, "Folders").click("Look for new photos")
    indexing_done()
    visitor.wait()
    (error,) = visitor.errors
    assert "can't be read" in error


# -- search -----------------------------------------------------------------


def test_somebody_is_found_by_a_photo(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(RED, mark=20)))
    assert "Found in 3 photos" in visitor.text
    assert {name for name in visitor.pictures if "boxed" in name} == {
        f"{name} with the face boxed" for name in ("ann-1.png", "ann-2.png", "ann-and-bob.png")
    }
    (said,) = (caption for caption in visitor.caption if "Under each photo" in caption.value)
    assert "of this face alone" in said.proto.help and "taken together" in said.proto.help
    visitor.run().choose(ALBUM, "Photos").choose(ALBUM, "Search")
    assert "Found in 3 photos" in visitor.text
    assert told(indexed) == [("album_search", "found")]
    visitor.click("Remove")
    assert "Found" not in visitor.text


def test_somebody_who_is_not_there_is_not_found(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(PALE)))
    assert "This person is probably not in this album" in visitor.text
    assert told(indexed) == [("album_search", "absent")]


def test_the_photos_come_as_an_archive_with_a_table(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(RED)))
    archive = zipfile.ZipFile(io.BytesIO(visitor.download("Download all 3")))
    rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    assert rows[0]["path"] == "holiday/ann-1.png"
    assert {row["path"] for row in rows} == {"holiday/ann-1.png", "holiday/ann-2.png", "holiday/trip/ann-and-bob.png"}
    for row in rows:
        assert archive.read(row["file"]) == (folder.parent / row["path"]).read_bytes()
        assert len(row["box"].split()) == 4
    (folder / "ann-2.png").unlink()
    (folder / "ann-1.png").write_bytes(photo(GREEN))
    archive = zipfile.ZipFile(io.BytesIO(visitor.download("Download all 3")))
    rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    assert {row["path"] for row in rows if row["problem"] and not row["file"]} == {
        "holiday/ann-1.png",
        "holiday/ann-2.png",
    }
    assert len(archive.namelist()) == 2


def test_photos_are_selected_and_downloaded(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(RED)))
    visitor.fill("Select", True, "checkbox", 1)
    archive = zipfile.ZipFile(io.BytesIO(visitor.download("Download 1 selected")))
    assert len(archive.namelist()) == 2
    assert ticked(visitor) == [False, True, False]
    visitor.click("Clear selection")
    assert not visitor.has("download_button", "Download 1 selected")
    assert ticked(visitor) == [False, False, False]
    visitor.fill("Select", True, "checkbox", 1)
    assert visitor.has("download_button", "Download 1 selected")


def test_downloads_come_in_parts_that_fit_into_memory(
    indexed: FaceService, visitor: Visitor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [(folder / name).stat().st_size for name in ("ann-1.png", "ann-2.png", "trip/ann-and-bob.png")]
    monkeypatch.setattr(album_hits, "PART_MB", (sum(sizes) - 1) / 10**6)
    visitor.open("album").upload(DROP, ("probe.png", photo(RED)))
    assert visitor.one("selectbox", "Download").options == ["Photos 1 to 2 of 3", "Photo 3 of 3"]
    first = packed(visitor.download("Download these 2"))
    last = packed(visitor.select("Download", "Photo 3 of 3").download("Download it"))
    assert sorted([*first, *last]) == ["ann-1.png", "ann-2.png", "ann-and-bob.png"]
    for number in range(3):
        visitor.fill("Select", True, "checkbox", number)
    assert "the best of the 3 that are selected" in visitor.text
    assert packed(visitor.download("Download 2 selected")) == first


def test_another_question_begins_without_a_selection(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(RED)))
    visitor.fill("Select", True, "checkbox", 0).fill("Select", True, "checkbox", 2)
    assert ticked(visitor) == [True, False, True]
    visitor.upload(DROP, ("another.png", photo(RED, mark=9)))
    assert "Found in 3 photos" in visitor.text
    assert ticked(visitor) == [False, False, False]
    visitor.fill("Select", True, "checkbox", 0)
    assert visitor.has("download_button", "Download 1 selected")


def test_a_selection_is_still_ticked_after_a_look_elsewhere(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("probe.png", photo(RED)))
    visitor.fill("Select", True, "checkbox", 1).choose(ALBUM, "Photos").choose(ALBUM, "Search")
    assert visitor.has("download_button", "Download 1 selected")
    assert ticked(visitor) == [False, True, False]
    visitor.fill("Select", False, "checkbox", 1)
    assert not visitor.has("download_button", "Download 1 selected")


def test_two_people_are_looked_for(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").fill("Search for two people", True, "toggle")
    assert "Give a photo of both people" in visitor.text
    visitor.upload(DROP, ("ann.png", photo(RED)))
    visitor = visitor._act(visitor.file_uploader[1].upload("bob.png", photo(BLUE)))
    assert "Found both together in 1 photo" in visitor.text
    visitor.choose("Which photos?", "A without B")
    assert "Found A without B in 2 photos" in visitor.text


def test_one_of_several_faces_is_chosen(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("both.png", photo(GREEN, BLUE)))
    visitor.choose("2 faces were found. Which one?", 1)
    assert "Found in 1 photo" in visitor.text
    visitor.choose("2 faces were found. Which one?", 2)
    assert "Found in 2 photos" in visitor.text


def test_a_photo_without_a_face_is_refused_and_the_rest_counts(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").upload(DROP, ("*none*.png", photo()), ("x.png", b"none"), ("ann.png", photo(RED)))
    assert [error.split(":")[0] for error in visitor.errors] == ["*none*.png", "x.png"]
    assert "Found in 3 photos" in visitor.text


def test_an_enrolled_person_is_looked_for(indexed: FaceService, visitor: Visitor) -> None:
    enrol(indexed, "*Bob*", BLUE)
    visitor.open("album").choose("Photos of the person", "Enrolled person")
    visitor.select("An enrolled person", "*Bob*").click("Add as a sample")
    assert "*Bob*, 1 photo enrolled" in visitor.text
    assert "*Bob*" not in "\n".join(visitor.raw)
    assert "Found in 2 photos" in visitor.text


def test_an_enrolled_person_whose_photo_is_lost_is_told(indexed: FaceService, visitor: Visitor) -> None:
    enrol(indexed, "Bob", BLUE)
    lose_photos(indexed)
    visitor.open("album").choose("Photos of the person", "Enrolled person")
    visitor.select("An enrolled person", "Bob").click("Add as a sample")
    assert len(visitor.errors) == 1


def test_a_face_that_the_model_has_not_seen_is_no_sample(indexed: FaceService, folder: Path, serve: Serve) -> None:
    serve(fake_engine(OTHER_MODEL))
    visitor = Visitor()
    section(visitor, "Photos").click(plain("ann-1.png")).click("Search for 1")
    assert "the model at work has not seen this face" in visitor.errors[0]


def test_an_album_that_the_model_has_not_seen_says_so(indexed: FaceService, folder: Path, serve: Serve) -> None:
    serve(fake_engine(OTHER_MODEL))
    visitor = Visitor().open("album").choose("Photos of the person", "Camera")
    visitor.photograph(photo(GREEN, file_format="JPEG"))
    sentence = "6 of 6 photos were not looked at by this model: index the album again."
    assert sentence in visitor.errors[0]
    assert sentence in section(visitor, "People").text


def test_a_photo_of_the_camera_is_a_sample(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("album").choose("Photos of the person", "Camera").photograph(photo(GREEN, file_format="JPEG"))
    assert "Found in 1 photo" in visitor.text


# -- photos -----------------------------------------------------------------


def test_a_photo_is_opened_and_its_faces_are_searched_for(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    section(visitor, "Photos")
    assert "6 photos with 6 faces" in visitor.text
    visitor.click(plain("ann-and-bob.png"))
    assert visitor.dialog == "Photo"
    assert "holiday/trip/ann-and-bob.png" in visitor.text
    assert "ann-and-bob.png with 2 numbered faces" in visitor.pictures
    assert visitor.download("Download the original") == PHOTOS["trip/ann-and-bob.png"]
    visitor.click("Search for 2")
    assert not visitor.dialog
    assert "Found in 2 photos" in visitor.text
    visitor.click("Open", 0).choose("A face that you choose becomes", "As person B").click("Search for 1")
    assert visitor.has("button_group", "Which photos?")


def test_a_photo_that_is_gone_is_told(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    (folder / "ann-1.png").unlink()
    section(visitor, "Photos").click(plain("ann-1.png"))
    assert "can't be read" in visitor.errors[0]


def test_photos_come_page_by_page(
    service: FaceService, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for number in range(62):
        (root / f"{number:02d}.png").write_bytes(photo(RED, mark=number))
    service.album.add(root)
    assert len(list(service.album.index())) == 62
    monkeypatch.setattr(service.album, "original", pytest.fail)  # thumbnails are all that is read
    section(visitor, "Photos")
    assert len(visitor.pictures) == 60
    visitor.turn_to(2)
    assert len(visitor.pictures) == 2
    visitor.choose(ALBUM, "Search").upload(DROP, ("probe.png", photo(RED, mark=99)))
    assert "Found in 62 photos" in visitor.text
    assert len([name for name in visitor.pictures if "boxed" in name]) == 40


# -- people -----------------------------------------------------------------


def test_faces_are_grouped_named_merged_split_and_all_of_it_is_taken_back(
    indexed: FaceService, visitor: Visitor
) -> None:
    section(visitor, "People")
    assert "2 people on two photos or more, 0 named" in visitor.text
    visitor.click("Open", 0)
    assert "3 faces on 3 photos" in visitor.text
    visitor.fill("Name", "*Ann*").click("Save the name")
    assert "This is *Ann* now." in visitor.text
    assert [person.name for person in indexed.people()] == ["*Ann*"]
    assert "*Ann*" not in "\n".join(visitor.raw)
    visitor.fill("Select", True, "checkbox", 2).click("Not this person (1)")
    assert "2 faces on 2 photos" in visitor.text
    assert ticked(visitor) == [False, False]
    visitor.click("Undo the last correction")
    assert "Taken back: a split." in visitor.text
    assert "3 faces on 3 photos" in visitor.text
    assert ticked(visitor) == [False, False, False]
    visitor.click("All people")
    assert "1 named" in visitor.text
    kinds = [kind for kind, _ in told(indexed)]
    assert kinds[-3:] == ["album_name", "album_split", "album_undo"]
    assert "enrol" in kinds


def test_groups_are_said_to_be_one_person(indexed: FaceService, visitor: Visitor) -> None:
    section(visitor, "People")
    assert visitor.one("button", "These are one person").disabled
    assert visitor.one("button", "Undo the last correction").disabled
    visitor.fill("Select", True, "checkbox", 0).fill("Select", True, "checkbox", 1).click("These 2 are one person")
    assert "2 groups are one person now." in visitor.text
    assert ticked(visitor) == [False]
    visitor.click("Group all faces again")
    assert "1 person on two photos or more" in visitor.text
    assert visitor.one("button", "Undo the last correction").help == "Takes back a merge."
    visitor.click("Undo the last correction")
    assert "2 people on two photos or more" in visitor.text
    assert visitor.one("button", "Undo the last correction").disabled


def test_what_somebody_else_has_taken_back_is_not_taken_back_again(indexed: FaceService, visitor: Visitor) -> None:
    section(visitor, "People")
    people = indexed.album.people
    people.merge([group.number for group in people.all()])
    visitor.run()
    people.undo()
    visitor.click("Undo the last correction")
    assert "There is nothing to take back." in visitor.text
    assert "2 people on two photos or more" in visitor.text


def test_faces_that_nobody_could_make_out_are_shown_on_demand(
    indexed: FaceService, visitor: Visitor, folder: Path
) -> None:
    for number in range(2):
        (folder / f"far-{number}.png").write_bytes(photo(YELLOW, blurred=True, mark=30 + number))
    list(indexed.album.index())
    section(visitor, "People")
    assert "2 people on two photos or more" in visitor.text
    assert len(visitor.pictures) == 2
    visitor.fill("Show 1 group of blurred or tiny faces too", True, "toggle")
    assert len(visitor.pictures) == 3


@pytest.mark.parametrize("name", ["", " ", "x" * 500])
def test_a_name_that_is_none_is_refused(indexed: FaceService, visitor: Visitor, name: str) -> None:
    section(visitor, "People").click("Open").fill("Name", name).click("Save the name")
    assert len(visitor.errors) == 1
    assert indexed.people() == ()


def test_a_group_is_searched_for(indexed: FaceService, visitor: Visitor) -> None:
    section(visitor, "People").click("Open", 1).click("Search for this person")
    assert "Unknown, 2 faces of the album" in visitor.text
    assert "Found in 2 photos" in visitor.text


def test_the_best_faces_of_a_large_group_are_samples(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    for mark in range(10, 22):
        (folder / f"{mark}.png").write_bytes(photo(RED, mark=mark))
    list(indexed.album.index())
    section(visitor, "People").click("Open").click("Search for this person")
    assert f"Unknown, {MOST} faces of the album" in visitor.text


def test_a_group_that_is_gone_leads_back_to_all(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    section(visitor, "People").click("Open")
    indexed.album.remove(folder)
    assert "There are no photos here yet" in visitor.run().text
    visitor.session_state["album_group"] = (999, (998, 999))
    indexed.album.add(folder)
    list(indexed.album.index())
    indexed.album.people.group()
    assert visitor.run().errors == ["These faces are no longer in the album."]
    assert "2 people" in visitor.run().text


# -- questions --------------------------------------------------------------


def grouped_within(service: FaceService, *distances: float) -> None:
    """Groups all faces by other distances, the last of which is the limit, and leaves the rest to the usual ones."""
    people = service.album.people
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_calibration", lambda: replace(fakes.MEASURED, distances=distances))
        people.group(anew=True)


def test_two_groups_are_said_to_be_one_person_or_two(
    indexed: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, thought = indexed.album.people, []
    doubts = people.doubts
    monkeypatch.setattr(people, "doubts", lambda: thought.append(None) or doubts())
    grouped_within(indexed, 1.3, 0.9, 0.5, 0.03)
    section(visitor, "People").click("Check the groups")
    assert "Are these the same person?" in visitor.text and "1 question left" in visitor.text
    faces = {"Person 1, face 1 of Unknown", "Person 1, face 2 of Unknown", "Person 2, face 1 of Unknown"}
    assert set(visitor.pictures) == faces
    visitor.click("Open", 1)
    assert "1 face on 1 photo" in visitor.text
    visitor.click("All people").click("Check the groups (1)").click("Not sure")
    assert "There is nothing more to ask" in visitor.text and "Left open: 1 question" in visitor.text
    visitor.click("Ask them again")
    assert len(thought) == 1
    visitor.click("Different people")
    assert visitor.toasts == ["They stay two people."]
    assert "There is nothing more to ask" in visitor.text
    people.undo()  # elsewhere
    visitor.click("All people").click("Check the groups").click("Different people").click("Undo the last correction")
    assert "Taken back: that two groups are different people." in visitor.text
    visitor.click("Same person")
    assert [len(group.faces) for group in people.all()] == [3, 2]
    assert "There is nothing more to ask" in visitor.text
    assert [kind for kind, _ in told(indexed)] == ["album_apart", "album_apart", "album_undo", "album_merge"]


def test_a_group_is_said_to_be_one_person_or_two(indexed: FaceService, visitor: Visitor, folder: Path) -> None:
    (folder / "more.png").write_bytes(photo(GREEN, mark=9))
    list(indexed.album.index())
    grouped_within(indexed, 1.9, 1.8, 1.7, 1.6)
    before = indexed.album.people.all(1)
    section(visitor, "People").click("Check the groups")
    assert "Is this one person, or two?" in visitor.text and "They are one group now." in visitor.text
    visitor.click("One person")
    assert "There is nothing more to ask" in visitor.text
    assert indexed.album.people.all(1) == before
    visitor.click("Undo the last correction")
    assert "Taken back: that a group is one person." in visitor.text
    visitor.click("Two people")
    assert visitor.toasts == ["They are two people now."]
    assert len(indexed.album.people.all(1)) == len(before) + 1
    assert [kind for kind, _ in told(indexed)] == ["album_confirm", "album_undo", "album_split"]


def test_groups_that_have_changed_meanwhile_are_not_answered_for(indexed: FaceService, visitor: Visitor) -> None:
    grouped_within(indexed, 1.3, 0.9, 0.5, 0.03)
    section(visitor, "People").click("Check the groups")
    people = indexed.album.people
    (split,) = people.doubts().splits
    people.merge([split.first, split.second])
    visitor.click("Different people")
    assert visitor.errors == ["These groups have changed meanwhile."]
    assert "There is nothing more to ask" in visitor.text


# -- roles ------------------------------------------------------------------


def test_whoever_may_only_look_changes_nothing(
    indexed: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed.album.people.group()
    looker(monkeypatch)
    seen: set[str] = set()
    for name in ("Folders", "People", "Photos", "Search"):
        section(visitor, name)
        seen |= {button.label for button in visitor.button}
        assert not visitor.has("text_input", "A folder on this machine")
        if name == "People":
            visitor.click("Open")
            assert not visitor.has("text_input", "Name") and not visitor.checkbox
            seen |= {button.label for button in visitor.button}
    assert "Search for this person" in seen
    assert not seen & {"Add", "Remove", "Index", "Read every file again", "Group the faces", "These are one person"}
    assert not seen & {
        "Check the groups",
        "Not this person",
        "Undo the last correction",
        "Save the name",
        "Group all faces again",
    }
    assert str(indexed.settings.db.parent) not in visitor.text
    visitor.upload(DROP, ("probe.png", photo(RED)))
    assert "Found in 3 photos" in visitor.text
