"""Finding faces: the Detector protocol and its MTCNN adapter.

The adapter runs the three networks of the ``mtcnn`` package (Zhang et al.,
"Joint Face Detection and Alignment using Multitask Cascaded Convolutional
Networks", 2016) with the package's own box arithmetic, and drives the first
stage itself. It departs from ``MTCNN.detect_faces`` where that would mislead:

* a pyramid level never falls below the 12 px that the first network needs, and
  a failure inside TensorFlow is an error here, not "no faces";
* weights are read from the installed package's folder alone, and only when
  their hashes are the known ones, because they are pickles;
* the photo's long side is capped and so is the number of candidates, because
  suppression builds a matrix of candidates by candidates.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.errors import ModelError
from facenet_core.types import Box, Detection, Landmarks

MIN_FACE_PX = 20
"""Smallest face the pyramid looks for, in pixels of the capped photo (mtcnn's default)."""

CELL_PX = 12
"""Input of the first network; a smaller pyramid level can't hold one window."""

SCALE_FACTOR = 0.709
"""Ratio of one pyramid level to the next: half the area (mtcnn's default)."""

PROPOSAL_SCORE = 0.6
"""First network's threshold (mtcnn's default)."""

LEVEL_OVERLAP, PROPOSAL_OVERLAP = 0.5, 0.7
"""Suppression within one pyramid level and over all of them (mtcnn's defaults)."""

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

    Raises:
        ModelError: If the package's weights are missing or not the known ones.
    """

    id = "mtcnn"

    def __init__(self, long_side: int = 1280) -> None:
        import mtcnn
        from mtcnn.stages import StageONet, StagePNet, StageRNet

        folder = Path(mtcnn.__file__).parent / "assets" / "weights"
        paths = {name: _checked(folder / name, digest) for name, digest in WEIGHTS_SHA256.items()}
        self._long_side = long_side
        self._pnet: Any = StagePNet(weights=str(paths["pnet.lz4"])).model
        self._rnet = StageRNet(weights=str(paths["rnet.lz4"]))
        self._onet = StageONet(weights=str(paths["onet.lz4"]))
        self._lock = threading.Lock()

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
        with self._lock:
            rows = self._run(pixels)
        scale = np.array([width / pixels.shape[1], height / pixels.shape[0]])
        return tuple(_detection(row, scale, width, height) for row in rows)

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Rows of the ``mtcnn`` package: image, x1, y1, x2, y2, score, five x, five y."""
        from mtcnn.utils.images import normalize_images

        images = normalize_images(pixels[np.newaxis].astype(np.float32))
        none = np.empty((0, 16))
        boxes = self._propose(images)
        if not len(boxes):
            return none
        boxes = self._rnet(images_normalized=images, bboxes_batch=boxes)
        if not len(boxes):
            return none
        rows: NDArray[np.float64] = self._onet(images_normalized=images, bboxes_batch=boxes)
        return rows if len(rows) else none

    def _propose(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """The first stage: candidates over the whole pyramid, squared, best first."""
        from mtcnn.utils.bboxes import generate_bounding_box, resize_to_square, smart_nms_from_bboxes, upscale_bboxes
        from mtcnn.utils.images import scale_images

        found = [np.empty((0, 6))]
        for scale in pyramid(images.shape[1], images.shape[2]):
            regression, score = self._pnet(scale_images(images, scale))
            boxes = generate_bounding_box(regression, score, PROPOSAL_SCORE)[:MAX_CANDIDATES]
            boxes = upscale_bboxes(boxes, np.array([scale]))
            found.append(smart_nms_from_bboxes(boxes, LEVEL_OVERLAP, initial_sort=False))
        boxes = np.concatenate(found)
        boxes = boxes[np.argsort(-boxes[:, 5], kind="stable")][:MAX_CANDIDATES]
        squares: NDArray[np.float64] = resize_to_square(smart_nms_from_bboxes(boxes, PROPOSAL_OVERLAP))
        return squares


def pyramid(height: int, width: int) -> list[float]:
    """Scales at which the first network looks at a photo, largest first.

    Args:
        height: Pixels down.
        width: Pixels across.

    Returns:
        Factors below 1; empty when the photo can't hold a face of
        :data:`MIN_FACE_PX`.
    """
    scales = []
    scale = CELL_PX / MIN_FACE_PX
    while min(height, width) * scale >= CELL_PX:
        scales.append(scale)
        scale *= SCALE_FACTOR
    return scales


def _checked(path: Path, digest: str) -> Path:
    """The path, once the file's content is known to be the expected pickle."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the detector's weights can't be read ({error}). Reinstall mtcnn.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: not the detector weights of mtcnn 1.0.0. Reinstall mtcnn.")
    return path


def _detection(row: NDArray[np.float64], scale: NDArray[np.float64], width: int, height: int) -> Detection:
    """One row of the ``mtcnn`` package in pixels of the full photo."""
    left, right = (float(x) for x in np.clip(row[[1, 3]] * scale[0], 0, width))
    top, bottom = (float(y) for y in np.clip(row[[2, 4]] * scale[1], 0, height))
    points = [(float(x * scale[0]), float(y * scale[1])) for x, y in zip(row[6:11], row[11:16], strict=True)]
    return Detection(Box(left, top, right, bottom), Landmarks(*points), float(row[5]))
