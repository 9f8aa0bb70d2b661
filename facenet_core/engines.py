"""The numbers a network may compute in, and where they make no difference to an answer.

``engines.json`` holds, for each engine other than float32, the models whose
embeddings were measured to be as good and comparable with those that float32
gives. It is written by ``benchmarks/engines.py`` and never by hand. Any other
model computes in float32, whatever is asked for.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from facenet_core.types import Engine


def admitted(engine: Engine, weights_sha256: str) -> bool:
    """Whether a model may compute in these numbers.

    Args:
        engine: The numbers.
        weights_sha256: The model's digest.
    """
    return engine == "float32" or (engine, weights_sha256) in _measured()


@cache
def _measured() -> frozenset[tuple[str, str]]:
    entries = json.loads(files("facenet_core").joinpath("engines.json").read_text("utf-8"))["models"]
    return frozenset((entry["engine"], entry["weights_sha256"]) for entry in entries)
