"""Turning a person's photo into a template, or into a reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from facenet_core import images
from facenet_core.errors import (
    FaceTooSmallError,
    NoFaceError,
    PoorPhotoError,
    SettingError,
    SeveralFacesError,
)
from facenet_core.quality import described
from facenet_core.store import NewTemplate
from facenet_core.types import Analysis, Box, Candidate, Face, Flaw, Photo, Template

STORED_LONG_SIDE = 2048
"""Enrolled photos are kept at this size at most, in pixels of the longer side."""

SAME_FACE_IOU = 0.5
"""Overlap at which a face found again in the same photo is the enrolled one."""

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".mpo"}
)
"""Files of a folder that are taken for photos; what they hold is checked on decoding."""


def fitted(photo_data: bytes, name: str, max_bytes: int, max_pixels: int) -> Photo:
    """Decodes a photo at the size it would be stored in.

    What is embedded is then exactly what is kept, so that a later model sees
    the same pixels.

    Raises:
        PhotoError: If it can't be decoded.
    """
    photo = images.decode(photo_data, name, max_bytes=max_bytes, max_pixels=max_pixels)
    return images.fit(photo, STORED_LONG_SIDE)


def chosen_face(analysis: Analysis, number: int | None) -> Face:
    """The face that a caller means.

    Args:
        analysis: The photo's faces.
        number: The face's number, from 1, left to right; None for the
            prominent one.

    Raises:
        NoFaceError: If nobody was found.
        SettingError: If there is no face of that number.
        ValueError: If that face was not wanted when the photo was analysed.
    """
    if not analysis.faces:
        raise NoFaceError(
            analysis.photo.name,
            "no face was found. Use a sharp, well-lit photo in which the face looks at the camera.",
        )
    if number is None:
        number = analysis.prominent + 1
    if not 1 <= number <= len(analysis.faces):
        raise SettingError(f"{analysis.photo.name}: there is no face {number}; found {len(analysis.faces)}")
    face = analysis.faces[number - 1]
    if not face.embedding.size:
        raise ValueError(f"{analysis.photo.name}: face {number} was not embedded")
    return face


def face_at(analysis: Analysis, box: Box) -> int:
    """The number of the face at a place, from 1.

    Args:
        analysis: The photo's faces.
        box: Where it was when it was found before.

    Raises:
        NoFaceError: If there is none now.
    """
    overlaps = [iou(face.detection.box, box) for face in analysis.faces]
    best = max(overlaps, default=0.0)
    if best < SAME_FACE_IOU:
        raise NoFaceError(analysis.photo.name, "the face was not found in this photo again. Use another photo.")
    return overlaps.index(best) + 1


def as_kept(box: Box, width: int, height: int) -> Box:
    """Where a face is on a photo at the size in which it would be kept.

    Args:
        box: Where it is on the photo as it is.
        width: Of the photo as it is, in pixels.
        height: Likewise.
    """
    scale = min(1.0, STORED_LONG_SIDE / max(width, height))
    return Box(scale * box.left, scale * box.top, scale * box.right, scale * box.bottom)


def unlike_others(candidate: Candidate, limit: float) -> Flaw | None:
    """The flaw of a photo that seems to show somebody else than the person's other photos.

    Args:
        candidate: The new face, held against the person it is said to show.
        limit: The distance beyond which two photos are not of one person.
    """
    if candidate.distance <= limit:
        return None
    return Flaw(
        "unlike_others",
        "refuse",
        f"the face does not look like {candidate.person.name}'s other photos ({candidate.photo_distance:.2f} from the "
        f"closest; up to {limit:.2f} it may be the same person).",
        "Check that it is the right photo, or use one that shows the face from the front.",
    )


def new_template(analysis: Analysis, number: int | None, min_face_px: int, found: Sequence[Flaw] = ()) -> NewTemplate:
    """What the store needs to enrol a face.

    Args:
        analysis: Of a photo decoded by :func:`fitted`.
        number: The face's number, from 1; None if the photo shows one face only.
        min_face_px: Smaller faces are refused, in pixels of the shorter side.
        found: What speaks against the face; it is refused unless all of it are
            warnings.

    Raises:
        NoFaceError: If nobody was found.
        SeveralFacesError: If there are several and none was chosen.
        FaceTooSmallError: If the face has too few pixels.
        PoorPhotoError: If it has a flaw that is more than a warning.
    """
    photo = analysis.photo
    face = chosen_face(analysis, number)
    if number is None and len(analysis.faces) > 1:
        raise SeveralFacesError(
            photo.name,
            f"{len(analysis.faces)} faces were found. Choose which one to enrol (they are numbered from the left), "
            "or use a photo of this person alone.",
            len(analysis.faces),
        )
    side = min(face.detection.box.width, face.detection.box.height)
    if side < min_face_px:
        raise FaceTooSmallError(
            photo.name,
            f"the face is only {int(side)} pixels wide; at least {min_face_px} are needed. "
            "Use a larger or closer photo.",
        )
    if refusals := [flaw for flaw in found if flaw.severity == "refuse"]:
        raise PoorPhotoError(photo.name, described(refusals), tuple(flaw.code for flaw in found))
    return NewTemplate(
        photo=images.encode_stored(photo),
        source_sha256=photo.sha256,
        source_name=photo.name,
        detection=face.detection,
        embedding=face.embedding,
        model_id=analysis.model_id,
    )


def reembedded(template: Template, analysis: Analysis) -> Template:
    """A template as another model has it.

    Args:
        template: The template.
        analysis: What the other model makes of its photo.

    Raises:
        NoFaceError: If the enrolled face is not found in the photo again.
    """
    best = max(analysis.faces, key=lambda f: iou(f.detection.box, template.detection.box), default=None)
    if best is None or iou(best.detection.box, template.detection.box) < SAME_FACE_IOU:
        raise NoFaceError(template.source_name, "the enrolled face was not found in its photo again.")
    return replace(template, detection=best.detection, embedding=best.embedding, model_id=analysis.model_id)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.width * a.height + b.width * b.height - shared)


def person_name(path: str) -> str:
    r"""The person that a photo in a folder shows, by its place.

    A photo in a sub-folder shows the person the sub-folder is named after; one
    at the top shows the person its file is named after. Underscores read as
    spaces, and a counter at the end is left out: ``Grace_Hopper_2.jpg`` is
    Grace Hopper. A file named by a counter alone is named after its folder.

    Args:
        path: Relative to the folder above the dragged one, with ``/`` or ``\\``:
            ``family/Grace_Hopper.jpg`` or ``family/Grace Hopper/1.jpg``.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts
    own = _readable(PurePosixPath(parts[-1]).stem if parts else "")
    return _readable(parts[-2]) if len(parts) > 2 or (len(parts) == 2 and not own) else own


def photos_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """The photos of a folder tree, sorted, with the person each one shows.

    Hidden files, links that lead outside, and files that are not named like a
    photo are passed over.
    """
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if hidden or path.suffix.lower() not in PHOTO_SUFFIXES or not path.is_file():
            continue
        if path.resolve().is_relative_to(root):
            yield path, person_name(f"{root.name}/{relative.as_posix()}")


def _readable(stem: str) -> str:
    words = re.sub(r"[\s_]+", " ", stem).strip()
    return re.sub(r"(?:^|[\s-]+)\(?\d+\)?$", "", words).strip()
