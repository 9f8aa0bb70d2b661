"""Ways to give a photo: drop a file, the camera, or one that is already here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from facenet_core import enrolment
from facenet_core.drawing import Mark, annotate
from facenet_core.errors import NotAPhotoError
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Template

UPLOAD, CAMERA, GALLERY = "Upload", "Camera", "Gallery"
ICONS = {UPLOAD: ":material/upload_file:", CAMERA: ":material/photo_camera:", GALLERY: ":material/photo_library:"}
SUFFIXES = sorted(s.removeprefix(".") for s in enrolment.PHOTO_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Given:
    """A photo as it was given.

    Attributes:
        name: What its owner calls it.
        data: Its bytes.
    """

    name: str
    data: bytes


def probe(shared: FaceService, key: str) -> Given | None:
    """One photo: uploaded, from the camera, or from the gallery and ``images/``.

    Raises:
        FaceNetError: If the file of the chosen one can't be read.
    """
    way = st.segmented_control(
        "Their photo",
        [UPLOAD, CAMERA, GALLERY],
        default=UPLOAD,
        required=True,
        format_func=lambda w: f"{ICONS[w]} {w}",
        key=f"{key}_way",
    )
    if way == CAMERA:
        return _camera(f"{key}_camera")
    if way == GALLERY:
        return _from_gallery(shared, key)
    uploaded = st.file_uploader(
        "Drop a photo here", type=SUFFIXES, key=f"{key}_upload", max_upload_size=shared.settings.max_upload_mb
    )
    return Given(uploaded.name, uploaded.getvalue()) if uploaded else None


def photos(shared: FaceService, key: str, label: str) -> list[Given]:
    """Several photos: uploaded, or one from the camera."""
    way = st.segmented_control(
        label,
        [UPLOAD, CAMERA],
        default=UPLOAD,
        required=True,
        format_func=lambda w: f"{ICONS[w]} {w}",
        key=f"{key}_way",
    )
    if way == CAMERA:
        return camera(f"{key}_camera")
    return uploads(shared, f"{key}_upload", "Drop photos here")


def uploads(shared: FaceService, key: str, label: str) -> list[Given]:
    """Several photos that are dropped."""
    uploaded = st.file_uploader(
        label,
        type=SUFFIXES,
        accept_multiple_files=True,
        key=key,
        max_upload_size=shared.settings.max_upload_mb,
    )
    return [Given(u.name, u.getvalue()) for u in uploaded]


def camera(key: str) -> list[Given]:
    """One photo of the camera, or none yet."""
    taken = _camera(key)
    return [taken] if taken else []


def which_face(analysis: Analysis, key: str) -> int | None:
    """Lets the user choose among several faces.

    Returns:
        The face's number, from 1; None while there is only one, or none.
    """
    if len(analysis.faces) < 2:
        return None
    marks = [Mark(face.detection.box, number, "neutral") for number, face in enumerate(analysis.faces, 1)]
    st.image(
        annotate(analysis.photo.pixels, marks),
        alt=f"{len(analysis.faces)} numbered faces in {analysis.photo.name}",
    )
    return st.segmented_control(
        f"{len(analysis.faces)} faces were found. Which one?",
        range(1, len(analysis.faces) + 1),
        default=analysis.prominent + 1,
        required=True,
        key=key,
    )


def _camera(key: str) -> Given | None:
    taken = st.camera_input("Look at the camera", key=key)
    return Given("camera.jpg", taken.getvalue()) if taken else None


def _from_gallery(shared: FaceService, key: str) -> Given | None:
    choices: dict[str, Template | Path] = {
        f"{person.name}, photo {number}": template
        for person in shared.people()
        for number, template in enumerate(person.templates, 1)
    }
    folder = shared.settings.images_dir
    if folder.is_dir():
        choices |= {_label(path, folder): path for path, _ in enrolment.photos_in(folder)}
    chosen = st.selectbox(
        "An enrolled photo, or a file of the images folder",
        list(choices),
        index=None,
        placeholder="Choose a photo",
        key=f"{key}_gallery",
    )
    if chosen is None:
        return None
    source = choices[chosen]
    if isinstance(source, Template):
        return Given(chosen, shared.stored_photo(source))
    try:
        with source.open("rb") as file:
            return Given(chosen, file.read(shared.max_bytes + 1))
    except OSError as error:
        raise NotAPhotoError(chosen, f"this file can't be read ({error.strerror}).") from error


def _label(path: Path, folder: Path) -> str:
    """The name of a file of the images folder, with what is not UTF-8 replaced: a page could not show it."""
    return f"images/{path.relative_to(folder).as_posix()}".encode(errors="replace").decode()
