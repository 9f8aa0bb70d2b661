"""FaceEngine: photo in, faces with embeddings out. It knows no store."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facenet_core.alignment import Profile, crop_id, view_faces
from facenet_core.centre import Centre, centre_for
from facenet_core.config import Settings
from facenet_core.detection import Detector, MTCNNDetector
from facenet_core.embedding import Embedder, KerasEmbedder, unit_norm
from facenet_core.engines import admitted
from facenet_core.quality import assess
from facenet_core.types import Analysis, Detection, Engine, Face, ModelId, Photo, Quality
from facenet_core.weights import load, resolve

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo whose faces were found, and are to be embedded.

    Attributes:
        photo: The photo.
        detections: Its faces from left to right.
        views: Shape ``(n, v, size, size, 3)``, RGB, uint8: what the network is
            to see of each, the plain crop first.
        qualities: How well each is shown.
        seconds: How long that took.
    """

    photo: Photo
    detections: tuple[Detection, ...]
    views: NDArray[np.uint8]
    qualities: tuple[Quality, ...]
    seconds: float


class FaceEngine:
    """Detects and embeds. Thread-safe if its parts are.

    Args:
        detector: Finds faces.
        embedder: Turns their crops into embeddings.
        profile: Which views of a face are embedded; the embedding of a face is
            the mean of theirs.
        centre: Taken from each face's embedding.
    """

    def __init__(
        self, detector: Detector, embedder: Embedder, profile: Profile = "fast", centre: Centre | None = None
    ) -> None:
        self.detector = detector
        self.embedder = embedder
        self.profile: Profile = profile
        self.centre = centre

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
        loaded = load(chosen.path)
        crop = crop_id(settings.profile, loaded.input_size)
        numbers: Engine = settings.engine
        if not admitted(numbers, loaded.digest):
            logger.warning("%s was not measured with %s, which computes in float32", numbers, chosen.model)
            numbers = "float32"
        embedder = KerasEmbedder(loaded, chosen.model, chosen.scaling, f"{detector.id}-{crop}", numbers)
        return cls(detector, embedder, settings.profile, centre_for(embedder.model_id))

    @property
    def model_id(self) -> ModelId:
        """What makes this engine's embeddings."""
        made = self.embedder.model_id
        return replace(made, preprocessing=f"{made.preprocessing}-{self.centre.id}") if self.centre else made

    def warm(self) -> None:
        """Runs both networks once, so that the first user does not wait for them."""
        self.detector.detect(np.zeros((64, 64, 3), np.uint8))
        size = self.embedder.input_size
        self.embedder.embed(np.zeros((1, size, size, 3), np.uint8))

    def faces(self, photo: Photo) -> tuple[Face, ...]:
        """Finds and embeds every face of a photo.

        Args:
            photo: The decoded photo.

        Returns:
            The faces from left to right; empty when there are none.
        """
        return self.analyse(photo).faces

    def analyse(self, photo: Photo) -> Analysis:
        """All of a photo's faces, with what a decision needs to explain itself.

        Args:
            photo: The decoded photo.
        """
        return self.complete([self.prepare(photo)])[0]

    def prepare(self, photo: Photo) -> Prepared:
        """Does all but to embed.

        Args:
            photo: The decoded photo.
        """
        began = time.perf_counter()
        found = tuple(sorted(self.detector.detect(photo.pixels), key=lambda d: d.box.left))
        views = view_faces(photo.pixels, found, self.profile, self.embedder.input_size)
        qualities = tuple(assess(photo.pixels, detection) for detection in found)
        return Prepared(photo, found, views, qualities, time.perf_counter() - began)

    def complete(self, prepared: Sequence[Prepared]) -> list[Analysis]:
        """Embeds the faces of several photos together.

        Args:
            prepared: Of :meth:`prepare`.

        Returns:
            One analysis for each, in their order. The time to embed is shared
            out by faces.
        """
        began, model_id = time.perf_counter(), self.model_id
        count = sum(len(each.views) for each in prepared)
        embeddings = self._embed(np.concatenate([each.views for each in prepared])) if count else np.empty((0, 0))
        per_face, done, analyses = (time.perf_counter() - began) / max(count, 1), 0, []
        for each in prepared:
            own = embeddings[done : done + len(each.views)]
            done += len(own)
            faces = tuple(
                Face(*parts) for parts in zip(each.detections, each.views[:, 0], own, each.qualities, strict=True)
            )
            seconds = each.seconds + per_face * len(own)
            analyses.append(Analysis(each.photo, faces, prominent(each.photo, each.detections), model_id, seconds))
        return analyses

    def _embed(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """From views of shape ``(n, v, size, size, 3)`` to embeddings of shape ``(n, d)``, unit norm."""
        count, per_face = views.shape[:2]
        each = self.embedder.embed(views.reshape(count * per_face, *views.shape[2:]))
        faces = unit_norm(each.reshape(count, per_face, -1).mean(axis=1)) if per_face > 1 else each
        return unit_norm(self.centre.subtract(faces)) if self.centre else faces


def prominent(photo: Photo, faces: Sequence[Detection]) -> int:
    """Index of the face that a photo is of.

    The largest by area less twice the squared distance of its centre from the
    photo's, as in facenet's ``align_dataset_mtcnn.py``.

    Args:
        photo: The photo.
        faces: Its faces; 0 is returned when there are none.
    """

    def score(index: int) -> float:
        box = faces[index].box
        x = (box.left + box.right - photo.width) / 2
        y = (box.top + box.bottom - photo.height) / 2
        return box.width * box.height - 2.0 * (x * x + y * y)

    return max(range(len(faces)), key=score, default=0)
