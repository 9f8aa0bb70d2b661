from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facenet_core.errors import DatabaseDamagedError, DatabaseVersionError, DatabaseWriteError, StoreError
from facenet_core.store import Repository, migrations, schema
from facenet_core.store.backup import Backups
from facenet_core.store.content import Tables, deserialise, serialise
from facenet_core.types import ModelChoice
from tests.unit.store_workers import MODEL, new_template


def put(path: Path, tables: Tables) -> None:
    path.write_bytes(serialise(tables))


def tables_in(path: Path) -> Tables:
    return deserialise(path.read_bytes())


@pytest.fixture
def old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database two steps behind an imagined present: a name was a title first, then a label."""

    def titles_to_labels(tables: Tables) -> Tables:
        for record in tables["people"].values():
            record["label"] = record.pop("title")
        return tables

    def labels_to_names(tables: Tables) -> Tables:
        people = {key: {**record, "name": record["label"]} for key, record in tables["people"].items()}
        return {**tables, "people": people}

    Repository(tmp_path).enrol("Anna", [new_template("anna")])
    path = tmp_path / "facenet.json"
    tables = tables_in(path)
    for record in tables["people"].values():
        record["title"] = record.pop("name")
    tables["meta"]["schema"]["version"] = 1
    put(path, tables)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(migrations, "MIGRATIONS", {1: titles_to_labels, 2: labels_to_names})
    return path


def test_an_older_database_is_brought_up_to_date_on_first_reading(old_file: Path) -> None:
    before = old_file.read_bytes()
    assert [person.name for person in Repository(old_file.parent).people()] == ["Anna"]
    assert tables_in(old_file)["meta"]["schema"]["version"] == 3
    assert old_file.with_name("facenet.json.v1").read_bytes() == before


def test_an_older_database_is_brought_up_to_date_on_first_writing(old_file: Path) -> None:
    person = Repository(old_file.parent).enrol("anna", [new_template("more")])
    assert person.name == "Anna"
    assert len(person.templates) == 2
    assert tables_in(old_file)["meta"]["schema"]["version"] == 3
    assert tables_in(old_file.with_name("facenet.json.v1"))["meta"]["schema"]["version"] == 1


def test_an_up_to_date_database_is_not_copied(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.enrol("Anna", [new_template("anna")])
    repository.people()
    assert not list(tmp_path.glob("facenet.json.v*"))


def test_a_step_that_fails_changes_nothing(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(tables: Tables) -> Tables:
        raise ZeroDivisionError

    before = old_file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setitem(migrations.MIGRATIONS, 2, fail)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                Repository(old_file.parent).people()
        assert old_file.read_bytes() == before
    assert len(Repository(old_file.parent).people()) == 1


def test_tables_that_come_out_wrong_are_not_written(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old_file.read_bytes()
    monkeypatch.setitem(migrations.MIGRATIONS, 2, lambda tables: tables)
    with pytest.raises(DatabaseDamagedError, match="a record has no name"):
        Repository(old_file.parent).people()
    assert old_file.read_bytes() == before


def test_a_disk_that_has_no_room_for_the_copy_changes_nothing(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise DatabaseWriteError("full")

    before = old_file.read_bytes()
    monkeypatch.setattr(Backups, "keep_copy", full)
    with pytest.raises(DatabaseWriteError):
        Repository(old_file.parent).people()
    assert old_file.read_bytes() == before


def test_an_older_backup_is_restored_and_brought_up_to_date(old_file: Path) -> None:
    old_file.with_name("facenet.json.bak").write_bytes(old_file.read_bytes())
    old_file.write_bytes(b"")
    repository = Repository(old_file.parent)
    assert repository.backup_available
    repository.restore_backup()
    assert [person.name for person in repository.people()] == ["Anna"]


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.enrol("Anna", [new_template("anna")])
    path = tmp_path / "facenet.json"
    tables = tables_in(path)
    tables["meta"]["schema"]["version"] = schema.SCHEMA_VERSION + 1
    tables["people"] = {"what": {"ever": 1}}
    put(path, tables)
    before = path.read_bytes()
    for action in (
        repository.people,
        repository.settings,
        repository.sweep,
        repository.restore_backup,
        lambda: repository.enrol("Bert", [new_template("bert")]),
    ):
        with pytest.raises(DatabaseVersionError, match=r"facenet\.json: .*newer version.*Update this program"):
            action()
    assert path.read_bytes() == before
    assert repository.photos.all()


def test_a_newer_backup_is_not_offered(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    put(tmp_path / "facenet.json.bak", {"meta": {"schema": {"version": schema.SCHEMA_VERSION + 1}}})
    (tmp_path / "facenet.json").write_bytes(b"")
    assert not repository.backup_available
    with pytest.raises(StoreError, match="no usable backup"):
        repository.restore_backup()


@pytest.mark.parametrize("meta", [{}, {"schema": {}}, {"schema": {"version": "1"}}, {"other": {"version": 1}}])
def test_tables_that_do_not_say_their_version_are_damage(tmp_path: Path, meta: dict[str, Any]) -> None:
    put(tmp_path / "facenet.json", {"meta": meta, "people": {}})
    with pytest.raises(DatabaseDamagedError, match="which version"):
        Repository(tmp_path).people()
    with pytest.raises(DatabaseDamagedError, match="which version"):
        Repository(tmp_path).enrol("Anna", [new_template("anna")])


def test_a_version_that_never_was_is_damage(tmp_path: Path) -> None:
    put(tmp_path / "facenet.json", {"meta": {"schema": {"version": 0}}})
    with pytest.raises(DatabaseDamagedError, match="version 0 was never released"):
        Repository(tmp_path).people()


def test_a_database_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    Repository(tmp_path).enrol("Anna", [new_template("anna")])
    path = tmp_path / "facenet.json"
    tables = tables_in(path)
    tables["meta"]["schema"]["version"] = 1
    put(path, tables)
    before = path.read_bytes()
    repository = Repository(tmp_path)
    assert [person.name for person in repository.people()] == ["Anna"]
    assert repository.shadows.get("candidate") is None
    assert tables_in(path)["meta"]["schema"]["version"] == schema.SCHEMA_VERSION
    assert path.with_name("facenet.json.v1").read_bytes() == before


def test_somebody_who_is_removed_does_not_live_on_in_the_copy_of_an_older_version(old_file: Path) -> None:
    repository = Repository(old_file.parent)
    (anna,) = repository.people()
    repository.rename(anna.id, "Anne")
    assert old_file.with_name("facenet.json.v1").exists()
    repository.remove_person(anna.id)
    assert not list(old_file.parent.glob("facenet.json.v*"))


def test_the_layout_has_not_changed_without_a_new_version(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.enrol("Anna", [new_template("anna")])
    repository.record_seed("a" * 64, "anna.jpg", "enrolled")
    repository.save_settings({"model": None})
    (anna,) = repository.people()
    for choice in (ModelChoice("a", MODEL), ModelChoice("b", replace(MODEL, model="b"))):
        repository.shadows.begin("candidate", choice, choice)
        repository.shadows.add("candidate", choice, anna.templates, [])
        repository.shadows.begin("previous", choice, choice)
    tables = json.loads((tmp_path / "facenet.json").read_bytes())
    fields = {name: sorted(next(iter(table.values()))) for name, table in tables.items()}
    assert schema.SCHEMA_VERSION == 2
    assert fields == {
        "checksum": ["value"],
        "meta": ["version"],
        "people": ["created_at", "id", "name"],
        "templates": [
            "created_at",
            "detection",
            "embedding",
            "id",
            "model",
            "person_id",
            "photo_sha256",
            "source_name",
            "source_sha256",
        ],
        "seeds": ["file_name", "outcome", "recorded_at"],
        "settings": ["value"],
        "shadows": ["model", "setting"],
        "candidate": ["detection", "embedding", "photo_sha256"],
        "previous": ["detection", "embedding", "photo_sha256"],
    }
