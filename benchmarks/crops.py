"""Compares ways to cut a face out of a photo, on labelled pairs.

    python benchmarks/crops.py DIR

DIR holds the photos of LFW View 1 (folder = person) and pairsDevTest.txt. The
detector runs once; each crop is embedded with the installed model. Printed for
each: accuracy at its own best threshold on the pairs (an upper bound, for
comparing crops with each other only), and over all pairs of photos the distance
at FMR 0.001 and the FNMR there with its 95 % interval. A photo in which no face
is found counts as an error in every pair that it is part of.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.calibration import wilson_interval
from facenet_core.config import load_settings
from facenet_core.embedding import KerasEmbedder
from facenet_core.engine import FaceEngine
from facenet_core.facenet import INPUT_SIZE
from facenet_core.matching import distances
from facenet_core.types import Box

Margins = Callable[[Box], tuple[float, float]]


CROPS: dict[str, Margins] = {
    "margin 0": lambda box: (0.0, 0.0),
    "margin 12.5 % of the box": lambda box: (0.125 * box.width, 0.125 * box.height),
    "margin 25 % of the box (used)": lambda box: (0.25 * box.width, 0.25 * box.height),
    "margin 32 % of the box": lambda box: (0.32 * box.width, 0.32 * box.height),
    "margin 40 % of the box": lambda box: (0.40 * box.width, 0.40 * box.height),
    "margin 32 px of the photo (original FaceNet)": lambda box: (32.0, 32.0),
    "margin 25 % of the longer side": lambda box: (0.25 * max(box.width, box.height),) * 2,
}


def crop(photo: Image.Image, box: Box, margins: Margins) -> NDArray[np.uint8]:
    """A face with a margin, half on each side, squashed to the model's input."""
    x, y = (m / 2 for m in margins(box))
    region = (
        max(box.left - x, 0.0),
        max(box.top - y, 0.0),
        min(box.right + x, float(photo.width)),
        min(box.bottom + y, float(photo.height)),
    )
    return np.asarray(photo.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR, box=region))


def read_pairs(path: Path) -> list[tuple[str, str, bool]]:
    """LFW's pairs as relative paths, and whether both show the same person."""
    pairs = []
    for line in path.read_text("utf-8").splitlines()[1:]:
        parts = line.split("\t")
        first, second = (parts[0], parts[1]), (parts[-2] if len(parts) == 4 else parts[0], parts[-1])
        a, b = (f"{name}/{name}_{int(number):04d}.jpg" for name, number in (first, second))
        pairs.append((a, b, len(parts) == 3))
    return pairs


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="LFW View 1")
    folder = parser.parse_args().folder
    engine = FaceEngine.load(load_settings())
    assert isinstance(engine.embedder, KerasEmbedder)

    photos, boxes, names = [], [], []
    for path in tqdm(sorted(folder.glob("*/*.jpg")), unit="photo"):
        found = engine.analyse(images.read(path))
        if found.faces:
            names.append(str(path.relative_to(folder)))
            photos.append(Image.fromarray(found.photo.pixels))
            boxes.append(found.faces[found.prominent].detection.box)
    row = {name: i for i, name in enumerate(names)}
    person = np.unique([n.split("/")[0] for n in names], return_inverse=True)[1]
    first, second = np.triu_indices(len(names), 1)
    mated = person[first] == person[second]
    pairs = read_pairs(folder / "pairsDevTest.txt")
    usable = [(row[a], row[b], same) for a, b, same in pairs if a in row and b in row]
    left, right, same = (np.array(column) for column in zip(*usable, strict=True))
    print(f"{len(pairs)} pairs, {len(pairs) - len(usable)} of them without a face in a photo")

    for name, margins in CROPS.items():
        crops = np.stack([crop(p, b, margins) for p, b in zip(photos, boxes, strict=True)])
        between = distances(*(engine.embedder.embed(crops),) * 2)
        of_pairs = between[left, right]
        accuracy = max(int(((of_pairs <= t) == same).sum()) for t in of_pairs) / len(pairs)
        everything = between[first, second]
        non_mated = np.sort(everything[~mated])
        threshold = float(non_mated[int(1e-3 * len(non_mated)) - 1])
        missed = int((everything[mated] > threshold).sum())
        low, high = wilson_interval(missed, int(mated.sum()))
        print(
            f"{name:45} accuracy {accuracy:.3f}   FMR 0.001 at {threshold:.3f}: "
            f"FNMR {missed / int(mated.sum()):.3f} [{low:.3f}, {high:.3f}]",
            flush=True,
        )


if __name__ == "__main__":
    main()
