"""FaceEngine: photo in, faces with embeddings out. It knows no store."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from facenet_core.alignment import CROP_ID, crop_faces
from facenet_core.config import Settings
from facenet_core.detection import Detector, MTCNNDetector
from facenet_core.embedding import Embedder, KerasEmbedder
from facenet_core.facenet import INPUT_SIZE
from facenet_core.types import Analysis, Face, ModelId, Photo
from facenet_core.weights import resolve


class FaceEngine:
    """Detects and embeds. Thread-safe if its parts are.

    Args:
        detector: Finds faces.
        embedder: Turns their crops into embeddings.
    """

    def __init__(self, detector: Detector, embedder: Embedder) -> None:
        self.detector = detector
        self.embedder = embedder

    @classmethod
    def load(cls, settings: Settings) -> FaceEngine:
        """Loads the detector and the model that the settings choose.

        Takes seconds: TensorFlow is imported here.

        Raises:
            NoWeightsError: If no model is installed.
            WeightsError: If the chosen file does not fit.
        """
        chosen = resolve(settings)
        detector = MTCNNDetector(settings.detection_long_side)
        embedder = KerasEmbedder(chosen.path, chosen.model, chosen.scaling, f"{detector.id}-{CROP_ID}")
        return cls(detector, embedder)

    @property
    def model_id(self) -> ModelId:
        """What makes this engine's embeddings."""
        return self.embedder.model_id

    def warm(self) -> None:
        """Runs both networks once, so that the first user does not wait for them."""
        self.detector.detect(np.zeros((64, 64, 3), np.uint8))
        self.embedder.embed(np.zeros((1, INPUT_SIZE, INPUT_SIZE, 3), np.uint8))

    def faces(self, photo: Photo) -> tuple[Face, ...]:
        """Finds and embeds every face of a photo.

        Args:
            photo: The decoded photo.

        Returns:
            The faces from left to right; empty when there are none.
        """
        found = sorted(self.detector.detect(photo.pixels), key=lambda d: d.box.left)
        if not found:
            return ()
        crops = crop_faces(photo.pixels, [d.box for d in found])
        embeddings = self.embedder.embed(crops)
        return tuple(Face(*parts) for parts in zip(found, crops, embeddings, strict=True))

    def analyse(self, photo: Photo) -> Analysis:
        """All of a photo's faces, with what a decision needs to explain itself.

        Args:
            photo: The decoded photo.
        """
        began = time.perf_counter()
        faces = self.faces(photo)
        return Analysis(photo, faces, prominent(photo, faces), self.model_id, time.perf_counter() - began)


def prominent(photo: Photo, faces: Sequence[Face]) -> int:
    """Index of the face that a photo is of.

    The largest by area less twice the squared distance of its centre from the
    photo's, as in facenet's ``align_dataset_mtcnn.py``.

    Args:
        photo: The photo.
        faces: Its faces; 0 is returned when there are none.
    """

    def score(index: int) -> float:
        box = faces[index].detection.box
        x = (box.left + box.right - photo.width) / 2
        y = (box.top + box.bottom - photo.height) / 2
        return box.width * box.height - 2.0 * (x * x + y * y)

    return max(range(len(faces)), key=score, default=0)
