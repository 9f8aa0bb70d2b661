from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenet_core.errors import (
    DatabaseDamagedError,
    DatabaseWriteError,
    DuplicatePhotoError,
    InputError,
    PersonExistsError,
    PersonNameError,
    StoreError,
    UnknownPersonError,
    UnknownPhotoError,
)
from facenet_core.store import NewTemplate, Repository, Seed
from facenet_core.store.content import deserialise, serialise
from facenet_core.types import ModelId, Person
from tests.unit.store_workers import DETECTION, MODEL, embedding, new_template


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


# -- enrolling ----------------------------------------------------------------


def test_an_enrolled_person_is_there_for_others_too(repository: Repository, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    new = new_template("anna 1")
    returned = repository.enrol("  Anna  Lind ", [new])
    (found,) = Repository(tmp_path).people()
    for person in (returned, found):
        assert person.name == "Anna Lind"
        assert timedelta(0) <= person.created_at - before < timedelta(minutes=1)
        (template,) = person.templates
        assert template.person_id == person.id == returned.id
        assert template.source_name == "anna 1.jpg"
        assert template.source_sha256 == new.source_sha256
        assert template.detection == DETECTION
        assert template.model_id == MODEL
        assert np.array_equal(template.embedding, new.embedding)
        assert repository.photos.read(template.photo_sha256) == new.photo


def test_a_name_in_another_case_and_form_adds_to_the_same_person(repository: Repository) -> None:
    first = repository.enrol("José", [new_template("1")])
    second = repository.enrol("JOSE\u0301", [new_template("2"), new_template("3")])
    assert second.id == first.id
    assert second.name == "José"
    assert [template.source_name for template in second.templates] == ["1.jpg", "2.jpg", "3.jpg"]
    assert names(repository) == ["José"]


def test_insisting_on_a_new_person_is_refused_for_a_known_name(repository: Repository, anna: Person) -> None:
    with pytest.raises(PersonExistsError, match="Anna is enrolled already"):
        repository.enrol("ANNA", [new_template("new")], create=True)
    assert repository.enrol("Bert", [new_template("new")], create=True).name == "Bert"


def test_insisting_on_a_known_person_is_refused_for_a_new_name(repository: Repository, anna: Person) -> None:
    with pytest.raises(UnknownPersonError, match="Bert is not enrolled"):
        repository.enrol("Bert", [new_template("new")], create=False)
    assert len(repository.enrol("anna", [new_template("new")], create=False).templates) == 3


@pytest.mark.parametrize(
    "again",
    [
        new_template("anna 2"),
        replace(new_template("anna 2"), photo=b"stored in another way"),
        replace(new_template("anna 2"), source_sha256="d" * 64),
        replace(new_template("x"), source_sha256="41b2d8a7e2e4b2f8" * 4, photo=new_template("anna 1").photo),
    ],
    ids=["same", "same source", "same stored photo", "the other's stored photo"],
)
def test_a_photo_that_is_enrolled_is_refused_and_names_its_person(
    repository: Repository, anna: Person, again: NewTemplate
) -> None:
    revision, photos = repository.revision(), repository.photos.all()
    with pytest.raises(DuplicatePhotoError, match="enrolled already, as Anna") as caught:
        repository.enrol("Bert", [new_template("fine"), again])
    assert caught.value.person == "Anna"
    assert caught.value.photo == again.source_name
    assert repository.revision() == revision
    assert repository.photos.all() == photos


def test_a_stored_photo_that_is_given_back_is_recognised(repository: Repository, anna: Person) -> None:
    given = replace(new_template("x"), source_sha256=anna.templates[0].photo_sha256)
    with pytest.raises(DuplicatePhotoError):
        repository.enrol("Bert", [given])


def test_the_same_photo_twice_at_once_is_refused(repository: Repository) -> None:
    with pytest.raises(DuplicatePhotoError) as caught:
        repository.enrol("Bert", [new_template("1"), new_template("1")])
    assert caught.value.person == "Bert"
    assert names(repository) == []


def test_a_name_that_cant_be_used_enrols_nothing(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(PersonNameError):
        repository.enrol("../x", [new_template("1")])
    assert list(tmp_path.iterdir()) == []


def test_a_person_needs_a_photo(repository: Repository) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        repository.enrol("Bert", [])


@pytest.mark.parametrize("wrong", [np.zeros(8, np.float32), np.full(8, np.nan, np.float32), embedding("x", 7)])
def test_one_embedding_that_is_none_enrols_nothing(repository: Repository, anna: Person, wrong: Any) -> None:
    revision, photos = repository.revision(), repository.photos.all()
    with pytest.raises(ValueError, match="embedding"):
        repository.enrol("Bert", [new_template("1"), replace(new_template("2"), embedding=wrong)])
    assert repository.revision() == revision
    assert repository.photos.all() == photos


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


def test_threads_that_enrol_at_once_lose_nothing(repository: Repository) -> None:
    def enrol(thread: int) -> None:
        for number in range(10):
            repository.enrol(f"Person {number % 3}", [new_template(f"{thread}-{number}")])
            repository.people()

    threads = [threading.Thread(target=enrol, args=[thread]) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(person.templates) for person in repository.people()) == 40
    assert names(repository) == ["Person 0", "Person 1", "Person 2"]


def test_nothing_about_people_is_logged(repository: Repository, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        person = repository.enrol("Anna Secret", [new_template("1")])
        repository.remove_person(repository.rename(person.id, "Bert Secret").id)
    assert "Secret" not in caplog.text
    assert person.id not in caplog.text


# -- looking up ---------------------------------------------------------------


def test_people_are_sorted_by_name_whatever_the_case(repository: Repository) -> None:
    for name in ("bert", "Cleo", "Anna", "Émile"):
        repository.enrol(name, [new_template(name)])
    assert names(repository) == ["Anna", "bert", "Cleo", "Émile"]


def test_a_person_is_found_by_id_and_by_name_in_any_form(repository: Repository, anna: Person) -> None:
    for reference in (anna.id, "Anna", " aNNa ", "Ａｎｎａ"):
        assert repository.person(reference).id == anna.id


def test_an_unknown_name_brings_the_ones_that_look_like_it(repository: Repository, anna: Person) -> None:
    repository.enrol("Annika", [new_template("annika")])
    repository.enrol("Bert", [new_template("bert")])
    with pytest.raises(
        UnknownPersonError, match=r'^Nobody called "Anika" is enrolled\. Did you mean Annika or Anna\?$'
    ):
        repository.person("Anika")
    with pytest.raises(UnknownPersonError, match="Check the spelling"):
        repository.person("Xerxes")


def test_an_unknown_name_does_not_reach_the_terminal_as_it_came(repository: Repository, anna: Person) -> None:
    with pytest.raises(UnknownPersonError) as caught:
        repository.person("\x1b[31m\u202e\ud800" + "x" * 10_000)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 250


def test_an_empty_database_says_so(repository: Repository) -> None:
    assert repository.people() == ()
    with pytest.raises(UnknownPersonError, match="Nobody is enrolled yet"):
        repository.person("Anna")


def test_people_are_read_from_the_file_only_when_it_has_changed(repository: Repository, tmp_path: Path) -> None:
    repository.enrol("Anna", [new_template("anna")])
    people = repository.people()
    assert repository.people() is people
    Repository(tmp_path).enrol("Bert", [new_template("bert")])
    assert names(repository) == ["Anna", "Bert"]
    assert [person.name for person in people] == ["Anna"]


def test_the_revision_changes_when_another_process_commits(repository: Repository, tmp_path: Path) -> None:
    seen = {repository.revision()}
    other = Repository(tmp_path)
    person = other.enrol("Anna", [new_template("anna")])
    seen.add(repository.revision())
    other.rename(person.id, "Bert")
    seen.add(repository.revision())
    other.remove_person(person.id)
    seen.add(repository.revision())
    assert len(seen) == 4
    assert repository.revision() == other.revision()


# -- changing -----------------------------------------------------------------


def test_a_person_gets_another_name(repository: Repository, anna: Person) -> None:
    renamed = repository.rename(anna.id, " Anna  Lind ")
    assert renamed.name == "Anna Lind"
    assert len(renamed.templates) == 2
    assert renamed.created_at == anna.created_at
    assert names(repository) == ["Anna Lind"]


def test_the_case_of_ones_own_name_can_be_changed(repository: Repository, anna: Person) -> None:
    assert repository.rename(anna.id, "ANNA").name == "ANNA"


def test_somebody_elses_name_cant_be_taken(repository: Repository, anna: Person) -> None:
    bert = repository.enrol("Bert", [new_template("bert")])
    with pytest.raises(PersonExistsError, match="Somebody else is called Anna"):
        repository.rename(bert.id, "anna")
    with pytest.raises(PersonNameError):
        repository.rename(bert.id, "a/b")
    assert names(repository) == ["Anna", "Bert"]


def test_a_removed_person_is_gone_with_their_photos(repository: Repository, anna: Person, tmp_path: Path) -> None:
    bert = repository.enrol("Bert", [new_template("bert")])
    repository.remove_person(anna.id)
    assert names(Repository(tmp_path)) == ["Bert"]
    assert repository.photos.all() == stored_photos(bert)
    assert repository.enrol("Anna", [new_template("anna 1")]).id != anna.id


def test_a_removed_person_is_gone_from_the_backup_too(repository: Repository, anna: Person, tmp_path: Path) -> None:
    repository.remove_person(anna.id)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and anna.id.encode() in path.read_bytes()]
    assert left == []
    assert repository.backup_available


def test_what_a_crash_left_of_a_removed_person_in_the_backup_goes_at_the_next_start(
    repository: Repository, anna: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository._database.storage, "renew_backup", lambda: None)
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


def test_one_photo_of_several_can_be_removed(repository: Repository, anna: Person) -> None:
    gone, left = anna.templates
    person = repository.remove_template(anna.id, gone.id)
    assert [template.id for template in person.templates] == [left.id]
    assert repository.photos.all() == {left.photo_sha256}
    assert repository.enrol("Anna", [new_template("anna 1")])


def test_the_last_photo_of_a_person_stays(repository: Repository) -> None:
    person = repository.enrol("Anna", [new_template("1")])
    with pytest.raises(InputError, match="only photo of Anna: remove the person instead"):
        repository.remove_template(person.id, person.templates[0].id)
    assert repository.photos.all() == stored_photos(person)


def test_a_photo_of_somebody_else_cant_be_removed(repository: Repository, anna: Person) -> None:
    bert = repository.enrol("Bert", [new_template("1"), new_template("2")])
    for template_id in (bert.templates[0].id, "0" * 32, "../x"):
        with pytest.raises(UnknownPhotoError, match="Anna has no such photo"):
            repository.remove_template(anna.id, template_id)


@pytest.mark.parametrize(
    "action",
    [
        lambda repository: repository.rename("0" * 32, "Bert"),
        lambda repository: repository.remove_person("0" * 32),
        lambda repository: repository.remove_person("Anna"),
        lambda repository: repository.remove_template("0" * 32, "0" * 32),
    ],
)
def test_somebody_who_was_removed_meanwhile_cant_be_changed(
    repository: Repository, anna: Person, action: Callable[[Repository], object]
) -> None:
    revision = repository.revision()
    with pytest.raises(UnknownPersonError, match="not enrolled any more"):
        action(repository)
    assert repository.revision() == revision


def test_a_new_model_takes_over_in_one_step(repository: Repository, anna: Person) -> None:
    bert = repository.enrol("Bert", [new_template("bert")])
    model = ModelId("other", "square", "e" * 64, 16)
    gone = replace(anna.templates[0], id="0" * 32)
    made = [
        replace(
            template,
            embedding=embedding(template.id, 16),
            model_id=model,
            detection=replace(DETECTION, confidence=0.5),
            source_name="not to be changed",
        )
        for template in (*anna.templates, *bert.templates, gone)
    ]
    assert repository.replace_templates(made) == 3
    for before in (anna, bert):
        after = repository.person(before.id)
        for old, new in zip(before.templates, after.templates, strict=True):
            assert new.model_id == model
            assert new.detection.confidence == 0.5
            assert np.array_equal(new.embedding, embedding(old.id, 16))
            unchanged = replace(new, model_id=old.model_id, detection=old.detection, embedding=old.embedding)
            assert unchanged == old


def test_a_new_model_with_one_wrong_embedding_takes_over_nothing(repository: Repository, anna: Person) -> None:
    revision = repository.revision()
    first, second = anna.templates
    made = [replace(first, embedding=embedding("y")), replace(second, embedding=np.zeros(8, np.float32))]
    with pytest.raises(ValueError, match="length 0"):
        repository.replace_templates(made)
    assert repository.revision() == revision


# -- sweeping, seeds, settings ------------------------------------------------


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


def test_what_became_of_a_photo_that_came_with_the_program_is_remembered(
    repository: Repository, tmp_path: Path
) -> None:
    assert repository.seeds() == {}
    repository.record_seed("a" * 64, "anna.jpg", "no_face")
    repository.record_seed("b" * 64, "bert.jpg", "enrolled")
    repository.record_seed("a" * 64, "anna.jpg", "enrolled")
    seeds = Repository(tmp_path).seeds()
    assert {key: (seed.file_name, seed.outcome) for key, seed in seeds.items()} == {
        "a" * 64: ("anna.jpg", "enrolled"),
        "b" * 64: ("bert.jpg", "enrolled"),
    }
    assert isinstance(seeds["a" * 64], Seed)
    assert seeds["a" * 64].recorded_at.tzinfo is UTC


def test_settings_are_kept_and_saved_one_by_one(repository: Repository, tmp_path: Path) -> None:
    assert repository.settings() == {}
    repository.save_settings({"model": "20180408-102900", "threshold": 1.05})
    repository.save_settings({"threshold": None, "more": {"list": [1, True]}})
    assert Repository(tmp_path).settings() == {
        "model": "20180408-102900",
        "threshold": None,
        "more": {"list": [1, True]},
    }


def test_a_setting_that_is_no_number_is_not_saved(repository: Repository) -> None:
    repository.save_settings({"threshold": 1.0})
    with pytest.raises(ValueError, match="a number is not finite"):
        repository.save_settings({"threshold": float("nan")})
    assert repository.settings() == {"threshold": 1.0}


# -- damage -------------------------------------------------------------------


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
