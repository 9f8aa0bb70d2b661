"""What is said about the quality of real photos, as they are and made worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facenet_core import images
from facenet_core.engine import FaceEngine
from facenet_core.quality import flaws
from facenet_core.service import FaceService
from facenet_core.types import Analysis, EnrolRequest, Face, Photo
from tests.fakes import encoded

pytestmark = pytest.mark.real

Worsen = Callable[[Image.Image, Face], Image.Image]


def seen(engine: FaceEngine, photo: Image.Image) -> Face | None:
    found = engine.analyse(Photo("photo", np.asarray(photo), "0" * 64))
    return found.faces[found.prominent] if found.faces else None


def refused(face: Face) -> list[str]:
    return [flaw.code for flaw in flaws(face.quality) if flaw.severity == "refuse"]


@pytest.fixture(scope="module")
def analyses(data: Path, engine: FaceEngine) -> list[Analysis]:
    """Every 15th photo of LFW View 1."""
    paths = sorted((data / "lfw-view1").glob("*/*.jpg"))[::15]
    return [engine.analyse(images.read(path)) for path in paths]


@pytest.fixture(scope="module")
def good(analyses: list[Analysis]) -> list[tuple[Image.Image, Face]]:
    """Ten of them with nothing to say against them."""
    chosen = [
        (Image.fromarray(a.photo.pixels), a.faces[0])
        for a in analyses
        if len(a.faces) == 1 and not flaws(a.faces[0].quality)
    ]
    return chosen[:: len(chosen) // 10][:10]


def test_few_photos_that_are_as_they_come_are_refused(analyses: list[Analysis]) -> None:
    faces = [a.faces[a.prominent] for a in analyses]
    assert len(faces) > 100
    assert sum(bool(refused(face)) for face in faces) <= 0.03 * len(faces)
    assert sum(bool(flaws(face.quality)) for face in faces) <= 0.15 * len(faces)


def blur(photo: Image.Image, face: Face) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(0.05 * face.quality.face_px))


def darken(photo: Image.Image, face: Face) -> Image.Image:
    return Image.eval(photo, lambda value: value * 28 / face.quality.brightness)


def overexpose(photo: Image.Image, face: Face) -> Image.Image:
    return Image.eval(photo, lambda value: value * 220 / face.quality.brightness)


def tilt(photo: Image.Image, face: Face) -> Image.Image:
    box = face.detection.box
    return photo.rotate(38, Image.Resampling.BICUBIC, center=((box.left + box.right) / 2, (box.top + box.bottom) / 2))


def cut(photo: Image.Image, face: Face) -> Image.Image:
    box = face.detection.box
    return photo.crop((0, 0, photo.width, round(box.bottom - 0.35 * box.height)))


def shrink(photo: Image.Image, face: Face) -> Image.Image:
    scale = 26 / face.quality.face_px
    return photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS)


@pytest.mark.parametrize(
    ("worsen", "code"),
    [
        (blur, "blurred"),
        (darken, "dark"),
        (overexpose, "bright"),
        (tilt, "tilted"),
        (cut, "cut_off"),
        (shrink, "small"),
    ],
)
def test_a_photo_made_worse_is_told_what_is_wrong_with_it(
    engine: FaceEngine, good: list[tuple[Image.Image, Face]], worsen: Worsen, code: str
) -> None:
    assert len(good) == 10
    found = [face for photo, before in good if (face := seen(engine, worsen(photo, before)))]
    told = [code in [flaw.code for flaw in flaws(face.quality)] for face in found]
    # A face that is not found any more is refused for that.
    assert len(found) >= 7
    assert told.count(False) <= 1


def test_a_photo_of_somebody_else_is_refused_for_a_person_and_their_own_is_not(empty: FaceService, data: Path) -> None:
    def enrolled(person: str, photo: str) -> tuple[str, tuple[str, ...]]:
        content = (data / "lfw-view1" / photo[:-9] / photo).read_bytes()
        (outcome,) = empty.enrol_many([EnrolRequest(person, photo, content)])
        return outcome.code, tuple(code for code in outcome.flaws if code == "unlike_others")

    assert enrolled("Abdullah Gul", "Abdullah_Gul_0013.jpg") == ("enrolled", ())
    assert enrolled("Abdullah Gul", "Abdullah_Gul_0014.jpg") == ("enrolled", ())
    assert enrolled("Abdullah Gul", "Al_Pacino_0001.jpg") == ("poor_photo", ("unlike_others",))


def test_a_blurred_file_is_refused_and_can_be_enrolled_all_the_same(
    empty: FaceService, good: list[tuple[Image.Image, Face]]
) -> None:
    content = encoded(blur(*good[0]))
    (outcome,) = empty.enrol_many([EnrolRequest("Ada", "ada.png", content)])
    assert (outcome.code, outcome.flaws[0]) == ("poor_photo", "blurred")
    (outcome,) = empty.enrol_many([EnrolRequest("Ada", "ada.png", content, overrule=True)])
    assert outcome.accepted
