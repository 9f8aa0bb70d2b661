"""From a face's box to the model's input.

The crop is the detector's box with a margin, squashed to a square, as in the
original FaceNet: its 32 px of a 160 px crop are a quarter of the box it
surrounds. The original adds a fixed number of *source* pixels, which is nearly
nothing around a large face; here the margin follows the face (as in
facenet-pytorch), so a photo and its enlargement give the same crop. On LFW
View 1 the two agree within the noise: ``docs/accuracy.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.facenet import INPUT_SIZE
from facenet_core.types import Box

MARGIN = 0.25
"""Added to the box's width and height, half on each side: 32 / (160 - 32)."""

CROP_ID = f"margin{round(MARGIN * 100)}-squash{INPUT_SIZE}"
"""Names this crop in a preprocessing id."""


def crop_faces(pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """Cuts faces out of a photo, ready for the model.

    Args:
        pixels: Shape ``(height, width, 3)``, RGB, uint8.
        boxes: The faces, in pixels of the photo.

    Returns:
        Shape ``(len(boxes), 160, 160, 3)``, RGB, uint8: bilinear with
        antialiasing; what crosses the photo's edge is cut there. A box that
        lies outside, as an imported record may have it, gives pixels of the
        nearest edge.
    """
    crops = np.empty((len(boxes), INPUT_SIZE, INPUT_SIZE, 3), np.uint8)
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
        crop[:] = np.asarray(photo.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR, box=region))
    return crops
