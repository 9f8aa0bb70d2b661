"""Checks whether distances mean the same between small faces.

    python benchmarks/small_faces.py DIR [--pixels 31]

DIR holds labelled folders (folder = person), such as LFW View 1. Every second
photo is shrunk until its face is about so many pixels wide, and goes the whole
way from there. Printed are the shares of strangers at the distances at which
the shipped calibration expects 1 in 10, 100, 1,000 and 10,000, and FNMR there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine, prominent
from facenet_core.evaluation import Comparisons, read_folders
from facenet_core.matching import distances
from facenet_core.metrics import share_within
from facenet_core.shipped import calibration_for
from facenet_core.types import Photo


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    parser.add_argument("--pixels", type=float, default=31.0, help="shorter side of the faces' boxes")
    options = parser.parse_args()
    engine = FaceEngine.load(load_settings())
    calibration = calibration_for(engine.model_id)
    folders = read_folders(options.folder)

    rows, people, sides, lost = [], [], [], 0
    every_second = list(zip(folders.photos, folders.person, strict=True))[::2]
    for path, person in tqdm(every_second, unit=" photo", mininterval=5):
        photo = images.read(path)
        found = engine.detector.detect(photo.pixels)
        if not found:
            lost += 1
            continue
        box = found[prominent(photo, found)].box
        scale = min(options.pixels / min(box.width, box.height), 1.0)
        size = (round(photo.width * scale), round(photo.height * scale))
        pixels = np.asarray(Image.fromarray(photo.pixels).resize(size, Image.Resampling.LANCZOS))
        seen = engine.analyse(Photo(photo.name, pixels, photo.sha256))
        if not seen.faces:
            lost += 1
            continue
        face = seen.faces[seen.prominent]
        rows.append(face.embedding)
        people.append(person)
        sides.append(min(face.detection.box.width, face.detection.box.height))
    embeddings, person = np.stack(rows), np.unique(people, return_inverse=True)[1]
    found = Comparisons.of_all(distances(embeddings, embeddings), person)
    low, middle, high = np.percentile(sides, [5, 50, 95])
    print(f"{len(rows)} faces of {middle:.0f} pixels ({low:.0f} to {high:.0f}); {lost} photos without one")
    print(f"{len(found.non_mated):,} comparisons of different people, {len(found.mated)} of one person\n")
    print("| strangers expected | distance | strangers found, times that | FNMR % |\n|---|---|---|---|")
    for n in (10, 100, 1_000, 10_000):
        at, _ = calibration.distance_at(1 / n)
        strangers, missed = share_within(found.non_mated, at) * n, 1 - share_within(found.mated, at)
        print(f"| 1 in {n:,} | {at:.3f} | {float(strangers):.2f} | {100 * float(missed):.1f} |")


if __name__ == "__main__":
    main()
