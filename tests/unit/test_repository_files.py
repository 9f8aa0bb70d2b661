"""What only a store in files can do wrong, and does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from facenet_core.errors import (
    DatabaseDamagedError,
    DatabaseWriteError,
    PersonNameError,
    StoreError,
)
from facenet_core.store import Repository
from facenet_core.store.content import deserialise, serialise
from facenet_core.types import Person
from tests.unit.store_workers import new_template
from tests.unit.test_importing import MODES, Elsewhere, Mode, photos_by_name


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def anna(repository: Repository) -> Person:
    """Enrolled with photos ``anna 1`` and ``anna 2``."""
    return repository.enrol("Anna", [new_template("anna 1"), new_template("anna 2")])


def names(repository: Repository) -> list[str]:
    return [person.name for person in repository.people()]


def stored_photos(person: Person) -> set[str]:
    return {template.photo_sha256 for template in person.templates}


def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every replacement of the database file fail, but not that of a photo."""
    real = os.replace

    def fail(source: Path, target: Path) -> None:
        if Path(target).name == "facenet.json":
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)


def test_a_name_that_cant_be_used_leaves_not_even_a_folder(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(PersonNameError):
        repository.enrol("../x", [new_template("1")])
    assert list(tmp_path.iterdir()) == []


def test_a_commit_that_fails_takes_its_photos_back(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unwritable(patch)
        with pytest.raises(DatabaseWriteError, match="Nothing was changed"):
            repository.enrol("Bert", [new_template("1")])
    assert names(repository) == ["Anna"]
    assert repository.photos.all() == stored_photos(anna)
    assert repository.enrol("Bert", [new_template("1")])


def test_an_interrupt_after_the_commit_does_not_take_the_photos_of_the_new_person(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def interrupt(source: Path, target: Path) -> None:
        real(source, target)
        if Path(target).name == "facenet.json":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            repository.enrol("Bert", [new_template("1")])
    (template,) = repository.person("Bert").templates
    assert repository.photos.read(template.photo_sha256)


def test_an_interrupt_just_after_a_photo_was_written_takes_it_back(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = repository.photos.put

    def put(data: bytes) -> str:
        real(data)
        raise KeyboardInterrupt

    monkeypatch.setattr(repository.photos, "put", put)
    with pytest.raises(KeyboardInterrupt):
        repository.enrol("Bert", [new_template("1")])
    assert repository.photos.all() == stored_photos(anna)


def test_a_photo_that_cant_be_written_enrols_nothing(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = new_template("2")
    real = repository.photos.put

    def put(data: bytes) -> str:
        if data == second.photo:
            raise DatabaseWriteError("full")
        return real(data)

    monkeypatch.setattr(repository.photos, "put", put)
    with pytest.raises(DatabaseWriteError):
        repository.enrol("Bert", [new_template("1"), second])
    assert names(repository) == ["Anna"]
    assert repository.photos.all() == stored_photos(anna)


def test_a_removed_person_is_gone_from_the_backup_too(repository: Repository, anna: Person, tmp_path: Path) -> None:
    repository.remove_person(anna.id)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and anna.id.encode() in path.read_bytes()]
    assert left == []
    assert repository.backup_available


def test_what_a_crash_left_of_a_removed_person_in_the_backup_goes_at_the_next_start(
    repository: Repository, anna: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository._database.storage.backups, "renew", lambda: None)
    repository.remove_person(anna.id)
    Repository(tmp_path).sweep()
    assert not any(anna.id.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_removal_that_fails_keeps_the_photos(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unwritable(patch)
        with pytest.raises(DatabaseWriteError):
            repository.remove_person(anna.id)
    assert names(repository) == ["Anna"]
    assert repository.photos.all() == stored_photos(anna)


def test_a_photo_that_cant_be_deleted_is_left_for_the_sweep(
    repository: Repository, anna: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> None:
        raise DatabaseWriteError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(repository.photos, "remove", fail)
        repository.remove_person(anna.id)
    assert "left for the next sweep" in caplog.text
    assert names(repository) == []
    assert repository.sweep() == 2
    assert repository.photos.all() == frozenset()


def test_sweeping_deletes_photos_that_belong_to_nobody(repository: Repository, anna: Person) -> None:
    repository.photos.put(b"left by a crash")
    assert repository.sweep() == 1
    assert repository.photos.all() == stored_photos(anna)
    assert repository.sweep() == 0


def test_sweeping_without_a_database_deletes_nothing(repository: Repository) -> None:
    left = repository.photos.put(b"all that is left")
    assert repository.sweep() == 0
    assert repository.photos.all() == {left}


def test_sweeping_beside_a_damaged_database_deletes_nothing(
    repository: Repository, anna: Person, tmp_path: Path
) -> None:
    (tmp_path / "facenet.json").write_bytes(b"")
    with pytest.raises(DatabaseDamagedError):
        repository.sweep()
    assert repository.photos.all() == stored_photos(anna)


def test_a_damaged_database_is_reported_by_everything_and_can_be_restored(
    repository: Repository, anna: Person, tmp_path: Path
) -> None:
    repository.enrol("Bert", [new_template("bert")])
    repository.people()
    path = tmp_path / "facenet.json"
    path.write_bytes(b"")
    actions: list[Callable[[], object]] = [
        repository.people,
        repository.seeds,
        repository.settings,
        lambda: repository.person("Anna"),
        lambda: repository.enrol("Cleo", [new_template("cleo")]),
        lambda: repository.rename(anna.id, "Bert"),
        lambda: repository.save_settings({"a": 1}),
    ]
    for action in actions:
        with pytest.raises(DatabaseDamagedError, match=r"facenet\.json: the database is damaged \(the file is empty\)"):
            action()
    assert path.read_bytes() == b""
    assert repository.backup_available

    aside = repository.restore_backup()
    assert aside
    assert aside.read_bytes() == b""
    assert names(repository) == ["Anna"]
    assert repository.enrol("Bert", [new_template("bert")])


def test_a_lost_database_is_not_taken_for_a_new_one(repository: Repository, anna: Person, tmp_path: Path) -> None:
    repository.rename(anna.id, "Anna Lind")
    (tmp_path / "facenet.json").unlink()
    with pytest.raises(DatabaseDamagedError, match="missing"):
        repository.people()
    assert repository.restore_backup() is None
    assert names(repository) == ["Anna"]


def test_a_database_in_order_is_not_replaced_by_its_backup(repository: Repository, anna: Person) -> None:
    repository.rename(anna.id, "Anna Lind")
    with pytest.raises(StoreError, match="the database is in order"):
        repository.restore_backup()
    assert names(repository) == ["Anna Lind"]


def test_there_is_no_backup_of_a_first_commit(repository: Repository, anna: Person) -> None:
    assert not repository.backup_available


def test_a_record_that_makes_no_sense_is_damage_and_can_be_restored(
    repository: Repository, anna: Person, tmp_path: Path
) -> None:
    repository.rename(anna.id, "Anna Lind")
    path = tmp_path / "facenet.json"
    tables = deserialise(path.read_bytes())
    tables["templates"][anna.templates[0].id]["embedding"] = "AAAA"
    path.write_bytes(serialise(tables))
    with pytest.raises(DatabaseDamagedError, match="an embedding has 3 bytes instead of 32"):
        repository.people()
    repository.restore_backup()
    assert names(repository) == ["Anna"]


@pytest.mark.parametrize("mode", MODES)
def test_an_import_that_cant_be_written_keeps_everybody_and_every_photo(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    repository.enrol("Anna", [new_template("a1"), new_template("a2")])
    repository.enrol("Bert", [new_template("b1")])
    source = Elsewhere(Anna=["a1", "a3"])
    before, photos = photos_by_name(repository), repository.photos.all()
    with monkeypatch.context() as patch:
        unwritable(patch)
        with pytest.raises(DatabaseWriteError, match="Nothing was changed"):
            repository.import_people(source.people, source.photo, mode)
    assert photos_by_name(repository) == before
    assert repository.photos.all() == photos
