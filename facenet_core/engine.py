"""FaceEngine: photo in, faces with embeddings out. It knows no store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.alignment import Profile, crop_id, view_faces
from facenet_core.centre import Centre, centre_for
from facenet_core.config import Settings
from facenet_core.detection import Detector, MTCNNDetector
from facenet_core.embedding import Embedder, KerasEmbedder, unit_norm
from facenet_core.engines import admitted
from facenet_core.quality import assess
from facenet_core.types import Analysis, Detection, Engine, Face, ModelId, Photo, Quality, Wanted
from facenet_core.weights import load, resolve

logger = logging.getLogger(__name__)

NOT_EMBEDDED = np.empty(0, np.float32)
"""The embedding of a face that was not wanted."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo whose faces were found, and are to be embedded.

    Attributes:
        photo: The photo.
        detections: Its faces from left to right.
        views: Shape ``(n, v, size, size, 3)``, RGB, uint8: what the network is
            to see of each, the plain crop first.
        qualities: How well each is shown.
        wanted: Indices of those that are to be embedded.
        seconds: How long that took.
    """

    photo: Photo
    detections: tuple[Detection, ...]
    views: NDArray[np.uint8]
    qualities: tuple[Quality, ...]
    wanted: tuple[int, ...]
    seconds: float


class FaceEngine:
    """Detects and embeds. Thread-safe if its parts are.

    Args:
        detector: Finds faces.
        embedder: Turns their crops into embeddings.
        profile: Which views of a face are embedded; the embedding of a face is
            the mean of theirs.
        centre: Taken from each face's embedding.

    Attributes:
        took: Told of each photo what it took to find its faces and to embed
            them, in seconds. Called by several threads.
    """

    def __init__(
        self, detector: Detector, embedder: Embedder, profile: Profile = "fast", centre: Centre | None = None
    ) -> None:
        self.took: Callable[[Literal["detect", "embed"], float], None] = lambda stage, seconds: None
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
        loaded = load(chosen.path)
        crop = crop_id(settings.profile, loaded.input_size)
        numbers: Engine = settings.engine
        if not admitted(numbers, loaded.digest):
            logger.warning("%s was not measured with %s, which computes in float32", numbers, chosen.model)
            numbers = "float32"
        embedder = KerasEmbedder(loaded, chosen.model, chosen.scaling, f"{MTCNNDetector.id}-{crop}", numbers)
        del loaded
        with ThreadPoolExecutor(1) as beside:
            # TensorFlow optimises the network meanwhile, and leaves the interpreter to the detector.
            warmed = beside.submit(embedder.warm)
            detector = MTCNNDetector(settings.detection_long_side)
            warmed.result()
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

    def analyse(self, photo: Photo, wanted: Wanted = "all") -> Analysis:
        """All of a photo's faces, with what a decision needs to explain itself.

        Args:
            photo: The decoded photo.
            wanted: Which are embedded.
        """
        return self.complete([self.prepare(photo, wanted)])[0]

    def prepare(self, photo: Photo, wanted: Wanted = "all") -> Prepared:
        """Does all but to embed.

        Args:
            photo: The decoded photo.
            wanted: Which faces are to be embedded.
        """
        began = time.perf_counter()
        found = tuple(sorted(self.detector.detect(photo.pixels), key=lambda d: d.box.left))
        views = view_faces(photo.pixels, found, self.profile, self.embedder.input_size)
        qualities = tuple(assess(photo.pixels, detection) for detection in found)
        everybody = range(len(found))
        index = prominent(photo, found) if wanted == "prominent" else wanted - 1 if isinstance(wanted, int) else None
        indices = tuple(everybody if index is None else everybody[index : index + 1])
        seconds = time.perf_counter() - began
        self.took("detect", seconds)
        return Prepared(photo, found, views, qualities, indices, seconds)

    def complete(self, prepared: Sequence[Prepared]) -> list[Analysis]:
        """Embeds the wanted faces of several photos together.

        Args:
            prepared: Of :meth:`prepare`.

        Returns:
            One analysis for each, in their order. The time to embed is shared
            out by faces.
        """
        began, model_id = time.perf_counter(), self.model_id
        count = sum(len(each.wanted) for each in prepared)
        views = [each.views[list(each.wanted)] for each in prepared if each.wanted]
        rows = iter(self._embed(np.concatenate(views)) if count else ())
        per_face, analyses = (time.perf_counter() - began) / max(count, 1), []
        for each in prepared:
            own = dict(zip(each.wanted, rows, strict=False))
            embeddings = [own.get(index, NOT_EMBEDDED) for index in range(len(each.views))]
            faces = tuple(
                Face(*parts)
                for parts in zip(each.detections, each.views[:, 0], embeddings, each.qualities, strict=True)
            )
            if own:
                self.took("embed", per_face * len(own))
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
