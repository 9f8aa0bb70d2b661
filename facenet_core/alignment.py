"""From a face's box and landmarks to the model's input.

The first view of a face is the detector's box with a margin, squashed to a
square, as in the original FaceNet: its 32 px of a 160 px crop are a quarter of
the box it surrounds. The original adds a fixed number of *source* pixels, which
is nearly nothing around a large face; here the margin follows the face (as in
facenet-pytorch), so a photo and its enlargement give the same crop.

The second view is turned, moved and scaled so that the landmarks come to lie
where they do in the average face's first view, and mirrored. The mean of both embeddings
misses fewer people than either: ``docs/accuracy.md``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.face_shape import MEAN_ASPECT, similarity
from facenet_core.types import Box, Detection

Profile = Literal["fast", "best"]
"""How many views of a face are embedded: one or two."""

MARGIN = 0.25
"""Added to the box's width and height, half on each side: 32 / (160 - 32)."""

UNNAMED_SIZE = 160
"""Side of the crops of a preprocessing id that names none: FaceNet's, in pixels."""

MAX_ZOOM = 2.0
"""Landmarks that make the aligned view this much larger or smaller than the box are not believed."""

_OVERSAMPLING = 2
"""The aligned view is drawn at this multiple of its size and reduced."""

_NAMED_SIZE = re.compile(r"-squash([1-9][0-9]{1,2})(?![0-9])")


def crop_id(profile: Profile, size: int) -> str:
    """Names the views of a profile in a preprocessing id.

    Args:
        profile: Which views.
        size: Side of each, in pixels.
    """
    return f"margin{round(MARGIN * 100)}-squash{size}{'+aligned' if profile == 'best' else ''}"


def named_size(preprocessing: str) -> int:
    """The side of the crops that a preprocessing id tells of, in pixels.

    Args:
        preprocessing: Of a :class:`~facenet_core.types.ModelId`. An imported
            record may say anything, so only sides up to 999 are believed.
    """
    named = _NAMED_SIZE.search(preprocessing)
    return int(named[1]) if named else UNNAMED_SIZE


def view_faces(pixels: NDArray[np.uint8], faces: Sequence[Detection], profile: Profile, size: int) -> NDArray[np.uint8]:
    """Cuts every view of faces out of a photo, ready for the model.

    Args:
        pixels: Shape ``(height, width, 3)``, RGB, uint8.
        faces: Boxes and landmarks, in pixels of the photo.
        profile: Which views.
        size: Side of the model's input, in pixels.

    Returns:
        Shape ``(len(faces), views, size, size, 3)``, RGB, uint8. The first view
        of each is that of :func:`crop_faces`.
    """
    boxed = crop_faces(pixels, [face.box for face in faces], size)
    if profile == "fast":
        return boxed[:, np.newaxis]
    views = np.stack([boxed, boxed], axis=1)
    photo = Image.fromarray(pixels) if len(faces) else None
    for view, face in zip(views, faces, strict=True):
        aligned = _aligned(photo, face, size) if photo else None
        if aligned is not None:
            view[1] = aligned
        view[1] = view[1, :, ::-1].copy()
    return views


def crop_faces(pixels: NDArray[np.uint8], boxes: Sequence[Box], size: int) -> NDArray[np.uint8]:
    """Cuts faces out of a photo, ready for the model.

    Args:
        pixels: Shape ``(height, width, 3)``, RGB, uint8.
        boxes: The faces, in pixels of the photo.
        size: Side of the model's input, in pixels.

    Returns:
        Shape ``(len(boxes), size, size, 3)``, RGB, uint8: bilinear with
        antialiasing; what crosses the photo's edge is cut there. A box that
        lies outside, as an imported record may have it, gives pixels of the
        nearest edge.
    """
    crops = np.empty((len(boxes), size, size, 3), np.uint8)
    if not boxes:
        return crops
    photo = Image.fromarray(pixels)
    for crop, box in zip(crops, boxes, strict=True):
        x, y = box.width * MARGIN / 2, box.height * MARGIN / 2
        left = min(max(box.left - x, 0.0), photo.width - 1.0)
        top = min(max(box.top - y, 0.0), photo.height - 1.0)
        right = max(min(box.right + x, float(photo.width)), left + 1.0)
        bottom = max(min(box.bottom + y, float(photo.height)), top + 1.0)
        region = (left, top, right, bottom)
        crop[:] = np.asarray(photo.resize((size, size), Image.Resampling.BILINEAR, box=region))
    return crops


def _aligned(photo: Image.Image, face: Detection, size: int) -> NDArray[np.uint8] | None:
    """A face with its landmarks where they belong; None if they make no face."""
    turn = similarity(face.landmarks)
    if turn is None:
        return None
    matrix, offset = turn
    # From the view, of width 1 before it is squashed, to the average face: about the middle of both.
    enlarged = 1 + MARGIN
    middle = np.array([0.5, 0.5 * MEAN_ASPECT])
    offset = offset + matrix @ middle * (1 - enlarged)
    matrix = matrix * enlarged
    side = math.hypot(*matrix[:, 0])
    expected = face.box.width * (1 + MARGIN)
    if not 1 / MAX_ZOOM < side / max(expected, 1e-9) < MAX_ZOOM:
        return None
    sampled = size * _OVERSAMPLING
    shrink = max(1.0, side / sampled)
    corners = np.array([[0, 0], [1, 0], [0, MEAN_ASPECT], [1, MEAN_ASPECT]]) @ matrix.T + offset
    # A few pixels around it, for the interpolation; what lies outside the photo stays black.
    edge = 3 * shrink
    left, top = np.floor(corners.min(axis=0) - edge).clip(0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0) + edge), photo.size)
    if right - left < 1 or bottom - top < 1:
        return None
    shrunk = (max(1, round((right - left) / shrink)), max(1, round((bottom - top) / shrink)))
    region = photo.resize(shrunk, Image.Resampling.BOX, box=(left, top, right, bottom))
    scale = np.array([shrunk[0] / (right - left), shrunk[1] / (bottom - top)])
    step = matrix @ np.diag([1 / sampled, MEAN_ASPECT / sampled]) * scale[:, np.newaxis]
    start = (offset - (left, top)) * scale
    coefficients = (step[0, 0], step[0, 1], start[0], step[1, 0], step[1, 1], start[1])
    drawn = region.transform((sampled, sampled), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)
    return np.asarray(drawn.reduce(_OVERSAMPLING))
