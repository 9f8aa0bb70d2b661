"""Two servers, as on two hosts, on one PostgreSQL database: real processes and the real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facenet_core.client import ApiError, Client
from tests.api.test_server import Server

pytestmark = pytest.mark.postgres


@pytest.fixture
def servers(tmp_path: Path, data: Path, database_url: str) -> Iterator[list[Server]]:
    """Each with a folder of its own, and the same database."""
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        server = Server(tmp_path / name / "db")
        server.environment["FACENET_DATABASE_URL"] = database_url
        server.environment["FACENET_WEIGHTS"] = str(data / "weights" / "20180408-102900-weights.h5")
        made.append(server)
    yield made
    for server in made:
        server.stop()


def test_who_is_enrolled_through_one_server_is_identified_through_the_other_at_once(
    servers: list[Server], data: Path, tmp_path: Path
) -> None:
    photos = data / "demo-96px"
    for server in servers:
        server.start()
    one, two = (Client(server.url) for server in servers)
    with one, two:
        assert two.identify(photos / "camera_0.jpg").photos_searched == 0
        one.add_person("Younes", [photos / "younes.jpg"], accept_poor=True)
        (face,) = two.identify(photos / "camera_0.jpg").faces
        assert face.matched and face.candidates[0].person == "Younes"
        two.add_person("Kian", [photos / "kian.jpg"], accept_poor=True)
        assert [person.name for person in one.people()] == ["Kian", "Younes"]
        with pytest.raises(ApiError, match="enrolled already, as Younes"):
            two.add_person("Somebody", [photos / "younes.jpg"])
        one.remove("Younes")
        assert [face.matched for face in two.identify(photos / "camera_0.jpg").faces] == [False]
        assert {event.kind for event in two.events()} >= {"enrol", "identify", "remove"}
    assert not (tmp_path / "one" / "db" / "facenet.json").exists()
    assert not (tmp_path / "one" / "db" / "events.sqlite").exists()
