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

from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.embedding import KerasEmbedder, unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.evaluation import read_pairs
from facenet_core.matching import distances
from facenet_core.metrics import cross_validated, equal_error_rate
from facenet_core.scaling import preprocess_input
from facenet_core.types import Box, Detection, Landmarks


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
        self._model: Any = like.keras_model
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
    pairs = read_pairs(folder / "pairsDevTest.txt", folder)
    person = np.empty(len(pairs.photos), np.int64)
    person[pairs.pairs] = pairs.people
    rows: dict[str, list[NDArray[np.float32]]] = {"stock": [], "app": []}
    for path in tqdm(pairs.photos, unit=" photo", mininterval=5):
        photo = images.read(path)
        for name, engine in (("stock", stock), ("app", ours)):
            found = engine.analyse(photo)
            rows[name].append(found.faces[found.prominent].embedding)
    embeddings = {name: np.stack(each) for name, each in rows.items()}
    first, second = np.triu_indices(len(person), 1)
    mated = person[first] == person[second]
    left, right = pairs.pairs.T
    print(f"{ours.model_id.model}\n\n| path | accuracy % | EER % |\n|---|---|---|")
    for name, each in embeddings.items():
        of_pairs = np.linalg.norm(each[left] - each[right], axis=1).astype(np.float64)
        accuracy = cross_validated(of_pairs, pairs.mated, pairs.folds)
        between = distances(each, each)[first, second]
        selves, strangers = (np.sort(between[which]).astype(np.float64) for which in (mated, ~mated))
        print(
            f"| {name} | {100 * accuracy.mean:.2f} ± {100 * accuracy.standard_error:.2f} "
            f"| {100 * equal_error_rate(selves, strangers)[0]:.3f} |"
        )
    apart = np.linalg.norm(embeddings["stock"] - embeddings["app"], axis=1)
    print(f"\napart: median {np.median(apart):.5f}, at most {apart.max():.4f}")


if __name__ == "__main__":
    main()
