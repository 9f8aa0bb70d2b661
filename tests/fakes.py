"""A detector and an embedder without networks, and photos that they understand.

A "face" is a square of one colour on a white photo, with eyes and a mouth cut out
of it; the colour is the person.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facenet_core.calibration import Calibration
from facenet_core.embedding import unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.face_shape import MEAN_LANDMARKS
from facenet_core.types import Box, Detection, Landmarks, ModelId

Colour = tuple[int, int, int]

RED: Colour = (220, 30, 30)
DARK_RED: Colour = (200, 40, 40)
GREEN: Colour = (30, 200, 40)
BLUE: Colour = (30, 40, 220)
YELLOW: Colour = (215, 195, 20)
BLACK: Colour = (9, 4, 4)

MODEL = ModelId("fake", "fake-colour", "0" * 64, 4)
OTHER_MODEL = ModelId("other", "fake-colour", "1" * 64, 4)

THRESHOLD = 0.5
"""RED and DARK_RED are 0.07 apart; any other two colours more than 1."""

MEASURED = Calibration(
    rates=(0.5, 1e-2, 1e-3, 1e-4),
    distances=(1.4, 1.0, 0.8, 0.6),
    measured_to=1e-4,
    tail_scale=0.08,
    missed_rates=(0.01, 0.9),
    missed_distances=(1.1, 0.3),
    provenance={"non_mated": 90_000, "data": "squares"},
)
"""As if error rates had been measured for the fake model."""


def landmarks(box: Box) -> Landmarks:
    """Those of a face that looks into the camera."""
    return Landmarks(*((box.left + x * box.width, box.top + y * box.height) for x, y in MEAN_LANDMARKS))


class FakeDetector:
    """Finds the squares of one colour."""

    id = "fake"

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        found = []
        coded = (pixels.astype(np.uint32) * (65536, 256, 1)).sum(axis=2)  # as one number: of triples it takes seconds
        for code, count in zip(*np.unique(coded, return_counts=True), strict=True):
            if min(int(code).to_bytes(3)) > 240 or count < 100:
                continue
            rows, columns = np.nonzero(coded == code)
            box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
            found.append(Detection(box, landmarks(box), 0.99))
        return tuple(found)


class FakeEmbedder:
    """Embeds the colour in a crop's middle."""

    input_size = 160

    def __init__(self, model_id: ModelId = MODEL) -> None:
        self.model_id = model_id

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        middles = crops[:, self.input_size // 2, self.input_size // 2].astype(np.float32) - 127.5
        rows = np.concatenate([middles, np.full((len(crops), 1), 30, np.float32)], axis=1)
        return unit_norm(rows[:, ::-1] if self.model_id == OTHER_MODEL else rows)


def fake_engine(model_id: ModelId = MODEL) -> FaceEngine:
    return FaceEngine(FakeDetector(), FakeEmbedder(model_id))


def engine_called(model: str) -> FaceEngine:
    """An engine of a model of its own."""
    return fake_engine(ModelId(model, "fake-colour", sha256(model.encode()).hexdigest(), 4))


def photo(*colours: Colour, side: int = 60, mark: int = 0, blurred: bool = False, file_format: str = "PNG") -> bytes:
    """A photo with one face for each colour, from left to right; ``mark`` makes it another file."""
    return encoded(picture(colours, side, mark, blurred), file_format)


def picture(colours: Sequence[Colour], side: int = 60, mark: int = 0, blurred: bool = False) -> Image.Image:
    """The same as an image; ``blurred`` leaves the faces without eyes and mouth."""
    image = Image.new("RGB", (40 + (side + 20) * max(len(colours), 1), side + 60), "white")
    draw = ImageDraw.Draw(image)
    for index, colour in enumerate(colours):
        left = 30 + index * (side + 20)
        draw.rectangle((left, 30, left + side - 1, 29 + side), fill=colour)
        size = side // 6
        for x, y, width in () if blurred else ((1, 1, 1), (4, 1, 1), (2, 4, 2)):
            corner = (left + x * size, 30 + y * size)
            draw.rectangle((*corner, corner[0] + width * size - 1, corner[1] + size - 1), fill="white")
    image.putpixel((0, 0), (255, 255, 255 - mark % 14))
    image.putpixel((1, 0), (255, 255, 255 - mark // 14 % 14))
    return image


def encoded(image: Image.Image, file_format: str = "PNG") -> bytes:
    target = io.BytesIO()
    image.save(target, file_format)
    return target.getvalue()
