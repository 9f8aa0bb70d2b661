"""The library's values as plain ones, for JSON: one form for commands and API. Embeddings are never among them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from facenet_core.quality import flaws as found_flaws
from facenet_core.types import Analysis, Detection, Face, ModelId, OneIn, Threshold

Shape = dict[str, Any]


def rounded(value: float) -> float:
    """A distance: six decimals are about the precision of float32."""
    return round(value, 6)


def distance(value: float | None) -> float | None:
    """The same, or none."""
    return None if value is None else rounded(value)


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


def quality(face: Face) -> Shape:
    """How well a photo shows a face."""
    return {name: round(value, 4) for name, value in asdict(face.quality).items()}


def flaws(face: Face) -> list[str]:
    """Codes of what speaks against enrolling a face, worst first."""
    return [flaw.code for flaw in found_flaws(face.quality)]


def face_number(analysis: Analysis, face: Face) -> int:
    """A face's number on its photo, from 1."""
    return next(i for i, other in enumerate(analysis.faces, 1) if other is face)
