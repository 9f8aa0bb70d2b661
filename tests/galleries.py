"""People without photos: embeddings drawn around a middle of each person's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facenet_core.calibration import Calibration
from facenet_core.embedding import unit_norm
from facenet_core.matching import Gallery, distances
from facenet_core.types import Box, Detection, ModelId, Person, Template
from tests.fakes import landmarks

DIMENSIONS = 32
DRAWN = ModelId("drawn", "drawn", "2" * 64, DIMENSIONS)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

SPREAD = 0.45
"""How far photos lie from their person's middle: photos of one person are then about 0.6 apart, strangers 1.4."""


def embeddings(
    people: int, photos: Callable[[int], int], seed: int, *, alike: float = 0.0
) -> list[NDArray[np.float32]]:
    """Each person's; ``alike`` gives all of them something in common."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((people, DIMENSIONS))
    middles[:, 0] += alike
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    noise = SPREAD / np.sqrt(DIMENSIONS)
    return [
        unit_norm((middle + noise * rng.standard_normal((photos(i), DIMENSIONS))).astype(np.float32))
        for i, middle in enumerate(middles)
    ]


def people_with(rows: Sequence[NDArray[np.float32]]) -> list[Person]:
    """People called P0, P1, ..., one for each set of embeddings."""
    box = Box(0, 0, 100, 100)
    found = Detection(box, landmarks(box), 0.99)
    return [
        Person(
            f"{i:032x}",
            f"P{i}",
            EPOCH,
            tuple(
                Template(f"{i:016x}{k:016x}", f"{i:032x}", "a" * 64, "b" * 64, f"{k}.png", found, row, DRAWN, EPOCH)
                for k, row in enumerate(own)
            ),
        )
        for i, own in enumerate(rows)
    ]


def gallery_with(rows: Sequence[NDArray[np.float32]]) -> Gallery:
    return Gallery.of(people_with(rows), DRAWN)


def gallery(people: int, photos: int = 1, seed: int = 1, *, alike: float = 0.0) -> Gallery:
    return gallery_with(embeddings(people, lambda _: photos, seed, alike=alike))


@cache
def measured() -> Calibration:
    """What a distance means among such people."""
    strangers = np.concatenate(embeddings(1200, lambda _: 1, 100))
    between = distances(strangers, strangers)[np.triu_indices(len(strangers), 1)]
    pairs = np.stack(embeddings(600, lambda _: 2, 101))
    mated = np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1)
    provenance = {"data": "drawn people", "non_mated": len(between)}
    return Calibration.measured(np.sort(between).astype(np.float64), np.sort(mated).astype(np.float64), provenance)
