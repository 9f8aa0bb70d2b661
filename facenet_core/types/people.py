"""People, their templates, and what becomes of a photo at enrolment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facenet_core.types.faces import Box, Detection, Embedding, ModelId


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
class NewTemplate:
    """A photo to be enrolled.

    Attributes:
        photo: The photo file to be stored.
        source_sha256: Hash of the bytes that were given, 64 hex digits.
        source_name: What its owner calls the photo.
        detection: The face, in pixels of the stored photo.
        embedding: Shape ``(d,)``, float32, unit norm.
        model_id: What made the embedding.
    """

    photo: bytes
    source_sha256: str
    source_name: str
    detection: Detection
    embedding: Embedding
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """One photo to enrol.

    Attributes:
        person: Whose photo it is.
        photo: The photo's name.
        data: Its bytes.
        face: Which face, from 1, left to right; None if it shows one only.
        overrule: Enrol it in spite of poor quality.
        box: Where the face is, instead of its number: in pixels of the photo at
            the size in which it would be kept.
    """

    person: str
    photo: str
    data: bytes
    face: int | None = None
    overrule: bool = False
    box: Box | None = None


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
        resembles: Another enrolled person whom a search would have taken this
            photo for: worth a look. None otherwise.
        flaws: Codes of what speaks against the photo's quality, whether it was
            refused for it or not.
        warnings: Sentences about an enrolled photo: what is wrong with it and
            what to do.
    """

    photo: str
    person: str
    accepted: bool
    code: str
    reason: str
    template_id: str | None = None
    resembles: str | None = None
    flaws: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
