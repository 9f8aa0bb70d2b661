from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facenet_core import images
from facenet_core.alignment import MARGIN, Profile, crop_faces, crop_id, named_size, view_faces
from facenet_core.face_shape import MEAN_ASPECT, MEAN_LANDMARKS
from facenet_core.types import Box, Detection, Landmarks

PORTRAIT = Path(__file__).parents[2] / "images" / "Grace_Hopper.jpg"


def ramps() -> NDArray[np.uint8]:
    """240 x 200 pixels that tell their own column in red and row in green."""
    rows, columns = np.mgrid[0:200, 0:240]
    return np.stack([columns, rows, np.full_like(rows, 77)], axis=2).astype(np.uint8)


def seen(crop: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The region of :func:`ramps` that a crop shows: left, top, right, bottom, to about a pixel."""
    return float(crop[80, 0, 0]), float(crop[0, 80, 1]), float(crop[80, -1, 0]) + 1, float(crop[-1, 80, 1]) + 1


def test_a_face_is_cropped_with_its_margin_and_squashed_to_a_square() -> None:
    (crop,) = crop_faces(ramps(), [Box(80, 60, 144, 140)], 160)
    assert crop.shape == (160, 160, 3)
    assert crop.dtype == np.uint8
    assert seen(crop) == pytest.approx((72, 50, 152, 150), abs=1)  # an eighth of 64 and 80 more on each side
    across = np.linspace(72, 152, 161)[:-1]
    assert np.abs(crop[80, :, 0].astype(float) - across).max() <= 1
    assert (crop[:, :, 2] == 77).all()


def test_the_margin_is_that_of_the_original_facenet() -> None:
    assert MARGIN == 32 / (160 - 32)


@pytest.mark.parametrize(
    ("box", "region"),
    [
        (Box(0, 80, 64, 120), (0, 75, 72, 125)),
        (Box(80, 0, 120, 64), (75, 0, 125, 72)),
        (Box(176, 80, 240, 120), (168, 75, 240, 125)),
        (Box(80, 136, 120, 200), (75, 128, 125, 200)),
        (Box(0, 0, 240, 200), (0, 0, 240, 200)),
    ],
    ids=["left", "top", "right", "bottom", "whole photo"],
)
def test_a_margin_is_cut_at_the_edge_of_the_photo(box: Box, region: tuple[float, float, float, float]) -> None:
    (crop,) = crop_faces(ramps(), [box], 160)
    assert seen(crop) == pytest.approx(region, abs=1.5)


def test_an_enlarged_photo_gives_the_same_crop() -> None:
    photo = images.fit(images.read(PORTRAIT), 300)
    large = np.asarray(
        Image.fromarray(photo.pixels).resize((photo.width * 3, photo.height * 3), Image.Resampling.BICUBIC)
    )
    box = Box(90, 50, 190, 180)
    (small_crop,) = crop_faces(photo.pixels, [box], 160)
    (large_crop,) = crop_faces(large, [Box(box.left * 3, box.top * 3, box.right * 3, box.bottom * 3)], 160)
    difference = np.abs(small_crop.astype(float) - large_crop.astype(float))
    assert difference.mean() < 1.5
    assert small_crop.std() > 30  # there is something to differ in


def test_each_face_gets_its_own_crop_in_order() -> None:
    boxes = [Box(120, 40, 160, 90), Box(20, 100, 60, 150)]
    crops = crop_faces(ramps(), boxes, 160)
    for crop, box in zip(crops, boxes, strict=True):
        np.testing.assert_array_equal(crop, crop_faces(ramps(), [box], 160)[0])
    assert crops[0, 80, 80, 0] > crops[1, 80, 80, 0]


@pytest.mark.parametrize("profile", ["fast", "best"])
def test_a_smaller_crop_shows_the_same_as_a_large_one(profile: Profile) -> None:
    middle = (120.0, 100.0)
    face = Detection(around(80, middle), placed(80, 10, middle), 0.99)
    small, large = (view_faces(ramps(), [face], profile, size)[0] for size in (96, 480))
    assert small.shape == (len(large), 96, 96, 3)
    for view, detailed in zip(small, large, strict=True):
        mean = detailed.reshape(96, 5, 96, 5, 3).astype(float).mean(axis=(1, 3))
        assert np.abs(view - mean).mean() < 1


@pytest.mark.parametrize(
    ("profile", "size", "named"),
    [
        ("fast", 160, "margin25-squash160"),
        ("best", 160, "margin25-squash160+aligned"),
        ("fast", 96, "margin25-squash96"),
        ("best", 96, "margin25-squash96+aligned"),
    ],
)
def test_the_views_and_their_size_have_a_name_that_thresholds_belong_to(
    profile: Profile, size: int, named: str
) -> None:
    assert crop_id(profile, size) == named
    assert named_size(f"mtcnn-{named}-fixed-centred7d6834ae") == size


@pytest.mark.parametrize(
    "preprocessing", ["", "fake-colour", "a-squash0-b", "a-squash99999999", "a-squash-1", "squash٩٩"]
)
def test_a_name_that_tells_no_size_means_that_of_facenet(preprocessing: str) -> None:
    assert named_size(preprocessing) == 160


def test_no_faces_give_no_crops() -> None:
    assert crop_faces(ramps(), [], 160).shape == (0, 160, 160, 3)


def test_the_photo_itself_is_not_changed() -> None:
    photo = ramps()
    photo.flags.writeable = False
    crop_faces(photo, [Box(80, 60, 144, 140)], 160)
    np.testing.assert_array_equal(photo, ramps())


@pytest.mark.parametrize(
    "box",
    [
        Box(50, 50, 50, 50),
        Box(300, 300, 400, 400),
        Box(-90, -90, -50, -50),
        Box(150, 150, 90, 90),
        Box(-1e308, -1e308, 1e308, 1e308),
        Box(1e308, 1e308, -1e308, -1e308),
        Box(-inf, 0, inf, 10),
    ],
    ids=["empty", "beyond", "before", "inverted", "huge", "huge and inverted", "infinite"],
)
def test_a_senseless_box_of_an_imported_record_gives_a_picture_and_no_crash(box: Box) -> None:
    assert crop_faces(ramps(), [box], 160).shape == (1, 160, 160, 3)


# -- the aligned view ------------------------------------------------------------------


def placed(width: float, degrees: float, middle: tuple[float, float]) -> Landmarks:
    """Landmarks that the aligned view shows so wide, turned in the picture, and put somewhere."""
    turn = np.radians(degrees)
    points = (MEAN_LANDMARKS - 0.5) * (width, width * MEAN_ASPECT) / (1 + MARGIN)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Landmarks(*(tuple(float(x) for x in point) for point in points @ matrix + middle))


def around(width: float, middle: tuple[float, float]) -> Box:
    """A box that the aligned view of :func:`placed` fits."""
    half = width / (1 + MARGIN) / 2
    return Box(middle[0] - half, middle[1] - half * MEAN_ASPECT, middle[0] + half, middle[1] + half * MEAN_ASPECT)


def second_view(pixels: NDArray[np.uint8], landmarks: Landmarks, box: Box) -> NDArray[np.uint8]:
    """As the app makes it, turned back from its mirror image."""
    views = view_faces(pixels, [Detection(box, landmarks, 0.99)], "best", 160)
    assert views.shape == (1, 2, 160, 160, 3)
    assert views.dtype == np.uint8
    np.testing.assert_array_equal(views[0, 0], crop_faces(pixels, [box], 160)[0])
    return views[0, 1, :, ::-1]


@pytest.mark.parametrize("scale", [1, 8], ids=["small", "larger than the view"])
def test_an_upright_face_is_seen_with_its_landmarks_in_their_places(scale: int) -> None:
    pixels = np.asarray(Image.fromarray(ramps()).resize((240 * scale, 200 * scale), Image.Resampling.BILINEAR))
    middle = (120.0 * scale, 100.0 * scale)
    view = second_view(pixels, placed(80 * scale, 0, middle), around(80 * scale, middle))
    across, down = np.linspace(80, 160, 161)[:-1], np.linspace(100 - 53.92, 100 + 53.92, 161)[:-1]
    assert np.abs(view[80, :, 0] - across).max() <= 2
    assert np.abs(view[:, 80, 1] - down).max() <= 2


def test_a_tilted_head_is_turned_upright() -> None:
    middle = (120.0, 100.0)
    view = second_view(ramps(), placed(60, 90, middle), around(60, middle)).astype(float)
    # What lies below the face in the view lies to its left in the photo.
    assert view[150, 80, 0] < view[10, 80, 0] - 50
    assert abs(view[150, 80, 1] - view[10, 80, 1]) < 5
    assert abs(view[80, 80, 0] - 120) < 3


def test_what_lies_outside_the_photo_is_black() -> None:
    middle = (5.0, 100.0)
    view = second_view(ramps(), placed(80, 0, middle), around(80, middle))
    assert (view[80, :60] == 0).all()
    assert view[80, 100:, 2].min() == 77


def test_one_view_is_enough_for_the_fast_profile() -> None:
    middle = (120.0, 100.0)
    face = Detection(around(80, middle), placed(80, 0, middle), 0.99)
    views = view_faces(ramps(), [face, face], "fast", 160)
    assert views.shape == (2, 1, 160, 160, 3)
    np.testing.assert_array_equal(views[1, 0], crop_faces(ramps(), [face.box], 160)[0])


@pytest.mark.parametrize("profile", ["fast", "best"])
def test_nobody_has_no_views(profile: Profile) -> None:
    assert len(view_faces(ramps(), [], profile, 160)) == 0


MIDDLE = (120.0, 100.0)


@pytest.mark.parametrize(
    "landmarks",
    [
        Landmarks(*[MIDDLE] * 5),
        placed(900, 0, MIDDLE),
        placed(9, 0, MIDDLE),
        placed(80, 0, (9000.0, 9000.0)),
        Landmarks((inf, 0), MIDDLE, MIDDLE, MIDDLE, MIDDLE),
    ],
    ids=["one point", "much larger than the box", "much smaller", "outside the photo", "infinite"],
)
def test_landmarks_that_make_no_face_leave_the_box_mirrored(landmarks: Landmarks) -> None:
    box = around(80, MIDDLE)
    np.testing.assert_array_equal(second_view(ramps(), landmarks, box), crop_faces(ramps(), [box], 160)[0])
