"""What only shadows in a file can do wrong, and do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.errors import DatabaseDamagedError, DatabaseWriteError
from facenet_core.store import Repository
from facenet_core.store.content import deserialise, serialise
from facenet_core.store.storage import AtomicJSONStorage
from tests.unit.store_workers import CANDIDATE, IN_USE, new_template
from tests.unit.test_shadows import models, rehearse


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.enrol("Anna", [new_template("anna 1"), new_template("anna 2")])
    repository.enrol("Bert", [new_template("bert")])
    return repository


@pytest.mark.parametrize("slot", ["candidate", "previous"])
def test_who_is_removed_is_removed_from_the_shadows_and_their_backup(tmp_path: Path, slot: str) -> None:
    repository = Repository(tmp_path)
    for name in ("Anna", "Bert", "Cleo"):
        repository.enrol(name, [new_template(f"{name} {number}") for number in (1, 2)])
    rehearse(repository)
    if slot == "previous":
        repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    anna, bert, cleo = repository.people()
    repository.remove_person(anna.id)
    repository.remove_template(bert.id, bert.templates[0].id)
    left = {bert.templates[1].id, *(t.id for t in cleo.templates)}
    for name in ("facenet.json", "facenet.json.bak"):
        assert set(deserialise((tmp_path / name).read_bytes())[slot]) == left
    repository.remove_person(cleo.id)
    repository.remove_person(bert.id)
    for name in ("facenet.json", "facenet.json.bak"):
        assert deserialise((tmp_path / name).read_bytes())[slot] == {}


def test_a_disk_that_is_full_changes_neither_model_nor_templates(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse(repository)
    before = repository.revision()

    def full(*_: object) -> None:
        raise DatabaseWriteError("full")

    with monkeypatch.context() as patch:
        patch.setattr(AtomicJSONStorage, "_commit", full)
        with pytest.raises(DatabaseWriteError):
            repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert repository.revision() == before
    assert models(repository) == {"tiny"}
    assert repository.shadows.swap("candidate", CANDIDATE, IN_USE)


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("shadows", "setting", 3),
        ("shadows", "model", "other"),
        ("shadows", "model", {"model": "other"}),
        (
            "shadows",
            "model",
            {"model": 1, "preprocessing": "none", "weights_sha256": "e" * 64, "dimensions": 8},
        ),
        (
            "shadows",
            "model",
            {"model": "a", "preprocessing": "b", "weights_sha256": "e" * 64, "dimensions": 8, "engine": "steam"},
        ),
        ("candidate", "embedding", "AAAA"),
        ("candidate", "detection", {}),
    ],
)
def test_a_damaged_shadow_is_damage(
    repository: Repository, tmp_path: Path, table: str, field: str, value: object
) -> None:
    rehearse(repository)
    path = tmp_path / "facenet.json"
    tables = deserialise(path.read_bytes())
    next(iter(tables[table].values()))[field] = value
    path.write_bytes(serialise(tables))
    with pytest.raises(DatabaseDamagedError):
        Repository(tmp_path).shadows.get("candidate")
    path.with_name("facenet.json.bak").write_bytes(serialise(tables))
    assert not Repository(tmp_path).backup_available
