"""The samples of a search: faces of the person that is looked for, from wherever they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from facenet_core.album.records import AlbumFace, Group
from facenet_core.album.samples import best_faces, first_templates
from facenet_core.drawing import png
from facenet_core.errors import AlbumError, FaceNetError, NoFaceError
from facenet_core.service import FaceService
from facenet_core.types import Embedding
from facenet_core.ui import album_tiles, components, faces, inputs, session

A, B = "A", "B"

TRAYS = "album_samples"
"""The samples of each person, as a key of the session."""

TWO = "album_two"
"""Whether two people are looked for, as a key of the session."""

ENROLLED = "Enrolled person"
ICONS = inputs.ICONS | {ENROLLED: ":material/badge:"}

WIDTH = 84
"""Pixels of a sample's picture."""


@dataclass(slots=True)
class Sample:
    """A photo, a face of the album, or several faces of one person.

    Attributes:
        key: What tells it from others.
        name: What it is called.
        weights: sha256 of the model's weights: embeddings of another are no use.
        pictures: Of each face that it may stand for.
        embeddings: Of each of them, shape ``(n, d)``.
        chosen: Which of them it stands for.
    """

    key: str
    name: str
    weights: str
    pictures: list[bytes] = field(repr=False)
    embeddings: list[NDArray[np.float32]] = field(repr=False)
    chosen: int = 0

    @property
    def label(self) -> str:
        """What a question is told apart by."""
        return f"{self.key} {self.chosen}"


def tray(person: str) -> list[Sample]:
    """The samples of a person."""
    trays: dict[str, list[Sample]] = st.session_state.setdefault(TRAYS, {A: [], B: []})
    return trays[person]


def of(shared: FaceService, person: str) -> list[Embedding]:
    """The embeddings of a person's samples, those of the model at work."""
    weights = shared.engine.model_id.weights_sha256
    found = tray(person)
    found[:] = [sample for sample in found if sample.weights == weights]
    return [row for sample in found for row in sample.embeddings[sample.chosen]]


def put(person: str, sample: Sample) -> None:
    """Adds a sample; one that is there already is no error."""
    if all(sample.key != each.key for each in tray(person)):
        tray(person).append(sample)


def only(person: str, sample: Sample) -> None:
    """Begins a new search with one sample."""
    clear()
    put(person, sample)


def clear() -> None:
    """Forgets the samples."""
    st.session_state.pop(TRAYS, None)
    st.session_state[TWO] = False


def of_face(shared: FaceService, face: AlbumFace, name: str) -> Sample:
    """A face of the album as a sample.

    Raises:
        FaceNetError: If its photo can't be read, or the model has not seen it.
    """
    return _of(shared, f"face {face.id}", name, [face])


def of_group(shared: FaceService, group: Group) -> Sample:
    """The best faces of a group as a sample.

    Raises:
        FaceNetError: If the photo of the first can't be read.
    """
    best = shared.album.faces(best_faces(group))
    name = f"{group.name or 'Unknown'}, {components.count(len(best), 'face')} of the album"
    return _of(shared, f"group {' '.join(str(face.id) for face in best)}", name, best)


def _of(shared: FaceService, key: str, name: str, found: Sequence[AlbumFace]) -> Sample:
    rows = shared.album.embeddings([face.id for face in found])
    if not len(rows):
        raise AlbumError(f"{name}: the model at work has not seen this face. Index the album again.")
    return Sample(key, name, shared.engine.model_id.weights_sha256, [album_tiles.crop(shared, found[0])], [rows])


def choose(shared: FaceService, person: str, title: str) -> None:
    """Ways to give samples of a person, and those that are there."""
    with st.container(border=True):
        if not tray(person):
            _ways(shared, person, title)
        else:
            st.markdown(title)
            _tray(person)
            # Out of the way of the answer.
            with st.expander("Add another sample", icon=":material/add_photo_alternate:"):
                _ways(shared, person, "From")
        for refusal in st.session_state.pop(f"album_refused_{person}", ()):
            components.show_error(refusal)


def _ways(shared: FaceService, person: str, title: str) -> None:
    way = st.segmented_control(
        title,
        [inputs.UPLOAD, inputs.CAMERA, ENROLLED],
        default=inputs.UPLOAD,
        required=True,
        format_func=lambda w: f"{ICONS[w]} {w}",
        key=f"album_way_{person}",
        persist_state="page",
    )
    if way == ENROLLED:
        _enrolled(shared, person)
    else:
        _given(shared, person, way)


def _given(shared: FaceService, person: str, way: str) -> None:
    """Photos become samples at once, and a new key empties what they were dropped on."""
    turn = f"album_round_{person}"
    key = f"album_given_{person}_{st.session_state.get(turn, 0)}"
    if way == inputs.CAMERA:
        given = inputs.camera(f"{key}_camera")
    else:
        given = inputs.uploads(shared, f"{key}_upload", "Drop one photo of the person or several")
    if not given:
        return
    refused: list[FaceNetError] = []
    with st.spinner(f"Looking at {components.count(len(given), 'photo')}"):
        for photo in given:
            try:
                put(person, _looked_at(shared, photo))
            except FaceNetError as error:
                refused.append(error)
    st.session_state[f"album_refused_{person}"] = refused
    st.session_state[turn] = st.session_state.get(turn, 0) + 1
    st.rerun()


def _looked_at(shared: FaceService, given: inputs.Given) -> Sample:
    found = session.analyse(shared, given.data, given.name)
    if not found.faces:
        raise NoFaceError(given.name, "no face was found.")
    return Sample(
        f"photo {found.photo.sha256}",
        given.name,
        found.model_id.weights_sha256,
        [png(face.crop) for face in found.faces],
        [face.embedding[np.newaxis] for face in found.faces],
        found.prominent,
    )


def _enrolled(shared: FaceService, person: str) -> None:
    model = shared.engine.model_id
    people = {each.name: each for each in shared.people()}
    name = st.selectbox(
        "An enrolled person", list(people), index=None, placeholder="Choose a person", key=f"album_enrolled_{person}"
    )
    if not name:
        return
    templates = first_templates(people[name], model)
    if not templates:
        st.warning("The photos of this person were embedded by another model. Renew them on the Manage page.")
        return
    if st.button("Add as a sample", icon=":material/add:", key=f"album_add_{person}"):
        said = f"{name}, {components.count(len(templates), 'photo')} enrolled"
        try:
            pictures = [faces.enrolled_crop(shared, templates[0])]
        except FaceNetError as error:
            components.show_error(error)
            return
        rows = np.stack([t.embedding for t in templates])
        put(person, Sample(f"person {people[name].id}", said, model.weights_sha256, pictures, [rows]))
        st.rerun()


def _tray(person: str) -> None:
    found = tray(person)
    with st.grid("auto", min_column_width=200):
        for place, sample in enumerate(found):
            with st.container(border=True, gap="xsmall"):
                with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                    st.image(sample.pictures[sample.chosen], width=WIDTH, alt=f"Sample {place + 1} of person {person}")
                    st.caption(components.plain(sample.name), width="stretch")
                if len(sample.pictures) > 1:
                    _which(person, sample)
                st.button(
                    "Remove",
                    key=f"album_drop_{person}_{sample.key}",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=found.remove,
                    args=(sample,),
                )


def _which(person: str, sample: Sample) -> None:
    """Lets the user choose among the faces of a photo."""
    key = f"album_which_{person}_{sample.key}"
    with st.container(horizontal=True, gap="xsmall"):
        for number, picture in enumerate(sample.pictures, 1):
            st.image(picture, width=44, caption=str(number), alt=f"Face {number} of {sample.name}")

    def kept() -> None:
        sample.chosen = st.session_state[key] - 1

    st.segmented_control(
        f"{len(sample.pictures)} faces were found. Which one?",
        range(1, len(sample.pictures) + 1),
        default=sample.chosen + 1,
        required=True,
        key=key,
        on_change=kept,
    )


def names(samples: Sequence[Sample]) -> str:
    """What tells a question from others."""
    return " ".join(sorted(sample.label for sample in samples))
