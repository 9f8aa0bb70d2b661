"""Searching very many people where they are stored, beside the exact search in memory.

Starts a PostgreSQL server of its own. Embeddings are made up, without any
structure: the hardest case for an index. Probes are at a given distance from
somebody's template. Prints JSON::

    python -m benchmarks.postgres_search [TEMPLATES]
"""

from __future__ import annotations

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.postgres_people import DIMENSIONS, MODEL, embeddings, person
from facenet_core.embedding import unit_norm
from facenet_core.large_gallery import LargeGallery
from facenet_core.matching import Gallery, Searchable
from facenet_core.store import open_store
from facenet_core.store.postgres.search import PeopleIndex
from facenet_core.types import Candidate, Embedding
from tests.postgres import Postgres, folder_for_server

PROBES, TOP_K, AT_ONCE = 30, 5, 10_000
DISTANCES = (0.7, 1.0, 1.1)


def probes(made: list[Embedding], distance: float) -> list[Embedding]:
    """Faces at a distance from somebody's template, in any direction."""
    rng = np.random.default_rng(1)
    cosine, found = 1 - distance**2 / 2, []
    for number in rng.integers(0, len(made), PROBES):
        away = rng.standard_normal(DIMENSIONS)
        away -= made[number] * (away @ made[number])
        away /= np.linalg.norm(away)
        found.append((cosine * made[number] + np.sqrt(1 - cosine**2) * away).astype(np.float32))
    return list(unit_norm(np.stack(found)))


def searched(gallery: Searchable, faces: list[Embedding]) -> tuple[list[tuple[Candidate, ...]], float]:
    """Who is found for each, and the median of milliseconds."""
    found, took = [], []
    for face in faces:
        began = perf_counter()
        found.append(gallery.rank(face, TOP_K))
        took.append(1000 * (perf_counter() - began))
    return found, median(took)


def names(candidates: tuple[Candidate, ...]) -> set[str]:
    """Who they are."""
    return {candidate.person.name for candidate in candidates}


def main(templates: int) -> None:
    """Measures both."""
    server, answer = Postgres(folder_for_server()), {}
    try:
        server.create()
        server.start()
        store, made = open_store(Path(server.folder), server.url()), embeddings(templates)
        for start in range(0, templates, AT_ONCE):
            people = [person(n, made[n], small=True) for n in range(start, min(start + AT_ONCE, templates))]
            photos = {sha256(n.to_bytes(8)).hexdigest(): n.to_bytes(8) for n in range(start, start + AT_ONCE)}
            store.people.import_people(people, photos.__getitem__, "merge")
        index, began = PeopleIndex(store.people._database), perf_counter()  # type: ignore[attr-defined]  # of this store
        graph = index.graph(MODEL)
        assert graph
        graph.build()
        answer["index_seconds"] = round(perf_counter() - began, 1)
        exact = Gallery.of([person(n, made[n], small=True) for n in range(templates)], MODEL)
        large = LargeGallery(index, MODEL, *index.count(MODEL))
        for distance in DISTANCES:
            faces = probes(made, distance)
            (wanted, in_memory), (found, by_server) = searched(exact, faces), searched(large, faces)
            both = list(zip(wanted, found, strict=True))
            answer[str(distance)] = {
                "nearest_found": sum(a[0].person.name == b[0].person.name for a, b in both) / PROBES,
                "top_5_found": round(sum(len(names(a) & names(b)) for a, b in both) / PROBES / TOP_K, 3),
                "memory_ms": round(in_memory, 1),
                "server_ms": round(by_server, 1),
            }
        store.close()
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
