"""Workers that load the fake engine, and what they are to keep of a photo."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from facenet_core.cluster.recipe import Recipe
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.pipeline import Encoded
from facenet_core.types import Analysis
from tests.fakes import RED, fake_engine, photo

LETHAL = "lethal.png"


@dataclass(frozen=True, slots=True)
class FakeRecipe(Recipe):
    """Needs no weights."""

    def load(self) -> FaceEngine:
        return fake_engine(self.model_id)


def recipe_of(engine: FaceEngine, settings: Settings, *, here: bool) -> FakeRecipe:
    return FakeRecipe(engine.model_id, "float32", engine.profile, settings.detection_long_side)


def encoded(names: Iterable[str]) -> list[Encoded]:
    """Photos of one red face each."""
    return [Encoded(name, partial(bytes, photo(RED, mark=number))) for number, name in enumerate(names)]


def name_and_faces(analysis: Analysis) -> tuple[str, int]:
    return analysis.photo.name, len(analysis.faces)


def lethal(analysis: Analysis) -> tuple[str, int]:
    """As if the machine had run out of memory."""
    if analysis.photo.name == LETHAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return name_and_faces(analysis)
