from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection

from facenet_core import thresholds
from facenet_core.config import Settings
from facenet_core.errors import StoreError
from facenet_core.large_gallery import LargeGallery
from facenet_core.matching import Gallery
from facenet_core.service import FaceService
from facenet_core.store import PeopleRepository, Store, open_store
from facenet_core.store.postgres import search
from facenet_core.types import Embedding, ModelId, Person
from tests.fakes import BLUE, GREEN, RED, fake_engine, photo
from tests.postgres import Explaining, OpenStore, Postgres
from tests.unit.store_workers import MODEL, OTHER, embedding, new_template


class Everybody:
    """A finder that finds everybody."""

    def __init__(self, people: tuple[Person, ...]) -> None:
        self.people = people

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        return self.people


def fill(repository: PeopleRepository, people: int = 30) -> None:
    for number in range(people):
        repository.enrol(f"Person {number:02}", [new_template(f"{number} {n}") for n in range(1 + number % 3)])
    repository.enrol("Foreign", [new_template("foreign", OTHER)])


def probes() -> list[Embedding]:
    return [embedding(f"probe {number}") for number in range(10)]


def test_of_whom_is_found_everything_is_as_in_memory(open_again: OpenStore) -> None:
    repository = open_again().people
    fill(repository)
    people = repository.people()
    small = Gallery.of(people, MODEL)
    large = LargeGallery(Everybody(people), MODEL, small.number_of_people, len(small))
    assert (len(large), large.number_of_people) == (len(small), small.number_of_people) == (60, 30)
    for probe in probes():
        assert large.rank(probe, 5) == small.rank(probe, 5)
        for person in (people[0], repository.person("Person 02"), repository.person("Foreign")):
            assert large.compare(probe, person) == small.compare(probe, person)
    for wrong in (embedding("x", 7), np.zeros(8, np.float32)):
        with pytest.raises(ValueError, match="expected an embedding"):
            large.rank(wrong, 5)


@pytest.fixture
def server(database_url: str, tmp_path, request) -> Store:
    store = open_store(tmp_path, database_url)
    request.addfinalizer(store.close)
    return store


def build(index: search.PeopleIndex, model_id: ModelId = MODEL) -> None:
    graph = index.graph(model_id)
    assert graph
    graph.build()


@pytest.mark.postgres
def test_the_server_finds_the_same_people_at_the_same_distances(server: Store, postgres: Postgres) -> None:
    repository = server.people
    fill(repository)
    index = repository.index
    assert isinstance(index, search.PeopleIndex)
    assert index.count(MODEL) == (30, 60) and index.count(OTHER) == (1, 1)
    assert index.count(replace(MODEL, model="unknown")) == (0, 0)
    build(index)
    build(index)
    assert index.ready(MODEL)
    assert len(postgres.vector_indexes()) == 1
    small, large = Gallery.of(repository.people(), MODEL), LargeGallery(index, MODEL, 30, 60)
    for probe in probes():
        # The index may miss somebody, but not among so few; equal distances are equal to the last digit.
        assert [(c.person.name, c.distance, c.compared) for c in large.rank(probe, 5)] == [
            (c.person.name, c.distance, c.compared) for c in small.rank(probe, 5)
        ]
    assert large.rank(probes()[0], 0) == ()
    assert LargeGallery(index, replace(MODEL, model="unknown"), 0, 0).rank(probes()[0], 5) == ()


@pytest.mark.postgres
def test_the_server_looks_into_its_index_and_not_at_everybody(server: Store, postgres: Postgres) -> None:
    fill(server.people)
    index = server.people.index
    assert isinstance(index, search.PeopleIndex)
    build(index)
    graph = index.graph(MODEL)
    assert graph
    (name,) = postgres.vector_indexes()

    def plan(connection: Connection) -> str:
        explaining = Explaining(connection)
        assert len(index._nearest(explaining, graph, probes()[0], 5)) >= 5
        return explaining.plan

    assert f"Index Scan using {name} on templates" in index._database.read(plan)


@pytest.mark.postgres
def test_somebody_with_very_many_photos_hides_nobody(server: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = server.people
    repository.enrol("Anna", [new_template(f"anna {n}") for n in range(40)])
    for name in ("Bert", "Cleo"):
        repository.enrol(name, [new_template(name)])
    monkeypatch.setattr(search, "FETCHED", 4)
    assert isinstance(repository.index, search.PeopleIndex)
    found = LargeGallery(repository.index, MODEL, 3, 42).rank(embedding("anna 7"), 3)
    assert {candidate.person.name for candidate in found} == {"Anna", "Bert", "Cleo"}
    assert found[0].compared == 40


@pytest.mark.postgres
def test_an_index_whose_making_was_interrupted_is_made_anew(server: Store, postgres: Postgres) -> None:
    server.people.enrol("Anna", [new_template("anna")])
    index = server.people.index
    assert isinstance(index, search.PeopleIndex)
    build(index)
    (name,) = postgres.vector_indexes()
    postgres.sql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'facenet.{name}'::regclass")
    other = search.PeopleIndex(index._database)
    assert not other.ready(MODEL)
    graph = other.graph(MODEL)
    assert graph and graph.building
    graph.building.join()
    assert other.ready(MODEL)


@pytest.mark.postgres
def test_an_index_that_could_not_be_made_is_not_tried_with_every_search(
    server: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server.people.enrol("Anna", [new_template("anna")])
    index = server.people.index
    assert isinstance(index, search.PeopleIndex)
    graph = index.graph(MODEL)
    assert graph

    def refused() -> None:
        raise StoreError("no right to create")

    monkeypatch.setattr(graph, "build", refused)
    for _ in range(3):
        assert not graph.ready()
        assert graph.building
        graph.building.join()
    assert caplog.text.count("an index of vectors was not made: no right to create") == 1


@pytest.mark.postgres
def test_a_service_asks_the_server_once_there_are_too_many_for_memory(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FaceService(
        settings.model_validate({**settings.model_dump(), "database_url": database_url}), fake_engine()
    )
    for name, colour in (("Ruby", RED), ("Blue", BLUE)):
        service.enrol(name, service.prepare_enrolment(photo(colour), f"{name}.png"), overrule=True)
    probe = service.prepare_enrolment(photo(RED, mark=2), "probe.png")
    before = service.identify(probe)
    monkeypatch.setattr(thresholds, "MOST_IN_MEMORY", 1)
    index = service.repository.index
    assert isinstance(index, search.PeopleIndex)
    graph = index.graph(service.engine.model_id)
    assert graph and not graph.building
    service.gallery()  # until there is an index, which this begins to make, all are looked at
    assert graph.building
    graph.building.join()
    assert isinstance(service.gallery(), LargeGallery)
    service.enrol("Gina", service.prepare_enrolment(photo(GREEN), "gina.png"), overrule=True)
    assert isinstance(service.gallery(), LargeGallery) and len(service.gallery()) == 3
    monkeypatch.setattr(service.repository, "people", None)
    (after,) = service.identify(probe)
    assert [(c.person.name, c.distance, c.compared) for c in after.candidates[:1]] == [
        (c.person.name, c.distance, c.compared) for c in before[0].candidates[:1]
    ]
    monkeypatch.undo()
    assert len(service.whole_gallery()) == 3
    assert service.survey().photos == 3
    assert service.verify(probe, "Ruby").candidate.distance == after.candidates[0].distance
    service.close()
