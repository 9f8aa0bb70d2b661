from __future__ import annotations

from math import inf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facenet_core import images
from facenet_core.alignment import MARGIN, crop_faces
from facenet_core.types import Box

PORTRAIT = Path(__file__).parents[2] / "images" / "Grace_Hopper.jpg"


def ramps() -> NDArray[np.uint8]:
    """240 x 200 pixels that tell their own column in red and row in green."""
    rows, columns = np.mgrid[0:200, 0:240]
    return np.stack([columns, rows, np.full_like(rows, 77)], axis=2).astype(np.uint8)


def seen(crop: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """The region of :func:`ramps` that a crop shows: left, top, right, bottom, to about a pixel."""
    return float(crop[80, 0, 0]), float(crop[0, 80, 1]), float(crop[80, -1, 0]) + 1, float(crop[-1, 80, 1]) + 1


def test_a_face_is_cropped_with_its_margin_and_squashed_to_a_square() -> None:
    (crop,) = crop_faces(ramps(), [Box(80, 60, 144, 140)])
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
    (crop,) = crop_faces(ramps(), [box])
    assert seen(crop) == pytest.approx(region, abs=1.5)


def test_an_enlarged_photo_gives_the_same_crop() -> None:
    photo = images.fit(images.read(PORTRAIT), 300)
    large = np.asarray(
        Image.fromarray(photo.pixels).resize((photo.width * 3, photo.height * 3), Image.Resampling.BICUBIC)
    )
    box = Box(90, 50, 190, 180)
    (small_crop,) = crop_faces(photo.pixels, [box])
    (large_crop,) = crop_faces(large, [Box(box.left * 3, box.top * 3, box.right * 3, box.bottom * 3)])
    difference = np.abs(small_crop.astype(float) - large_crop.astype(float))
    assert difference.mean() < 1.5
    assert small_crop.std() > 30  # there is something to differ in


def test_each_face_gets_its_own_crop_in_order() -> None:
    boxes = [Box(120, 40, 160, 90), Box(20, 100, 60, 150)]
    crops = crop_faces(ramps(), boxes)
    for crop, box in zip(crops, boxes, strict=True):
        np.testing.assert_array_equal(crop, crop_faces(ramps(), [box])[0])
    assert crops[0, 80, 80, 0] > crops[1, 80, 80, 0]


def test_no_faces_give_no_crops() -> None:
    assert crop_faces(ramps(), []).shape == (0, 160, 160, 3)


def test_the_photo_itself_is_not_changed() -> None:
    photo = ramps()
    photo.flags.writeable = False
    crop_faces(photo, [Box(80, 60, 144, 140)])
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
    assert crop_faces(ramps(), [box]).shape == (1, 160, 160, 3)
