from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from facenet_core.errors import (
    DuplicatePhotoError,
    InputError,
    PersonExistsError,
    PersonNameError,
    UnknownPersonError,
    UnknownPhotoError,
)
from facenet_core.store import NewTemplate, PeopleRepository, Seed
from facenet_core.types import ModelId, Person
from tests.postgres import OpenStore
from tests.unit.store_workers import DETECTION, MODEL, embedding, new_template


@pytest.fixture
def repository(open_again: OpenStore) -> PeopleRepository:
    return open_again().people


@pytest.fixture
def anna(repository: PeopleRepository) -> Person:
    """Enrolled with photos ``anna 1`` and ``anna 2``."""
    return repository.enrol("Anna", [new_template("anna 1"), new_template("anna 2")])


def names(repository: PeopleRepository) -> list[str]:
    return [person.name for person in repository.people()]


def stored_photos(person: Person) -> set[str]:
    return {template.photo_sha256 for template in person.templates}


# -- enrolling ----------------------------------------------------------------


def test_an_enrolled_person_is_there_for_others_too(repository: PeopleRepository, open_again: OpenStore) -> None:
    before = datetime.now(UTC)
    new = new_template("anna 1")
    returned = repository.enrol("  Anna  Lind ", [new])
    (found,) = open_again().people.people()
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


def test_a_name_in_another_case_and_form_adds_to_the_same_person(repository: PeopleRepository) -> None:
    first = repository.enrol("José", [new_template("1")])
    second = repository.enrol("JOSE\u0301", [new_template("2"), new_template("3")])
    assert second.id == first.id
    assert second.name == "José"
    assert [template.source_name for template in second.templates] == ["1.jpg", "2.jpg", "3.jpg"]
    assert names(repository) == ["José"]


def test_insisting_on_a_new_person_is_refused_for_a_known_name(repository: PeopleRepository, anna: Person) -> None:
    with pytest.raises(PersonExistsError, match="Anna is enrolled already"):
        repository.enrol("ANNA", [new_template("new")], create=True)
    assert repository.enrol("Bert", [new_template("new")], create=True).name == "Bert"


def test_insisting_on_a_known_person_is_refused_for_a_new_name(repository: PeopleRepository, anna: Person) -> None:
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
    repository: PeopleRepository, anna: Person, again: NewTemplate
) -> None:
    revision, photos = repository.revision(), repository.photos.all()
    with pytest.raises(DuplicatePhotoError, match="enrolled already, as Anna") as caught:
        repository.enrol("Bert", [new_template("fine"), again])
    assert caught.value.person == "Anna"
    assert caught.value.photo == again.source_name
    assert repository.revision() == revision
    assert repository.photos.all() == photos


def test_a_stored_photo_that_is_given_back_is_recognised(repository: PeopleRepository, anna: Person) -> None:
    given = replace(new_template("x"), source_sha256=anna.templates[0].photo_sha256)
    with pytest.raises(DuplicatePhotoError):
        repository.enrol("Bert", [given])


def test_the_same_photo_twice_at_once_is_refused(repository: PeopleRepository) -> None:
    with pytest.raises(DuplicatePhotoError) as caught:
        repository.enrol("Bert", [new_template("1"), new_template("1")])
    assert caught.value.person == "Bert"
    assert names(repository) == []


def test_a_name_that_cant_be_used_enrols_nothing(repository: PeopleRepository) -> None:
    with pytest.raises(PersonNameError):
        repository.enrol("../x", [new_template("1")])
    assert names(repository) == []


def test_a_person_needs_a_photo(repository: PeopleRepository) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        repository.enrol("Bert", [])


@pytest.mark.parametrize("wrong", [np.zeros(8, np.float32), np.full(8, np.nan, np.float32), embedding("x", 7)])
def test_one_embedding_that_is_none_enrols_nothing(repository: PeopleRepository, anna: Person, wrong: Any) -> None:
    revision, photos = repository.revision(), repository.photos.all()
    with pytest.raises(ValueError, match="embedding"):
        repository.enrol("Bert", [new_template("1"), replace(new_template("2"), embedding=wrong)])
    assert repository.revision() == revision
    assert repository.photos.all() == photos


def test_threads_that_enrol_at_once_lose_nothing(repository: PeopleRepository) -> None:
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


def test_nothing_about_people_is_logged(repository: PeopleRepository, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        person = repository.enrol("Anna Secret", [new_template("1")])
        repository.remove_person(repository.rename(person.id, "Bert Secret").id)
    assert "Secret" not in caplog.text
    assert person.id not in caplog.text


# -- looking up ---------------------------------------------------------------


def test_people_are_sorted_by_name_whatever_the_case(repository: PeopleRepository) -> None:
    for name in ("bert", "Cleo", "Anna", "Émile"):
        repository.enrol(name, [new_template(name)])
    assert names(repository) == ["Anna", "bert", "Cleo", "Émile"]


def test_a_person_is_found_by_id_and_by_name_in_any_form(repository: PeopleRepository, anna: Person) -> None:
    for reference in (anna.id, "Anna", " aNNa ", "Ａｎｎａ"):
        assert repository.person(reference).id == anna.id


def test_an_unknown_name_brings_the_ones_that_look_like_it(repository: PeopleRepository, anna: Person) -> None:
    repository.enrol("Annika", [new_template("annika")])
    repository.enrol("Bert", [new_template("bert")])
    with pytest.raises(
        UnknownPersonError, match=r'^Nobody called "Anika" is enrolled\. Did you mean Annika or Anna\?$'
    ):
        repository.person("Anika")
    with pytest.raises(UnknownPersonError, match="Check the spelling"):
        repository.person("Xerxes")


def test_an_unknown_name_does_not_reach_the_terminal_as_it_came(repository: PeopleRepository, anna: Person) -> None:
    with pytest.raises(UnknownPersonError) as caught:
        repository.person("\x1b[31m\u202e\ud800" + "x" * 10_000)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 250


def test_an_empty_database_says_so(repository: PeopleRepository) -> None:
    assert repository.people() == ()
    with pytest.raises(UnknownPersonError, match="Nobody is enrolled yet"):
        repository.person("Anna")


def test_people_are_read_only_when_something_has_changed(repository: PeopleRepository, open_again: OpenStore) -> None:
    repository.enrol("Anna", [new_template("anna")])
    people = repository.people()
    assert repository.people() is people
    open_again().people.enrol("Bert", [new_template("bert")])
    assert names(repository) == ["Anna", "Bert"]
    assert [person.name for person in people] == ["Anna"]


def test_the_revision_changes_when_another_process_commits(repository: PeopleRepository, open_again: OpenStore) -> None:
    seen = {repository.revision()}
    other = open_again().people
    person = other.enrol("Anna", [new_template("anna")])
    seen.add(repository.revision())
    other.rename(person.id, "Bert")
    seen.add(repository.revision())
    other.remove_person(person.id)
    seen.add(repository.revision())
    assert len(seen) == 4
    assert repository.revision() == other.revision()


# -- changing -----------------------------------------------------------------


def test_a_person_gets_another_name(repository: PeopleRepository, anna: Person) -> None:
    renamed = repository.rename(anna.id, " Anna  Lind ")
    assert renamed.name == "Anna Lind"
    assert len(renamed.templates) == 2
    assert renamed.created_at == anna.created_at
    assert names(repository) == ["Anna Lind"]


def test_the_case_of_ones_own_name_can_be_changed(repository: PeopleRepository, anna: Person) -> None:
    assert repository.rename(anna.id, "ANNA").name == "ANNA"


def test_somebody_elses_name_cant_be_taken(repository: PeopleRepository, anna: Person) -> None:
    bert = repository.enrol("Bert", [new_template("bert")])
    with pytest.raises(PersonExistsError, match="Somebody else is called Anna"):
        repository.rename(bert.id, "anna")
    with pytest.raises(PersonNameError):
        repository.rename(bert.id, "a/b")
    assert names(repository) == ["Anna", "Bert"]


def test_a_removed_person_is_gone_with_their_photos(
    repository: PeopleRepository, anna: Person, open_again: OpenStore
) -> None:
    bert = repository.enrol("Bert", [new_template("bert")])
    repository.remove_person(anna.id)
    assert names(open_again().people) == ["Bert"]
    assert repository.photos.all() == stored_photos(bert)
    assert repository.enrol("Anna", [new_template("anna 1")]).id != anna.id


def test_one_photo_of_several_can_be_removed(repository: PeopleRepository, anna: Person) -> None:
    gone, left = anna.templates
    person = repository.remove_template(anna.id, gone.id)
    assert [template.id for template in person.templates] == [left.id]
    assert repository.photos.all() == {left.photo_sha256}
    assert repository.enrol("Anna", [new_template("anna 1")])


def test_the_last_photo_of_a_person_stays(repository: PeopleRepository) -> None:
    person = repository.enrol("Anna", [new_template("1")])
    with pytest.raises(InputError, match="only photo of Anna: remove the person instead"):
        repository.remove_template(person.id, person.templates[0].id)
    assert repository.photos.all() == stored_photos(person)


def test_a_photo_of_somebody_else_cant_be_removed(repository: PeopleRepository, anna: Person) -> None:
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
    repository: PeopleRepository, anna: Person, action: Callable[[PeopleRepository], object]
) -> None:
    revision = repository.revision()
    with pytest.raises(UnknownPersonError, match="not enrolled any more"):
        action(repository)
    assert repository.revision() == revision


def test_a_new_model_takes_over_in_one_step(repository: PeopleRepository, anna: Person) -> None:
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


def test_a_new_model_with_one_wrong_embedding_takes_over_nothing(repository: PeopleRepository, anna: Person) -> None:
    revision = repository.revision()
    first, second = anna.templates
    made = [replace(first, embedding=embedding("y")), replace(second, embedding=np.zeros(8, np.float32))]
    with pytest.raises(ValueError, match="length 0"):
        repository.replace_templates(made)
    assert repository.revision() == revision


# -- sweeping, seeds, settings ------------------------------------------------


def test_what_became_of_a_photo_that_came_with_the_program_is_remembered(
    repository: PeopleRepository, open_again: OpenStore
) -> None:
    assert repository.seeds() == {}
    repository.record_seed("a" * 64, "anna.jpg", "no_face")
    repository.record_seed("b" * 64, "bert.jpg", "enrolled")
    repository.record_seed("a" * 64, "anna.jpg", "enrolled")
    seeds = open_again().people.seeds()
    assert {key: (seed.file_name, seed.outcome) for key, seed in seeds.items()} == {
        "a" * 64: ("anna.jpg", "enrolled"),
        "b" * 64: ("bert.jpg", "enrolled"),
    }
    assert isinstance(seeds["a" * 64], Seed)
    assert seeds["a" * 64].recorded_at.tzinfo is UTC


def test_settings_are_kept_and_saved_one_by_one(repository: PeopleRepository, open_again: OpenStore) -> None:
    assert repository.settings() == {}
    repository.save_settings({"model": "20180408-102900", "threshold": 1.05})
    repository.save_settings({"threshold": None, "more": {"list": [1, True]}})
    assert open_again().people.settings() == {
        "model": "20180408-102900",
        "threshold": None,
        "more": {"list": [1, True]},
    }


def test_a_setting_that_is_no_number_is_not_saved(repository: PeopleRepository) -> None:
    repository.save_settings({"threshold": 1.0})
    with pytest.raises(ValueError, match="a number is not finite"):
        repository.save_settings({"threshold": float("nan")})
    assert repository.settings() == {"threshold": 1.0}
