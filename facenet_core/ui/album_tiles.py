"""Photos and faces of the album as small pictures of one size."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from facenet_core import images
from facenet_core.album.records import AlbumFace, AlbumPhoto
from facenet_core.drawing import Style
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Box
from facenet_core.ui import squares
from facenet_core.ui.session import REMEMBERED
from facenet_core.ui.squares import Boxed

FACE = 112
"""Pixels of a face's sides."""

MISSING = ":material/broken_image: can't be read"


def boxed(photo: AlbumPhoto, box: Box, number: int | str | None = None, style: Style = "matched") -> Boxed:
    """A face that is boxed on a tile."""
    return squares.boxed(box, (photo.width, photo.height), number, style)


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

    # A box that is there already keeps its own value, whatever has become of the selection.
    if st.session_state.get(key, False) != (number in picked):
        st.session_state[key] = number in picked
    st.checkbox("Select", key=key, on_change=kept)


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
    return squares.square(_shared.album.thumbnail(_photo), marks)


@st.cache_data(scope="session", max_entries=4, ttl=REMEMBERED, show_spinner=False)
def _large(_shared: FaceService, _photo: AlbumPhoto, sha256: str, marks: tuple[Boxed, ...], side: int) -> bytes:
    shown = images.fit(_shared.album.opened(_photo), side)
    return images.thumbnail(squares.annotated(shown.pixels, marks), side)
