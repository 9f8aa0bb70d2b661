"""Compares the model that ships with the large one: size, time for a face, accuracy.

    python benchmarks/models.py DIR

DIR holds the photos of LFW View 1 (folder = person) and pairsDevTest.txt. The
large model is 20180408-102900: installed, or the file that FACENET_WEIGHTS
names. Both run as the app runs them, with the profile that FACENET_PROFILE
names. Printed are, for each:

* the number of its weights, and the size of its file;
* the time to embed one face, one at a time and sixteen at a time, in turns with
  the other model on the same faces: medians, and the ratio of the two;
* accuracy on the pairs, ten-fold, end to end: photos in, decisions out;
* over all pairs of photos EER, and FNMR at FMR 0.001.

``--record`` writes the figures to ``facenet_core/facenet_mini.json``, where the
Settings page finds them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.alignment import view_faces
from facenet_core.catalogue import DEFAULT_MODEL
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.engine import FaceEngine, prominent
from facenet_core.evaluation import FaceCache, evaluate_folders, evaluate_pairs, read_folders, read_pairs
from facenet_core.weights import load, resolve

FIGURES = PROJECT_ROOT / "facenet_core" / "facenet_mini.json"
TIMED = 64
"""Faces that are timed one at a time; the same go through in batches."""

BATCH = 16


def times(engines: list[FaceEngine], photos: list[Path]) -> list[dict[str, NDArray[np.float64]]]:
    """Milliseconds for each face: crops and embedding, alone and in batches, engines in turns."""
    seen = [images.read(path) for path in photos]
    detector = engines[0].detector
    faces = [(found := detector.detect(photo.pixels))[prominent(photo, found)] for photo in seen]
    taken: list[dict[str, list[float]]] = [{"alone": [], "batch": []} for _ in engines]
    for photo, face in zip(seen, faces, strict=True):
        for engine, into in zip(engines, taken, strict=True):
            began = time.perf_counter()
            views = view_faces(photo.pixels, [face], engine.profile, engine.embedder.input_size)
            engine.embedder.embed(views[0])
            into["alone"].append(1000 * (time.perf_counter() - began))
    for start in range(0, len(seen), BATCH):
        part = slice(start, start + BATCH)
        for engine, into in zip(engines, taken, strict=True):
            size = engine.embedder.input_size
            crops = np.concatenate(
                [
                    view_faces(p.pixels, [f], engine.profile, size)[0]
                    for p, f in zip(seen[part], faces[part], strict=True)
                ]
            )
            began = time.perf_counter()
            engine.embedder.embed(crops)
            into["batch"].append(1000 * (time.perf_counter() - began) / len(seen[part]))
    return [{name: np.array(values) for name, values in each.items()} for each in taken]


def watched(photos: Iterable[Path]) -> Iterable[Path]:
    """A bar over photos."""
    return tqdm(photos, unit=" photo", mininterval=5)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="LFW View 1")
    parser.add_argument("--record", action="store_true", help="write the figures where the app finds them")
    options = parser.parse_args()

    settings = load_settings()
    chosen = [
        settings.model_copy(update={"weights": None, "model": "facenet-mini"}),
        settings if settings.weights else settings.model_copy(update={"model": DEFAULT_MODEL}),
    ]
    engines = [FaceEngine.load(each) for each in chosen]
    for engine in engines:
        engine.warm()
    pairs, folders = read_pairs(options.folder / "pairsDevTest.txt", options.folder), read_folders(options.folder)
    taken = times(engines, list(pairs.photos[:: len(pairs.photos) // TIMED][:TIMED]))

    print(
        "| model | weights, million | file, MB | one face, ms | sixteen, ms each | accuracy % | EER %, all pairs "
        "| FNMR % at FMR 0.001 |\n|---|---|---|---|---|---|---|---|"
    )
    for number, (engine, each, spent) in enumerate(zip(engines, chosen, taken, strict=True)):
        with FaceCache(settings.db / "cache" / "faces.sqlite") as cache:
            of_pairs = evaluate_pairs(engine, pairs, cache, progress=watched)
            rates = evaluate_folders(engine, folders, cache, progress=watched).rates
        path = resolve(each).path
        size, alone, batch = path.stat().st_size / 1e6, np.median(spent["alone"]), np.median(spent["batch"])
        parameters, accuracy = load(path).model.count_params(), of_pairs.accuracy
        assert accuracy is not None
        missed = next(point.fnmr for point in rates.points if point.fmr == 1e-3)
        assert missed is not None and missed.interval is not None
        print(
            f"| {engine.model_id.model} | {parameters / 1e6:.1f} | {size:.1f} | {alone:.1f} | {batch:.1f} "
            f"| {100 * accuracy.mean:.2f} ± {100 * accuracy.standard_error:.2f} | {100 * rates.eer.value:.2f} "
            f"| {100 * missed.value:.1f} [{100 * missed.interval[0]:.1f}, {100 * missed.interval[1]:.1f}] |",
            flush=True,
        )
        if options.record and not number:
            kept = json.loads(FIGURES.read_text("utf-8"))
            kept["measured"] = {
                "accuracy": round(accuracy.mean, 4),
                "standard_error": round(accuracy.standard_error, 4),
                "milliseconds": round(float(alone), 1),
            }
            FIGURES.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    small, large = taken
    for name, words in (
        ("alone", "One at a time, crop and embedding"),
        ("batch", "Sixteen at a time, embedding alone"),
    ):
        low, middle, high = np.percentile(large[name] / small[name], (25, 50, 75))
        print(f"\n{words}: the small model is {middle:.1f} times as fast (middle half {low:.1f} to {high:.1f}).")


if __name__ == "__main__":
    main()
