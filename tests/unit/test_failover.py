"""A server that dies in the midst of enrolments, and the replica that takes over: real servers, real kill -9."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from facenet_core.config import Settings
from facenet_core.errors import DatabaseWriteError
from facenet_core.service import FaceService
from facenet_core.store import open_store
from tests.fakes import RED, fake_engine, photo
from tests.postgres import Postgres, folder_for_server
from tests.unit.store_workers import new_template

pytestmark = pytest.mark.postgres

WRITERS = 3

BEFORE, AFTER = 60, 30
"""Enrolments that are acknowledged before the server is killed, and after."""


@pytest.fixture
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    """A server that acknowledges nothing that its replica has not on its disk, and that replica."""
    primary, replica = (Postgres(folder_for_server(), durable=True) for _ in range(2))
    try:
        primary.create()
        primary.start(synchronous_standby_names="'*'")
        replica.copy_of(primary, "r1")
        replica.start()
        yield primary, replica
    finally:
        for server in (primary, replica):
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)


class Enrolments:
    """A stream of them, of several writers, who try again what was not made."""

    def __init__(self, folder: Path, url: str) -> None:
        self.store = open_store(folder, url)
        self.acknowledged: list[str] = []
        self.refused = 0
        self._grown = threading.Condition()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=[number]) for number in range(WRITERS)]

    def __enter__(self) -> Enrolments:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.store.close()

    def wait_for(self, count: int) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.acknowledged) >= count, 60), len(self.acknowledged)

    def _write(self, writer: int) -> None:
        number = 0
        while not self._stop.is_set():
            text = f"{writer}-{number}"
            try:
                self.store.people.enrol(f"Person {text}", [new_template(text)], create=True)
            except DatabaseWriteError:  # "Nothing was changed": were that not so, the next try would be refused
                self.refused += 1
                continue
            number += 1
            with self._grown:
                self.acknowledged.append(text)
                self._grown.notify()


def test_no_acknowledged_enrolment_is_lost_when_the_server_is_killed(
    pair: tuple[Postgres, Postgres], tmp_path: Path, settings: Settings
) -> None:
    primary, replica = pair
    # Neither says which of the two takes writes.
    url = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{replica.port}/postgres"
    service = FaceService(settings.model_validate({**settings.model_dump(), "database_url": url}), fake_engine())
    service.enrol("Ruby", service.prepare_enrolment(photo(RED), "ruby.png"), overrule=True)
    probe = service.prepare_enrolment(photo(RED, mark=2), "probe.png")
    with Enrolments(tmp_path, url) as stream:
        stream.wait_for(BEFORE)
        primary.kill()
        acknowledged = set(stream.acknowledged)
        replica.promote()
        stream.wait_for(len(stream.acknowledged) + AFTER)
        # The same program goes on, through connections of which each was broken.
        assert service.identify(probe)[0].candidates[0].person.name == "Ruby"
        service.repository.rename(service.repository.person("Ruby").id, "Rubina")
    people = {person.name: person for person in service.people()}
    assert acknowledged and len(stream.acknowledged) >= len(acknowledged) + AFTER
    for text in stream.acknowledged:
        (template,) = people.pop(f"Person {text}").templates
        assert service.stored_photo(template) == new_template(text).photo
    # Nor is anything there that nobody was told of.
    assert set(people) == {"Rubina"}
    service.audit.close()
