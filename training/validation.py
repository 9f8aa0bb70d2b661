"""How well a run's averaged network does on LFW View 1, without the app around it.

``python -m training.validation crops LFW CROPS`` finds the faces once;
``python -m training.validation RUN CROPS`` evaluates the newest checkpoint.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facenet_core.centre import cross_centred
from facenet_core.embedding import unit_norm
from facenet_core.matching import distances
from facenet_core.metrics import cross_validated, equal_error_rate, threshold_at
from facenet_core.mini import INPUT_SIZE
from facenet_core.scaling import preprocess_input

BATCH = 64


@dataclass(frozen=True, slots=True)
class Crops:
    """View 1 as the network sees it.

    Attributes:
        views: Shape ``(n, 2, s, s, 3)``, RGB, uint8: both views of each photo's
            face.
        person: Shape ``(n,)``: whose photo it is.
        pairs: Shape ``(p, 2)``: rows of the pairs of the protocol.
        folds: Shape ``(p,)``: the fold of each pair.
    """

    views: NDArray[np.uint8]
    person: NDArray[np.int64]
    pairs: NDArray[np.int64]
    folds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found, each a share of 1.

    Attributes:
        accuracy: Of the pairs, over ten folds.
        standard_error: Of that.
        eer: Over all pairs of photos.
        fnmr_at_fmr_1e_2: Over all pairs of photos.
        fnmr_at_fmr_1e_3: The same.
    """

    accuracy: float
    standard_error: float
    eer: float
    fnmr_at_fmr_1e_2: float
    fnmr_at_fmr_1e_3: float


def make_crops(folder: Path, file: Path, size: int) -> None:
    """Finds the faces of View 1 and writes them to an ``.npz`` file."""
    from facenet_core import images
    from facenet_core.alignment import view_faces
    from facenet_core.config import load_settings
    from facenet_core.detection import MTCNNDetector
    from facenet_core.engine import prominent
    from facenet_core.evaluation import read_pairs

    read = read_pairs(folder / "pairsDevTest.txt", folder)
    detector, views = MTCNNDetector(load_settings().detection_long_side), []
    for path in read.photos:
        photo = images.read(path)
        found = detector.detect(photo.pixels)
        views.append(view_faces(photo.pixels, [found[prominent(photo, found)]], "best", size)[0])
    person = np.empty(len(views), np.int64)
    person[read.pairs] = read.people
    np.savez(file, views=np.stack(views), person=person, pairs=read.pairs, folds=read.folds)


def load_crops(file: Path) -> Crops:
    """Reads what :func:`make_crops` wrote."""
    with np.load(file, allow_pickle=False) as archive:
        return Crops(**{name: archive[name] for name in Crops.__slots__})


def embed(model: Any, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean of both views' embeddings.

    Returns:
        Shape ``(n, d)``, float32, unit norm.
    """
    import tensorflow as tf

    flat, size = views.reshape(-1, *views.shape[2:]), model.input_shape[1:3]

    @tf.function(reduce_retracing=True)
    def graph(x: Any) -> Any:
        return model(tf.image.resize(x, size, antialias=True), training=False)

    parts = [
        graph(tf.constant(preprocess_input(flat[start : start + BATCH], "fixed"))).numpy()
        for start in range(0, len(flat), BATCH)
    ]
    each = unit_norm(np.concatenate(parts))
    return unit_norm(each.reshape(len(views), views.shape[1], -1).mean(1))


def figures(embeddings: NDArray[np.float32], crops: Crops) -> Figures:
    """Accuracy and error rates, with each half of the people less the mean of the other.

    Args:
        embeddings: Shape ``(n, d)``, unit norm.
        crops: Whose they are.
    """
    centred = unit_norm(cross_centred(embeddings, crops.person))
    left, right = crops.pairs.T
    apart = np.linalg.norm(centred[left] - centred[right], axis=1).astype(np.float64)
    accuracy = cross_validated(apart, crops.person[left] == crops.person[right], crops.folds)
    first, second = np.triu_indices(len(centred), 1)
    between = distances(centred, centred)[first, second].astype(np.float64)
    mated = crops.person[first] == crops.person[second]
    selves, strangers = np.sort(between[mated]), np.sort(between[~mated])
    missed = [float((selves > threshold_at(strangers, rate)).mean()) for rate in (1e-2, 1e-3)]
    return Figures(accuracy.mean, accuracy.standard_error, equal_error_rate(selves, strangers)[0], *missed)


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.validation", description=__doc__)
    parser.add_argument("what", metavar="crops|RUN", help="crops to find the faces, or the folder of a run")
    parser.add_argument("files", type=Path, nargs="+", metavar="[LFW] CROPS")
    parser.add_argument("--size", type=int, default=INPUT_SIZE, help="side of the crops, in pixels")
    args = parser.parse_args()
    if args.what == "crops":
        make_crops(*args.files, args.size)
        return
    from training.train import open_run

    trainer = open_run(Path(args.what))
    crops = load_crops(args.files[0])
    found = figures(embed(trainer.averaged(), crops.views), crops)
    print(json.dumps({"step": int(trainer.step), **{k: round(v, 5) for k, v in asdict(found).items()}}))


if __name__ == "__main__":
    main()
