"""The face that is looked for."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from facenet_core.errors import NoFaceError
from facenet_core.service import FaceService
from facenet_core.types import Face
from facenet_core.ui import inputs, session

WIDTH = 88
"""Pixels of the face's picture, beside the answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A face of a photo that was given.

    Attributes:
        key: What tells it from others.
        name: What the photo is called.
        face: The face, embedded.
    """

    key: str
    name: str
    face: Face


def given(shared: FaceService) -> Probe | None:
    """A photo, and which of its faces; None while there is none.

    Raises:
        FaceNetError: If the photo can't be used, or shows nobody.
    """
    photo = inputs.probe(shared, "reverse")
    if photo is None:
        return None
    with st.spinner("Looking for faces"):
        found = session.analyse(shared, photo.data, photo.name)
    if not found.faces:
        raise NoFaceError(photo.name, "no face was found.")
    number = inputs.which_face(found, f"reverse_face_{found.photo.sha256}") or found.prominent + 1
    return Probe(f"{found.photo.sha256} {number}", photo.name, found.faces[number - 1])


def shown(probe: Probe) -> None:
    """The face."""
    st.image(probe.face.crop, width=WIDTH, alt=f"The face in {probe.name} that is looked for")
