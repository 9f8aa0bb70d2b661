"""Which measures of a photo's quality tell whether a person is recognised by it, and from where on.

    python benchmarks/quality.py DIR [--web DIR2]

DIR holds the photos of LFW View 1 (folder = person). At the distance of FMR 0.001
between all photos of different people, as they are, it prints the FNMR

* of the photos as they are, when the mated comparisons with the worst photos are
  discarded, by each measure (error versus discard, ISO/IEC 29794-1);
* of a sample of mated pairs, one photo of each degraded step by step: shrunk,
  blurred, darkened, brightened, turned, cut off. A face that is not found any
  more, or another that is taken in its place, is an error;
* by the measure itself, and where a rising curve through it (isotonic regression)
  reaches two and five times the FNMR of the photos as they are. These are the
  limits of facenet_core/quality.py, rounded.

LFW's faces look into the camera, nearly all. DIR2 (folder = person, several photos
of each, from the web) is for yaw alone: the FNMR of turned faces against frontal
ones of the same person. Photos of several faces, and faces that are unlike most of
their folder, are left out: they may show somebody else.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.degradations import DEGRADED
from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import InputError
from facenet_core.matching import distance, distances
from facenet_core.metrics import threshold_at, wilson_interval
from facenet_core.quality import flaws
from facenet_core.types import Analysis, Face, Photo, Quality

FMR = 1e-3
SEED = 20261121
FRONTAL, WRONG_PERSON = 0.3, 1.15
"""Largest yaw of a frontal face; median distance to its folder from which a face is somebody else's."""

YAWS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3, np.inf)
DISCARDED = (0.01, 0.02, 0.05, 0.1, 0.2)
BINS = 8
WARN, REFUSE = 2, 5
"""Times the FNMR of the photos as they are."""

AS_IT_IS = "as it is"

Pixels = NDArray[np.uint8]
Worse = Callable[[Quality], float]

MEASURES: dict[str, tuple[Worse, int]] = {
    "face_px": (lambda q: -q.face_px, -1),
    "sharpness": (lambda q: -q.sharpness, -1),
    "brightness, dark": (lambda q: -q.brightness, -1),
    "brightness, bright": (lambda q: q.brightness, 1),
    "yaw": (lambda q: abs(q.yaw), 1),
    "roll": (lambda q: abs(q.roll), 1),
    "visible": (lambda q: -q.visible, -1),
    "confidence": (lambda q: -q.confidence, -1),
}
"""How bad each measure says that a photo is, and the sign that turns it back into the measure."""


@dataclass(frozen=True)
class Sample:
    """One degraded photo, compared with another of the same person; no quality if no face was found."""

    kind: str
    level: float
    quality: Quality | None
    missed: bool


def seen(engine: FaceEngine, pixels: Pixels) -> Face | None:
    """The prominent face of a photo."""
    found = engine.analyse(Photo("", np.ascontiguousarray(pixels), "0" * 64))
    return found.faces[found.prominent] if found.faces else None


def rising(worse: NDArray[np.float64], missed: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Isotonic regression by pooling adjacent violators: how bad, rising, and the FNMR there."""
    order = np.argsort(worse, kind="stable")
    blocks: list[list[float]] = []  # errors, trials
    for error in missed[order]:
        blocks.append([float(error), 1.0])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            errors, trials = blocks.pop()
            blocks[-1][0] += errors
            blocks[-1][1] += trials
    rates = np.concatenate([np.full(int(trials), errors / trials) for errors, trials in blocks])
    return worse[order], rates


def reached(worse: NDArray[np.float64], missed: NDArray[np.bool_], rate: float) -> float | None:
    """How bad a photo is where the rising curve reaches a rate; None if it never does."""
    ordered, rates = rising(worse, missed)
    at = int(np.searchsorted(rates, rate))
    return float(ordered[at]) if at < len(rates) else None


def share(errors: int, trials: int) -> str:
    """A rate with its interval, in percent."""
    if not trials:
        return "-"
    low, high = wilson_interval(errors, trials)
    return f"{100 * errors / trials:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def row(*cells: object) -> None:
    """Prints one row of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    """Prints the first rows of a Markdown table."""
    print()
    row(*cells)
    row(*("---" for _ in cells))


def by_discard(faces: Sequence[Face], mated: NDArray[np.int64], missed: NDArray[np.bool_]) -> None:
    """Error versus discard, by the worse of the two photos."""
    header("measure", "FNMR of all, %", *(f"without the worst {share:.0%}" for share in DISCARDED), "of the worst 5 %")
    for name, (worse, _) in MEASURES.items():
        each = np.array([worse(face.quality) for face in faces])
        order = np.argsort(-each[mated].max(axis=1), kind="stable")
        kept = [missed[order[int(part * len(order)) :]] for part in DISCARDED]
        worst = missed[order[: int(0.05 * len(order))]]
        row(
            name,
            share(int(missed.sum()), len(missed)),
            *(f"{100 * rest.mean():.1f}" for rest in kept),
            share(int(worst.sum()), len(worst)),
        )


def by_level(samples: Sequence[Sample]) -> None:
    """FNMR by how strongly photos were degraded."""
    header("one photo of each pair", "step", "FNMR, %", "not found", "measured, median")
    as_they_are = [s.missed for s in samples if s.kind == AS_IT_IS]
    row(AS_IT_IS, "", share(sum(as_they_are), len(as_they_are)), 0, "")
    for kind, (_, levels, measures) in DEGRADED.items():
        for level in levels:
            here = [s for s in samples if (s.kind, s.level) == (kind, level)]
            found = [s.quality for s in here if s.quality]
            medians = [
                f"{name} {sign * np.median([worse(q) for q in found]):.3g}"
                for name, (worse, sign) in MEASURES.items()
                if name in measures and found
            ]
            missed = sum(s.missed for s in here)
            row(kind, level, share(missed, len(here)), len(here) - len(found), ", ".join(medians))


def by_measure(
    samples: Sequence[Sample], faces: Sequence[Face], mated: NDArray[np.int64], natural: NDArray[np.bool_]
) -> None:
    """FNMR by the measure, over the degraded photos that it should tell and all mated pairs as they are."""
    header("measure", f"FNMR reaches {WARN}x at", f"{REFUSE}x at", "FNMR, %, from the best photos to the worst")
    for name, (worse, sign) in MEASURES.items():
        kinds = [kind for kind, (_, _, measures) in DEGRADED.items() if name in measures or name == "confidence"]
        used = [s for s in samples if s.kind in kinds and s.quality]
        as_is = np.array([worse(face.quality) for face in faces])[mated].max(axis=1)
        each = np.concatenate([as_is, [worse(s.quality) for s in used if s.quality]])
        missed = np.concatenate([natural, np.array([s.missed for s in used], bool)])
        ends = [reached(each, missed, times * natural.mean()) for times in (WARN, REFUSE)]
        order = np.argsort(each, kind="stable")
        bins = [f"{sign * each[part[0]]:.3g}: {100 * missed[part].mean():.0f}" for part in np.array_split(order, BINS)]
        row(name, *("never" if end is None else f"{sign * end:.3g}" for end in ends), ", ".join(bins))


def analysed(engine: FaceEngine, path: Path) -> Analysis | None:
    """A photo's faces; None for a file that is none."""
    try:
        return engine.analyse(images.read(path))
    except InputError:
        return None


def by_yaw(engine: FaceEngine, folder: Path, threshold: float) -> None:
    """FNMR of faces against frontal ones of the same person, by how far they are turned."""
    faces, names = [], []
    for path in tqdm(sorted(folder.glob("*/*")), unit="photo"):
        found = analysed(engine, path)
        if found and len(found.faces) == 1:
            faces.append(found.faces[0])
            names.append(path.parent.name)
    between = distances(*(np.stack([face.embedding for face in faces]),) * 2)
    same = np.equal.outer(names, names)
    right = np.array([np.median(own[mates]) < WRONG_PERSON for own, mates in zip(between, same, strict=True)])
    turned = np.abs([face.quality.yaw for face in faces])
    compared = same & np.outer(right, right & (turned < FRONTAL)) & ~np.eye(len(faces), dtype=bool)
    header("yaw", "photos", "comparisons with a frontal one", "FNMR, %")
    for low, high in pairwise(YAWS):
        rows = right & (turned >= low) & (turned < high)
        missed = (between > threshold)[rows][compared[rows]]
        row(f"{low} to {high}", int(rows.sum()), len(missed), f"{100 * missed.mean():.1f}" if len(missed) else "-")


def by_rule(name: str, faces: Sequence[Face]) -> None:
    """What the rules say of photos as they are."""
    found = [flaws(face.quality) for face in faces]
    refused = np.mean([any(flaw.severity == "refuse" for flaw in each) for each in found])
    often = Counter(flaw.code for each in found for flaw in each).most_common(3)
    shares = ", ".join(f"{code} {100 * count / len(faces):.1f} %" for code, count in often)
    row(name, len(faces), f"{100 * refused:.1f}", f"{100 * np.mean([bool(each) for each in found]):.1f}", shares)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    parser.add_argument("--web", type=Path, help="more labelled folders, for yaw")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="more photos that the rules are tried on")
    parser.add_argument("--pairs", type=int, default=150, help="how many mated pairs to degrade; 0 leaves that out")
    options = parser.parse_args()

    engine, rng = FaceEngine.load(load_settings()), np.random.default_rng(SEED)
    paths, faces = [], []
    for path in tqdm(sorted(options.folder.glob("*/*.jpg")), unit="photo"):
        face = seen(engine, images.read(path).pixels)
        if face:
            paths.append(path)
            faces.append(face)
    person = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    between = distances(*(np.stack([face.embedding for face in faces]),) * 2).astype(np.float64)
    first, second = np.triu_indices(len(faces), 1)
    same = person[first] == person[second]
    threshold = threshold_at(np.sort(between[first, second][~same]), FMR)
    mated = np.stack([first[same], second[same]], axis=1)
    missed = between[mated[:, 0], mated[:, 1]] > threshold
    print(f"{engine.model_id.preprocessing}: FMR {FMR:g} at {threshold:.3f}; {len(mated)} mated comparisons")
    by_discard(faces, mated, missed)
    header("photos", "faces", "refused, %", "refused or warned, %", "most often")
    by_rule(options.folder.name, faces)
    for folder in options.also:
        shown = (analysed(engine, path) for path in sorted(folder.rglob("*")) if path.is_file())
        by_rule(folder.name, [each.faces[each.prominent] for each in shown if each and each.faces])

    samples = []
    for pair in tqdm(rng.permutation(len(mated))[: options.pairs], unit="pair"):
        probe, mate = rng.permutation(mated[pair])
        pixels = images.read(paths[probe]).pixels
        samples.append(Sample(AS_IT_IS, 0.0, faces[probe].quality, bool(missed[pair])))
        for kind, (degrade, levels, _) in DEGRADED.items():
            for level in levels:
                face = seen(engine, degrade(pixels, faces[probe], level, rng))
                apart = distance(face.embedding, faces[mate].embedding) if face else np.inf
                samples.append(Sample(kind, level, face.quality if face else None, bool(apart > threshold)))
    if samples:
        by_level(samples)
        by_measure(samples, faces, mated, missed)
    if options.web:
        by_yaw(engine, options.web, threshold)


if __name__ == "__main__":
    main()
