"""People in PostgreSQL beside people in a file: enrolling, noticing a change, reading it, searching.

Starts a PostgreSQL server of its own on the loopback, which waits for its disk
as the file does. Embeddings are made up. Prints JSON::

    python -m benchmarks.postgres_people [TEMPLATES ...]
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from facenet_core.embedding import unit_norm
from facenet_core.matching import Gallery
from facenet_core.store import NewTemplate, Store, open_store
from facenet_core.types import Box, Detection, Embedding, Landmarks, ModelId, Person, Template
from tests.postgres import Postgres, folder_for_server

DIMENSIONS, TIMES = 512, 15
MODEL = ModelId("made-up", "made-up", "0" * 64, DIMENSIONS)
FOUND = Detection(Box(0, 0, 100, 100), Landmarks((30, 40), (70, 40), (50, 60), (35, 80), (65, 80)), 0.99)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def photo(number: int) -> bytes:
    """A photo file of 20 kB that is of no use."""
    return number.to_bytes(8) * 2_500


def embeddings(count: int) -> list[Embedding]:
    """Made-up embeddings."""
    return list(unit_norm(np.random.default_rng(0).standard_normal((count, DIMENSIONS)).astype(np.float32)))


def person(number: int, embedding: Embedding, *, small: bool = False) -> Person:
    """A person with one photo, which may be of a few bytes."""
    mark, name = f"{number:032x}", sha256(number.to_bytes(8) if small else photo(number)).hexdigest()
    template = Template(mark, mark, name, f"{number:064x}", f"{number}.jpg", FOUND, embedding, MODEL, NOW)
    return Person(mark, f"Person {number}", NOW, (template,))


def new(number: int, embedding: Embedding) -> NewTemplate:
    """A photo to be enrolled."""
    return NewTemplate(photo(number), f"{number:064x}", f"{number}.jpg", FOUND, embedding, MODEL)


class Contender:
    """One store, seen by a program that enrols and by another that identifies."""

    def __init__(self, opened: Callable[[], Store]) -> None:
        self._stores = opened(), opened()
        self.here, self.there = (store.people for store in self._stores)
        self.took: dict[str, list[float]] = {}

    def fill(self, people: list[Person], photos: dict[str, bytes]) -> None:
        """Takes in everybody who is there when the measuring begins."""
        self._note("import", lambda: self.here.import_people(people, photos.__getitem__, "merge"))
        self._note("first reading", self.there.people)
        self.here.people()

    def step(self, name: str, item: NewTemplate) -> None:
        """One enrolment, and what the other program does then."""
        self._note("enrol", lambda: self.here.enrol(name, [item]))
        self._note("read a change", self.there.people)
        self._note("revision", self.there.revision)
        gallery = Gallery.of(self.there.people(), MODEL)
        self._note("identify", lambda: (self.there.revision(), gallery.rank(item.embedding, 5)))

    def close(self) -> None:
        """Lets go of the store."""
        for store in self._stores:
            store.close()

    def _note(self, kind: str, action: Callable[[], object]) -> None:
        began = perf_counter()
        action()
        self.took.setdefault(kind, []).append(1000 * (perf_counter() - began))


def measured(contenders: dict[str, Contender], templates: int) -> dict[str, dict[str, float]]:
    """Medians in milliseconds, and of the ratios; the stores take turns, so that noise hits both."""
    made = embeddings(templates + TIMES)
    people = [person(n, made[n]) for n in range(templates)]
    photos = {sha256(photo(n)).hexdigest(): photo(n) for n in range(templates)}
    for contender in contenders.values():
        contender.fill(people, photos)
    for number in range(templates, templates + TIMES):
        for contender in contenders.values():
            contender.step(f"Person {number}", new(number, made[number]))
    file, postgres = (contender.took for contender in contenders.values())
    return {
        kind: {"file_ms": round(median(file[kind]), 2), "postgres_ms": round(median(postgres[kind]), 2)}
        | {"ratio": round(median(b / a for a, b in zip(file[kind], postgres[kind], strict=True)), 3)}
        for kind in file
    }


def main(sizes: list[int]) -> None:
    """Measures both stores at some sizes."""
    server, answer = Postgres(folder_for_server(), durable=True), {}
    try:
        server.create()
        server.start()
        for templates in sizes:
            server.sql("DROP SCHEMA IF EXISTS facenet CASCADE")
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                contenders = {
                    name: Contender(partial(open_store, Path(folder), url))
                    for name, url in (("file", None), ("postgres", server.url()))
                }
                for contender in contenders.values():
                    stack.callback(contender.close)
                answer[templates] = measured(contenders, templates)
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000])
