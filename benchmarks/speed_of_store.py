"""Searching many templates and enrolling among them, beside plain numpy and stock TinyDB."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tinydb import TinyDB

from benchmarks.contest import Result, contest
from benchmarks.results import Report, Task
from facenet_core.embedding import unit_norm
from facenet_core.matching import Gallery
from facenet_core.store import Repository
from facenet_core.types import Box, Detection, Landmarks, ModelId, NewTemplate, Person, Template

DIMENSIONS, TOP_K, ENROLLED = 512, 10, 10_000
MODEL = ModelId("made-up", "made-up", "0" * 64, DIMENSIONS)
FOUND = Detection(Box(0, 0, 100, 100), Landmarks((30, 40), (70, 40), (50, 60), (35, 80), (65, 80)), 0.99)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def add_to(report: Report) -> None:
    """Measures both, and reports them."""
    for templates in (1_000, 100_000):
        embeddings = unit_norm(np.random.default_rng(0).standard_normal((templates, DIMENSIONS)).astype(np.float32))
        gallery = Gallery.of([_person(i, row) for i, row in enumerate(embeddings)], MODEL)
        probe = unit_norm(np.random.default_rng(1).standard_normal((1, DIMENSIONS)).astype(np.float32))[0]

        def plain(
            _: int, embeddings: NDArray[np.float32] = embeddings, probe: NDArray[np.float32] = probe
        ) -> NDArray[np.intp]:
            cosines = embeddings @ probe
            best = np.argpartition(-cosines, TOP_K)[:TOP_K]
            return best[np.argsort(-cosines[best])]

        def ours(_: int, gallery: Gallery = gallery, probe: NDArray[np.float32] = probe) -> object:
            return gallery.rank(probe, TOP_K)

        result = contest({"numpy": plain, "app": ours}, 101, warm=5)
        remark = f"The {TOP_K} nearest of made-up templates of as many people; numpy: product and argpartition."
        report.add(Task(f"identify among {templates:,}", "ms", result, {"app": "numpy"}, remark=remark))
    remark = f"One more template among {ENROLLED:,}; TinyDB as it comes, with embeddings as lists of numbers."
    report.add(Task(f"enrol at {ENROLLED:,}", "ms", _enrolling(), {"app": "TinyDB"}, remark=remark))


def _enrolling() -> Result:
    embeddings = unit_norm(np.random.default_rng(0).standard_normal((ENROLLED + 50, DIMENSIONS)).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder:
        repository, stock = Repository(Path(folder) / "ours"), TinyDB(Path(folder) / "stock.json")
        for start in range(0, ENROLLED, 1_000):
            repository.enrol(f"Person {start}", [_new(i, embeddings[i]) for i in range(start, start + 1_000)])
        stock.insert_multiple({"name": "a", "embedding": row.tolist()} for row in embeddings[:ENROLLED])
        own, other = count(ENROLLED), count(ENROLLED)
        result = contest(
            {
                "TinyDB": lambda _: stock.insert({"name": "b", "embedding": embeddings[next(other)].tolist()}),
                "app": lambda _: repository.enrol("Somebody", [_new(i := next(own), embeddings[i])]),
            },
            7,
        )
        stock.close()
    return result


def _new(number: int, embedding: NDArray[np.float32]) -> NewTemplate:
    photo = b"RIFF\0\0\0\0WEBP" + number.to_bytes(8)
    return NewTemplate(photo, f"{number:064x}", f"{number}.jpg", FOUND, embedding, MODEL)


def _person(number: int, embedding: NDArray[np.float32]) -> Person:
    mark = f"{number:032x}"
    template = Template(mark, mark, "a" * 64, "b" * 64, "a.jpg", FOUND, embedding, MODEL, NOW)
    return replace(Person(mark, f"Person {number}", NOW, ()), templates=(template,))
