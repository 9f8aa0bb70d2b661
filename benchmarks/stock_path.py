"""Whether the fast path decides as the stock one does.

    python benchmarks/stock_path.py DIR

DIR holds the photos of LFW View 1 (folder = person) and pairsDevTest.txt. Every
photo goes through the app's engine, and through one in which
``MTCNN.detect_faces`` finds the faces and ``model.predict`` embeds them, with the
same crops and the same mean embedding taken away. Printed are, for both,
accuracy on the pairs (ten-fold) and EER over all pairs of photos, and how far
apart the two embeddings of a photo are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.view1 import View1
from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.embedding import KerasEmbedder, unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.scaling import preprocess_input
from facenet_core.types import Box, Detection, Landmarks
from facenet_core.weights import load, resolve


class StockDetector:
    """The ``mtcnn`` package as it comes."""

    id = "mtcnn"

    def __init__(self) -> None:
        import mtcnn

        self._package = mtcnn.MTCNN()

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """See :class:`facenet_core.detection.Detector`."""
        found = []
        for row in self._package.detect_faces(pixels, output_type="numpy"):
            x, y, width, height, score = (float(value) for value in row[1:6])
            points = [(float(a), float(b)) for a, b in zip(row[6:11], row[11:16], strict=True)]
            box = Box(max(x, 0.0), max(y, 0.0), min(x + width, pixels.shape[1]), min(y + height, pixels.shape[0]))
            found.append(Detection(box, Landmarks(*points), score))
        return tuple(sorted(found, key=lambda each: -each.confidence))


class StockEmbedder:
    """The Keras model as it comes.

    Args:
        like: Whose model it is.
    """

    def __init__(self, like: KerasEmbedder) -> None:
        self.model_id, self.input_size = like.model_id, like.input_size
        self._model: Any = load(resolve(load_settings()).path).model
        self._scaling = like.scaling

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See :class:`facenet_core.embedding.Embedder`."""
        return unit_norm(np.asarray(self._model.predict(preprocess_input(crops, self._scaling), verbose=0)))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="LFW View 1")
    folder = parser.parse_args().folder
    ours = FaceEngine.load(load_settings())
    assert isinstance(ours.embedder, KerasEmbedder)
    stock = FaceEngine(StockDetector(), StockEmbedder(ours.embedder), ours.profile, ours.centre)
    view1 = View1(folder)
    rows: dict[str, list[NDArray[np.float32]]] = {"stock": [], "app": []}
    for path in tqdm(view1.pairs.photos, unit=" photo", mininterval=5):
        photo = images.read(path)
        for name, engine in (("stock", stock), ("app", ours)):
            found = engine.analyse(photo)
            rows[name].append(found.faces[found.prominent].embedding)
    embeddings = {name: np.stack(each) for name, each in rows.items()}
    print(f"{ours.model_id.model}\n\n| path | accuracy % | EER % |\n|---|---|---|")
    for name, each in embeddings.items():
        accuracy, error = view1.accuracy(each, each)
        eer = view1.eer(view1.between(each, each))
        print(f"| {name} | {100 * accuracy:.2f} ± {100 * error:.2f} | {100 * eer:.3f} |")
    apart = np.linalg.norm(embeddings["stock"] - embeddings["app"], axis=1)
    print(f"\napart: median {np.median(apart):.5f}, at most {apart.max():.4f}")


if __name__ == "__main__":
    main()
