"""How far copies of one picture are apart, and how far different photos of one person: what a copy may be.

    python benchmarks/copies.py LFW_VIEW1 [--weights FILE]

Each person with three photos or more gives one photo, which is saved again,
resized, cropped and changed in other ways that pictures go through on the web,
and the pairs of up to four photos.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.matching import distance
from facenet_core.reverse.twins import TWIN_DISTANCE
from facenet_core.types import Embedding

PEOPLE, PHOTOS = 90, 4

CHANGES: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "JPEG of quality 50": (lambda image: image, 50),
    "JPEG of quality 20": (lambda image: image, 20),
    "half the size": (lambda image: image.resize((image.width // 2, image.height // 2)), 85),
    "twice the size": (lambda image: image.resize((2 * image.width, 2 * image.height)), 85),
    "cropped": (lambda image: image.crop((12, 20, image.width - 18, image.height - 10)), 85),
    "grey": (lambda image: image.convert("L").convert("RGB"), 85),
    "brighter": (lambda image: image.point(lambda value: min(255, int(1.2 * value + 10))), 85),
    "mirrored": (ImageOps.mirror, 85),
}
"""What is done to a photo, and the quality that it is saved with."""


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    args = parser.parse_args()
    engine = FaceEngine.load(load_settings(weights=args.weights))

    def embedded(data: bytes) -> Embedding | None:
        found = engine.analyse(images.decode(data, "photo"))
        return found.faces[found.prominent].embedding if found.faces else None

    copies: dict[str, list[float]] = {name: [] for name in CHANGES}
    others: list[float] = []
    folders = [f for f in sorted(args.folder.iterdir()) if f.is_dir() and len(list(f.glob("*.jpg"))) >= 3]
    for folder in folders[:PEOPLE]:
        paths = sorted(folder.glob("*.jpg"))[:PHOTOS]
        known = [embedding for path in paths if (embedding := embedded(path.read_bytes())) is not None]
        others += [distance(one, other) for one, other in combinations(known, 2)]
        with Image.open(paths[0]) as opened:
            first, original = opened.convert("RGB"), embedded(paths[0].read_bytes())
        for name, (change, quality) in CHANGES.items():
            target = io.BytesIO()
            change(first).save(target, "JPEG", quality=quality)
            if original is not None and (changed := embedded(target.getvalue())) is not None:
                copies[name].append(distance(original, changed))
    for name, apart in copies.items():
        share = np.mean(np.array(apart) <= TWIN_DISTANCE)
        print(
            f"{name:20s} {len(apart)} copies, median {np.median(apart):.2f}: {100 * share:.0f} % within {TWIN_DISTANCE}"
        )
    near = np.sum(np.array(others) <= TWIN_DISTANCE)
    print(
        f"different photos of one person: {len(others)} pairs, nearest {min(others):.2f}, {near} within {TWIN_DISTANCE}"
    )


if __name__ == "__main__":
    main()
