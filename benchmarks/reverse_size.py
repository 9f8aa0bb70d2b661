"""How the reverse index grows: made-up faces in its database, against numpy in one run.

    python benchmarks/reverse_size.py [--faces 1000000] [--people 200000] [--hnsw] [--keep FOLDER]

The faces are random directions with noise, several to a person; the probes are
further pictures of the same people. ``numpy`` is one product of all faces with
the probe, and the ten nearest; ``index`` is what a search asks, ten nearest as
well. Recall is against numpy's answers. ``--hnsw`` also makes a graph of
neighbours of half floats, which takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contest import contest
from facenet_core.matching import largest
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.filevectors import FileVectors
from facenet_core.reverse.tables import APPLICATION_ID, FACES, METADATA, PHOTOS, VERSION
from facenet_core.store.sqlite import SQLiteDatabase
from facenet_core.types import ModelId

MODEL = ModelId("made-up", "none", "0" * 64, 512)

NOISE, CHUNK, PROBES, NEAREST = 0.4, 10_000, 500, 10


def made_up(middles: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Pictures of people drawn by lot."""
    whose = rng.integers(0, len(middles), count)
    made = middles[whose] + NOISE * rng.standard_normal((count, MODEL.dimensions), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def fill(database: SQLiteDatabase, model: int, middles: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Writes faces into the database; returns them."""
    rng = np.random.default_rng(1)
    known = np.empty((count, MODEL.dimensions), np.float32)
    with database.writing() as connection:
        connection.execute(insert(PHOTOS).values(id=1, sha256="0" * 64))
    for start in range(0, count, CHUNK):
        some = made_up(middles, min(CHUNK, count - start), rng)
        known[start : start + len(some)] = some
        with database.writing() as connection:
            rows = [{"photo": 1, "model": model, "place": b"", "embedding": row} for row in some]
            connection.execute(insert(FACES), rows)
    return known


def exactly(known: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.int64]:
    """The rows of the nearest faces to each probe, by numpy: shape ``(n, 10)``."""
    return np.array([largest(known @ probe, NEAREST) for probe in probes])


def graph(known: NDArray[np.float32], probes: NDArray[np.float32], truth: NDArray[np.int64]) -> None:
    """The same with FAISS's HNSW, by how many candidates are kept in sight."""
    import faiss

    began = time.perf_counter()
    index = faiss.IndexHNSWSQ(MODEL.dimensions, faiss.ScalarQuantizer.QT_fp16, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 64
    index.train(known[:1])
    index.add(known)
    print(f"HNSW (16 links, 64 candidates): made in {time.perf_counter() - began:.0f} s", flush=True)
    faiss.omp_set_num_threads(1)
    for care in (256, 1024, 4096):
        parameters = faiss.SearchParametersHNSW()
        parameters.efSearch = care
        took, right = [], 0
        for probe, row in zip(probes, truth, strict=True):
            began = time.perf_counter()
            _, found = index.search(probe[np.newaxis], NEAREST, params=parameters)
            took.append(time.perf_counter() - began)
            right += int(found[0, 0] == row[0])
        middle = 1000 * float(np.median(took))
        print(f"HNSW, {care} candidates: {middle:.2f} ms, recall@1 {100 * right / len(probes):.1f} %")


def memory() -> float:
    """What this process holds, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--hnsw", action="store_true", help="make a graph of neighbours beside it")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave the database and the index")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = SQLiteDatabase(folder / "reverse.sqlite", METADATA, APPLICATION_ID, VERSION)
        model = Faces(database, MODEL).model
        vectors = FileVectors(database, folder, model, MODEL)
        middles = np.random.default_rng(0).standard_normal((args.people, MODEL.dimensions), dtype=np.float32)
        began = time.perf_counter()
        known = fill(database, model, middles, args.faces)
        written = time.perf_counter() - began
        size = (folder / "reverse.sqlite").stat().st_size / 1e9
        print(f"{args.faces:,} faces of {args.people:,} people: written in {written:.0f} s, {size:.2f} GB", flush=True)
        probes = made_up(middles, PROBES, np.random.default_rng(2))
        del middles
        began = time.perf_counter()
        vectors.rebuild()
        built = time.perf_counter() - began
        print(f"index: made in {built:.0f} s, {vectors.path.stat().st_size / 1e9:.2f} GB on disk", flush=True)
        with database.reading() as connection:
            before, began = memory(), time.perf_counter()
            vectors.nearest(connection, probes[0], NEAREST)
            print(f"first search {time.perf_counter() - began:.1f} s, then {memory() - before:,.0f} MB more are held")
            result = contest(
                {
                    "numpy": lambda turn: largest(known @ probes[turn], NEAREST),
                    "index": lambda turn: vectors.nearest(connection, probes[turn], NEAREST),
                },
                rounds=60,
            )
            truth = exactly(known, probes)
            found = [vectors.nearest(connection, probe, NEAREST) for probe in probes]
    # The faces are numbered from 1, in their order.
    first = np.mean([ids[:1] == row[:1].tolist() for ids, row in zip(found, truth + 1, strict=True)])
    ten = np.mean([len(set(ids) & set(row.tolist())) / NEAREST for ids, row in zip(found, truth + 1, strict=True)])
    for name in ("numpy", "index"):
        middle, low, high = result.ratio(name, "numpy")
        print(f"{name}: {1000 * result.median(name):.2f} ms, {middle:.3f} times numpy's time ({low:.3f} to {high:.3f})")
    print(f"recall@1 {100 * first:.1f} %, recall@10 {100 * ten:.1f} % of {PROBES} probes", flush=True)
    if args.hnsw:
        graph(known, probes, truth)


if __name__ == "__main__":
    main()
