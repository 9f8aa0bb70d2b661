"""Self-hosted face verification and recognition on a Keras FaceNet.

Photo in, decision out::

    from pathlib import Path
    from facenet_core import FaceService, read

    service = FaceService()
    probe = service.analyse(read(Path("visitor.jpg")))
    answer = service.verify(probe, "Grace Hopper")
    print("Welcome in" if answer.matched else "Go away", answer.candidate.distance, answer.one_in)

What stands in ``__all__`` is the public API; the whole tree of exceptions is in
:mod:`facenet_core.errors`. Importing the package imports nothing else: each
name brings its module when it is first used, and TensorFlow comes with the
first photo that is analysed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facenet_core.config import Settings, load_settings
    from facenet_core.engine import FaceEngine
    from facenet_core.errors import FaceNetError, InputError, ModelError, NoWeightsError, PhotoError, StoreError
    from facenet_core.images import decode, read
    from facenet_core.matching import distance, distances
    from facenet_core.service import FaceService
    from facenet_core.types import (
        Analysis,
        Box,
        Candidate,
        Comparison,
        Detection,
        Embedding,
        EnrolOutcome,
        EnrolRequest,
        Face,
        Flaw,
        Identification,
        Landmarks,
        ModelId,
        OneIn,
        Person,
        Photo,
        Quality,
        Template,
        Threshold,
        Verification,
    )

__all__ = [
    "Analysis",
    "Box",
    "Candidate",
    "Comparison",
    "Detection",
    "Embedding",
    "EnrolOutcome",
    "EnrolRequest",
    "Face",
    "FaceEngine",
    "FaceNetError",
    "FaceService",
    "Flaw",
    "Identification",
    "InputError",
    "Landmarks",
    "ModelError",
    "ModelId",
    "NoWeightsError",
    "OneIn",
    "Person",
    "Photo",
    "PhotoError",
    "Quality",
    "Settings",
    "StoreError",
    "Template",
    "Threshold",
    "Verification",
    "__version__",
    "decode",
    "distance",
    "distances",
    "load_settings",
    "read",
]

__version__ = "0.1.0"

_HOMES = {
    "config": ("Settings", "load_settings"),
    "engine": ("FaceEngine",),
    "errors": ("FaceNetError", "InputError", "ModelError", "NoWeightsError", "PhotoError", "StoreError"),
    "images": ("decode", "read"),
    "matching": ("distance", "distances"),
    "service": ("FaceService",),
}
"""Where public names live; the rest are in ``types``."""

# Hidden from type checkers, which would take any misspelt name for one that __getattr__ knows.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Fetches a public name from its module (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = next((module for module, names in _HOMES.items() if name in names), "types")
        return getattr(import_module(f"{__name__}.{home}"), name)

    def __dir__() -> list[str]:
        """Lists what there is, whether it has been used yet or not."""
        return sorted({*globals(), *__all__})
