"""Pictures on which somebody who was removed can't be made out any more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import Connection, select, update

from facenet_core import images
from facenet_core.errors import PhotoError
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.tables import PHOTOS
from facenet_core.types import Analysis, Box, Detection, Face

THUMBNAIL_SIDE = 360
"""Pixels of a thumbnail's longer side."""

SAMPLE_SIDE = 480
"""Pixels of the longer side of what is kept of somebody on the removal list."""


def forget(connection: Connection, faces: Faces, ids: Sequence[int]) -> int:
    """Drops faces with all their copies, blanks them on thumbnails, and drops the originals that show them.

    Args:
        connection: To write with.
        faces: Those of the current model.
        ids: Numbers of faces that are no copies.

    Returns:
        How many faces were dropped, copies among them.
    """
    by_photo = faces.copies(connection, ids)
    for photo, shown in by_photo.items():
        _blank(connection, photo, [place for _, place in shown])
    gone = [id_ for shown in by_photo.values() for id_, _ in shown]
    faces.drop(connection, gone)
    return len(gone)


def _blank(connection: Connection, photo: int, faces: Sequence[Detection]) -> None:
    row = connection.execute(select(PHOTOS.c.thumbnail, PHOTOS.c.width).where(PHOTOS.c.id == photo)).one()
    small = None if row.thumbnail is None else blanked(row.thumbnail, row.width, faces)
    connection.execute(update(PHOTOS).where(PHOTOS.c.id == photo).values(thumbnail=small, original=None))


def blanked(thumbnail: bytes, width: int, faces: Sequence[Detection]) -> bytes | None:
    """A thumbnail on which faces can't be made out: each becomes one colour, their own mean.

    Args:
        thumbnail: As JPEG.
        width: Pixels across of the photo that it is of.
        faces: Where they are on the photo.

    Returns:
        As JPEG; None for one that is too small to be worth it.
    """
    try:
        pixels = images.decode(thumbnail, "thumbnail").pixels.copy()
    except PhotoError:
        return None
    scale = pixels.shape[1] / width
    for face in faces:
        part = pixels[_slices(_scaled(face.box, scale), pixels.shape)]
        if part.size:
            part[:] = part.mean(axis=(0, 1)).astype(np.uint8)
    return images.thumbnail(pixels, THUMBNAIL_SIDE)


def sample_of(pixels: NDArray[np.uint8], box: Box) -> bytes:
    """A small picture of a face with what is around it, in which it can be found again.

    The face is in the middle of it, whoever else is there: where the picture
    ends it goes on in white. Tiny faces are not found, and tiny pictures not
    looked at, so that it is enlarged to :data:`SAMPLE_SIDE`.

    Args:
        pixels: Of the picture.
        box: Where the face is on it.

    Returns:
        As JPEG.
    """
    half = max(1.5 * box.width, 1.5 * box.height, 1.0)
    left, top = (box.left + box.right) / 2 - half, (box.top + box.bottom) / 2 - half
    there = max(left, 0), max(top, 0), min(left + 2 * half, pixels.shape[1]), min(top + 2 * half, pixels.shape[0])
    scale = SAMPLE_SIDE / (2 * half)
    size = max(round((there[2] - there[0]) * scale), 1), max(round((there[3] - there[1]) * scale), 1)
    part = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, there)
    sample = Image.new("RGB", (SAMPLE_SIDE, SAMPLE_SIDE), "white")
    sample.paste(part, (round((there[0] - left) * scale), round((there[1] - top) * scale)))
    return images.thumbnail(np.asarray(sample), SAMPLE_SIDE)


def sample_of_thumbnail(thumbnail: bytes, face: Detection, size: tuple[int, int]) -> bytes:
    """The same from a thumbnail.

    Args:
        thumbnail: Of the photo, as JPEG.
        face: Where the face is on the photo.
        size: Pixels of the photo, across and down.

    Raises:
        PhotoError: If the thumbnail can't be read.
    """
    small = images.decode(thumbnail, "thumbnail")
    return sample_of(small.pixels, _scaled(face.box, small.width / size[0]))


def sampled(found: Analysis) -> Face | None:
    """The face that a sample was made of: the one in its middle, and no neighbour; None if it was not found."""
    x, y = found.photo.width / 2, found.photo.height / 2

    def off(face: Face) -> float:
        box = face.detection.box
        return abs(box.left + box.right - 2 * x) + abs(box.top + box.bottom - 2 * y)

    boxes = ((face, face.detection.box) for face in found.faces)
    here = [face for face, box in boxes if box.left <= x <= box.right and box.top <= y <= box.bottom]
    return min(here, key=off, default=None)


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)


def _slices(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where a box is in an array, with a tenth around it."""
    x, y = 0.1 * box.width, 0.1 * box.height
    top, bottom = max(int(box.top - y), 0), min(int(box.bottom + y) + 1, shape[0])
    left, right = max(int(box.left - x), 0), min(int(box.right + x) + 1, shape[1])
    return slice(top, bottom), slice(left, right)
