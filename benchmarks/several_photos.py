"""Compares ways to hold a probe against a person with several photos.

    python benchmarks/several_photos.py DIR

DIR holds labelled folders (folder = person), such as LFW View 1. For k photos a
person, everybody with more than k is enrolled with k of them, drawn at random
again and again; the person's other photos are mated probes, and everybody
else's photos are strangers. Compared are the distance to the nearest of the k
templates, to their mean, the smaller of the two (which the app uses), and the
mean of the k distances.

Printed for each: FNMR at FMR 0.01, 0.001 and 0.0001 of its own, and by how much
the rule multiplies FMR 0.001 of a single comparison. The app takes k for that
factor.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.labelled import embeddings
from facenet_core.matching import distances, mean_template
from facenet_core.metrics import share_within, threshold_at

PHOTOS = (1, 2, 3, 5)
DRAWS = 20
RATES = (1e-2, 1e-3, 1e-4)


def rules(rows: NDArray[np.float32], templates: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Distances of every photo to one person, by each rule."""
    each = distances(rows, rows[templates])
    mean = distances(rows, mean_template(rows[templates])[np.newaxis])[:, 0]
    nearest = each.min(axis=1)
    return {
        "nearest": nearest,
        "mean template": mean,
        "smaller of both (used)": np.minimum(nearest, mean),
        "mean distance": each.mean(axis=1),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    _, rows, person = embeddings(parser.parse_args().folder, centred=True)
    first, second = np.triu_indices(len(rows), 1)
    strangers = person[first] != person[second]
    single = np.sort(distances(rows, rows)[first, second][strangers].astype(np.float64))
    at = threshold_at(single, 1e-3)

    rng = np.random.default_rng(0)
    print(
        "| photos | people | rule | FNMR % at FMR 0.01 | 0.001 | 0.0001 | FMR 0.001 times |\n"
        "|---|---|---|---|---|---|---|"
    )
    for count in PHOTOS:
        members = np.flatnonzero(np.bincount(person) > count)
        mated: dict[str, list[NDArray[np.float32]]] = {}
        non_mated: dict[str, list[NDArray[np.float32]]] = {}
        for _ in tqdm(range(DRAWS), unit=" draw", mininterval=5):
            for member in members:
                own = rng.permutation(np.flatnonzero(person == member))
                for rule, to_all in rules(rows, own[:count]).items():
                    mated.setdefault(rule, []).append(to_all[own[count:]])
                    non_mated.setdefault(rule, []).append(to_all[person != member])
        for rule, found in mated.items():
            selves = np.concatenate(found)
            others = np.sort(np.concatenate(non_mated[rule]).astype(np.float64))
            missed = " | ".join(f"{100 * (selves > threshold_at(others, rate)).mean():.2f}" for rate in RATES)
            times = math.log1p(-float(share_within(others, at))) / math.log1p(-1e-3)
            print(f"| {count} | {len(members)} | {rule} | {missed} | {times:.2f} |", flush=True)


if __name__ == "__main__":
    main()
