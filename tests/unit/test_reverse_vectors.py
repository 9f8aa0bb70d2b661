"""The index of the nearest faces: on the disk, beside it, and while it is made anew."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, insert

from facenet_core.embedding import unit_norm
from facenet_core.reverse import vectors as module
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.pgvectors import PostgresVectors
from facenet_core.reverse.tables import APPLICATION_ID, FACES, METADATA, PHOTOS, VERSION
from facenet_core.reverse.vectors import FileVectors
from facenet_core.store.sql import PostgresDatabase
from facenet_core.store.sqlite import SQLiteDatabase
from facenet_core.types import ModelId
from tests.postgres import Postgres

MODEL = ModelId("made-up", "none", "0" * 64, 32)


class Shelf:
    """A database of made-up faces, and an index of them."""

    def __init__(self, folder: Path) -> None:
        self.database = SQLiteDatabase(folder / "reverse.sqlite", METADATA, APPLICATION_ID, VERSION)
        self.model = Faces(self.database, MODEL).model
        self.folder = folder
        self.vectors = self.opened()
        self.embeddings: dict[int, NDArray[np.float32]] = {}
        with self.database.writing() as connection:
            connection.execute(insert(PHOTOS).values(id=1, sha256="0" * 64))

    def opened(self) -> FileVectors:
        """The index as another process has it."""
        return FileVectors(self.database, self.folder, self.model, MODEL)

    def put(self, count: int, seed: int) -> list[int]:
        rows = unit_norm(np.random.default_rng(seed).normal(size=(count, MODEL.dimensions)).astype(np.float32))
        ids = []
        with self.database.writing() as connection:
            for row in rows:
                values = {"photo": 1, "model": self.model, "place": b"", "embedding": row}
                id_ = connection.execute(insert(FACES).values(**values).returning(FACES.c.id)).scalar_one()
                self.embeddings[id_] = row
                ids.append(id_)
        return ids

    def nearest(self, probe: NDArray[np.float32], count: int, among: Iterable[int] | None = None) -> list[int]:
        only = None if among is None else np.array(sorted(among), np.int64)
        with self.database.reading() as connection:
            return self.vectors.nearest(connection, probe, count, only)

    def exactly(self, probe: NDArray[np.float32], count: int, among: Iterable[int] | None = None) -> list[int]:
        ids = list(self.embeddings if among is None else among)
        return sorted(ids, key=lambda id_: -float(self.embeddings[id_] @ probe))[:count]

    def due(self) -> bool:
        with self.database.reading() as connection:
            return self.vectors.due(connection)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(module, "EXACT_UP_TO", 50)
    return Shelf(tmp_path)


PROBES = unit_norm(np.random.default_rng(99).normal(size=(20, MODEL.dimensions)).astype(np.float32))


def check(shelf: Shelf, among: Iterable[int] | None = None) -> None:
    for probe in PROBES:
        assert shelf.nearest(probe, 5, among) == shelf.exactly(probe, 5, among)


def test_few_faces_need_no_file(shelf: Shelf) -> None:
    shelf.put(40, seed=1)
    check(shelf)
    assert not shelf.due()
    assert shelf.vectors.rebuild() == 40
    assert not shelf.vectors.path.exists()


def test_many_are_found_through_the_file_and_those_that_came_later_beside_it(shelf: Shelf) -> None:
    first = shelf.put(300, seed=1)
    assert shelf.due()
    assert shelf.vectors.rebuild() == 300
    assert not shelf.due()
    check(shelf)
    later = shelf.put(30, seed=2)
    check(shelf)
    check(shelf, among=[*first[::3], *later[::2]])
    assert shelf.vectors.path.stat().st_mode & 0o077 == 0


def test_another_process_takes_the_new_index_without_a_restart(shelf: Shelf) -> None:
    shelf.put(200, seed=1)
    check(shelf)
    shelf.opened().rebuild()
    check(shelf)
    gone = shelf.put(80, seed=2)[:10]
    with shelf.database.writing() as connection:
        connection.execute(delete(FACES).where(FACES.c.id.in_(gone)))
    for id_ in gone:
        del shelf.embeddings[id_]
    shelf.opened().rebuild()
    check(shelf)


def test_a_file_that_is_damaged_costs_time_and_no_answer(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    shelf.put(200, seed=1)
    shelf.vectors.rebuild()
    shelf.vectors.path.write_bytes(b"nothing that FAISS knows")
    check(shelf)
    assert "compared one by one" in caplog.text


def test_a_rebuild_that_fails_leaves_the_old_index(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.put(200, seed=1)
    shelf.vectors.rebuild()
    before = shelf.vectors.path.read_bytes()

    def full(*_: object) -> None:
        raise RuntimeError("no space left")

    faiss = module._faiss()
    monkeypatch.setattr(faiss, "write_index", full)
    with pytest.raises(RuntimeError, match="no space"):
        shelf.vectors.rebuild()
    assert shelf.vectors.path.read_bytes() == before
    assert [path.name for path in shelf.folder.glob("*.faiss*")] == [shelf.vectors.path.name]


def test_a_number_is_never_given_twice(shelf: Shelf) -> None:
    (last,) = shelf.put(1, seed=1)
    with shelf.database.writing() as connection:
        connection.execute(delete(FACES).where(FACES.c.id == last))
    assert shelf.put(1, seed=2)[0] > last


@pytest.mark.postgres
def test_a_server_s_index_that_is_there_waits_for_nobody_who_changes_faces(postgres: Postgres) -> None:
    postgres.sql("DROP SCHEMA IF EXISTS facenet_reverse CASCADE")
    url = f"{postgres.url()}?options=-c%20lock_timeout%3D100ms"
    with (
        closing(PostgresDatabase(url, METADATA, "facenet_reverse")) as here,
        closing(PostgresDatabase(url, METADATA, "facenet_reverse")) as there,
    ):
        model = Faces(here, MODEL).model
        PostgresVectors(here, model, MODEL)
        assert postgres.vector_indexes("facenet_reverse") == [f"faces_vector_{model}"]
        with here.writing() as connection:
            connection.execute(delete(FACES))
            PostgresVectors(there, model, MODEL)
