"""Pictures on which somebody who was removed can't be made out any more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
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


def sample_of(photo: Photo, face: Detection) -> bytes:
    """A small picture of a face with what is around it, as JPEG, in which it can be found again."""
    return images.thumbnail(_around(photo.pixels, face.box), SAMPLE_SIDE)


def sample_of_thumbnail(thumbnail: bytes, face: Detection, size: tuple[int, int]) -> bytes:
    """The same from a thumbnail, enlarged: tiny faces are not found, and tiny pictures not looked at.

    Args:
        thumbnail: Of the photo, as JPEG.
        face: Where the face is on the photo.
        size: Pixels of the photo, across and down.

    Raises:
        PhotoError: If the thumbnail can't be read.
    """
    small = images.decode(thumbnail, "thumbnail")
    around = Image.fromarray(_around(small.pixels, _scaled(face.box, small.width / size[0])))
    grown = ImageOps.contain(around, (SAMPLE_SIDE, SAMPLE_SIDE), Image.Resampling.BICUBIC)
    return images.thumbnail(np.asarray(grown), SAMPLE_SIDE)


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)


def _around(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A face with as much again on each side."""
    wide = Box(box.left - box.width, box.top - box.height, box.right + box.width, box.bottom + box.height)
    return pixels[_slices(wide, pixels.shape)]


def _slices(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where a box is in an array, with a tenth around it."""
    x, y = 0.1 * box.width, 0.1 * box.height
    top, bottom = max(int(box.top - y), 0), min(int(box.bottom + y) + 1, shape[0])
    left, right = max(int(box.left - x), 0), min(int(box.right + x) + 1, shape[1])
    return slice(top, bottom), slice(left, right)
