"""Measures the false match rate of the installed model and stores it.

Embeds every photo of a folder of labelled folders (folder = person), compares
each photo of one person with each photo of every other, and writes the distance
at which each false match rate is reached to facenet_core/thresholds.json, with
its provenance. The default thresholds come from there.

    python scripts/measure_thresholds.py DIR --name "LFW View 1"

The model is the one the app would use (FACENET_MODEL, FACENET_WEIGHTS). In a
photo with several faces, the prominent one (facenet_core.engine.prominent) is
taken for the labelled person.
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

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from facenet_core import images  # noqa: E402 - the package is found through the line above
from facenet_core.calibration import wilson_interval  # noqa: E402
from facenet_core.config import load_settings  # noqa: E402
from facenet_core.engine import FaceEngine  # noqa: E402
from facenet_core.matching import distances  # noqa: E402

OUTPUT = ROOT / "facenet_core" / "thresholds.json"
RESAMPLES = 200
SEED = 0


def quantile(ordered: NDArray[np.float32], weights: NDArray[np.float64] | None, rate: float) -> float:
    """The largest distance that accepts at most ``rate`` of the (weighted) comparisons."""
    if weights is None:
        return float(ordered[max(int(rate * len(ordered)) - 1, 0)])
    cumulated = np.cumsum(weights)
    return float(ordered[max(int(np.searchsorted(cumulated, rate * cumulated[-1])) - 1, 0)])


def main() -> None:
    """Measures, prints, and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    parser.add_argument("--name", required=True, help="what the data is called, for the provenance")
    options = parser.parse_args()

    engine = FaceEngine.load(load_settings())
    people, rows, failures = [], [], []
    for path in tqdm(sorted(options.folder.glob("*/*.jpg")), unit="photo"):
        found = engine.analyse(images.read(path))
        if not found.faces:
            failures.append(path.name)
            continue
        people.append(path.parent.name)
        rows.append(found.faces[found.prominent].embedding)

    names, person = np.unique(people, return_inverse=True)
    first, second = np.triu_indices(len(rows), 1)
    all_distances = distances(np.stack(rows), np.stack(rows))[first, second]
    mated = person[first] == person[second]
    order = np.argsort(all_distances[~mated])
    ordered, first, second = all_distances[~mated][order], first[~mated][order], second[~mated][order]

    # Rates with fewer than ten errors behind them are not published.
    rates = [float(f"{r:.3g}") for r in np.logspace(-0.301, np.log10(10 / len(ordered)), 48)]
    points = [{"fmr": r, "distance": round(quantile(ordered, None, r), 4)} for r in rates]

    # Comparisons that share a person are not independent: resample people.
    rng = np.random.default_rng(SEED)
    resampled = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)).astype(np.float64)
        resampled.append(quantile(ordered, times[person[first]] * times[person[second]], 1e-3))
    low, high = np.percentile(resampled, [2.5, 97.5])
    at = quantile(ordered, None, 1e-3)
    missed = int((all_distances[mated] > at).sum())
    fnmr_low, fnmr_high = wilson_interval(missed, int(mated.sum()))

    model = engine.model_id
    entry = {
        "model": model.model,
        "preprocessing": model.preprocessing,
        "weights_sha256": model.weights_sha256,
        "provenance": {
            "data": options.name,
            "people": len(names),
            "photos": len(rows),
            "non_mated": len(ordered),
            "mated": int(mated.sum()),
            "failures_to_acquire": len(failures),
            "distance_at_fmr_0.001": round(at, 4),
            "distance_at_fmr_0.001_95": [round(float(low), 4), round(float(high), 4)],
            "fnmr_at_fmr_0.001": round(missed / int(mated.sum()), 4),
            "fnmr_at_fmr_0.001_95": [round(fnmr_low, 4), round(fnmr_high, 4)],
            "script": "scripts/measure_thresholds.py",
            "measured": datetime.now(UTC).date().isoformat(),
        },
        "points": points,
    }
    stored = json.loads(OUTPUT.read_text("utf-8"))["models"] if OUTPUT.exists() else []
    ours = (model.preprocessing, model.weights_sha256)
    kept = [e for e in stored if (e["preprocessing"], e["weights_sha256"]) != ours]
    OUTPUT.write_text(json.dumps({"models": [*kept, entry]}, indent=1) + "\n", "utf-8")
    print(json.dumps(entry["provenance"], indent=1))


if __name__ == "__main__":
    main()
