"""What a tutorial does, to compare with: mtcnn one photo at a time, ``predict`` one face at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.inception import inception_resnet_v1
from facenet_core.scaling import preprocess_input

SIZE = 160


class Naive:
    """The detector of the ``mtcnn`` package and a Keras model, used as they come.

    Args:
        weights: The model's file, of 512 numbers for a face.
    """

    def __init__(self, weights: Path) -> None:
        import mtcnn

        self.detector = mtcnn.MTCNN()
        self.model: Any = inception_resnet_v1(512)
        self.model.load_weights(weights, by_name=True)

    def boxes(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Rows of left, top, width, height and score."""
        rows: NDArray[np.float64] = self.detector.detect_faces(pixels, output_type="numpy")[:, 1:6]
        return rows

    def embed(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """An embedding of each crop, one by one."""
        return [self.model.predict(preprocess_input(crop[np.newaxis], "fixed"), verbose=0)[0] for crop in crops]

    def photo(self, path: Path) -> list[NDArray[np.float32]]:
        """The embeddings of every face of a photo."""
        with Image.open(path) as image:
            return self.faces(np.asarray(image.convert("RGB")))

    def verify(self, first: Path, second: Path) -> float:
        """The distance of the first faces of two photos."""
        a, b = (self.photo(path)[:1] for path in (first, second))
        if not (a and b):
            return 2.0
        return float(np.linalg.norm(a[0] / np.linalg.norm(a[0]) - b[0] / np.linalg.norm(b[0])))

    def faces(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The embeddings of every face of a decoded photo."""
        photo = Image.fromarray(pixels)
        crops = [
            photo.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(max(x, 0), max(y, 0), x + w, y + h))
            for x, y, w, h, _ in self.boxes(pixels)
        ]
        return self.embed(np.stack([np.asarray(crop) for crop in crops])) if crops else []
