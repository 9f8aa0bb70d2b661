from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.engine import FaceEngine
from facenet_core.errors import DatabaseWriteError, ModelError
from facenet_core.service import FaceService
from facenet_core.types import Detection
from facenet_core.ui import adding
from tests.fakes import BLUE, DARK_RED, GREEN, RED, YELLOW, FakeDetector, FakeEmbedder, photo
from tests.ui.conftest import Serve
from tests.ui.people import enrol
from tests.ui.visitor import Visitor, read

DROP = "Drop photos here"
FOLDER = "Drop a folder here"


def add(visitor: Visitor, name: str, *photos: tuple[str, bytes]) -> Visitor:
    visitor.open("manage").click("Add a person")
    assert visitor.dialog == "Add a person"
    return visitor.fill("Name", name).upload(DROP, *photos)


def drop_folder(visitor: Visitor, **photos: bytes) -> Visitor:
    """Drops a folder called "family"."""
    visitor.open("manage").click("Add a folder")
    assert visitor.dialog == "Add a folder"
    return visitor.upload(FOLDER, *((f"family/{path}", content) for path, content in photos.items()))


def people(service: FaceService) -> dict[str, int]:
    return {person.name: len(person.templates) for person in service.people()}


def notes(visitor: Visitor) -> list[str]:
    """What is said about photos."""
    return [line for text in visitor.markdown if text.value.startswith("- ") for line in read(text.value).split("\n")]


# -- one person ---------------------------------------------------------------


def test_a_person_is_enrolled_with_several_photos(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED)), ("b.png", photo(DARK_RED))).click("Enrol 2 photos")
    assert "2 photos enrolled." in visitor.text
    assert "refused" not in visitor.text and notes(visitor) == []
    assert visitor.tables() == [
        [
            {"Photo": "a.png", "Person": "Ann", "Result": "enrolled"},
            {"Photo": "b.png", "Person": "Ann", "Result": "enrolled"},
        ]
    ]
    assert people(service) == {"Ann": 2}
    assert "1 person, 2 photos" in visitor.close().text


def test_the_form_is_empty_for_the_next_person(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED))).click("Enrol 1 photo")
    assert visitor.one("text_input", "Name").value == ""
    assert visitor.one("button", "Enrol").disabled
    visitor.fill("Name", "Bob").upload(DROP, ("b.png", photo(BLUE))).click("Enrol 1 photo")
    assert people(service) == {"Ann": 1, "Bob": 1}
    assert "1 photo enrolled." in visitor.text


def test_the_report_is_gone_when_the_dialog_is_opened_again(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED))).click("Enrol 1 photo").close().click("Add a person")
    assert "enrolled." not in visitor.text
    visitor.close().click("Add a folder")
    assert "enrolled." not in visitor.text


def test_a_photo_that_is_refused_does_not_stop_the_others(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Bob", BLUE)
    same = service.stored_photo(service.people()[0].templates[0])
    photos = [
        ("good.png", photo(RED)),
        ("wall.png", photo()),
        ("tiny.png", photo(DARK_RED, side=12)),
        ("bob.webp", same),
    ]
    add(visitor, "Ann", *photos, ("broken.jpg", b"not a photo"))
    (error,) = visitor.errors
    assert error.startswith("broken.jpg: ")
    visitor.click("Enrol 4 photos")
    assert "1 photo enrolled." in visitor.text and "3 photos refused, with the reason below." in visitor.text
    wall, tiny, bob = notes(visitor)
    assert wall.startswith("- **wall.png** (Ann) no face was found.")
    assert tiny.startswith("- **tiny.png** (Ann) the face is only 12 pixels wide")
    assert bob.startswith("- **bob.webp** (Ann) This photo is enrolled already, as Bob")
    assert people(service) == {"Ann": 1, "Bob": 1}


def test_the_same_photo_twice_is_enrolled_once(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED)), ("copy of a.png", photo(RED))).click("Enrol 2 photos")
    (note,) = notes(visitor)
    assert note.startswith("- **copy of a.png** (Ann) This photo is enrolled already, as Ann")
    assert people(service) == {"Ann": 1}


def test_the_same_photo_of_several_people_twice_can_be_given(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED, BLUE)), ("copy.png", photo(RED, BLUE)))
    assert len([g for g in visitor.button_group if g.proto.label == "2 faces were found. Which one?"]) == 2


def test_among_several_faces_one_is_chosen(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED, GREEN, BLUE)))
    question = "3 faces were found. Which one?"
    assert visitor.one("button_group", question).value == 2
    assert "3 numbered faces in a.png" in visitor.pictures
    visitor.choose(question, 3).click("Enrol 1 photo")
    template = service.people()[0].templates[0]
    assert service.enrolled_crop(template)[80, 80].tolist() == pytest.approx(BLUE, abs=3)


def test_a_choice_among_faces_stays_with_its_photo(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED, GREEN, BLUE)), ("b.png", photo(YELLOW, DARK_RED, BLUE)))
    question = "3 faces were found. Which one?"
    visitor._act(visitor.one("button_group", question, 0).set_value(3))
    uploader = visitor.one("file_uploader", DROP)
    visitor._act(uploader.set_value([("b.png", photo(YELLOW, DARK_RED, BLUE), "image/png")]))
    assert visitor.one("button_group", question).value == 2


def test_a_photo_from_the_camera_is_enrolled(service: FaceService, visitor: Visitor) -> None:
    visitor.open("manage").click("Add a person").fill("Name", "Ann").choose("Photos", "Camera")
    visitor.photograph(photo(RED)).click("Enrol 1 photo")
    assert people(service) == {"Ann": 1}


def test_a_name_is_asked_for_first(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "   ", ("a.png", photo(RED)))
    assert visitor.one("button", "Enrol 1 photo").disabled
    assert "Type a name first." in visitor.text


@pytest.mark.parametrize("name", ["x" * 500, "Ann\u202egnp", "../../etc/passwd", "..", "a\u0000b", "\u200b"])
def test_a_name_that_can_not_be_used_enrols_nobody(service: FaceService, visitor: Visitor, name: str) -> None:
    add(visitor, name, ("a.png", photo(RED))).click("Enrol 1 photo")
    assert "1 photo refused, with the reason below." in visitor.text
    assert people(service) == {}


def test_photos_join_the_person_of_that_name(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Zoë", RED)
    add(visitor, "ZOE\u0308 ", ("a.png", photo(DARK_RED))).click("Enrol 1 photo")
    assert people(service) == {"Zoë": 2}


def test_photos_are_added_to_a_person_who_was_opened(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "A*n", RED)
    visitor.open("manage").click("Open").click("Add photos")
    assert visitor.dialog == "Add a person"
    assert "For **A*n**" in visitor.text and not visitor.has("text_input", "Name")
    visitor.upload(DROP, ("a.png", photo(DARK_RED))).click("Enrol 1 photo")
    assert people(service) == {"A*n": 2}
    assert visitor.dialog == "Add a person"
    visitor.close()


def test_a_face_like_that_of_somebody_else_is_pointed_out(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    add(visitor, "Bob", ("b.png", photo(DARK_RED))).click("Enrol 1 photo")
    assert "1 photo enrolled." in visitor.text
    (note,) = notes(visitor)
    assert note.startswith("- **b.png** (Bob) The face looks like Ann (0.07 apart). If they are one person, remove one")


def test_a_database_that_can_not_be_written_is_reported(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(visitor, "Ann", ("a.png", photo(RED)))
    monkeypatch.setattr(service, "enrol", _raise(DatabaseWriteError("the disk is full; nothing was changed")))
    visitor.click("Enrol 1 photo")
    assert notes(visitor) == ["- the disk is full; nothing was changed"]


def test_a_model_that_is_gone_is_said_so_in_the_dialog(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.open("manage").click("Add a person").fill("Name", "Ann")
    monkeypatch.setattr(service, "prepare_enrolment", _raise(ModelError("the model was taken away")))
    visitor.upload(DROP, ("a.png", photo(RED)))
    assert visitor.errors == ["the model was taken away"]
    assert not visitor.has("button", "Enrol 1 photo")


# -- photos of poor quality -----------------------------------------------------

POOR = photo(RED, blurred=True)


def test_a_poor_photo_is_refused_with_its_reason_and_can_be_enrolled_anyway(
    service: FaceService, visitor: Visitor
) -> None:
    add(visitor, "Ann", ("a.png", POOR)).click("Enrol 1 photo")
    assert "1 photo refused, with the reason below." in visitor.text
    (note,) = notes(visitor)
    assert note.startswith("- **a.png** (Ann) the face is blurred. Hold the camera still")
    assert people(service) == {}

    visitor.click("Enrol anyway")
    assert visitor.dialog == "Add a person"
    assert "1 photo enrolled." in visitor.text and "refused" not in visitor.text
    (note,) = notes(visitor)
    assert note.startswith("- **a.png** (Ann) The face is blurred.")
    assert not visitor.has("button", "Enrol anyway")
    assert people(service) == {"Ann": 1}


def test_only_what_was_refused_for_its_quality_can_be_enrolled_anyway(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", BLUE)
    photos = [("wall.png", photo()), ("poor.png", POOR), ("good.png", photo(BLUE)), ("bob.png", photo(GREEN))]
    add(visitor, "Ann", *photos).click("Enrol 4 photos")
    assert "1 photo enrolled." in visitor.text and "3 photos refused" in visitor.text
    wall, poor, bob = notes(visitor)
    assert "no face was found" in wall
    assert "does not look like Ann's other photos" in poor and "the face is blurred" in poor.lower()
    assert bob.startswith("- **bob.png** (Ann) the face does not look like Ann's other photos")
    visitor.click("Enrol 2 photos anyway")
    assert people(service) == {"Ann": 4}


def test_a_refusal_can_be_overruled_after_other_photos_were_dropped(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", POOR)).click("Enrol 1 photo")
    visitor.fill("Name", "Bob").upload(DROP, ("b.png", photo(BLUE))).click("Enrol anyway")
    assert people(service) == {"Ann": 1}
    assert visitor.one("text_input", "Name").value == "Bob"
    visitor.click("Enrol 1 photo")
    assert people(service) == {"Ann": 1, "Bob": 1}


def test_a_refusal_is_forgotten_with_the_dialog(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", POOR)).click("Enrol 1 photo").close().click("Add a person")
    assert not visitor.has("button", "Enrol anyway")


def test_the_face_that_was_chosen_is_the_one_that_is_enrolled_anyway(service: FaceService, visitor: Visitor) -> None:
    add(visitor, "Ann", ("a.png", photo(RED, GREEN, BLUE, blurred=True)))
    visitor.choose("3 faces were found. Which one?", 3).click("Enrol 1 photo").click("Enrol anyway")
    template = service.people()[0].templates[0]
    assert service.enrolled_crop(template)[80, 80].tolist() == pytest.approx(BLUE, abs=3)


def test_poor_photos_of_a_folder_can_be_enrolled_anyway(service: FaceService, visitor: Visitor) -> None:
    photos = {"Ann.png": POOR, "Bob.png": photo(GREEN), "Cleo.png": photo(BLUE, blurred=True), "wall.png": photo()}
    drop_folder(visitor, **photos).click("Enrol 4 photos")
    assert "1 photo enrolled." in visitor.text and "3 photos refused" in visitor.text
    visitor.click("Enrol 2 photos anyway")
    assert visitor.dialog == "Add a folder"
    assert "2 photos enrolled." in visitor.text and "refused" not in visitor.text
    assert people(service) == {"Ann": 1, "Bob": 1, "Cleo": 1}
    assert not visitor.has("button", "Enrol 2 photos anyway")


# -- a folder -----------------------------------------------------------------


def test_a_folder_is_enrolled_by_the_names_in_its_paths(service: FaceService, visitor: Visitor) -> None:
    photos = {
        "Grace_Hopper.png": photo(RED),
        "Grace_Hopper_2.png": photo(DARK_RED),
        "Ada Lovelace/1.png": photo(BLUE),
        "Ada Lovelace/wedding.png": photo(BLUE, mark=1),
    }
    drop_folder(visitor, **photos)
    assert [tuple(row.values()) for row in visitor.tables()[0]] == [
        ("family/Grace_Hopper.png", "Grace Hopper"),
        ("family/Grace_Hopper_2.png", "Grace Hopper"),
        ("family/Ada Lovelace/1.png", "Ada Lovelace"),
        ("family/Ada Lovelace/wedding.png", "Ada Lovelace"),
    ]
    visitor.click("Enrol 4 photos")
    assert visitor.dialog == "Add a folder"
    assert "4 photos enrolled." in visitor.text
    assert people(service) == {"Ada Lovelace": 2, "Grace Hopper": 2}
    assert "2 people, 4 photos" in visitor.close().text


def test_names_can_be_corrected_before_a_folder_is_enrolled(service: FaceService, visitor: Visitor) -> None:
    drop_folder(visitor, **{"IMG_1.png": photo(RED), "Ann.png": photo(BLUE)})
    key = visitor.data_editor[0].proto.id.split("-", 2)[2]
    visitor.session_state[key] = {
        "edited_rows": {0: {"Person": "Bob"}, 1: {"Person": None}},
        "added_rows": [],
        "deleted_rows": [],
    }
    visitor.click("Enrol 2 photos")
    assert people(service) == {"Bob": 1}
    (note,) = notes(visitor)
    assert note.startswith("- **family/Ann.png** A person needs a name")


def test_a_folder_with_photos_that_are_refused_is_reported_photo_by_photo(
    service: FaceService, visitor: Visitor
) -> None:
    drop_folder(
        visitor,
        **{"Ann.png": photo(RED), "two.png": photo(RED, BLUE), "Broken.jpg": b"no photo", "Ann_2.png": photo(RED)},
    )
    visitor.click("Enrol 4 photos")
    assert "1 photo enrolled." in visitor.text and "3 photos refused" in visitor.text
    several, broken, again = notes(visitor)
    assert several.startswith("- **family/two.png** (two) 2 faces were found.")
    assert broken.startswith("- **family/Broken.jpg** (Broken) This is not a photo.")
    assert again.startswith("- **family/Ann_2.png** (Ann) This photo is enrolled already, as Ann")


def test_many_refusals_scroll(service: FaceService, visitor: Visitor) -> None:
    drop_folder(visitor, **{f"{number}/x.jpg": b"no photo" for number in range(20)}).click("Enrol 20 photos")
    assert "20 photos refused" in visitor.text and len(notes(visitor)) == 20
    assert [block for block in visitor.container if block.proto.height_config.pixel_height]


def test_the_next_folder_can_be_dropped_at_once(service: FaceService, visitor: Visitor) -> None:
    drop_folder(visitor, **{"Ann.png": photo(RED)}).click("Enrol 1 photo")
    assert not visitor.has("button", "Enrol 1 photo")
    visitor.upload(FOLDER, ("family/Bob.png", photo(BLUE))).click("Enrol 1 photo")
    assert people(service) == {"Ann": 1, "Bob": 1}


def test_what_stops_a_folder_is_said(service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_folder(visitor, **{"Ann.png": photo(RED), "Bob.png": photo(BLUE)})
    enrol_one, full = service.enrol, DatabaseWriteError("the disk is full; nothing was changed")
    monkeypatch.setattr(
        service, "enrol", lambda name, *args, **kw: _raise(full)() if name == "Bob" else enrol_one(name, *args, **kw)
    )
    visitor.click("Enrol 2 photos")
    assert "1 photo enrolled." in visitor.text
    assert notes(visitor) == ["- the disk is full; nothing was changed"]


def test_a_folder_that_is_cancelled_keeps_what_is_done(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "TURN", 0.0)
    service, visitor = serve(), Visitor()
    before_enrolling(service, monkeypatch, lambda name: visitor.click_meanwhile("Cancel") if name == "Bob" else None)
    drop_folder(visitor, **{"Ann.png": photo(RED), "Bob.png": photo(GREEN), "Cleo.png": photo(BLUE)})
    visitor.click("Enrol 3 photos")
    assert people(service) == {"Ann": 1, "Bob": 1}
    assert "2 photos enrolled." in visitor.text and notes(visitor) == []
    assert visitor.dialog == "Add a folder"
    visitor.upload(FOLDER, ("family/Cleo.png", photo(BLUE))).click("Enrol 1 photo")
    assert people(service) == {"Ann": 1, "Bob": 1, "Cleo": 1}


def test_closing_the_dialog_stops_a_folder_too(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service, visitor = serve(), Visitor()
    before_enrolling(service, monkeypatch, lambda name: visitor.close_meanwhile() if name == "Bob" else None)
    drop_folder(visitor, **{"Ann.png": photo(RED), "Bob.png": photo(GREEN), "Cleo.png": photo(BLUE)})
    visitor.click("Enrol 3 photos")
    assert visitor.dialog is None
    assert people(service) == {"Ann": 1, "Bob": 1}
    assert "2 people, 2 photos" in visitor.text
    visitor.click("Add a folder")
    assert visitor.has("file_uploader", FOLDER) and "Cancel" not in visitor.text


def test_a_folder_shows_how_far_it_is(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "TURN", 0.0)
    service, visitor, seen = serve(), Visitor(), []
    before_enrolling(service, monkeypatch, lambda name: seen.append(visitor.progress_meanwhile()))
    drop_folder(visitor, **{"Ann.png": photo(RED), "Bob.png": photo(GREEN), "Cleo.png": photo(BLUE)})
    visitor.click("Enrol 3 photos")
    assert seen == ["0 of 3", "1 of 3", "2 of 3"]
    assert not visitor.progress


def test_what_a_folder_has_read_ahead_is_not_read_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "TURN", 0.0)
    searched: list[int] = []

    class Detector(FakeDetector):
        def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
            searched.append(len(pixels))
            return super().detect(pixels)

    service, visitor = serve(FaceEngine(Detector(), FakeEmbedder())), Visitor()
    drop_folder(visitor, **{f"P{number}.png": photo(RED, mark=number) for number in range(12)})
    searched.clear()
    visitor.click("Enrol 12 photos")
    assert len(searched) == 12
    assert len(people(service)) == 12


def before_enrolling(service: FaceService, monkeypatch: pytest.MonkeyPatch, happens: Callable[[str], object]) -> None:
    """Lets something happen before each photo is enrolled."""
    enrol_one = service.enrol
    monkeypatch.setattr(service, "enrol", lambda name, *args, **kw: (happens(name), enrol_one(name, *args, **kw))[1])


def _raise(error: Exception) -> Callable[..., None]:
    def raising(*args: object, **kwargs: object) -> None:
        raise error

    return raising
