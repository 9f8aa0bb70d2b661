"""How an album's search grows: 100,000 made-up faces, against numpy in one run, with memory and the index's time.

    python benchmarks/album_size.py [--faces 100000] [--people 20000]

The faces are random directions with noise, several to a person. ``exact`` is
what the app does up to 100,000 faces, ``HNSW`` what it does beyond; ``numpy`` is
one product of all faces with the sample, and the ten nearest.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contest import contest
from facenet_core.album.nearest import FileIndex, FileNearest
from facenet_core.album.records import FaceTable
from facenet_core.album.searching import Crowd
from facenet_core.calibration import Calibration
from facenet_core.matching import largest
from facenet_core.shipped import calibration_for
from facenet_core.types import ModelId

DIMENSIONS, NOISE = 512, 0.4


def faces(count: int, people: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Made-up embeddings, and whose they are."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((people, DIMENSIONS), dtype=np.float32)
    whose = rng.integers(0, people, count)
    made = middles[whose] + NOISE * rng.standard_normal((count, DIMENSIONS), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True), whose


def calibration() -> Calibration:
    """That of the model that ships."""
    from facenet_core.config import load_settings
    from facenet_core.engine import FaceEngine

    model_id: ModelId = FaceEngine.load(load_settings()).model_id
    return calibration_for(model_id)


def memory() -> float:
    """The most that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20_000)
    args = parser.parse_args()
    known, before = calibration(), memory()
    embeddings, whose = faces(args.faces, args.people, 1)
    probes = faces(64, args.people, 1)[0]
    began = time.perf_counter()
    crowd = Crowd.of(embeddings, np.arange(args.faces), whose)
    print(f"{args.faces:,} faces of {args.people:,} people: ready in {time.perf_counter() - began:.2f} s")
    exact_memory = memory()
    rows, more = np.arange(args.faces), faces(100, args.people, 2)[0]
    table = FaceTable(rows, rows, np.ones(args.faces, np.bool_), embeddings)
    after = np.arange(args.faces + len(more))
    larger = FaceTable(after, after, np.ones(len(after), np.bool_), np.concatenate([embeddings, more]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nearest"
        began = time.perf_counter()
        index = FileIndex(path)
        index.update(table, path)
        built = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
        began = time.perf_counter()
        again = FileIndex(path)
        again.update(table, path)
        read = time.perf_counter() - began
        began = time.perf_counter()
        again.update(larger, path)
        added = time.perf_counter() - began
        del again, larger
    near = Crowd.of(embeddings, rows, whose, FileNearest(index, table))
    print(f"HNSW: made in {built:.1f} s, {size:.0f} MB on disk, read in {read:.2f} s, 100 added in {added:.2f} s")
    result = contest(
        {
            "numpy": lambda turn: largest(embeddings @ probes[turn % 64], 10),
            "exact": lambda turn: crowd.rank(probes[turn % 64][None], known),
            "HNSW": lambda turn: near.rank(probes[turn % 64][None], known),
        },
        rounds=64,
    )
    best = [[each.rank(p[None], known).order[:1].tolist() for p in probes] for each in (crowd, near)]
    same = np.mean([a == b for a, b in zip(*best, strict=True)])
    for name in ("numpy", "exact", "HNSW"):
        middle, low, high = result.ratio(name, "numpy")
        print(f"{name}: {1000 * result.median(name):.1f} ms, {middle:.2f} times numpy's time ({low:.2f} to {high:.2f})")
    print(f"the surest face is the same for {100 * same:.1f} % of 64 samples")
    print(f"memory: {before:.0f} MB with the model, {exact_memory:.0f} MB with the faces, {memory():.0f} MB with HNSW")


if __name__ == "__main__":
    main()
