"""What commands alone answer as JSON, beside the common forms."""

from __future__ import annotations

from pathlib import Path

from facenet_core.cli.files import shown
from facenet_core.shapes import (
    Shape,
    detection,
    distance,
    face_number,
    flaws,
    model,
    one_in,
    quality,
    threshold,
    time,
)
from facenet_core.types import Analysis, Candidate, EnrolOutcome, Face

__all__ = [
    "Shape",
    "candidate",
    "detection",
    "distance",
    "face_number",
    "flaws",
    "model",
    "one_in",
    "outcome",
    "probe",
    "quality",
    "threshold",
    "time",
]


def probe(path: Path, analysis: Analysis, face: Face) -> Shape:
    """A face that was compared, and how many there were to choose from."""
    return {
        "photo": shown(path),
        "face": face_number(analysis, face),
        "faces": len(analysis.faces),
        **detection(face.detection),
        "flaws": flaws(face),
    }


def candidate(found: Candidate) -> Shape:
    """A person that a face was compared with."""
    return {
        "person": found.person.name,
        "distance": distance(found.distance),
        "photo": found.photo_number,
        "photos": found.compared,
        "photo_distance": distance(found.photo_distance),
        "distance_without": distance(found.distance_without),
    }


def outcome(result: EnrolOutcome, photo: str) -> Shape:
    """What became of a photo.

    Args:
        result: The outcome.
        photo: What the user calls the photo.
    """
    return {
        "photo": photo,
        "person": result.person,
        "accepted": result.accepted,
        "code": result.code,
        "reason": result.reason,
        "resembles": result.resembles,
        "flaws": list(result.flaws),
        "warnings": list(result.warnings),
    }
