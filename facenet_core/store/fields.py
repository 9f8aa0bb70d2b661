"""Embeddings and times as a record's fields hold them: text, checked in both directions."""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime

import numpy as np

from facenet_core.types import Embedding

NORM_TOLERANCE = 1e-3
"""How far an embedding's length may be from 1; float32 rounding stays below 1e-6."""


class RecordError(ValueError):
    """A record that this program never writes; the message says what is wrong in a few words."""


def encode_embedding(embedding: Embedding, dimensions: int) -> str:
    """Return an embedding as text.

    Args:
        embedding: Shape ``(dimensions,)``, unit norm.
        dimensions: The model's.

    Raises:
        ValueError: It has another shape, or is not a unit vector.
    """
    if embedding.shape != (dimensions,):
        raise ValueError(f"expected an embedding of shape ({dimensions},), got {embedding.shape}")
    if flaw := _flaw_of(embedding):
        raise ValueError(flaw)
    return base64.b64encode(embedding.astype("<f4").tobytes()).decode()


def encode_time(time: datetime) -> str:
    """Return a time as text.

    Args:
        time: With its time zone.

    Raises:
        ValueError: It has no time zone.
    """
    if time.tzinfo is None:
        raise ValueError("expected a time with its time zone")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def decode_embedding(text: str, dimensions: int) -> Embedding:
    """Return an embedding from its text.

    Args:
        text: Base64 of little-endian float32.
        dimensions: How many numbers there must be.

    Returns:
        Shape ``(dimensions,)``, float32, unit norm, read-only.

    Raises:
        RecordError: It is something else.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise RecordError("an embedding is not base64") from error
    if len(raw) != 4 * dimensions:
        raise RecordError(f"an embedding has {len(raw)} bytes instead of {4 * dimensions}")
    embedding = np.frombuffer(raw, "<f4").astype(np.float32, copy=False)
    if flaw := _flaw_of(embedding):
        raise RecordError(flaw)
    embedding.flags.writeable = False
    return embedding


def decode_time(text: str) -> datetime:
    """Return a time from its text.

    Args:
        text: ISO 8601 with a time zone.

    Returns:
        The time in UTC.

    Raises:
        RecordError: It is something else.
    """
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise RecordError("a time has no time zone")
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{text[:40]!r} is no time") from error


def _flaw_of(embedding: Embedding) -> str | None:
    if not np.isfinite(embedding).all():
        return "an embedding is not finite"
    # In float64: the square of a large float32 overflows.
    exact = embedding.astype(np.float64)
    norm = math.sqrt(float(exact @ exact))
    return None if abs(norm - 1) <= NORM_TOLERANCE else f"an embedding has length {norm:.3g} instead of 1"
