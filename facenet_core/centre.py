"""The mean embedding of many people, which is taken from each embedding before they are compared.

Faces have much in common, and so have their embeddings: the part that they
share says nothing about who they are. The original FaceNet's own evaluation
takes it away (``--subtract_mean`` of ``validate_on_lfw.py``), with the mean of
the photos that it evaluates; here it is measured once, on LFW View 1, and ships
as ``centres.json``, which ``scripts/measure_thresholds.py`` writes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from facenet_core.types import Embedding, ModelId


@dataclass(frozen=True, slots=True)
class Centre:
    """The mean embedding of a model.

    Attributes:
        mean: Shape ``(d,)``, float32: the mean of unit vectors, so shorter than 1.
    """

    mean: Embedding

    @property
    def id(self) -> str:
        """Names it in a preprocessing id, by its content."""
        return f"centred{hashlib.sha256(self.encoded()).hexdigest()[:8]}"

    def encoded(self) -> bytes:
        """Base64 of little-endian float32."""
        return base64.b64encode(self.mean.astype("<f4").tobytes())

    def subtract(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes the mean away; the lengths are no longer 1.

        Args:
            embeddings: Shape ``(n, d)``, float32, unit norm.
        """
        return embeddings - self.mean


def first_half(person: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Divides people into two halves, always the same ones.

    Args:
        person: Shape ``(n,)``: whose each embedding is, numbered from 0.

    Returns:
        Shape ``(n,)``: which are of people of the first half.
    """
    people = np.random.default_rng(0).permutation(int(person.max()) + 1)
    return np.isin(person, people[: len(people) // 2])


def cross_centred(embeddings: NDArray[np.float32], person: NDArray[np.int64]) -> NDArray[np.float32]:
    """Takes from each half of the people the mean embedding of the other half, so that nobody has seen their own.

    For measuring with a model whose mean embedding is not known yet.

    Args:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        person: Shape ``(n,)``: whose they are; see :func:`first_half`.

    Returns:
        Shape ``(n, d)``, float32; the lengths are no longer 1.
    """
    half = first_half(person)
    centred = embeddings.copy()
    for side in (half, ~half):
        centred[side] -= embeddings[~side].mean(axis=0)
    return centred


def centre_for(model_id: ModelId) -> Centre | None:
    """The mean embedding of a model, if it was measured.

    Args:
        model_id: Of the embeddings as they are before.
    """
    mean = _measured().get((model_id.preprocessing, model_id.weights_sha256))
    return Centre(mean) if mean is not None and len(mean) == model_id.dimensions else None


@cache
def _measured() -> dict[tuple[str, str], Embedding]:
    entries = json.loads(files("facenet_core").joinpath("centres.json").read_text("utf-8"))["models"]
    return {
        (e["preprocessing"], e["weights_sha256"]): np.frombuffer(base64.b64decode(e["mean"]), "<f4").astype(np.float32)
        for e in entries
    }
