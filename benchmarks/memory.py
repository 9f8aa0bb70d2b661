"""Prints how much memory many photos of varying size take: resident after the first hundred, and the most after that.

    python benchmarks/memory.py PHOTO...
    python benchmarks/memory.py --naive 100 PHOTO...

A thousand photos go through the app's pipeline, or some through the naive
arrangement (``naive.py``). The photos are taken again and again, each time at
another size, 300 to 2,400 pixels on the longer side.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.naive import Naive
from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.pipeline import Source, analyse_photos
from facenet_core.types import Photo
from facenet_core.weights import resolve

PHOTOS, FIRST = 1000, 100


def at_side(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A photo at a size, enlarged if it must be.

    Args:
        pixels: Shape ``(h, w, 3)``.
        side: Of the result's longer side, in pixels.
    """
    scale = side / max(pixels.shape[:2])
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def varied(paths: list[Path]) -> Iterator[Source]:
    """Photos of varying size, without end."""
    rng = np.random.default_rng(0)
    for path in itertools.cycle(paths):
        yield partial(_sized, path, int(rng.integers(300, 2400)))


def _sized(path: Path, side: int) -> Photo:
    photo = images.read(path)
    return replace(photo, pixels=at_side(photo.pixels, side))


def _of_process(line: str) -> float:
    """Megabytes, of a line of this process's status."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) * 1024 / 1e6 for each in status if each.startswith(line))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--naive", type=int, metavar="N", help="give N photos to the naive arrangement instead")
    args = parser.parse_args()
    settings = load_settings()
    if args.naive:
        naive = Naive(resolve(settings).path)
        for source in itertools.islice(varied(args.photos), args.naive):
            naive.faces(source().pixels)
        print(f"at most {_of_process('VmHWM'):,.0f} MB over {args.naive} photos")
        return
    engine, seen = FaceEngine.load(settings), []
    for number, _ in enumerate(analyse_photos(engine, itertools.islice(varied(args.photos), PHOTOS)), 1):
        if number >= FIRST:
            seen.append(_of_process("VmRSS"))
    print(
        f"{seen[0]:,.0f} MB resident after {FIRST} photos, at most {max(seen):,.0f} MB and in the end "
        f"{seen[-1]:,.0f} MB over the other {PHOTOS - FIRST}; at most {_of_process('VmHWM'):,.0f} MB at any time"
    )


if __name__ == "__main__":
    main()
