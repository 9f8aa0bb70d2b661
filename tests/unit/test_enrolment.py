from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenet_core import images
from facenet_core.enrolment import (
    STORED_LONG_SIDE,
    chosen_face,
    fitted,
    iou,
    new_template,
    person_name,
    photos_in,
    reembedded,
)
from facenet_core.errors import (
    FaceTooSmallError,
    NoFaceError,
    NotAPhotoError,
    PhotoTooLargeError,
    PoorPhotoError,
    SettingError,
    SeveralFacesError,
)
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Box, Flaw, Template
from tests.fakes import BLUE, GREEN, OTHER_MODEL, RED, Colour, encoded, fake_engine, photo, picture

LIMITS = (50 * 2**20, 50_000_000)


def analysed(*colours: Colour, side: int = 60) -> Analysis:
    return fake_engine().analyse(fitted(photo(*colours, side=side), "us.png", *LIMITS))


# -- which face --------------------------------------------------------------


def test_faces_are_numbered_from_the_left() -> None:
    found = analysed(GREEN, RED, BLUE)
    assert [chosen_face(found, number).crop[80, 80].tolist() for number in (1, 2, 3)] == [
        list(GREEN),
        list(RED),
        list(BLUE),
    ]


def test_without_a_number_the_prominent_face_is_meant() -> None:
    found = analysed(GREEN, RED, BLUE)
    assert chosen_face(found, None) is found.faces[1]  # the one in the middle


@pytest.mark.parametrize("number", [0, -1, 3])
def test_a_number_that_no_face_has_is_refused(number: int) -> None:
    with pytest.raises(SettingError, match=rf"us\.png: there is no face {number}; found 2"):
        chosen_face(analysed(GREEN, RED), number)


def test_a_face_that_was_not_embedded_is_not_compared() -> None:
    shown = fitted(photo(GREEN, RED, BLUE), "us.png", *LIMITS)
    found = fake_engine().analyse(shown, "prominent")
    assert chosen_face(found, None) is found.faces[1]
    with pytest.raises(ValueError, match=r"us\.png: face 3 was not embedded"):
        chosen_face(found, 3)


@pytest.mark.parametrize("number", [None, 1])
def test_a_photo_of_nobody_says_what_to_do(number: int | None) -> None:
    with pytest.raises(NoFaceError, match=r"us\.png: no face was found\. Use a sharp, well-lit photo"):
        chosen_face(analysed(), number)


# -- what is enrolled ------------------------------------------------------------


def test_what_is_stored_is_what_was_embedded() -> None:
    found = analysed(RED)
    new = new_template(found, None, 24)
    stored = images.decode(new.photo, "stored")
    np.testing.assert_array_equal(stored.pixels, found.photo.pixels)
    assert (new.source_sha256, new.source_name) == (found.photo.sha256, "us.png")
    assert new.detection is found.faces[0].detection
    assert new.model_id == found.model_id
    np.testing.assert_array_equal(new.embedding, found.faces[0].embedding)


def test_a_large_photo_is_embedded_at_the_size_in_which_it_is_kept() -> None:
    large = encoded(picture([RED], 60).resize((2800, 2400), Image.Resampling.NEAREST))
    shrunk = fitted(large, "large.png", *LIMITS)
    assert max(shrunk.width, shrunk.height) == STORED_LONG_SIDE
    stored = images.decode(images.encode_stored(shrunk), "stored")
    np.testing.assert_array_equal(stored.pixels, shrunk.pixels)


def test_the_limits_of_the_settings_hold_for_enrolled_photos() -> None:
    data = photo(RED)
    with pytest.raises(PhotoTooLargeError):
        fitted(data, "us.png", len(data) - 1, 50_000_000)
    with pytest.raises(PhotoTooLargeError):
        fitted(data, "us.png", len(data), 10_000)
    with pytest.raises(NotAPhotoError):
        fitted(b"%PDF-1.7", "us.pdf", *LIMITS)


def test_of_several_faces_one_must_be_chosen() -> None:
    found = analysed(GREEN, RED)
    with pytest.raises(SeveralFacesError, match=r"2 faces were found\. Choose which one to enrol") as caught:
        new_template(found, None, 24)
    assert caught.value.count == 2
    assert new_template(found, 2, 24).detection is found.faces[1].detection


def test_a_face_of_too_few_pixels_is_refused_with_both_numbers() -> None:
    found = analysed(RED, side=30)
    assert new_template(found, None, 30).detection.box.width == 30
    with pytest.raises(
        FaceTooSmallError, match=r"only 30 pixels wide; at least 31 are needed\. Use a larger or closer"
    ):
        new_template(found, None, 31)


def test_a_face_a_little_too_small_is_never_said_to_have_enough_pixels() -> None:
    (face,) = analysed(RED).faces
    box = Box(10, 10, 33.7, 60)
    found = replace(analysed(RED), faces=(replace(face, detection=replace(face.detection, box=box)),))
    with pytest.raises(FaceTooSmallError, match="only 23 pixels wide; at least 24"):
        new_template(found, None, 24)


# -- quality -------------------------------------------------------------------


WARNING = Flaw("small", "warn", "the face is a little small.", "Use a larger one.")
REFUSALS = (
    Flaw("blurred", "refuse", "the face is blurred.", "Hold still."),
    Flaw("dark", "refuse", "the face is dark.", "Use more light."),
)


def test_a_poor_photo_is_refused_with_every_reason_at_once() -> None:
    with pytest.raises(PoorPhotoError) as caught:
        new_template(analysed(RED), None, 24, (*REFUSALS, WARNING))
    assert str(caught.value) == "us.png: the face is blurred. Hold still. The face is dark. Use more light."
    assert caught.value.flaws == ("blurred", "dark", "small")


def test_warnings_alone_do_not_keep_a_photo_out() -> None:
    assert new_template(analysed(RED), None, 24, (WARNING,)).source_name == "us.png"


def test_what_can_not_be_overruled_is_said_first() -> None:
    with pytest.raises(FaceTooSmallError):
        new_template(analysed(RED, side=20), None, 24, REFUSALS)
    with pytest.raises(SeveralFacesError):
        new_template(analysed(RED, GREEN), None, 24, REFUSALS)


# -- another model ------------------------------------------------------------------


@pytest.fixture
def enrolled(service: FaceService) -> tuple[Template, bytes]:
    """The second of two faces, enrolled, and its stored photo."""
    service.enrol("Ruby", service.prepare_enrolment(photo(GREEN, RED), "us.png"), face=2)
    (template,) = service.people()[0].templates
    return template, service.stored_photo(template)


def seen(stored: bytes) -> Analysis:
    """What the other model makes of a stored photo."""
    return fake_engine(OTHER_MODEL).analyse(images.decode(stored, "us.png"))


def test_another_model_sees_the_same_face_of_the_stored_photo(enrolled: tuple[Template, bytes]) -> None:
    template, stored = enrolled
    again = reembedded(template, seen(stored))
    assert again.model_id == OTHER_MODEL
    assert iou(again.detection.box, template.detection.box) == 1
    np.testing.assert_allclose(again.embedding, template.embedding[::-1], atol=1e-6)
    assert (
        replace(again, embedding=template.embedding, model_id=template.model_id, detection=template.detection)
        == template
    )


def test_another_face_of_the_photo_is_never_taken_for_the_enrolled_one(enrolled: tuple[Template, bytes]) -> None:
    template, _ = enrolled
    other = images.encode_stored(images.decode(photo(GREEN), "one.png"))
    with pytest.raises(NoFaceError, match=r"us\.png: the enrolled face was not found in its photo again"):
        reembedded(template, seen(other))
    nobody = images.encode_stored(images.decode(photo(), "none.png"))
    with pytest.raises(NoFaceError):
        reembedded(template, seen(nobody))


@pytest.mark.parametrize(
    ("other", "overlap"),
    [
        (Box(0, 0, 10, 10), 1.0),
        (Box(5, 0, 15, 10), 1 / 3),
        (Box(2, 2, 8, 8), 0.36),
        (Box(10, 0, 20, 10), 0.0),
        (Box(30, 30, 40, 40), 0.0),
        (Box(5, 5, 5, 5), 0.0),
    ],
)
def test_overlap_of_boxes(other: Box, overlap: float) -> None:
    assert iou(Box(0, 0, 10, 10), other) == pytest.approx(overlap)
    assert iou(other, Box(0, 0, 10, 10)) == pytest.approx(overlap)


# -- names from files and folders -------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Grace_Hopper.jpg", "Grace Hopper"),
        ("Grace_Hopper_2.jpg", "Grace Hopper"),
        ("Grace Hopper (3).jpg", "Grace Hopper"),
        ("Grace_Hopper-04.jpg", "Grace Hopper"),
        ("family/Grace__Hopper.jpg", "Grace Hopper"),
        ("Anna/1.jpg", "Anna"),
        ("Anna/(2).jpg", "Anna"),
        ("family/Anna/IMG_2024.jpg", "Anna"),
        ("x/y/Anna_Karina/portrait.png", "Anna Karina"),
        (r"C:\photos\Anna\IMG_1.JPG", "Anna"),
        (r"family\Grace_Hopper.jpg", "Grace Hopper"),
        ("Zoë_Ünal.jpg", "Zoë Ünal"),
        ("李小龍.jpg", "李小龍"),
        ("R2D2.jpg", "R2D2"),
        ("Dr._No.jpg", "Dr. No"),
        ("Jean-Luc.jpg", "Jean-Luc"),
        ("1.jpg", ""),
        ("family/2023/IMG.jpg", ""),
        ("", ""),
    ],
)
def test_a_photo_shows_the_person_it_or_its_folder_is_named_after(path: str, name: str) -> None:
    assert person_name(path) == name


def test_a_hostile_name_takes_no_time() -> None:
    assert person_name("-" * 255 + ".jpg").startswith("---")


def placed(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")


def listed(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): name for path, name in photos_in(folder)}


def test_a_folder_lists_its_photos_with_the_people_they_show(tmp_path: Path) -> None:
    placed(tmp_path, "Ben_2.JPG", "Anna/1.jpg", "Anna/deep/Cy/x.webp", "Dan.heic", "Anna/10.png")
    assert listed(tmp_path) == {
        "Anna/1.jpg": "Anna",
        "Anna/10.png": "Anna",
        "Anna/deep/Cy/x.webp": "Cy",
        "Ben_2.JPG": "Ben",
        "Dan.heic": "Dan",
    }
    assert list(listed(tmp_path)) == sorted(listed(tmp_path))


def test_a_photo_named_by_a_counter_shows_whom_its_folder_is_named_after(tmp_path: Path) -> None:
    placed(tmp_path / "Anna", "1.jpg", "2.jpg")
    assert set(listed(tmp_path / "Anna").values()) == {"Anna"}


def test_what_is_no_photo_or_hidden_is_passed_over(tmp_path: Path) -> None:
    placed(tmp_path, "README.md", "notes.txt", ".hidden.jpg", ".cache/Eve.jpg", "Anna/.DS_Store", "Ben", "Anna/._1.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert listed(tmp_path) == {}


def test_links_are_followed_inside_the_folder_and_never_out_of_it(tmp_path: Path) -> None:
    placed(tmp_path / "outside", "Eve.jpg", "secrets/1.jpg")
    inside = tmp_path / "inside"
    placed(inside, "Anna/1.jpg")
    (inside / "Ben.jpg").symlink_to(inside / "Anna" / "1.jpg")
    (inside / "Eve.jpg").symlink_to(tmp_path / "outside" / "Eve.jpg")
    (inside / "Secrets").symlink_to(tmp_path / "outside" / "secrets")
    (inside / "gone.jpg").symlink_to(inside / "missing.jpg")
    (inside / "loop.jpg").symlink_to(inside / "loop.jpg")
    assert listed(inside) == {"Anna/1.jpg": "Anna", "Ben.jpg": "Ben"}


def test_a_folder_reached_through_a_link_is_read_like_any_other(tmp_path: Path) -> None:
    placed(tmp_path / "real", "Anna.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert listed(tmp_path / "link") == {"Anna.jpg": "Anna"}


def test_a_pipe_named_like_a_photo_does_not_hold_things_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Eve.jpg")
    assert listed(tmp_path) == {}
