"""Faces of the reverse index as squares of their thumbnails."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from facenet_core.drawing import MARKS
from facenet_core.errors import FaceNetError
from facenet_core.reverse.records import Hit
from facenet_core.service import FaceService
from facenet_core.ui import album_tiles, squares
from facenet_core.ui.session import REMEMBERED
from facenet_core.ui.squares import Boxed


def boxed(shared: FaceService, hit: Hit, alt: str, width: int | Literal["stretch"] = "stretch") -> None:
    """A square of the thumbnail around the face, or a note in its place."""
    try:
        small = shared.reverse.thumbnail(hit.photo)
    except FaceNetError:
        small = None
    if small is None:  # it was removed a moment ago
        st.markdown(album_tiles.MISSING)
    else:
        mark = squares.boxed(hit.detection.box, hit.size, style=MARKS[hit.outcome])
        st.image(_square(small, mark), width=width, alt=alt)


@st.cache_data(scope="session", max_entries=200, ttl=REMEMBERED, show_spinner=False)
def _square(thumbnail: bytes, mark: Boxed) -> bytes:
    """Keyed on the thumbnail itself: a face that was blanked on it is on no tile either."""
    return squares.square(thumbnail, [mark])
