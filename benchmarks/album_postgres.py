"""A large album in PostgreSQL: its search by the server's index, beside the search of all knots in memory, in one run.

Starts a PostgreSQL server of its own on the loopback. The faces are made up, as
those of ``album_size.py``: random directions with noise, several to a person,
each on a photo of its own. Prints what the index takes, both times, and how
much of what is surest both name::

    python -m benchmarks.album_postgres [--faces 100000] [--people 20000]
"""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text

from benchmarks.album_size import DIMENSIONS, calibration, faces
from benchmarks.contest import contest
from facenet_core.album.database import AlbumDatabase, note
from facenet_core.album.nearest import ServerNearest
from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.searching import Crowd, Ranking
from facenet_core.album.tables import EMBEDDINGS, FACES, MODELS, PHOTOS
from facenet_core.store.models import ModelNumbers
from facenet_core.types import ModelId
from tests.postgres import Postgres, folder_for_server

MODEL = ModelId("made-up", "none", "0" * 64, DIMENSIONS)

PROBES, AT_ONCE = 64, 5_000


def fill(database: AlbumDatabase, embeddings: NDArray[np.float32]) -> None:
    """Writes faces into the album."""
    for start in range(0, len(embeddings), AT_ONCE):
        some = range(start + 1, min(start + AT_ONCE, len(embeddings)) + 1)
        with database.writing() as connection:
            model = ModelNumbers(MODELS).given(connection, MODEL)
            photos = [{"id": n, "sha256": f"{n:064x}", "width": 1, "height": 1} for n in some]
            connection.execute(insert(PHOTOS), photos)
            connection.execute(insert(FACES), [{"id": n, "photo": n, "numbers": b"", "clear": 1} for n in some])
            rows = [{"face": n, "model": model, "numbers": embeddings[n - 1]} for n in some]
            connection.execute(insert(EMBEDDINGS), rows)
            note(connection, "faces")


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20_000)
    args = parser.parse_args()
    known = calibration()
    embeddings, whose = faces(args.faces, args.people, 1)
    probes = faces(PROBES, args.people, 1)[0]
    server = Postgres(folder_for_server())
    try:
        server.create()
        server.start()
        database = AlbumDatabase(Path(server.folder), server.url())
        began = perf_counter()
        fill(database, embeddings)
        print(f"{args.faces:,} faces of {args.people:,} people: written in {perf_counter() - began:.0f} s")
        began = perf_counter()
        table = AlbumPhotos(database).table(MODEL)
        print(f"read in {perf_counter() - began:.1f} s")
        graph, began = database.graph(MODEL), perf_counter()
        graph.build()
        built = perf_counter() - began
        with database.reading() as connection:
            sizes = text("SELECT pg_relation_size('embeddings'), pg_relation_size('embeddings_vector_1')")
            rows, index = connection.execute(sizes).one()
        print(f"index: made in {built:.0f} s, {index / args.faces:.0f} bytes a face; its row {rows / args.faces:.0f}")
        exact = Crowd.of(table.embeddings, table.photos, whose)
        near = Crowd.of(table.embeddings, table.photos, whose, ServerNearest(database, graph, table))
        crowds = {"all knots": exact, "server's index": near}

        def searched(crowd: Crowd, turn: int) -> Ranking:
            return crowd.rank(probes[turn % PROBES][None], known)

        result = contest({name: partial(searched, crowd) for name, crowd in crowds.items()}, rounds=PROBES)
        for name in crowds:
            print(f"{name}: {1000 * result.median(name):.1f} ms")
        middle, low, high = result.ratio("server's index", "all knots")
        print(f"the server's index takes {middle:.2f} times as long ({low:.2f} to {high:.2f})")
        ranked = [[crowd.rank(probe[None], known) for probe in probes] for crowd in crowds.values()]
        first, five = (
            np.mean([len(np.intersect1d(a.order[:n], b.order[:n])) / n for a, b in zip(*ranked, strict=True)])
            for n in (1, 5)
        )
        print(f"of {PROBES} samples: the surest face is the same for {first:.1%}; of the five surest, {five:.1%} are")
        database.close()
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
