"""Many photos on a page: their faces as they are found, remembered for the session."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from facenet_core import images
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Analysis
from facenet_core.ui.inputs import Given
from facenet_core.ui.session import REMEMBERED

SHOWN_LONG_SIDE = 1600
"""Photos are shown, and saved with boxes, at this size at most, in pixels."""

STOPPED = "photos_stopped"
"""The photos that were stopped, as a key of the session."""

Key = tuple[str, str, str]

MOST = 1000
"""Photos that a session remembers: about 200 MB, as they are kept."""


@dataclass(frozen=True, slots=True)
class Slim:
    """A photo's faces, with the photo as a file: many of them fit in memory.

    Attributes:
        found: The faces, in pixels of the full photo, whose own pixels are left
            out.
        shown: The photo at a size to show, as JPEG.
        scale: From the full photo's pixels to those of ``shown``.
    """

    found: Analysis
    shown: bytes
    scale: float


def analyse(
    shared: FaceService, given: Sequence[Given], *, known_only: bool = False
) -> Generator[Slim | FaceNetError, None, None]:
    """What is on each photo, in order, as soon as it is known; nothing is analysed twice in a session.

    Args:
        shared: The service.
        given: The photos.
        known_only: Leave out those that were not analysed yet.

    Raises:
        ModelError: If there is no model.
    """
    remembered, weights = _remembered(), shared.engine.model_id.weights_sha256
    keys = [(hashlib.sha256(photo.data).hexdigest(), photo.name, weights) for photo in given]
    known = {key: remembered[key] for key in keys if key in remembered}
    if known_only:
        yield from (known[key] for key in keys if key in known)
        return
    unknown = {key: photo for key, photo in zip(keys, given, strict=True) if key not in known}
    sources = (partial(shared.photo, photo.data, photo.name) for photo in unknown.values())
    with closing(shared.analyse_many(sources)) as coming:
        for key in keys:
            if key not in known:
                found = next(coming)
                known[key] = remembered[key] = found if isinstance(found, FaceNetError) else _slim(found)
                while len(remembered) > MOST:
                    del remembered[next(iter(remembered))]
            yield known[key]


def stop(given: Sequence[Given]) -> None:
    """Analyses no more of these photos; for the click on a button."""
    st.session_state[STOPPED] = _names(given)


def stopped(given: Sequence[Given]) -> bool:
    """Whether these photos were stopped; with others the next run begins."""
    return bool(st.session_state.get(STOPPED) == _names(given))


def go_on() -> None:
    """Takes the stop back; for the click on a button."""
    st.session_state.pop(STOPPED, None)


def _names(given: Sequence[Given]) -> tuple[tuple[str, int], ...]:
    return tuple((photo.name, len(photo.data)) for photo in given)


@st.cache_resource(scope="session", ttl=REMEMBERED, show_spinner=False)
def _remembered() -> dict[Key, Slim | FaceNetError]:
    """By the photo's bytes, its name and the model; the oldest first."""
    return {}


def _slim(found: Analysis) -> Slim:
    shown = images.fit(found.photo, SHOWN_LONG_SIDE)
    bare = replace(found.photo, pixels=np.empty((0, 0, 3), np.uint8))
    return Slim(
        replace(found, photo=bare), images.thumbnail(shown.pixels, SHOWN_LONG_SIDE), shown.width / found.photo.width
    )
