from __future__ import annotations

import os
from dataclasses import replace

import pytest

from facenet_core import shipped
from facenet_core.service import FaceService
from tests import fakes
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED, enrol, lose_photos
from tests.ui.visitor import Visitor

WHO = "Who do they say they are?"
DROP = "Drop a photo here"
GALLERY = "An enrolled photo, or a file of the images folder"


def claim(visitor: Visitor, name: str, *colours: tuple[int, int, int]) -> Visitor:
    visitor.open().select(WHO, name)
    return visitor.upload(DROP, ("probe.png", photo(*colours)))


def test_the_right_person_is_welcome(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", DARK_RED)
    assert "Welcome in" in visitor.text and "Go away" not in visitor.text
    assert "Distance 0.07, within the threshold 0.50" in visitor.text
    assert "1 photo enrolled" in visitor.text
    assert list(visitor.pictures) == ["Probe: the face in probe.png", "Enrolled photo 1 of Ann"]
    assert visitor.pictures["Enrolled photo 1 of Ann"].getpixel((80, 80)) == pytest.approx(RED, abs=2)


def test_a_stranger_is_sent_away(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", GREEN)
    assert "Go away" in visitor.text and "Welcome in" not in visitor.text
    assert "beyond the threshold 0.50" in visitor.text


def test_an_answer_says_how_rare_it_is(serve: Serve, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)
    enrol(serve(threshold=None), "A*n", RED)
    claim(visitor, "A*n", DARK_RED)
    assert "Fewer than 1 in 1,000,000 strangers looks this similar to A*n." in visitor.text
    assert "Distance 0.07, within the threshold 0.80" in visitor.text
    assert "A threshold of 0.80 lets in about 1 in 1,000 strangers" in visitor.text


def test_between_yes_and_no_the_answer_is_can_not_tell_with_what_to_do(
    serve: Serve, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    band = replace(fakes.MEASURED, distances=(1.4, 0.3, 0.03, 0.01))
    monkeypatch.setattr(shipped, "_measured", lambda: dict.fromkeys(MEASURED, band))
    enrol(serve(threshold=None), "Ann", RED)
    claim(visitor, "Ann", DARK_RED)
    assert "Can't tell" in visitor.text
    assert "Welcome in" not in visitor.text and "Go away" not in visitor.text
    assert "Try another photo:" in visitor.text
    assert "Distance 0.07, between the threshold 0.03 and 0.30" in visitor.text


def test_a_poor_photo_that_does_not_match_gets_advice(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").upload(DROP, ("probe.png", photo(GREEN, blurred=True)))
    assert "About this photo: the face is blurred." in visitor.text


def test_a_match_needs_no_advice(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").upload(DROP, ("probe.png", photo(RED, blurred=True)))
    assert "Welcome in" in visitor.text and "About this photo" not in visitor.text


def test_an_answer_says_when_rarity_was_not_measured(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    assert "was not measured for this model" in claim(visitor, "Ann", RED).text


def test_the_only_photo_carries_the_answer(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    assert "Carried by photo 1 of 1." in claim(visitor, "Ann", RED).text


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ([GREEN, DARK_RED], "Carried by photo 2 of 2. Without that photo: 1.56, no match."),
        ([DARK_RED, RED], "Carried by photo 2 of 2. Without that photo: 0.07, a match."),
    ],
)
def test_an_answer_says_what_it_would_be_without_the_photo_that_carried_it(
    service: FaceService, visitor: Visitor, others: list[tuple[int, int, int]], sentence: str
) -> None:
    enrol(service, "Ann", *others)
    claim(visitor, "Ann", others[1])
    assert sentence in visitor.text


def test_a_photo_without_a_face_is_named(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    claim(visitor, "Ann")
    assert "probe.png: no face was found. Use a sharp, well-lit photo" in visitor.text
    assert "Welcome in" not in visitor.text and "Go away" not in visitor.text


def test_among_several_faces_the_prominent_one_is_verified_until_another_is_chosen(
    service: FaceService, visitor: Visitor
) -> None:
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", RED, GREEN, BLUE)
    which = visitor.one("button_group", "3 faces were found. Which one?")
    assert which.value == 2
    assert "Go away" in visitor.text
    assert "3 numbered faces in probe.png" in visitor.pictures
    visitor.choose("3 faces were found. Which one?", 1)
    assert "Welcome in" in visitor.text and "Go away" not in visitor.text


def test_a_file_that_is_no_photo_is_refused_by_name(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").upload(DROP, ("holiday.jpg", b"not a photo"))
    (error,) = visitor.errors
    assert error.startswith("holiday.jpg: ")


def test_a_face_can_be_shown_to_the_camera(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Camera")
    visitor.photograph(photo(DARK_RED))
    assert "Welcome in" in visitor.text
    assert "Probe: the face in camera.jpg" in visitor.pictures


def test_an_enrolled_photo_can_be_verified(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", DARK_RED, GREEN)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Gallery")
    visitor.select(GALLERY, "Bob, photo 1")
    assert "Welcome in" in visitor.text
    visitor.select(GALLERY, "Bob, photo 2")
    assert "Go away" in visitor.text


def test_a_file_of_the_images_folder_can_be_verified(service: FaceService, visitor: Visitor) -> None:
    folder = service.settings.images_dir / "family"
    folder.mkdir(parents=True)
    (folder / "someone.png").write_bytes(photo(DARK_RED))
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Gallery")
    visitor.select(GALLERY, "images/family/someone.png")
    assert "Welcome in" in visitor.text


def test_a_file_whose_name_no_page_could_show_does_not_stop_the_page(service: FaceService, visitor: Visitor) -> None:
    service.settings.images_dir.mkdir()
    (service.settings.images_dir / os.fsdecode(b"caf\xe9.png")).write_bytes(photo(DARK_RED))
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Gallery")
    visitor.select(GALLERY, "images/caf?.png")
    assert "Welcome in" in visitor.text


def test_a_file_of_the_images_folder_that_can_not_be_read_is_named(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.settings.images_dir.mkdir()
    path = service.settings.images_dir / "someone.png"
    path.write_bytes(photo(DARK_RED))
    enrol(service, "Ann", RED)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Gallery")
    monkeypatch.setattr("facenet_core.enrolment.photos_in", lambda folder: [(path, "Someone")])
    path.unlink()
    visitor.select(GALLERY, "images/someone.png")
    assert "images/someone.png: this file can't be read (No such file or directory)." in visitor.text


def test_a_lost_photo_in_the_gallery_is_an_answer_too(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    lose_photos(service)
    visitor.open().select(WHO, "Ann").choose("Their photo", "Gallery")
    visitor.select(GALLERY, "Ann, photo 1")
    assert "this photo is missing" in visitor.text


def test_a_lost_photo_of_the_claimed_person_does_not_take_the_answer_away(
    service: FaceService, visitor: Visitor
) -> None:
    enrol(service, "Ann", RED)
    lose_photos(service)
    claim(visitor, "Ann", DARK_RED)
    assert "Welcome in" in visitor.text
    assert "photo missing" in visitor.text


def test_another_threshold_is_tried_in_one_session_only(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    other = Visitor()
    for someone in (visitor, other):
        assert "Welcome in" in claim(someone, "Ann", DARK_RED).text
    visitor.fill("Try another threshold in this session", True, "toggle")
    visitor.fill("Threshold", 0.05, "slider")
    assert "Go away" in visitor.text
    assert "beyond the threshold 0.05" in visitor.text
    other.run()
    assert "Welcome in" in other.text
    visitor.fill("Try another threshold in this session", False, "toggle")
    assert "Welcome in" in visitor.text
    assert "within the threshold 0.50" in visitor.text


def test_the_threshold_stays_open_while_it_is_moved(service: FaceService, visitor: Visitor) -> None:
    """A browser closes what changes its label."""
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", DARK_RED).fill("Try another threshold in this session", True, "toggle")
    before = [expander.label for expander in visitor.expander]
    visitor.fill("Threshold", 0.05, "slider")
    assert [expander.label for expander in visitor.expander] == before


@pytest.mark.parametrize("threshold", [0.0, 0.12, 1.9, 2.0])
def test_another_threshold_can_be_tried_whatever_is_set(serve: Serve, visitor: Visitor, threshold: float) -> None:
    enrol(serve(threshold=threshold), "Ann", RED)
    claim(visitor, "Ann", DARK_RED).fill("Try another threshold in this session", True, "toggle")
    assert visitor.slider[0].value == threshold


def test_a_model_without_a_threshold_says_what_to_do(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(threshold=None), "Ann", RED)
    claim(visitor, "Ann", RED)
    assert "no threshold was measured for model fake" in visitor.text
    assert "Settings page" in visitor.text
    assert "Welcome in" not in visitor.text


def test_with_nobody_enrolled_the_page_leads_to_the_one_where_people_are_added(visitor: Visitor) -> None:
    visitor.open()
    assert "Nobody is enrolled yet. Add the first person on the Manage page." in visitor.text
    assert visitor.page_link[0].value == "Go to Manage"
    assert not visitor.selectbox


def test_somebody_who_was_enrolled_with_another_model_is_not_compared(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), "Ann", RED)
    serve()
    claim(visitor, "Ann", RED)
    assert "Ann was enrolled with another model. Renew the templates first, on the Settings page" in visitor.text


def test_what_others_do_meanwhile_does_not_disturb(service: FaceService, visitor: Visitor) -> None:
    """Streamlit compares what is selected in a list between two runs."""
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", DARK_RED)
    enrol(service, "Bob", GREEN)
    for _ in range(2):
        visitor.run()
        assert "Welcome in" in visitor.text
    enrol(service, "Ann", DARK_RED)
    for _ in range(2):
        visitor.run()
        assert "2 photos enrolled" in visitor.text
        assert "Carried by photo 2 of 2" in visitor.text
    visitor.choose("Their photo", "Gallery").select(GALLERY, "Bob, photo 1")
    enrol(service, "Bob", BLUE)
    for _ in range(2):
        visitor.run()
        assert "Go away" in visitor.text


def test_somebody_who_is_removed_meanwhile_is_not_claimed_any_more(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", GREEN)
    claim(visitor, "Ann", DARK_RED)
    service.repository.remove_person(service.repository.person("Ann").id)
    visitor.run()
    assert visitor.one("selectbox", WHO).value is None
    assert "Choose a person and give a photo" in visitor.text


def test_the_small_print_tells_what_answered(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    claim(visitor, "Ann", RED)
    assert "Model `fake`, 4 numbers per face, preprocessing `fake-colour`, weights `000000000000`" in visitor.text
    assert "Faces in the photo: 1" in visitor.text
