"""Compares the engines (FACENET_ENGINE): what bfloat16 changes in accuracy, distances and decisions.

    python benchmarks/engines.py DIR [--record]

DIR holds the photos of LFW View 1 (folder = person) and pairsDevTest.txt. Faces
are found once and embedded with each engine of the model that is configured.
Printed are, for each engine and for photos of one held against photos of the
other, as when templates were made before the change:

* accuracy on the pairs, ten-fold;
* over all pairs of photos EER, and FNMR and FMR at the app's 1:1 threshold;
* how many of all comparisons fall on the other side of that threshold than with
  float32, and the largest change of a distance.

With ``--record`` an engine is admitted for this model, in
``facenet_core/engines.json``, if by itself and held against float32 its accuracy
and its EER are within 0.1 points and at most one comparison in 10,000 changes
sides. With an engine that is not admitted the app computes in float32.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.view1 import View1
from facenet_core import images
from facenet_core.alignment import crop_id
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.embedding import KerasEmbedder
from facenet_core.engine import FaceEngine
from facenet_core.shipped import calibration_for
from facenet_core.types import ENGINES, Engine, ModelId
from facenet_core.weights import load, resolve

ADMITTED = PROJECT_ROOT / "facenet_core" / "engines.json"
POINTS, SIDES = 0.001, 1e-4
"""How much accuracy and EER may change, and what share of comparisons may change sides."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="LFW View 1")
    parser.add_argument("--record", action="store_true", help="admit what may be admitted")
    args = parser.parse_args()
    settings = load_settings()
    plain = FaceEngine.load(settings)
    chosen = resolve(settings)
    crop = f"{plain.detector.id}-{crop_id(plain.profile, plain.embedder.input_size)}"
    engines = {
        name: FaceEngine(
            plain.detector,
            KerasEmbedder(load(chosen.path), chosen.model, chosen.scaling, crop, name),
            plain.profile,
            plain.centre,
        )
        for name in ENGINES
    }
    limit = calibration_for(plain.model_id).verify_threshold().distance
    view1 = View1(args.folder)
    rows: dict[Engine, list[NDArray[np.float32]]] = {name: [] for name in engines}
    for path in tqdm(view1.pairs.photos, unit=" photo", mininterval=5):
        prepared = plain.prepare(images.read(path))
        for name, engine in engines.items():
            (found,) = engine.complete([prepared])
            rows[name].append(found.faces[found.prominent].embedding)
    embeddings = {name: np.stack(each) for name, each in rows.items()}

    reference = view1.between(embeddings["float32"], embeddings["float32"])
    print(
        f"{plain.model_id.model}, threshold {limit:.3f}\n\n| engines | accuracy % | EER % | FNMR % | FMR % "
        "| other side | largest change |\n|---|---|---|---|---|---|---|"
    )
    kept: dict[Engine, bool] = {}
    base: tuple[float, float] | None = None
    for one in ENGINES:
        for other in dict.fromkeys((one, "float32")):
            a, b = embeddings[one], embeddings[other]
            accuracy, error = view1.accuracy(a, b)
            between = view1.between(a, b)
            eer = view1.eer(between)
            crossed = int(((between <= limit) != (reference <= limit)).sum())
            print(
                f"| {one} and {other} | {100 * accuracy:.2f} ± {100 * error:.2f} "
                f"| {100 * eer:.3f} | {100 * (between[view1.mated] > limit).mean():.2f} "
                f"| {100 * (between[~view1.mated] <= limit).mean():.4f} | {crossed} of {len(between):,} "
                f"| {np.abs(between - reference).max():.4f} |"
            )
            base = base or (accuracy, eer)
            as_good = abs(accuracy - base[0]) <= POINTS and abs(eer - base[1]) <= POINTS
            kept[one] = kept.get(one, True) and as_good and crossed <= SIDES * len(between)
    if args.record:
        record(plain.model_id, kept, f"LFW View 1, {len(view1.pairs.photos):,} photos, {datetime.now(UTC):%Y-%m-%d}")


def record(model_id: ModelId, kept: dict[Engine, bool], provenance: str) -> None:
    """Admits engines for a model, or takes that back."""
    there = json.loads(ADMITTED.read_text("utf-8"))["models"] if ADMITTED.exists() else []
    there = [entry for entry in there if entry["weights_sha256"] != model_id.weights_sha256]
    for engine in (engine for engine, good in kept.items() if good and engine != "float32"):
        measured = {"engine": engine, "model": model_id.model, "weights_sha256": model_id.weights_sha256}
        there.append(measured | {"provenance": provenance})
    there.sort(key=lambda entry: (entry["engine"], entry["model"]))
    ADMITTED.write_text(json.dumps({"models": there}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
