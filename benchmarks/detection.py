"""Whether our cascade finds the faces that the ``mtcnn`` package finds.

    python benchmarks/detection.py FOLDER...

Every photo in the folders is given to ``MTCNN.detect_faces`` and to the app's
detector, with the smallest face that it looks for as in the app (20 pixels) and
at 40. Printed are, for each, how many of the faces that the package is at least
0.95 sure of and that measure 40 pixels or more are found (IoU of 0.6 or more),
the same for all that it reports from 20 pixels on, how well the boxes agree, and
how many faces of 20 pixels or more are found that the package does not report.
Every face of the first kind that is missed is named.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.detection import MIN_FACE_PX, MTCNNDetector
from facenet_core.enrolment import PHOTO_SUFFIXES, iou
from facenet_core.errors import PhotoError
from facenet_core.types import Box

SURE, LARGE, SAME = 0.95, 40, 0.6
"""Confidence, pixels and IoU of a face that has to be found."""


def side(box: Box) -> float:
    """The shorter side, in pixels."""
    return min(box.width, box.height)


def main() -> None:
    """Compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    folders = parser.parse_args().folders

    import mtcnn

    package = mtcnn.MTCNN()
    detectors = {least: MTCNNDetector(long_side=10_000, min_face=least) for least in (MIN_FACE_PX, LARGE)}
    best: dict[int, list[tuple[bool, float]]] = {least: [] for least in detectors}
    more = dict.fromkeys(detectors, 0)
    photos = 0
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    for path in tqdm(paths, unit=" photo", mininterval=5):
        try:
            pixels = images.read(path).pixels
        except PhotoError as error:
            print(f"left out: {error}")
            continue
        photos += 1
        rows = package.detect_faces(pixels, output_type="numpy")[:, 1:6]
        theirs = [(Box(x, y, x + width, y + height), score) for x, y, width, height, score in rows]
        for least, detector in detectors.items():
            ours = [found.box for found in detector.detect(pixels)]
            for box, score in theirs:
                if side(box) < least:
                    continue
                overlap = max((iou(box, own) for own in ours), default=0.0)
                wanted = score >= SURE and side(box) >= LARGE
                best[least].append((wanted, overlap))
                if wanted and overlap < SAME:
                    print(f"smallest face {least}: missed in {path}: {side(box):.0f} px, {score:.3f} sure")
            more[least] += sum(
                side(own) >= least and max((iou(own, box) for box, _ in theirs), default=0.0) < SAME for own in ours
            )
    print(
        f"\n{photos:,} photos\n\n| smallest face | sure and of {LARGE} px | found | all that it looks for | found "
        "| median IoU | least IoU of those found | more |\n|---|---|---|---|---|---|---|---|"
    )
    for least, pairs in best.items():
        overlaps = np.array([overlap for _, overlap in pairs])
        sure = np.array([wanted for wanted, _ in pairs])
        found = overlaps >= SAME
        print(
            f"| {least} | {sure.sum():,} | {found[sure].sum():,} | {len(sure):,} | {found.sum():,} "
            f"| {np.median(overlaps[found]):.4f} | {overlaps[found].min():.3f} | {more[least]} |"
        )


if __name__ == "__main__":
    main()
