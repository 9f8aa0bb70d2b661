"""Pictures on which somebody who was removed can't be made out any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, update

from facenet_core import images
from facenet_core.errors import PhotoError
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.tables import PHOTOS
from facenet_core.store.sql import SQLDatabase
from facenet_core.types import Box, Detection, Photo

THUMBNAIL_SIDE = 360
"""Pixels of a thumbnail's longer side."""

SAMPLE_SIDE = 480
"""Pixels of the longer side of what is kept of somebody on the removal list."""


def forget(database: SQLDatabase, faces: Faces, ids: Sequence[int]) -> int:
    """Drops faces with all their copies, blanks them on thumbnails, and drops the originals that show them.

    Args:
        database: Of the index.
        faces: Those of the current model.
        ids: Numbers of faces that are no copies.

    Returns:
        How many faces were dropped, copies among them.
    """
    with database.writing() as connection:
        by_photo = faces.copies(connection, ids)
        for photo, shown in by_photo.items():
            _blank(connection, photo, [place for _, place in shown])
        gone = [id_ for shown in by_photo.values() for id_, _ in shown]
        faces.drop(connection, gone)
    return len(gone)


def _blank(connection: Connection, photo: int, faces: Sequence[Detection]) -> None:
    row = connection.execute(select(PHOTOS.c.thumbnail, PHOTOS.c.width).where(PHOTOS.c.id == photo)).one()
    small = None
    if row.thumbnail is not None:
        try:
            pixels = images.decode(row.thumbnail, "thumbnail").pixels
            scale = pixels.shape[1] / row.width
            small = images.thumbnail(blanked(pixels, [_scaled(face, scale) for face in faces]), THUMBNAIL_SIDE)
        except PhotoError:  # too small to be worth a repair
            small = None
    connection.execute(update(PHOTOS).where(PHOTOS.c.id == photo).values(thumbnail=small, original=None))


def _scaled(face: Detection, scale: float) -> Detection:
    box = face.box
    return replace(face, box=Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale))


def blanked(pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.uint8]:
    """A picture on which faces can't be made out: each becomes one colour, their own mean.

    Args:
        pixels: Shape ``(height, width, 3)``, uint8.
        faces: Where they are.
    """
    if not faces:
        return pixels
    blank = pixels.copy()
    for face in faces:
        part = blank[_slices(face.box, blank.shape)]
        if part.size:
            part[:] = part.mean(axis=(0, 1)).astype(np.uint8)
    return blank


def sample_of(photo: Photo, face: Detection) -> bytes:
    """A small picture of a face with what is around it, as JPEG, in which it can be found again."""
    box = face.box
    around = Box(box.left - box.width, box.top - box.height, box.right + box.width, box.bottom + box.height)
    return images.thumbnail(photo.pixels[_slices(around, photo.pixels.shape)], 480)


def _slices(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where a box is in an array, with a tenth around it."""
    x, y = 0.1 * box.width, 0.1 * box.height
    top, bottom = max(int(box.top - y), 0), min(int(box.bottom + y) + 1, shape[0])
    left, right = max(int(box.left - x), 0), min(int(box.right + x) + 1, shape[1])
    return slice(top, bottom), slice(left, right)
