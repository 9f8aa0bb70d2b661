"""Measures what distances of the installed model mean, and stores it.

Embeds every photo of a folder of labelled folders (folder = person), measures
the mean embedding, which is then taken from each of them, compares each photo
of one person with each photo of every other, and writes to facenet_core:

* ``centres.json``: the mean embedding;
* ``thresholds.json``: the distances at which each FMR and FNMR is reached, with
  their provenance. The default thresholds come from there.

    python scripts/measure_thresholds.py DIR --name "LFW View 1"

The model is the one the app would use (FACENET_MODEL, FACENET_WEIGHTS), and so
is the profile (FACENET_PROFILE): run it once for each. In a photo with several
faces, the prominent one (facenet_core.engine.prominent) is taken for the
labelled person.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core.calibration import VERIFY_FMR, Calibration
from facenet_core.centre import Centre
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.embedding import unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.evaluation import Comparisons, Weights, embed_photos, read_folders
from facenet_core.matching import distances
from facenet_core.metrics import threshold_at
from facenet_core.types import ModelId

CENTRES = PROJECT_ROOT / "facenet_core" / "centres.json"
THRESHOLDS = PROJECT_ROOT / "facenet_core" / "thresholds.json"


def store(path: Path, model: ModelId, values: dict[str, Any]) -> None:
    """Puts a model's entry in the place of the one it had."""
    entries = json.loads(path.read_text("utf-8"))["models"] if path.exists() else []
    # The preprocessing names the centre by its content, which is about to change.
    key = (model.preprocessing.partition("-centred")[0], model.weights_sha256)
    kept = [e for e in entries if (e["preprocessing"].partition("-centred")[0], e["weights_sha256"]) != key]
    named = {"model": model.model, "preprocessing": model.preprocessing, "weights_sha256": model.weights_sha256}
    path.write_text(json.dumps({"models": [*kept, named | values]}, indent=1) + "\n", "utf-8")


def main() -> None:
    """Measures, prints, and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    parser.add_argument("--name", required=True, help="what the data is called, for the provenance")
    options = parser.parse_args()

    engine = FaceEngine.load(load_settings())
    engine.centre = None
    folders = read_folders(options.folder)
    embedded = embed_photos(engine, folders.photos, progress=lambda photos: tqdm(photos, unit=" photo", mininterval=5))
    found = embedded.found
    embeddings = embedded.embeddings[found]
    names, person = np.unique(folders.person[found], return_inverse=True)
    measured = f"{datetime.now(UTC):%Y-%m-%d}"

    # Each person counts once, however many photos there are of them.
    of_people = np.stack([embeddings[person == p].mean(axis=0) for p in range(len(names))])
    engine.centre = Centre(of_people.mean(axis=0).astype(np.float32))
    embedder_id, model_id = engine.embedder.model_id, engine.model_id
    store(
        CENTRES,
        embedder_id,
        {
            "provenance": {"data": options.name, "people": len(names), "photos": len(embeddings), "measured": measured},
            "mean": engine.centre.encoded().decode(),
        },
    )
    embeddings = unit_norm(engine.centre.subtract(embeddings))

    comparisons = Comparisons.of_all(distances(embeddings, embeddings), person)
    non_mated, mated, closest = comparisons.non_mated, comparisons.mated, comparisons.closest
    at = threshold_at(non_mated, VERIFY_FMR)

    def resampled(weights: Weights) -> list[float]:
        within = int(np.searchsorted(np.cumsum(weights.closest), VERIFY_FMR * weights.non_mated, side="right"))
        threshold = float(closest[max(within - 1, 0)])
        return [threshold, float(weights.mated[mated > threshold].sum() / weights.mated.sum())]

    (at_low, at_high), (missed_low, missed_high) = comparisons.resampled(resampled).tolist()
    provenance = {
        "data": options.name,
        "people": len(names),
        "photos": len(embeddings),
        "non_mated": len(non_mated),
        "mated": len(mated),
        "failures_to_acquire": len(embedded.failures),
        "distance_at_fmr_0.001": round(at, 4),
        "distance_at_fmr_0.001_95": [round(at_low, 4), round(at_high, 4)],
        "fnmr_at_fmr_0.001": round(float((mated > at).mean()), 4),
        "fnmr_at_fmr_0.001_95": [round(missed_low, 4), round(missed_high, 4)],
        "script": "scripts/measure_thresholds.py",
        "measured": measured,
    }
    made = Calibration.measured(non_mated, mated, provenance)
    store(
        THRESHOLDS,
        model_id,
        {
            "provenance": provenance,
            "tail_scale": round(made.tail_scale, 5),
            "non_mated": list(zip(made.rates, made.distances, strict=True)),
            "mated": list(zip(made.missed_rates, made.missed_distances, strict=True)),
        },
    )
    print(json.dumps(provenance, indent=1))


if __name__ == "__main__":
    main()
