from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from facenet_core import images
from facenet_core.quality import assess, described, flaws
from facenet_core.types import Box, Detection, Landmarks, Quality
from tests.fakes import RED, encoded, fake_engine, landmarks, picture

FACE = Box(30, 30, 90, 90)
"""Where the only face of a fake picture is."""


def quality(image: Image.Image, box: Box = FACE) -> Quality:
    return assess(np.asarray(image), Detection(box, landmarks(box), 0.99))


def codes(measured: Quality) -> dict[str, str]:
    return {flaw.code: flaw.severity for flaw in flaws(measured)}


def turned(degrees: float) -> Landmarks:
    """A face's landmarks, turned around its middle; clockwise in the picture."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    marks = landmarks(FACE)
    points = [marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right]
    return Landmarks(*(tuple(turn @ np.subtract(point, 60) + 60) for point in points))


# -- a good photo --------------------------------------------------------------------


def test_nothing_is_said_against_a_good_photo() -> None:
    measured = quality(picture([RED]))
    assert flaws(measured) == ()
    assert (measured.face_px, measured.brightness, measured.confidence) == (60, 87, 0.99)
    assert measured.roll == pytest.approx(0)
    assert measured.yaw == pytest.approx(0, abs=0.1)
    assert measured.visible == pytest.approx(1)


def test_the_engine_gives_each_face_its_quality() -> None:
    shown = images.decode(encoded(picture([RED])), "us.png")
    (face,) = fake_engine().faces(shown)
    assert face.quality == assess(shown.pixels, face.detection)


# -- blur ------------------------------------------------------------------------------


def test_the_more_a_photo_is_blurred_the_less_sharp_it_is() -> None:
    blurred = [quality(picture([RED]).filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4, 8)]
    assert blurred == sorted(blurred, reverse=True)
    assert "blurred" not in codes(quality(picture([RED])))
    heavily = quality(picture([RED]).filter(ImageFilter.GaussianBlur(8)))
    assert codes(heavily)["blurred"] == "refuse"


@pytest.mark.parametrize("radius", [0.03, 0.06])
def test_the_same_blur_counts_the_same_at_any_size(radius: float) -> None:
    measured = []
    for side in (60, 120, 480):
        image = picture([RED], side).filter(ImageFilter.GaussianBlur(radius * side))
        measured.append(quality(image, Box(30, 30, 30 + side, 30 + side)).sharpness)
    assert measured == pytest.approx([measured[-1]] * 3, rel=0.15)


def test_less_contrast_is_not_taken_for_blur() -> None:
    flat = Image.fromarray((np.asarray(picture([RED])) // 4 + 96).astype(np.uint8))
    assert quality(flat).sharpness == pytest.approx(quality(picture([RED])).sharpness, rel=0.1)


def test_a_face_of_one_colour_has_no_detail_at_all() -> None:
    plain = quality(Image.new("RGB", (120, 120), RED))
    assert plain.sharpness == 0
    assert codes(plain)["blurred"] == "refuse"


# -- light -----------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "expected"), [(1.0, None), (0.05, "refuse")])
def test_a_dark_face_is_told_from_a_light_one(factor: float, expected: str | None) -> None:
    image = Image.fromarray((np.asarray(picture([RED])) * factor).astype(np.uint8))
    assert codes(quality(image)).get("dark") == expected


# -- pose ------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [-170, -45, -10, 0, 10, 45, 90])
def test_a_tilted_head_is_measured_in_degrees_and_not_taken_for_a_turned_one(degrees: float) -> None:
    pixels = np.asarray(picture([RED]))
    straight, tilted = (assess(pixels, Detection(FACE, turned(angle), 0.99)) for angle in (0, degrees))
    assert tilted.roll == pytest.approx(degrees)
    assert tilted.yaw == pytest.approx(straight.yaw)
    assert ("tilted" in codes(tilted)) == (abs(degrees) > 30)


@pytest.mark.parametrize(("x", "expected"), [(0.5, 0.0), (0.75, 0.5), (1.0, 1.0), (0.0, -1.0)])
def test_a_face_is_turned_as_far_as_its_nose_lies_from_the_middle_of_its_eyes(x: float, expected: float) -> None:
    marks = replace(landmarks(FACE), left_eye=(40, 50), right_eye=(80, 50), nose=(40 + 40 * x, 65))
    assert assess(np.asarray(picture([RED])), Detection(FACE, marks, 0.99)).yaw == pytest.approx(expected)


def test_landmarks_that_coincide_are_no_reason_to_fail() -> None:
    measured = assess(np.asarray(picture([RED])), Detection(FACE, Landmarks(*[(60.0, 60.0)] * 5), 0.99))
    assert (measured.yaw, measured.roll, measured.visible) == (0, 0, 1)


# -- the photo's edge --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "share"),
    [
        ((0, 0, 200, 200), 1.0),
        ((50, 50, 124, 150), 1.0),
        ((50, 50, 124, 125), 0.75),
        ((50, 75, 124, 150), 0.75),
        ((87, 0, 200, 200), 0.5),
        ((87, 100, 200, 200), 0.25),
    ],
    ids=["none", "up to the face", "the chin", "the forehead", "one side", "three quarters"],
)
def test_of_a_face_at_the_edge_a_share_is_visible(cut: tuple[int, int, int, int], share: float) -> None:
    left, top, right, bottom = cut
    marks = landmarks(Box(50 - left, 50 - top, 124 - left, 150 - top))
    seen = Box(max(50 - left, 0), max(50 - top, 0), min(124, right) - left, min(150, bottom) - top)
    measured = assess(np.asarray(Image.new("RGB", (right - left, bottom - top))), Detection(seen, marks, 0.99))
    assert measured.visible == pytest.approx(share, abs=0.01)


def test_a_box_outside_the_photo_is_measured_at_its_edge() -> None:
    measured = quality(picture([RED]), Box(500, 500, 560, 560))
    assert measured.visible == 0
    assert codes(measured)["cut_off"] == "refuse"


# -- what is said -------------------------------------------------------------------------


def test_every_flaw_says_what_to_do() -> None:
    bad = Quality(face_px=21, sharpness=0, brightness=3, yaw=-1.5, roll=80, visible=0.2, confidence=0.1)
    found = flaws(bad)
    assert len(found) >= 5
    for flaw in found:
        assert flaw.message.startswith("the face is ") and flaw.message.endswith(".")
        assert flaw.advice[0].isupper() and flaw.advice.endswith(".")
    assert len({flaw.code for flaw in found}) == len(found)


def test_what_a_photo_is_refused_for_comes_first() -> None:
    severities = [flaw.severity for flaw in flaws(replace(quality(picture([RED])), face_px=22, sharpness=0))]
    assert severities == ["refuse", "warn"]


def test_several_flaws_read_as_sentences_after_the_photo_s_name() -> None:
    said = described(flaws(replace(quality(picture([RED])), sharpness=0, roll=80)))
    assert said.startswith("the face is blurred. ")
    assert " The face is tilted. " in said
