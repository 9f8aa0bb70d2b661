"""Photos cut to squares of one size, around the faces that are boxed on them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facenet_core import images
from facenet_core.drawing import Mark, Style, annotate
from facenet_core.types import Box

SIDE = 320
"""Pixels of a square's sides."""

GREY = (128, 134, 144)
"""Around a photo that does not fill its square: between light and dark pages."""

WEIGHT = 3.0
"""Of the lines on a square, which is shown at half of its pixels or fewer."""

ROOM = 5
"""How many times as wide as its faces a square shows, if it can."""

Boxed = tuple[float, float, float, float, int | str | None, Style]
"""A mark, as a key: edges in shares of the photo's size, number, style."""


def boxed(box: Box, size: tuple[int, int], number: int | str | None = None, style: Style = "matched") -> Boxed:
    """A face that is boxed on a photo of so many pixels across and down."""
    across, down = size
    return box.left / across, box.top / down, box.right / across, box.bottom / down, number, style


def square(photo: bytes, marks: Sequence[Boxed] = ()) -> bytes:
    """A photo as a square JPEG, near to the faces that are marked.

    Args:
        photo: A JPEG of our own making.
        marks: The faces.
    """
    with Image.open(io.BytesIO(photo)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    down, across = pixels.shape[:2]
    spans = _spans(marks, (across, down))
    extent, side = max((high - low) * length for low, high, length in spans), min(across, down)
    if extent > side:  # no square of it holds all faces
        whole = Image.fromarray(annotated(pixels, marks, WEIGHT))
        return images.thumbnail(np.asarray(ImageOps.pad(whole, (SIDE, SIDE), color=GREY)), SIDE)
    if marks:
        side = min(side, max(side // 2, round(ROOM * extent)))  # nearer to small faces, with what is around them
    left, top = (_begin(low, high, length, side) for low, high, length in spans)
    cut = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    shown = np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    moved: list[Boxed] = [
        (
            (x0 * across - left) / side,
            (y0 * down - top) / side,
            (x1 * across - left) / side,
            (y1 * down - top) / side,
            number,
            style,
        )
        for x0, y0, x1, y1, number, style in marks
    ]
    return images.thumbnail(annotated(shown, moved, WEIGHT), SIDE)


def annotated(pixels: NDArray[np.uint8], marks: Sequence[Boxed], weight: float = 1.0) -> NDArray[np.uint8]:
    """Draws the boxes."""
    down, across = pixels.shape[:2]
    faces = [Mark(Box(x0 * across, y0 * down, x1 * across, y1 * down), n, s) for x0, y0, x1, y1, n, s in marks]
    return annotate(pixels, faces, weight)


def _spans(marks: Sequence[Boxed], size: tuple[int, int]) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    """From where to where the marks are, in shares, and of how many pixels; in the middle without any."""
    across, down = size
    if not marks:
        return (0.5, 0.5, across), (0.42, 0.42, down)  # on most upright photos faces are above the middle
    return (
        (min(m[0] for m in marks), max(m[2] for m in marks), across),
        (min(m[1] for m in marks), max(m[3] for m in marks), down),
    )


def _begin(low: float, high: float, length: int, side: int) -> int:
    """Where a window of ``side`` pixels begins that has a span in its middle, as far as the edges allow."""
    return max(0, min(round((low + high) / 2 * length - side / 2), length - side))
