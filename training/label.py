"""Asks the teacher for the embeddings of views of the training faces.

``python -m training.label FACES WEIGHTS LABELS --rounds 3``

A round shows every face once, in a view of its own; some are blended with a
second face, which makes people who are in no photo. Each round is one file of
its number, so a run that was stopped goes on with the next round, and the same
seed always gives the same views.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.faces import SIDE, Faces, load_faces
from training.views import Maps, drawn, mirrored, random_maps, transforms

BLENDED = 0.5
"""Share of the views of all rounds but the first that are blends of two faces."""

BLEND_RANGE = (0.25, 0.5)
"""Share of the second face in a blend."""

SEED = 20261121


@dataclass(frozen=True, slots=True)
class Labels:
    """Views, and what the teacher makes of them.

    Attributes:
        face: Shape ``(n,)``, int32: the face's index.
        maps: Shape ``(n, 2, 3)``: how it is seen.
        other: Shape ``(n,)``, int32: the face it is blended with; itself where
            it is not.
        other_maps: Shape ``(n, 2, 3)``: how that one is seen.
        share: Shape ``(n,)``, float32: the second face's share of the pixels;
            0 where there is none.
        embeddings: Shape ``(n, 512)``, float16, unit norm.
    """

    face: NDArray[np.int32]
    maps: Maps
    other: NDArray[np.int32]
    other_maps: Maps
    share: NDArray[np.float32]
    embeddings: NDArray[np.float16]


def load_labels(folder: Path) -> Labels:
    """Reads every round of a folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    rounds = sorted(folder.glob("round-*.npz"))
    if not rounds:
        raise FileNotFoundError(f"{folder}: there are no labels; run python -m training.label first")
    parts = []
    for path in rounds:
        with np.load(path, allow_pickle=False) as archive:
            parts.append({name: archive[name] for name in Labels.__slots__})
    return Labels(**{name: np.concatenate([part[name] for part in parts]) for name in Labels.__slots__})


def views_of_round(faces: Faces, number: int) -> Labels:
    """The views of a round, with no embeddings yet."""
    rng = np.random.default_rng([SEED, number])
    face = rng.permutation(len(faces.pixels)).astype(np.int32)
    other = rng.permutation(face)
    blended = rng.random(len(face)) < (BLENDED if number else 0.0)
    other = np.where(blended, other, face).astype(np.int32)
    share = np.where(blended, rng.uniform(*BLEND_RANGE, len(face)), 0.0).astype(np.float32)
    maps, other_maps = (
        mirrored(random_maps(rng, faces.tight[seen], 1.0), rng.random(len(face)) < 0.5) for seen in (face, other)
    )
    return Labels(face, maps, other, other_maps, share, np.zeros((len(face), 512), np.float16))


def label(faces: Faces, weights: Path, folder: Path, rounds: int) -> None:
    """Writes the rounds that are not there yet."""
    import tensorflow as tf

    from facenet_core.inception import INPUT_SIZE
    from training.teacher import BATCH, load_teacher

    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(rounds) if not (folder / f"round-{n:03}.npz").is_file()]
    teacher = load_teacher(weights) if missing else None
    for number in missing:
        views = views_of_round(faces, number)
        for start in tqdm(range(0, len(views.face), BATCH), f"round {number}", mininterval=5):
            rows = np.arange(start, start + BATCH) % len(views.face)
            crops = [faces.pixels[seen[rows]] for seen in (views.face, views.other)]
            maps = [transforms(m[rows], SIDE, INPUT_SIZE) for m in (views.maps, views.other_maps)]
            first, second = (
                drawn(tf.constant(c), tf.constant(m), INPUT_SIZE) for c, m in zip(crops, maps, strict=True)
            )
            share = tf.constant(views.share[rows])[:, None, None, None]
            views.embeddings[rows] = teacher(first * (1 - share) + second * share).numpy()
        part = folder / f"part-{number:03}.npz"
        np.savez(part, **{name: getattr(views, name) for name in Labels.__slots__})
        part.replace(folder / f"round-{number:03}.npz")


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.label", description=__doc__)
    parser.add_argument("faces", type=Path, metavar="FACES", help="folder of .npz files of faces")
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="the teacher's weights file")
    parser.add_argument("labels", type=Path, metavar="LABELS", help="folder to write to")
    parser.add_argument("--rounds", type=int, default=3, help="how many rounds there shall be (3)")
    args = parser.parse_args()
    label(load_faces(args.faces), args.weights, args.labels, args.rounds)


if __name__ == "__main__":
    main()
