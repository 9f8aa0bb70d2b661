"""What a thumbnail of a photo takes: the bytes of those of a folder, at the size that albums and reverse search keep.

Prints the mean and its 95 % confidence interval (bootstrap over photos)::

    python benchmarks/thumbnails.py FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.errors import PhotoError
from facenet_core.reverse.blanking import THUMBNAIL_SIDE

RESAMPLES, SEED = 2_000, 20261122


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    sizes: list[int] = []
    refused = 0
    for path in sorted(parser.parse_args().folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            sizes.append(len(images.thumbnail(images.read(path).pixels, THUMBNAIL_SIDE)))
        except PhotoError:
            refused += 1
    if not sizes:
        raise SystemExit("There is no photo in this folder.")
    drawn = np.random.default_rng(SEED).choice(sizes, (RESAMPLES, len(sizes)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    print(f"{len(sizes):,} thumbnails of {THUMBNAIL_SIDE} pixels ({refused:,} files were no photos):")
    print(f"{np.mean(sizes):,.0f} bytes each ({low:,.0f} to {high:,.0f}), {np.median(sizes):,.0f} in the middle")


if __name__ == "__main__":
    main()
