"""The answers of a recognition: boxed photos, tables, downloads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from facenet_core.drawing import MARKS, Mark, annotate, png
from facenet_core.service import TOP_K, FaceService
from facenet_core.table import NOBODY, UNSURE, to_csv
from facenet_core.types import Box, Identification
from facenet_core.ui import components, faces
from facenet_core.ui.photos import Slim

PAGE = 20
"""Photos that are shown at once."""

SHOWN = "answers_shown"
"""The page of them, as a key of the session."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One photo with who is on it.

    Attributes:
        slim: The photo at a size to show, and its faces.
        identifications: One per face, from left to right.
    """

    slim: Slim
    identifications: tuple[Identification, ...]

    @property
    def name(self) -> str:
        """The photo's name."""
        return self.slim.found.photo.name

    def annotated(self) -> NDArray[np.uint8]:
        """The photo with its faces boxed and numbered."""
        marks = [
            Mark(_scaled(i.face.detection.box, self.slim.scale), i.number, MARKS[i.outcome])
            for i in self.identifications
        ]
        return annotate(np.asarray(Image.open(io.BytesIO(self.slim.shown))), marks)

    def picture(self) -> bytes:
        """The same as a PNG file."""
        return png(self.annotated())


def page_of(photos: int) -> int:
    """The page of answers that is shown, from 0."""
    page = int(st.session_state.get(SHOWN, 0))
    return page if page * PAGE < photos else 0


def on_page(page: int) -> range:
    """Which answers it shows."""
    return range(page * PAGE, (page + 1) * PAGE)


def pager(page: int, answers: int) -> None:
    """Turns the pages, if there are several."""
    if answers > PAGE:
        st.selectbox(
            "Shown",
            range(-(-answers // PAGE)),
            index=page,
            key=SHOWN,
            format_func=lambda n: f"Photos {n * PAGE + 1} to {min((n + 1) * PAGE, answers)} of {answers:,}",
        )


def show(shared: FaceService, answer: Answer) -> None:
    """One photo's answer."""
    with st.container(border=True):
        st.markdown(f"**{components.plain(answer.name)}**")
        if not answer.identifications:
            st.info("No face was found in this photo.", icon=":material/face_retouching_off:")
            st.image(answer.slim.shown, alt=f"{answer.name}, without faces")
            return
        st.image(
            answer.annotated(),
            output_format="JPEG",
            alt=f"{answer.name} with {len(answer.identifications)} numbered faces",
        )
        for identification in answer.identifications:
            _person(shared, identification)


def downloads(answers: Sequence[Answer]) -> None:
    """CSV of all faces, and the annotated pictures."""
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: _csv(answers), "faces.csv", "text/csv", icon=":material/table:", on_click="ignore"
        )
        if len(answers) == 1:
            name = f"{PurePosixPath(answers[0].name).stem}-faces.png"
            st.download_button(
                "Annotated picture",
                answers[0].picture,
                name,
                "image/png",
                icon=":material/image:",
                on_click="ignore",
            )
        else:
            st.download_button(
                "Annotated pictures",
                lambda: _zipped(answers),
                "faces.zip",
                "application/zip",
                icon=":material/folder_zip:",
                on_click="ignore",
            )


def _csv(answers: Sequence[Answer]) -> str:
    return to_csv([(answer.name, answer.identifications) for answer in answers], TOP_K)


def _person(shared: FaceService, found: Identification) -> None:
    """One face: who it is, how sure that is, and who else it could be."""
    nearest = found.candidates[0] if found.candidates else None
    pictures, words = st.columns([2, 5], vertical_alignment="center")
    with pictures, st.container(horizontal=True, gap="small"):
        st.image(found.face.crop, width=72, alt=f"Face {found.number}")
        if nearest and found.outcome != "no_match":
            faces.picture(
                shared, nearest.template, 72, f"Enrolled photo {nearest.photo_number} of {nearest.person.name}"
            )
    with words:
        if nearest is None:
            st.markdown(f"**{found.number}** · :red[:material/person_off: **{NOBODY}**] · nobody to compare with")
            return
        name = components.plain(nearest.person.name)
        rare = f" · {found.one_in} strangers" if found.one_in else ""
        if found.matched:
            st.markdown(
                f"**{found.number}** · :green[:material/check_circle: **{name}**] · "
                f"distance {nearest.distance:.2f}{rare}"
            )
        elif found.outcome == "inconclusive":
            st.markdown(
                f"**{found.number}** · :orange[:material/help: **{UNSURE}**] · perhaps {name}, "
                f"distance {nearest.distance:.2f}{rare}. Try a sharper photo."
            )
        else:
            st.markdown(
                f"**{found.number}** · :red[:material/person_off: **{NOBODY}**] · "
                f"nearest: {name} {nearest.distance:.2f}"
            )
        if others := found.candidates[1:]:
            st.caption("Next: " + ", ".join(f"{components.plain(c.person.name)} {c.distance:.2f}" for c in others))


def _zipped(answers: Sequence[Answer]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, answer in enumerate(answers, 1):
            archive.writestr(f"{number:03d}-{PurePosixPath(answer.name).stem}-faces.png", answer.picture())
        archive.writestr("faces.csv", _csv(answers))
    return target.getvalue()


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)
