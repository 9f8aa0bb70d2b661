"""Ways to make a photo of a face worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from facenet_core.types import Box, Face

Pixels = NDArray[np.uint8]


def shrunk(pixels: Pixels, face: Face, level: float, _: np.random.Generator) -> Pixels:
    """The photo at a size at which the face has so many pixels."""
    scale = level / face.quality.face_px
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def blurred(pixels: Pixels, face: Face, level: float, _: np.random.Generator) -> Pixels:
    """Gaussian, of a standard deviation that is a share of the face."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(level * face.quality.face_px)))


def exposed(pixels: Pixels, _face: Face, level: float, _: np.random.Generator) -> Pixels:
    """Every value times a factor, rounded and clipped."""
    return np.clip(np.round(pixels * float(level)), 0, 255).astype(np.uint8)


def turned(pixels: Pixels, face: Face, level: float, rng: np.random.Generator) -> Pixels:
    """Around the face's middle, to either side."""
    box = face.detection.box
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    angle = level * rng.choice([-1, 1])
    return np.asarray(Image.fromarray(pixels).rotate(angle, Image.Resampling.BICUBIC, center=middle))


def cut(pixels: Pixels, face: Face, level: float, rng: np.random.Generator) -> Pixels:
    """A share of the face's box cut away, from any side."""
    box: Box = face.detection.box
    x, y = level * box.width, level * box.height
    left, top, right, bottom = round(box.left + x), round(box.top + y), round(box.right - x), round(box.bottom - y)
    return (pixels[:, left:], pixels[:, :right], pixels[top:], pixels[:bottom])[rng.integers(4)]


Degrade = Callable[[Pixels, Face, float, np.random.Generator], Pixels]
DEGRADED: dict[str, tuple[Degrade, tuple[float, ...], tuple[str, ...]]] = {
    "shrunk to a face of ... pixels": (shrunk, (48, 36, 28, 24, 20), ("face_px",)),
    "blurred by ... of the face": (blurred, (0.01, 0.02, 0.03, 0.04, 0.06), ("sharpness",)),
    "darkened to ...": (exposed, (0.35, 0.25, 0.18, 0.12), ("brightness, dark",)),
    "brightened to ...": (exposed, (1.3, 1.6, 2, 3), ("brightness, bright",)),
    "turned by ... degrees": (turned, (15, 30, 45, 60), ("roll",)),
    "cut off by ... of the face": (cut, (0.05, 0.1, 0.2, 0.3, 0.4), ("visible",)),
}
"""What is done, how strongly, and the measures that should see it."""
