"""Compares ways to show a face to the network, on labelled pairs.

    python benchmarks/preprocessing.py DIR

DIR holds the photos of LFW View 1 (folder = person) and pairsDevTest.txt. The
detector runs once; each crop is embedded straight and mirrored with the
installed model. Then single crops, means of several, and both less the mean
embedding are compared:

* accuracy on the pairs, ten-fold: each tenth at the threshold that is best on
  the others;
* over all pairs of photos d', EER, and FNMR at FMR 0.01, 0.001 and 0.0001. d' is
  how far the mean cosines of mated and non-mated pairs lie apart, by their mean
  standard deviation (Daugman, "Biometric decision landscapes", 2000): it uses
  every comparison, so that it can tell crops apart where counts of errors can't.
  Each person counts once, however many photos there are of them.

The mean embedding is always that of one half of the people, and the figures
those of the other half, both ways, so that none of them has seen its own mean.
"cost" is how many crops go through the network for each face; at the end stands
what that is in time. A photo in which
no face is found stops the comparison: there is none in View 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import alignment, images
from facenet_core.centre import cross_centred, first_half
from facenet_core.config import load_settings
from facenet_core.embedding import unit_norm
from facenet_core.engine import FaceEngine, prominent
from facenet_core.evaluation import read_pairs
from facenet_core.matching import distances
from facenet_core.metrics import cross_validated, equal_error_rate, threshold_at
from facenet_core.types import Box, Detection, Photo

Crop = Callable[[Image.Image, Detection, int], Image.Image]
"""From a photo, a face and the side of the model's input."""

Part = tuple[str, bool]
"""A crop's name, and whether it is mirrored."""

RATES = (1e-2, 1e-3, 1e-4)


def region(photo: Image.Image, box: Sequence[float], size: int, filter_: Image.Resampling) -> Image.Image:
    """A rectangle of the photo, cut at its edges and squashed to the model's input."""
    left, top, right, bottom = box
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(photo.width)), min(bottom, float(photo.height)))
    return photo.resize((size, size), filter_, box=inside)


def boxed(margin: float = 0.0, pixels: float = 0.0, filter_: Image.Resampling = Image.Resampling.BILINEAR) -> Crop:
    """The box with a margin, as a share of it or in pixels."""

    def crop(photo: Image.Image, face: Detection, size: int) -> Image.Image:
        box = face.box
        x, y = (box.width * margin + pixels) / 2, (box.height * margin + pixels) / 2
        return region(photo, (box.left - x, box.top - y, box.right + x, box.bottom + y), size, filter_)

    return crop


def square(margin: float) -> Crop:
    """A square around the box, of its longer side with a margin."""

    def crop(photo: Image.Image, face: Detection, size: int) -> Image.Image:
        box = face.box
        half = max(box.width, box.height) * (1 + margin) / 2
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        return region(photo, (x - half, y - half, x + half, y + half), size, Image.Resampling.BILINEAR)

    return crop


def aligned(zoom: float) -> Crop:
    """Landmarks at their mean places, drawn larger or smaller than in the box's crop with its margin."""

    def crop(photo: Image.Image, face: Detection, size: int) -> Image.Image:
        kept, alignment.MARGIN = alignment.MARGIN, (1 + alignment.MARGIN) / zoom - 1
        try:
            views = alignment.view_faces(np.asarray(photo), [face], "best", size)
        finally:
            alignment.MARGIN = kept
        return Image.fromarray(views[0, 1, :, ::-1])

    return crop


CROPS: dict[str, Crop] = {
    "box": boxed(0.0),
    "box + 12.5 %": boxed(0.125),
    "box + 25 %": boxed(0.25),
    "box + 32 %": boxed(0.32),
    "box + 40 %": boxed(0.40),
    "box + 32 px (original)": boxed(pixels=32),
    "box + 25 %, Lanczos": boxed(0.25, filter_=Image.Resampling.LANCZOS),
    "box + 25 %, area": boxed(0.25, filter_=Image.Resampling.BOX),
    "square + 15 %": square(0.15),
    "aligned 0.9": aligned(0.9),
    "aligned 1.0": aligned(1.0),
    "aligned 1.1": aligned(1.1),
}

S, M = False, True
MIXED: dict[str, list[Part]] = {
    "box + 25 % both ways": [("box + 25 %", S), ("box + 25 %", M)],
    "box + 12.5 % and 32 %": [("box + 12.5 %", S), ("box + 32 %", S)],
    "box + 25 %, aligned 1.0 mirrored": [("box + 25 %", S), ("aligned 1.0", M)],
    "box + 25 %, aligned 1.1 mirrored": [("box + 25 %", S), ("aligned 1.1", M)],
    "box + 32 px, aligned 1.0 mirrored": [("box + 32 px (original)", S), ("aligned 1.0", M)],
    "box + 25 %, aligned 1.0, each both ways": [(c, m) for c in ("box + 25 %", "aligned 1.0") for m in (S, M)],
    "box + 12.5, 25, 40 %, each both ways": [
        (c, m) for c in ("box + 12.5 %", "box + 25 %", "box + 40 %") for m in (S, M)
    ],
}


class Figures:
    """Accuracy and error rates of embeddings, in the order of ``names``.

    Args:
        names: Relative paths of the photos.
        folder: Where they and the pairs file are.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self.person = np.unique([name.split("/")[0] for name in names], return_inverse=True)[1]
        self.half = first_half(self.person)
        pairs = read_pairs(folder / "pairsDevTest.txt", folder)
        row = {name: i for i, name in enumerate(names)}
        rows = np.array([row[path.relative_to(folder).as_posix()] for path in pairs.photos])
        self.left, self.right = rows[pairs.pairs].T
        self.same, self.folds = pairs.mated, pairs.folds

    def centred(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each half of the people less the mean of the other."""
        return unit_norm(cross_centred(rows, self.person))

    def line(self, name: str, cost: int, rows: NDArray[np.float32]) -> str:
        """One row of the table."""
        of_pairs = np.linalg.norm(rows[self.left] - rows[self.right], axis=1).astype(np.float64)
        accuracy = cross_validated(of_pairs, self.same, self.folds)
        found = []
        for half in (self.half, ~self.half):
            first, second = np.triu_indices(int(half.sum()), 1)
            between = distances(rows[half], rows[half])[first, second].astype(np.float64)
            mated = self.person[half][first] == self.person[half][second]
            strangers, selves = np.sort(between[~mated]), np.sort(between[mated])
            missed = [float((selves > threshold_at(strangers, rate)).mean()) for rate in RATES]
            apart = decidability(between, mated, self.person[half][first])
            found.append([apart, 100 * equal_error_rate(selves, strangers)[0], *(100 * rate for rate in missed)])
        rates = " | ".join(f"{figure:.2f}" for figure in np.mean(found, axis=0))
        shown = f"{100 * accuracy.mean:.2f} ± {100 * accuracy.standard_error:.2f}"
        return f"| {name} | {cost} | {shown} | {rates} |"


def decidability(between: NDArray[np.float64], mated: NDArray[np.bool_], person: NDArray[np.int64]) -> float:
    """Daugman's d' of cosines; ``person`` is whose mated comparison each is."""
    cosine = 1 - between**2 / 2
    selves, strangers, own = cosine[mated], cosine[~mated], person[mated]
    weights = 1 / np.bincount(own)[own]
    mean = np.average(selves, weights=weights)
    variance = np.average((selves - mean) ** 2, weights=weights)
    return float((mean - strangers.mean()) / np.sqrt((variance + strangers.var()) / 2))


def choices(photos: Sequence[Image.Image], found: Sequence[Sequence[Detection]]) -> None:
    """Prints how often other rules would mean another face of a photo than the prominent one."""
    several = [(p, f) for p, f in zip(photos, found, strict=True) if len(f) > 1]
    rules: dict[str, Callable[[Image.Image, Box], float]] = {
        "the largest": lambda photo, box: box.width * box.height,
        "the one nearest to the middle": lambda photo, box: (
            -abs(complex(box.left + box.right - photo.width, box.top + box.bottom - photo.height))
        ),
    }
    print(f"\n{len(several)} of {len(photos)} photos show several faces.")
    for name, rule in rules.items():
        others = sum(
            max(range(len(f)), key=lambda i, p=p, f=f, rule=rule: rule(p, f[i].box)) != prominent(as_photo(p), f)
            for p, f in several
        )
        print(f"In {others} of them {name} is not the prominent one.")


def as_photo(image: Image.Image) -> Photo:
    """What :func:`facenet_core.engine.prominent` takes."""
    return Photo("", np.asarray(image), "0" * 64)


def cost(engine: FaceEngine, photos: Sequence[NDArray[np.uint8]], faces: Sequence[Detection]) -> None:
    """Prints what a face costs in each profile, one photo at a time, in turns."""
    seconds: dict[str, list[float]] = {"detection": [], "fast": [], "best": []}
    for photo, face in zip(photos, faces, strict=True):
        began = time.perf_counter()
        engine.detector.detect(photo)
        seconds["detection"].append(time.perf_counter() - began)
        for profile in ("fast", "best"):
            began = time.perf_counter()
            engine.embedder.embed(alignment.view_faces(photo, [face], profile, engine.embedder.input_size)[0])
            seconds[profile].append(time.perf_counter() - began)
    each = {name: 1000 * float(np.median(values)) for name, values in seconds.items()}
    whole = (each["detection"] + each["best"]) / (each["detection"] + each["fast"])
    print(
        f"\nMedians over {len(photos)} photos: detection {each['detection']:.0f} ms; crops and embedding of one face "
        f"{each['fast']:.0f} ms (fast), {each['best']:.0f} ms (best), a ratio of {each['best'] / each['fast']:.2f}, "
        f"or {whole:.2f} with detection."
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="LFW View 1")
    folder = parser.parse_args().folder
    engine = FaceEngine.load(load_settings())

    photos, faces, names, detections = [], [], [], []
    for path in tqdm(sorted(folder.glob("*/*.jpg")), unit=" photo", mininterval=5):
        photo = images.read(path)
        found = engine.detector.detect(photo.pixels)
        names.append(path.relative_to(folder).as_posix())
        photos.append(Image.fromarray(photo.pixels))
        faces.append(found[prominent(photo, found)])
        detections.append(found)
    figures = Figures(names, folder)
    choices(photos, detections)

    size = engine.embedder.input_size
    embedded: dict[Part, NDArray[np.float32]] = {}
    for name, crop in CROPS.items():
        began = time.perf_counter()
        crops = np.stack([np.asarray(crop(p, f, size)) for p, f in zip(photos, faces, strict=True)])
        embedded[name, S] = engine.embedder.embed(crops)
        embedded[name, M] = engine.embedder.embed(crops[:, :, ::-1])
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    print(
        "| views | cost | accuracy % | d' | EER % | FNMR % at FMR 0.01 | 0.001 | 0.0001 |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for name in CROPS:
        print(figures.line(name, 1, embedded[name, S]))
    for name in CROPS:
        print(figures.line(f"{name}, centred", 1, figures.centred(embedded[name, S])))
    for name, parts in MIXED.items():
        rows = unit_norm(np.mean([embedded[part] for part in parts], axis=0))
        print(figures.line(name, len(parts), rows))
        print(figures.line(f"{name}, centred", len(parts), figures.centred(rows)))
    engine.warm()
    cost(engine, [np.asarray(photo) for photo in photos[:100]], faces[:100])


if __name__ == "__main__":
    main()
