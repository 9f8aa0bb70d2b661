"""Photos and faces of the album as small pictures of one size."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facenet_core import images
from facenet_core.album.records import AlbumFace, AlbumPhoto
from facenet_core.drawing import Mark, Style, annotate
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Box
from facenet_core.ui.session import REMEMBERED

SIDE = 320
"""Pixels of a tile's sides."""

FACE = 112
"""Pixels of a face's sides."""

GREY = (128, 134, 144)
"""Around a photo that does not fill its tile: between light and dark pages."""

WEIGHT = 3.0
"""Of the lines on a tile, which is shown at half of its pixels or fewer."""

ROOM = 5
"""How many times as wide as its faces a tile shows, if it can."""

MISSING = ":material/broken_image: can't be read"

Boxed = tuple[float, float, float, float, int | str | None, Style]
"""A mark, as a key: edges in shares of the photo's size, number, style."""


def boxed(photo: AlbumPhoto, box: Box, number: int | str | None = None, style: Style = "matched") -> Boxed:
    """A face that is boxed on a tile."""
    across, down = photo.width, photo.height
    return box.left / across, box.top / down, box.right / across, box.bottom / down, number, style


def photo(shared: FaceService, shown: AlbumPhoto, marks: Sequence[Boxed] = (), alt: str = "") -> None:
    """A photo as a square tile, or a note in its place."""
    try:
        picture = _tile(shared, shown, shown.sha256, tuple(marks))
    except FaceNetError:
        st.markdown(MISSING)
    else:
        st.image(picture, width="stretch", alt=alt or shown.name)


def face(shared: FaceService, shown: AlbumFace | None, alt: str, width: int = FACE) -> None:
    """A face, or a note in its place."""
    try:
        picture = crop(shared, shown) if shown else None
    except FaceNetError:
        picture = None
    if picture:
        st.image(picture, width=width, alt=alt)
    else:
        st.markdown(MISSING)


def select(picked: set[int], number: int, key: str) -> None:
    """A box that takes a number into a selection, or out of it."""

    def kept() -> None:
        (picked.add if st.session_state[key] else picked.discard)(number)

    st.checkbox("Select", number in picked, key=key, on_change=kept)


def crop(shared: FaceService, shown: AlbumFace) -> bytes:
    """A face as a square JPEG.

    Raises:
        FaceNetError: If its photo can't be read.
    """
    with Image.open(io.BytesIO(shared.album.crop(shown))) as picture:
        return images.thumbnail(np.asarray(ImageOps.fit(picture.convert("RGB"), (FACE, FACE))), FACE)


def large(shared: FaceService, shown: AlbumPhoto, marks: Sequence[Boxed], side: int) -> bytes:
    """A photo with its faces boxed, as JPEG.

    Raises:
        FaceNetError: If it can't be read.
    """
    return _large(shared, shown, shown.sha256, tuple(marks), side)


def forget() -> None:
    """Drops what is remembered: a folder that was removed is gone here too."""
    _tile.clear()
    _large.clear()


@st.cache_data(scope="session", max_entries=300, ttl=REMEMBERED, show_spinner=False)
def _tile(_shared: FaceService, _photo: AlbumPhoto, sha256: str, marks: tuple[Boxed, ...]) -> bytes:
    with Image.open(io.BytesIO(_shared.album.thumbnail(_photo))) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    down, across = pixels.shape[:2]
    spans = _spans(marks, (across, down))
    extent, side = max((high - low) * length for low, high, length in spans), min(across, down)
    if extent > side:  # no square of it holds all faces
        whole = Image.fromarray(_annotated(pixels, marks, WEIGHT))
        return images.thumbnail(np.asarray(ImageOps.pad(whole, (SIDE, SIDE), color=GREY)), SIDE)
    if marks:
        side = min(side, max(side // 2, round(ROOM * extent)))  # nearer to small faces, with what is around them
    left, top = (_begin(low, high, length, side) for low, high, length in spans)
    cut = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    square = np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
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
    return images.thumbnail(_annotated(square, moved, WEIGHT), SIDE)


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


@st.cache_data(scope="session", max_entries=4, ttl=REMEMBERED, show_spinner=False)
def _large(_shared: FaceService, _photo: AlbumPhoto, sha256: str, marks: tuple[Boxed, ...], side: int) -> bytes:
    shown = images.fit(_shared.album.opened(_photo), side)
    return images.thumbnail(_annotated(shown.pixels, marks), side)


def _annotated(pixels: NDArray[np.uint8], marks: Sequence[Boxed], weight: float = 1.0) -> NDArray[np.uint8]:
    down, across = pixels.shape[:2]
    faces = [Mark(Box(x0 * across, y0 * down, x1 * across, y1 * down), n, s) for x0, y0, x1, y1, n, s in marks]
    return annotate(pixels, faces, weight)
