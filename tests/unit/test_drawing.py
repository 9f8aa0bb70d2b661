from __future__ import annotations

from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facenet_core import drawing
from facenet_core.drawing import COLOURS, Mark, Style
from facenet_core.types import Box

GREY = 128

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
SIGHT = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def grey(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), GREY, np.uint8)


def is_colour(pixels: NDArray[np.uint8], outcome: Style) -> NDArray[np.bool_]:
    return np.asarray((pixels == np.array(COLOURS[outcome], np.uint8)).all(axis=-1))


def changed(pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((pixels != GREY).any(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def linear(colour: tuple[int, int, int]) -> NDArray[np.float64]:
    c = np.array(colour) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(rgb, 1e-4, 1) / (0.9505, 1.0, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_a_photo_without_faces_stays_as_it_is() -> None:
    photo = grey(200, 100)
    np.testing.assert_array_equal(drawing.annotate(photo, []), photo)


def test_the_photo_itself_is_not_drawn_on() -> None:
    photo = grey(200, 100)
    annotated = drawing.annotate(photo, [Mark(Box(50, 40, 90, 90), 1, "matched")])
    assert annotated.shape == photo.shape and annotated.dtype == np.uint8
    assert (photo == GREY).all() and (annotated != GREY).any()


@pytest.mark.parametrize("outcome", list(COLOURS))
def test_a_box_has_the_colour_of_its_outcome(outcome: Style) -> None:
    annotated = drawing.annotate(grey(800, 600), [Mark(Box(300, 200, 400, 320), 1, outcome)])
    for y, x in ((201, 301), (201, 398), (318, 301), (318, 398)):
        assert is_colour(annotated, outcome)[y, x]
    for other in set(COLOURS) - {outcome}:
        assert not is_colour(annotated, other).any()


def test_a_stranger_is_told_apart_without_colour() -> None:
    box = Box(300, 200, 400, 320)
    middle_of_left_edge = (260, 301)
    assert is_colour(drawing.annotate(grey(800, 600), [Mark(box, 1, "matched")]), "matched")[middle_of_left_edge]
    stranger = drawing.annotate(grey(800, 600), [Mark(box, 1, "unknown")])
    assert (stranger[middle_of_left_edge] == GREY).all()


def test_lines_and_numbers_grow_with_the_photo() -> None:
    small = drawing.annotate(grey(400, 300), [Mark(Box(150, 100, 210, 180), 1, "matched")])
    large = drawing.annotate(grey(4000, 3000), [Mark(Box(1500, 1000, 2100, 1800), 1, "matched")])
    line_small = is_colour(small[160, :180], "matched").sum()
    line_large = is_colour(large[1600, :1800], "matched").sum()
    assert line_small == 2 and 14 <= line_large <= 20
    tag_small = 100 - changed(small)[1]
    tag_large = 1000 - changed(large)[1]
    assert tag_small >= 12 and tag_large == pytest.approx(10 * tag_small, rel=0.15)


def test_numbers_shrink_in_a_crowd() -> None:
    crowd = drawing.annotate(grey(4000, 3000), [Mark(Box(500, 1000, 560, 1080), 1, "matched")])
    portrait = drawing.annotate(grey(4000, 3000), [Mark(Box(500, 1000, 1500, 2200), 1, "matched")])
    assert 1000 - changed(crowd)[1] < 0.8 * (1000 - changed(portrait)[1])


def test_the_number_stands_above_the_box_in_readable_white() -> None:
    annotated = drawing.annotate(grey(800, 600), [Mark(Box(300, 200, 400, 320), 8, "unknown")])
    tag = annotated[170:198, 300:330]
    assert is_colour(tag, "unknown").mean() > 0.4
    assert (tag[8:20, 8:20] == 255).all(axis=-1).any()


def test_every_face_has_its_own_number() -> None:
    pictures = [drawing.annotate(grey(400, 300), [Mark(Box(150, 100, 210, 180), n, "neutral")]) for n in (1, 2, 12)]
    for one, other in combinations(pictures, 2):
        assert (one != other).any()


@pytest.mark.parametrize(
    "box", [Box(0, 0, 60, 80), Box(345, 0, 400, 80), Box(0, 220, 60, 300), Box(398, 220, 400, 300)]
)
def test_a_number_is_whole_even_at_the_photos_edge(box: Box) -> None:
    def ink(where: Box) -> int:
        seven, eight = (drawing.annotate(grey(400, 300), [Mark(where, number, "matched")]) for number in (7, 8))
        return int((seven != eight).any(axis=-1).sum())

    free = Box(150, 100, 150 + box.width, 100 + box.height)
    assert ink(box) == ink(free) > 0


def test_a_neighbours_box_never_crosses_a_number() -> None:
    below, above = Box(100, 100, 160, 180), Box(90, 40, 150, 95)
    both = drawing.annotate(grey(400, 300), [Mark(below, 1, "matched"), Mark(above, 2, "neutral")])
    alone = drawing.annotate(grey(400, 300), [Mark(below, 1, "matched")])
    np.testing.assert_array_equal(both[88:95, 104:112], alone[88:95, 104:112])


def test_a_face_that_fills_a_tiny_photo_can_be_marked() -> None:
    annotated = drawing.annotate(grey(20, 20), [Mark(Box(0.2, 0.1, 19.8, 19.9), 12, "matched")])
    assert annotated.shape == (20, 20, 3)
    assert is_colour(annotated, "matched").any()


@pytest.mark.parametrize("outcome", list(COLOURS))
def test_white_numbers_are_readable_on_every_colour(outcome: Style) -> None:
    luminance = float(linear(COLOURS[outcome]) @ (0.2126, 0.7152, 0.0722))
    assert 1.05 / (luminance + 0.05) >= 4.5


@pytest.mark.parametrize("sight", list(SIGHT))
def test_colours_stay_apart_for_every_kind_of_sight(sight: str) -> None:
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in COLOURS.values()]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= 30


def test_a_png_keeps_every_pixel() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    with Image.open(BytesIO(drawing.png(photo))) as image:
        assert image.format == "PNG" and not image.info
        np.testing.assert_array_equal(np.asarray(image), photo)
