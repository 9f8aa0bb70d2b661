"""Photos and the faces on them.

Coordinates are pixels of the decoded, upright photo, origin at the top left, x
to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]
"""Shape ``(d,)``, float32, unit norm."""

Point = tuple[float, float]
"""x, y in pixels."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo.

    Attributes:
        name: What its owner calls it, usually the file name.
        pixels: Shape ``(height, width, 3)``, RGB, uint8, upright.
        sha256: Hash of the bytes it was decoded from, 64 hex digits.
    """

    name: str
    pixels: NDArray[np.uint8]
    sha256: str

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Box:
    """A face's bounding box, in pixels of the photo, within its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels down."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face. Left and right are those of the picture."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as the detector found it.

    Attributes:
        box: Where it is.
        landmarks: Its five points.
        confidence: The detector's own score, 0 to 1. Not a probability.
    """

    box: Box
    landmarks: Landmarks
    confidence: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Detection:
        """From :attr:`numbers`."""
        points = zip(numbers[4:14:2], numbers[5:14:2], strict=True)
        return cls(Box(*numbers[:4]), Landmarks(*points), numbers[14])

    @property
    def numbers(self) -> tuple[float, ...]:
        """As it is kept in arrays: the box, the five points, the confidence; 15 numbers."""
        box, marks = self.box, self.landmarks
        points = (marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right)
        return (box.left, box.top, box.right, box.bottom, *(x for point in points for x in point), self.confidence)


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a photo shows a face.

    Attributes:
        face_px: Shorter side of the box, in pixels of the photo.
        sharpness: How much of the face's contrast is fine detail, 0 if it is
            blurred away. From 64 pixels on the face's size does not count.
        brightness: Median grey of the face, 0 to 255.
        yaw: How far the nose lies from the middle of the eyes, along the line
            through them: 0 in front, 1 over the eye on the right of the picture,
            -1 over the left one.
        roll: Angle of the line through the eyes, in degrees, -180 to 180:
            positive if it falls to the right of the picture.
        visible: Share of the face that lies inside the photo, 0 to 1.
        confidence: The detector's own score, 0 to 1.
    """

    face_px: float
    sharpness: float
    brightness: float
    yaw: float
    roll: float
    visible: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Flaw:
    """What speaks against a photo of a face, and what to do about it.

    Attributes:
        code: A stable word for scripts, such as ``blurred``.
        severity: ``refuse`` if it should not be enrolled, ``warn`` if a better
            one would help.
        message: What is wrong, a sentence without its capital: it follows the photo's name.
        advice: What to do, a sentence.
    """

    code: str
    severity: Literal["refuse", "warn"]
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face with its crop and embedding.

    Attributes:
        detection: Box, landmarks, confidence.
        crop: What the model saw: shape ``(size, size, 3)``, RGB, uint8.
        embedding: Shape ``(d,)``, float32, unit norm; ``(0,)`` if other faces
            of the photo were asked for (:data:`Wanted`).
        quality: How well the photo shows it.
    """

    detection: Detection
    crop: NDArray[np.uint8]
    embedding: Embedding
    quality: Quality


Wanted: TypeAlias = Literal["all", "prominent"] | int
"""Which of a photo's faces are embedded: a claim needs one. Numbers count from 1, left to right."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A photo with all of its faces: everything a decision needs, but the gallery.

    Attributes:
        photo: The decoded photo.
        faces: From left to right; empty when nobody was found.
        prominent: Index of the face that the photo is of: large and near the
            middle. 0 when there are no faces.
        model_id: What made the embeddings.
        seconds: How long detection and embedding took.
    """

    photo: Photo
    faces: tuple[Face, ...]
    prominent: int
    model_id: ModelId
    seconds: float

    def without_pixels(self) -> Analysis:
        """The same without the photo's pixels and the crops: small enough to keep many, or to send elsewhere."""
        none = np.empty((0, 0, 3), np.uint8)
        faces = tuple(replace(face, crop=none) for face in self.faces)
        return replace(self, photo=replace(self.photo, pixels=none), faces=faces)


Engine = Literal["float32", "bfloat16"]
"""In which numbers a network computes: bfloat16 is faster on processors that have it."""

ENGINES: tuple[Engine, ...] = ("float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class ModelId:
    """What made an embedding. Only embeddings with equal ModelIds are compared.

    The engine does not count: it is used only with models for which it was
    measured to make no difference (:mod:`facenet_core.engines`).

    Attributes:
        model: Catalogue id or file stem, such as ``20180408-102900``.
        preprocessing: Detector, crop and scaling, such as
            ``mtcnn-margin25-squash160-fixed``.
        weights_sha256: Digest of the weights' tensors, 64 hex digits.
        dimensions: Length of the embedding.
        engine: In which numbers it was computed.
    """

    model: str
    preprocessing: str
    weights_sha256: str
    dimensions: int
    engine: Engine = field(default="float32", compare=False)
