"""A detector and an embedder without networks, and photos that they understand.

A "face" is a square of one colour on a white photo; the colour is the person.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facenet_core.embedding import unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.types import Box, Detection, Landmarks, ModelId

Colour = tuple[int, int, int]

RED: Colour = (220, 30, 30)
DARK_RED: Colour = (200, 40, 40)
GREEN: Colour = (30, 200, 40)
BLUE: Colour = (30, 40, 220)
YELLOW: Colour = (230, 210, 20)

MODEL = ModelId("fake", "fake-colour", "0" * 64, 4)
OTHER_MODEL = ModelId("other", "fake-colour", "1" * 64, 4)

THRESHOLD = 0.5
"""RED and DARK_RED are 0.07 apart; any other two colours more than 1."""


class FakeDetector:
    """Finds the squares of one colour."""

    id = "fake"

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        found = []
        for colour in np.unique(pixels.reshape(-1, 3), axis=0):
            rows, columns = np.nonzero((pixels == colour).all(axis=2))
            if colour.min() > 240 or len(rows) < 100:
                continue
            box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
            middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
            found.append(Detection(box, Landmarks(middle, middle, middle, middle, middle), 0.99))
        return tuple(found)


class FakeEmbedder:
    """Embeds the colour in a crop's middle."""

    def __init__(self, model_id: ModelId = MODEL) -> None:
        self.model_id = model_id

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        middles = crops[:, 80, 80, :].astype(np.float32) - 127.5
        rows = np.concatenate([middles, np.full((len(crops), 1), 30, np.float32)], axis=1)
        return unit_norm(rows[:, ::-1] if self.model_id == OTHER_MODEL else rows)


def fake_engine(model_id: ModelId = MODEL) -> FaceEngine:
    return FaceEngine(FakeDetector(), FakeEmbedder(model_id))


def photo(*colours: Colour, side: int = 60, mark: int = 0, file_format: str = "PNG") -> bytes:
    """A photo with one face for each colour, from left to right; ``mark`` makes it another file."""
    return encoded(picture(colours, side, mark), file_format)


def picture(colours: Sequence[Colour], side: int = 60, mark: int = 0) -> Image.Image:
    image = Image.new("RGB", (40 + (side + 20) * max(len(colours), 1), side + 60), "white")
    draw = ImageDraw.Draw(image)
    for index, colour in enumerate(colours):
        left = 30 + index * (side + 20)
        draw.rectangle((left, 30, left + side - 1, 29 + side), fill=colour)
    image.putpixel((0, 0), (255, 255, 255 - mark % 14))
    image.putpixel((1, 0), (255, 255, 255 - mark // 14 % 14))
    return image


def encoded(image: Image.Image, file_format: str = "PNG") -> bytes:
    target = io.BytesIO()
    image.save(target, file_format)
    return target.getvalue()
