from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

import pytest

from facenet_core.errors import ArchiveError, PersonNameError
from facenet_core.store import ImportOutcome, PeopleRepository
from facenet_core.types import Person, Template
from tests.postgres import OpenStore
from tests.unit.store_workers import DETECTION, MODEL, embedding, new_template

Mode = Literal["merge", "replace"]
MODES: tuple[Mode, Mode] = ("merge", "replace")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def photo_of(text: str) -> bytes:
    return new_template(text).photo


class Elsewhere:
    """Another database's people, who have photos of the given texts."""

    def __init__(self, **people: list[str]) -> None:
        self.files = {sha256(photo_of(text)).hexdigest(): photo_of(text) for texts in people.values() for text in texts}
        self.people = [self._person(name, texts) for name, texts in people.items()]

    @staticmethod
    def _person(name: str, texts: list[str]) -> Person:
        person_id = sha256(name.encode()).hexdigest()[:32]
        templates = tuple(
            Template(
                id=sha256(f"{name} {text}".encode()).hexdigest()[:32],
                person_id=person_id,
                photo_sha256=sha256(photo_of(text)).hexdigest(),
                source_sha256=new_template(text).source_sha256,
                source_name=f"{text}.jpg",
                detection=DETECTION,
                embedding=embedding(text),
                model_id=MODEL,
                created_at=LONG_AGO,
            )
            for text in texts
        )
        return Person(person_id, name, LONG_AGO, templates)

    def photo(self, photo_sha256: str) -> bytes:
        return self.files[photo_sha256]


def photos_by_name(repository: PeopleRepository) -> dict[str, list[str]]:
    return {person.name: [template.source_name for template in person.templates] for person in repository.people()}


@pytest.fixture
def repository(open_again: OpenStore) -> PeopleRepository:
    """Anna with two photos and Bert with one."""
    repository = open_again().people
    repository.enrol("Anna", [new_template("a1"), new_template("a2")])
    repository.enrol("Bert", [new_template("b1")])
    return repository


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_database_takes_people_as_they_are(open_again: OpenStore, mode: Mode) -> None:
    source = Elsewhere(Cleo=["c1", "c2"], Dan=["d1"])
    repository = open_again().people
    assert repository.import_people(source.people, source.photo, mode) == ImportOutcome(2, 3, 0)
    for given, got in zip(source.people, repository.people(), strict=True):
        assert (got.id, got.name, got.created_at) == (given.id, given.name, LONG_AGO)
        assert [(t.id, t.person_id, t.photo_sha256, t.created_at) for t in got.templates] == [
            (t.id, t.person_id, t.photo_sha256, t.created_at) for t in given.templates
        ]
        assert all(repository.photos.read(t.photo_sha256) == source.photo(t.photo_sha256) for t in got.templates)


def test_merging_joins_by_name_and_skips_photos_that_are_here(repository: PeopleRepository) -> None:
    source = Elsewhere(ANNA=["a2", "a3"], Cleo=["c1"])
    anna = repository.person("Anna")
    assert repository.import_people(source.people, source.photo, "merge") == ImportOutcome(1, 2, 1)
    assert photos_by_name(repository) == {
        "Anna": ["a3.jpg", "a1.jpg", "a2.jpg"],
        "Bert": ["b1.jpg"],
        "Cleo": ["c1.jpg"],
    }
    assert repository.person("anna").id == anna.id


def test_merging_the_same_people_again_changes_nothing(repository: PeopleRepository) -> None:
    source = Elsewhere(Cleo=["c1"])
    repository.import_people(source.people, source.photo, "merge")
    revision = repository.revision()
    assert repository.import_people(source.people, source.photo, "merge") == ImportOutcome(0, 0, 1)
    assert repository.revision() == revision


def test_merging_does_not_add_a_person_whose_photos_are_all_somebody_elses(repository: PeopleRepository) -> None:
    source = Elsewhere(Zoe=["a1", "b1"])
    assert repository.import_people(source.people, source.photo, "merge") == ImportOutcome(0, 0, 2)
    assert set(photos_by_name(repository)) == {"Anna", "Bert"}


def test_replacing_leaves_exactly_the_given_people(repository: PeopleRepository) -> None:
    repository.save_settings({"model": "x"})
    repository.record_seed("a" * 64, "anna.jpg", "enrolled")
    source = Elsewhere(anna=["a2", "a3"], Cleo=["c1"])
    assert repository.import_people(source.people, source.photo, "replace") == ImportOutcome(2, 3, 0)
    assert photos_by_name(repository) == {"anna": ["a2.jpg", "a3.jpg"], "Cleo": ["c1.jpg"]}
    assert repository.photos.all() == set(source.files)
    assert repository.settings() == {"model": "x"}
    assert len(repository.seeds()) == 1


def test_replacing_with_nobody_empties_the_database(repository: PeopleRepository) -> None:
    assert repository.import_people([], Elsewhere().photo, "replace") == ImportOutcome(0, 0, 0)
    assert repository.people() == ()
    assert repository.photos.all() == frozenset()


@pytest.mark.parametrize("mode", MODES)
def test_people_of_the_same_name_in_an_import_become_one(open_again: OpenStore, mode: Mode) -> None:
    source = Elsewhere(Cleo=["c1", "c2"], CLEO=["c2", "c3"])
    repository = open_again().people
    assert repository.import_people(source.people, source.photo, mode) == ImportOutcome(1, 3, 1)
    assert photos_by_name(repository) == {"Cleo": ["c1.jpg", "c2.jpg", "c3.jpg"]}


def test_ids_that_are_taken_are_replaced(repository: PeopleRepository) -> None:
    anna = repository.person("Anna")
    source = Elsewhere(Cleo=["c1", "c2"])
    (cleo,) = source.people
    stolen = tuple(
        replace(template, id=taken.id) for template, taken in zip(cleo.templates, anna.templates, strict=True)
    )
    repository.import_people([replace(cleo, id=anna.id, templates=stolen)], source.photo, "merge")
    assert photos_by_name(repository) == {
        "Anna": ["a1.jpg", "a2.jpg"],
        "Bert": ["b1.jpg"],
        "Cleo": ["c1.jpg", "c2.jpg"],
    }
    ids = [person.id for person in repository.people()]
    ids += [template.id for person in repository.people() for template in person.templates]
    assert len(set(ids)) == len(ids) == 8


@pytest.mark.parametrize("hostile", ["", "../../x", "A" * 32, "0" * 33])
def test_ids_that_are_none_are_replaced(repository: PeopleRepository, hostile: str) -> None:
    source = Elsewhere(Cleo=["c1"])
    (cleo,) = source.people
    given = replace(cleo, id=hostile, templates=(replace(cleo.templates[0], id=hostile),))
    repository.import_people([given], source.photo, "merge")
    got = repository.person("Cleo")
    for fresh in (got.id, got.templates[0].id):
        assert fresh != hostile
        assert len(fresh) == 32


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_that_does_not_fit_its_hash_stops_the_whole_import(repository: PeopleRepository, mode: Mode) -> None:
    source = Elsewhere(Cleo=["c1"], Dan=["d1"])
    source.files[source.people[1].templates[0].photo_sha256] = b"something else"
    before, photos = photos_by_name(repository), repository.photos.all()
    with pytest.raises(ArchiveError, match="A photo of Dan is damaged"):
        repository.import_people(source.people, source.photo, mode)
    assert photos_by_name(repository) == before
    assert repository.photos.all() == photos


@pytest.mark.parametrize("mode", MODES)
def test_a_name_that_cant_be_used_stops_the_whole_import(repository: PeopleRepository, mode: Mode) -> None:
    source = Elsewhere(**{"Cleo": ["c1"], "../Dan": ["d1"]})
    before = photos_by_name(repository)
    with pytest.raises(PersonNameError):
        repository.import_people(source.people, source.photo, mode)
    assert photos_by_name(repository) == before
