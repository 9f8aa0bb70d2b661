"""Which engine a worker needs, and those that it has loaded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facenet_core.alignment import Profile
from facenet_core.config import Settings, load_settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import ModelError
from facenet_core.types import Engine, ModelId

MOST = 2
"""Engines that a worker keeps: a model that is rehearsed, beside the one in use."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An engine that is to be equal to the client's, made from a worker's own weights.

    Attributes:
        model_id: What it must be.
        numbers: In which numbers it computes.
        profile: Which views of a face it embeds.
        detection_long_side: Photos are shrunk to this many pixels before faces
            are looked for.
        models_dir: Where its weights are, for a worker on the client's machine;
            None for where the worker's own settings say.
        weights: Their file, likewise.
    """

    model_id: ModelId
    numbers: Engine
    profile: Profile
    detection_long_side: int
    models_dir: Path | None = None
    weights: Path | None = None

    @classmethod
    def of(cls, engine: FaceEngine, settings: Settings, *, here: bool) -> Recipe:
        """That of an engine.

        Args:
            engine: The client's.
            settings: The client's.
            here: Whether the workers see the client's files.
        """
        model_id, side = engine.model_id, settings.detection_long_side
        places = (settings.models_dir, settings.weights) if here else ()
        return cls(model_id, model_id.engine, engine.profile, side, *places)

    def load(self) -> FaceEngine:
        """Makes the engine. Takes seconds: TensorFlow is imported here.

        Raises:
            ModelError: If there are no such weights here, or they make another
                model than the client's.
        """
        chosen: dict[str, Any] = {
            "model": self.model_id.model,
            "engine": self.numbers,
            "profile": self.profile,
            "detection_long_side": self.detection_long_side,
            "models_dir": self.models_dir,
            "weights": self.weights,
        }
        engine = FaceEngine.load(load_settings(**chosen))
        if engine.model_id != self.model_id:
            raise ModelError(
                f"its embeddings could not be compared with those made here. It has {_described(engine.model_id)}; "
                f"here it is {_described(self.model_id)}. Install the same weights and the same version of this "
                "program there."
            )
        engine.warm()
        return engine


class Engines:
    """The engines of a worker, the latest of them. Thread-safe.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._loaded: OrderedDict[Recipe, FaceEngine] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, recipe: Recipe) -> FaceEngine:
        """The engine of a recipe, loaded if it is not there.

        Raises:
            ModelError: As :meth:`Recipe.load`; the next call tries again.
        """
        with self._lock:
            if recipe not in self._loaded:
                while len(self._loaded) >= self._most:  # first, for the memory
                    self._loaded.popitem(last=False)
                self._loaded[recipe] = recipe.load()
            self._loaded.move_to_end(recipe)
            return self._loaded[recipe]


def _described(model_id: ModelId) -> str:
    return f"{model_id.model} with weights {model_id.weights_sha256[:12]} and {model_id.preprocessing}"
