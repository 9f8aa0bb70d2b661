"""Finding faces: the Detector protocol and its MTCNN adapter.

The adapter runs the three networks of the ``mtcnn`` package
(:mod:`facenet_core.cascade`). It departs from ``MTCNN.detect_faces`` where that
would mislead:

* a pyramid level never falls below the 12 px that the first network needs, and
  a failure inside TensorFlow is an error here, not "no faces";
* weights are read from the installed package's folder alone, and unpickled only
  when their hashes are the known ones;
* the photo's long side is capped and so is the number of candidates, because
  suppression builds a matrix of candidates by candidates.
"""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.cascade import CELL_PX, Cascade
from facenet_core.errors import ModelError
from facenet_core.types import Box, Detection, Landmarks

MIN_FACE_PX = 20
"""Smallest face the pyramid looks for, in pixels of the capped photo (mtcnn's default)."""

SCALE_FACTOR = 0.709
"""Ratio of one pyramid level to the next: half the area (mtcnn's default)."""

MAX_CANDIDATES = 2048
"""Boxes kept, best first, before each suppression: bounds its matrix to 32 MB."""

WEIGHTS_SHA256 = {
    "pnet.lz4": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet.lz4": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet.lz4": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""The weights files of mtcnn 1.0.0."""


class Detector(Protocol):
    """Finds the faces in a photo.

    Attributes:
        id: Names the detector in a preprocessing id.
    """

    id: str

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Finds every face.

        Args:
            pixels: Shape ``(height, width, 3)``, RGB, uint8.

        Returns:
            The faces, most confident first, boxes within the photo's edges.
        """
        ...


class MTCNNDetector:
    """MTCNN with the weights of the installed ``mtcnn`` package. Thread-safe.

    Args:
        long_side: Photos are shrunk to at most this many pixels on their longer
            side before detection. Boxes are given in pixels of the full photo.
        min_face: Smallest face that is looked for, in pixels of the shrunk
            photo, 20 or more.

    Raises:
        ModelError: If the package's weights are missing or not the known ones.
    """

    id = "mtcnn"

    def __init__(self, long_side: int = 1280, min_face: int = MIN_FACE_PX) -> None:
        import mtcnn

        folder = Path(mtcnn.__file__).parent / "assets" / "weights"
        pnet, rnet, onet = (_checked(folder / name, digest) for name, digest in WEIGHTS_SHA256.items())
        self._long_side, self._min_face = long_side, min_face
        self._cascade = Cascade(pnet, rnet, onet, MAX_CANDIDATES)
        # Small levels keep one core busy: another one is done beside them.
        self._levels = ThreadPoolExecutor(2, "levels")

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Finds every face; see :meth:`Detector.detect`.

        Raises:
            ValueError: If the array is not an RGB uint8 photo.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 pixels of shape (h, w, 3), got {pixels.dtype} {pixels.shape}")
        height, width = pixels.shape[:2]
        shrink = min(1.0, self._long_side / max(height, width))
        if shrink < 1.0:
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        boxes, points, scores = self._run(pixels)
        scale = np.array([width / pixels.shape[1], height / pixels.shape[0]])
        faces = zip(
            boxes.reshape(-1, 2, 2) * scale, points.reshape(-1, 2, 5) * scale[:, np.newaxis], scores, strict=True
        )
        return tuple(_detection(box, five, float(score), width, height) for box, five, score in faces)

    def _run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Boxes of shape ``(n, 4)``, landmarks of shape ``(n, 10)`` and scores of shape ``(n,)``, in its pixels."""
        import tensorflow as tf

        height, width = pixels.shape[:2]
        photo = tf.constant(pixels)

        def proposed(scale: float) -> list[NDArray[np.float32]]:
            size = tf.constant((int(height * scale), int(width * scale)))
            return [part.numpy() for part in self._cascade.propose(photo, size, tf.constant(scale, tf.float32))]

        found = list(self._levels.map(proposed, pyramid(height, width, self._min_face)))
        nobody = np.empty((0, 4)), np.empty((0, 10)), np.empty(0)
        if not found:
            return nobody
        boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
        if not len(best) or not len(boxes := self._cascade.check(photo, tf.constant(boxes[best]))):
            return nobody
        boxes, points, scores = (part.numpy().astype(np.float64) for part in self._cascade.locate(photo, boxes))
        return boxes, points, scores


def pyramid(height: int, width: int, min_face: int = MIN_FACE_PX) -> list[float]:
    """Scales at which the first network looks at a photo, largest first.

    For larger faces these are the same less the first ones, so that nothing
    else changes: which faces are found depends a little on where the levels lie.

    Args:
        height: Pixels down.
        width: Pixels across.
        min_face: Smallest face that is looked for, in pixels; some that are
            up to 1.4 times smaller are found too.

    Returns:
        Factors below 1; empty when the photo can't hold a face of that size.
    """
    scales = []
    scale = CELL_PX / MIN_FACE_PX
    while min(height, width) * scale >= CELL_PX:
        if min_face * scale * SCALE_FACTOR < CELL_PX:
            scales.append(scale)
        scale *= SCALE_FACTOR
    return scales


def _checked(path: Path, digest: str) -> list[NDArray[np.float32]]:
    """The arrays of a weights file, unpickled once its content is known to be the expected one."""
    import joblib

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the detector's weights can't be read ({error}). Reinstall mtcnn.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: not the detector weights of mtcnn 1.0.0. Reinstall mtcnn.")
    arrays: list[NDArray[np.float32]] = joblib.load(io.BytesIO(content))
    return arrays


def _detection(
    box: NDArray[np.float64], points: NDArray[np.float64], score: float, width: int, height: int
) -> Detection:
    """A face with its box cut at the photo's edges."""
    (left, top), (right, bottom) = np.clip(box, 0, (width, height)).tolist()
    five = [(float(x), float(y)) for x, y in points.T]
    return Detection(Box(left, top, right, bottom), Landmarks(*five), score)
