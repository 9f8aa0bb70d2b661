"""The values that travel through the library: frozen, slotted, without behaviour.

Coordinates are pixels of the decoded, upright photo, origin at the top left,
x to the right. Distances are Euclidean between unit-norm embeddings, 0 to 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face with its crop and embedding.

    Attributes:
        detection: Box, landmarks, confidence.
        crop: What the model saw: shape ``(160, 160, 3)``, RGB, uint8.
        embedding: Shape ``(d,)``, float32, unit norm.
    """

    detection: Detection
    crop: NDArray[np.uint8]
    embedding: Embedding


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


@dataclass(frozen=True, slots=True)
class ModelId:
    """What made an embedding. Only embeddings with equal ModelIds are compared.

    Attributes:
        model: Catalogue id or file stem, such as ``20180408-102900``.
        preprocessing: Detector, crop and scaling, such as
            ``mtcnn-margin25-squash160-fixed``.
        weights_sha256: Digest of the weights' tensors, 64 hex digits.
        dimensions: Length of the embedding.
    """

    model: str
    preprocessing: str
    weights_sha256: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Template:
    """One enrolled photo of a person.

    Attributes:
        id: Our own key, 32 hex digits.
        person_id: Whose photo it is.
        photo_sha256: Hash of the stored photo file, which names it.
        source_sha256: Hash of the bytes that were given at enrolment.
        source_name: The photo's name at enrolment, for the person to recognise.
        detection: The enrolled face, in pixels of the stored photo.
        embedding: Shape ``(d,)``, float32, unit norm.
        model_id: What made the embedding.
        created_at: When it was enrolled, UTC.
    """

    id: str
    person_id: str
    photo_sha256: str
    source_sha256: str
    source_name: str
    detection: Detection
    embedding: Embedding
    model_id: ModelId
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """An enrolled person with their templates, oldest first.

    Attributes:
        id: Our own key, 32 hex digits.
        name: As shown, in Unicode form NFC.
        created_at: When the person was first enrolled, UTC.
        templates: Their templates, of every model, oldest first.
    """

    id: str
    name: str
    created_at: datetime
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The largest distance that still counts as a match, and where it comes from.

    Attributes:
        distance: 0 to 2; a comparison matches when its distance is at most this.
        origin: ``measured`` from non-mated comparisons, or ``fixed`` by the user.
        explanation: One sentence for the page: which data, which error rate.
    """

    distance: float
    origin: Literal["measured", "fixed"]
    explanation: str


@dataclass(frozen=True, slots=True)
class OneIn:
    """How rare a similarity is among strangers.

    Attributes:
        strangers: About one in this many looks at least this similar.
        at_least: True when the data can only say "rarer than that".
    """

    strangers: float
    at_least: bool

    def __str__(self) -> str:
        """For people, rounded to one digit: ``about 1 in 4,000``."""
        digits = len(str(int(self.strangers))) - 1
        step = 10**digits
        # A bound is rounded down: "fewer than 1 in 200,000" would claim more than the data says.
        rounded = max(1, int(self.strangers / step) if self.at_least else round(self.strangers / step)) * step
        return f"{'fewer than' if self.at_least else 'about'} 1 in {rounded:,.0f}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that a probe was compared with.

    Attributes:
        person: Who.
        template: Their closest template, which carried the comparison.
        photo_number: That template's place among the person's photos, from 1.
        distance: To that template.
        runner_up_distance: To the person's next closest template: what the
            answer would rest on without the carrying photo. None if they have
            one photo only.
    """

    person: Person
    template: Template
    photo_number: int
    distance: float
    runner_up_distance: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two photos held against each other, without a database.

    Attributes:
        first: The compared face of the first photo.
        second: The compared face of the second photo.
        distance: Between them, 0 to 2.
        threshold: What the distance was held against.
        matched: Whether the distance is at most the threshold.
        one_in: How rare this similarity is; None where no calibration says.
        model_id: What made the embeddings.
    """

    first: Face
    second: Face
    distance: float
    threshold: Threshold
    matched: bool
    one_in: OneIn | None
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer to a claimed identity (1:1).

    Attributes:
        probe: The face that was verified.
        candidate: The claimed person, with the template that carried it.
        threshold: What the distance was held against.
        matched: Whether the distance is at most the threshold.
        one_in: How rare this similarity is; None where no calibration says.
        model_id: What made the embeddings.
    """

    probe: Face
    candidate: Candidate
    threshold: Threshold
    matched: bool
    one_in: OneIn | None
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Identification:
    """The answer for one unknown face (1:N).

    Attributes:
        number: The face's number on the photo, from 1, left to right.
        face: The face.
        matched: Whether the closest person is within the threshold.
        candidates: The closest people, best first, at most ``top_k``.
        threshold: What the distance was held against.
        one_in: How rare the best candidate's similarity is; None where no
            calibration says, or nobody is enrolled.
    """

    number: int
    face: Face
    matched: bool
    candidates: tuple[Candidate, ...]
    threshold: Threshold
    one_in: OneIn | None


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """One photo to enrol.

    Attributes:
        person: Whose photo it is.
        photo: The photo's name.
        data: Its bytes.
        face: Which face, from 1, left to right; None if it shows one only.
    """

    person: str
    photo: str
    data: bytes
    face: int | None = None


@dataclass(frozen=True, slots=True)
class EnrolOutcome:
    """What became of one photo at enrolment.

    Attributes:
        photo: The photo's name as given.
        person: The person's name as enrolled, or as asked for when refused.
        accepted: Whether it is enrolled now.
        code: ``enrolled``, or the error's code, such as ``no_face``.
        reason: One sentence: what happened and what to do about it.
        template_id: The new template's id; None when refused.
        resembles: Another enrolled person whose photo is within the 1:1
            threshold of this one: worth a look. None otherwise.
    """

    photo: str
    person: str
    accepted: bool
    code: str
    reason: str
    template_id: str | None = None
    resembles: str | None = None
