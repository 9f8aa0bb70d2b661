"""The index of the nearest faces: on the disk, beside it, and while it is made anew."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, insert, update

from facenet_core.embedding import unit_norm
from facenet_core.matching import distance
from facenet_core.reverse import filevectors as module
from facenet_core.reverse import searching
from facenet_core.reverse.faces import Faces
from facenet_core.reverse.filevectors import FileVectors
from facenet_core.reverse.pgvectors import PostgresVectors
from facenet_core.reverse.searching import ReverseSearcher
from facenet_core.reverse.tables import APPLICATION_ID, FACES, METADATA, PHOTOS, VERSION
from facenet_core.store import bulk
from facenet_core.store.bulk import pieces
from facenet_core.store.postgresql import PostgresDatabase
from facenet_core.store.sqlite import SQLiteDatabase
from facenet_core.thresholds import Targets
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

    def remove(self, ids: Iterable[int]) -> None:
        """As another process does."""
        gone = sorted(ids)
        with self.database.writing() as connection:
            for some in pieces(gone):
                connection.execute(delete(FACES).where(FACES.c.id.in_(some)))
        for id_ in gone:
            del self.embeddings[id_]

    def remove_nearest(self, probe: NDArray[np.float32], count: int) -> None:
        self.remove(self.exactly(probe, count))

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
    shelf.remove(shelf.put(80, seed=2)[:10])
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
    shelf.remove([last])
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


@pytest.mark.parametrize("filed", [False, True])
def test_faces_that_another_process_removed_take_nobodys_place(shelf: Shelf, filed: bool) -> None:
    shelf.put(330, seed=1)
    if filed:
        shelf.vectors.rebuild()
    check(shelf)
    shelf.remove_nearest(PROBES[0], 300)
    check(shelf)
    check(shelf, among=sorted(shelf.embeddings)[::2])
    later = shelf.put(20, seed=2)
    check(shelf)
    shelf.remove(later[-5:])
    check(shelf)
    shelf.put(5, seed=3)
    check(shelf)


def test_the_index_is_asked_until_enough_of_those_that_it_names_are_there(shelf: Shelf) -> None:
    shelf.put(1_300, seed=1)
    shelf.vectors.rebuild()
    shelf.remove_nearest(PROBES[0], 700)
    among = sorted(shelf.embeddings)
    for only in (None, among):
        assert len(shelf.nearest(PROBES[0], 20, only)) == 20
        assert sorted(shelf.nearest(PROBES[0], 600, only)) == among


def test_an_index_of_which_a_tenth_has_gone_is_made_anew(shelf: Shelf) -> None:
    ids = shelf.put(300, seed=1)
    shelf.vectors.rebuild()
    shelf.remove(ids[:30])
    assert not shelf.due()
    shelf.remove(ids[30:31])
    assert shelf.due()
    assert shelf.vectors.rebuild() == 269
    assert not shelf.due()
    shelf.remove(ids[31:280])
    assert shelf.vectors.rebuild() == 20
    assert not shelf.vectors.path.exists()
    check(shelf)


def test_faces_that_are_in_a_new_index_are_not_kept_in_memory(shelf: Shelf) -> None:
    shelf.put(300, seed=1)
    check(shelf)
    assert len(shelf.vectors._state.ids) == 300
    shelf.vectors.rebuild()
    assert not len(shelf.vectors._state.ids)
    check(shelf)


def test_files_are_made_anew_without_those_who_have_gone(shelf: Shelf) -> None:
    ids = shelf.put(300, seed=1)
    shelf.vectors.rebuild()
    older = shelf.folder / "faces-of-a-model-that-nobody-knows.faiss"
    older.write_bytes(b"codes")
    shelf.remove(ids[:5])
    module.rebuild_all(shelf.database, shelf.folder)
    assert not older.exists()
    known = module._faiss().read_index(str(shelf.vectors.path))
    assert sorted(module._faiss().vector_to_array(known.id_map)) == ids[5:]
    check(shelf)


def test_everybody_who_is_alike_is_found_copies_too(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "CHUNK", 100)
    other = Faces(shelf.database, replace(MODEL, model="other", dimensions=8)).model
    ids = shelf.put(700, seed=1)
    shelf.vectors.rebuild()
    with shelf.database.writing() as connection:
        connection.execute(update(PHOTOS).values(width=1, height=1))
        connection.execute(update(FACES).values(place=np.zeros(15, "<f8").tobytes()))
        connection.execute(update(FACES).where(FACES.c.id.in_(ids[::7])).values(twin=ids[1]))
        face = {"photo": 1, "model": other, "place": b"", "embedding": np.ones(8, np.float32)}
        connection.execute(insert(FACES).values(**face))
    shelf.remove_nearest(PROBES[0], 300)
    faces = Faces(shelf.database, MODEL)
    searcher = ReverseSearcher(shelf.database, faces, shelf.vectors, None, Targets(1e-3, 1e-2))
    everybody = shelf.exactly(PROBES[0], 400)
    assert [face.id for face in searcher.like(PROBES[0], 2.0)] == everybody
    limit = distance(PROBES[0], shelf.embeddings[everybody[29]])
    assert [face.id for face in searcher.like(PROBES[0], limit)] == everybody[:30]
    monkeypatch.setattr(bulk, "SEVERAL", 50)
    with shelf.database.reading() as connection:
        shown = faces.copies(connection, everybody)
    assert sorted(id_ for id_, _ in shown[1]) == sorted(everybody)
