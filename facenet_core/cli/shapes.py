"""The library's values as JSON. Embeddings are never among them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from facenet_core.cli.files import shown
from facenet_core.quality import flaws as found_flaws
from facenet_core.types import Analysis, Candidate, Detection, EnrolOutcome, Face, ModelId, OneIn, Threshold

Shape = dict[str, Any]


def distance(value: float | None) -> float | None:
    """A distance: six decimals are about the precision of float32."""
    return None if value is None else round(value, 6)


def time(moment: datetime) -> str:
    """A moment in UTC, ISO 8601, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def model(model_id: ModelId) -> Shape:
    """What made the embeddings."""
    return {
        "id": model_id.model,
        "preprocessing": model_id.preprocessing,
        "weights_sha256": model_id.weights_sha256,
        "dimensions": model_id.dimensions,
        "engine": model_id.engine,
    }


def threshold(limit: Threshold) -> Shape:
    """What a distance was held against."""
    return {
        "distance": distance(limit.distance),
        "inconclusive": distance(limit.inconclusive),
        "origin": limit.origin,
        "explanation": limit.explanation,
    }


def one_in(rarity: OneIn | None) -> Shape | None:
    """How rare a similarity is among strangers."""
    return None if rarity is None else {"strangers": round(rarity.strangers, 3), "basis": rarity.basis}


def detection(found: Detection) -> Shape:
    """Where a face is: pixels of the upright photo, to a hundredth."""
    box = found.box
    return {
        "box": [round(edge, 2) for edge in (box.left, box.top, box.right, box.bottom)],
        "landmarks": {name: [round(x, 2), round(y, 2)] for name, (x, y) in asdict(found.landmarks).items()},
        "confidence": round(found.confidence, 6),
    }


def probe(path: Path, analysis: Analysis, face: Face) -> Shape:
    """A face that was compared, and how many there were to choose from."""
    return {
        "photo": shown(path),
        "face": face_number(analysis, face),
        "faces": len(analysis.faces),
        **detection(face.detection),
        "flaws": flaws(face),
    }


def quality(face: Face) -> Shape:
    """How well a photo shows a face."""
    return {name: round(value, 4) for name, value in asdict(face.quality).items()}


def flaws(face: Face) -> list[str]:
    """Codes of what speaks against enrolling a face, worst first."""
    return [flaw.code for flaw in found_flaws(face.quality)]


def face_number(analysis: Analysis, face: Face) -> int:
    """A face's number on its photo, from 1."""
    return next(i for i, other in enumerate(analysis.faces, 1) if other is face)


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
