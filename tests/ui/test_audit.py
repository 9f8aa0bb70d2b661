"""What is done on pages is noted, each answer once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facenet_core.service import FaceService
from tests.fakes import BLUE, DARK_RED, GREEN, RED, photo
from tests.ui.people import enrol
from tests.ui.visitor import Visitor

DROP = "Drop a photo here"


@pytest.fixture
def service(service: FaceService) -> Iterator[FaceService]:
    yield service
    service.audit.close()


def told(service: FaceService) -> list[tuple[str, str, str | None]]:
    """What was done, with what outcome and whom it was about, the first first."""
    people = {person.id: person.name for person in service.people()}
    events = service.audit.latest()
    assert {event.door for event in events} == {"page"}
    return [(e.kind, e.outcome, people.get(e.person_id or "")) for e in reversed(events)]


def test_an_answer_is_noted_once_however_often_the_page_runs(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    visitor.open("verify").select("Who do they say they are?", "Ann")
    visitor.upload(DROP, ("probe.png", photo(DARK_RED)))
    visitor.select("Who do they say they are?", "Bob").select("Who do they say they are?", "Ann")
    assert told(service) == [("verify", "match", "Ann"), ("verify", "no_match", "Bob")]
    counted = service.monitor.rows("facenet_decisions_total")
    assert counted == {("verify", "match"): 1, ("verify", "no_match"): 1}


def test_everybody_on_every_photo_is_noted_once(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open("recognize").upload("Drop photos here", ("a.png", photo(DARK_RED, GREEN)))
    visitor.upload("Drop photos here", ("a.png", photo(DARK_RED, GREEN)), ("b.png", photo(GREEN, mark=1)))
    nobody = ("identify", "no_match", None)
    assert told(service) == [("identify", "match", "Ann"), nobody, nobody]


def test_changes_on_manage_are_noted(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED, DARK_RED)
    visitor.open("manage").click("Open").fill("Name", "Anne").click("Rename")
    visitor.click("Remove").click("Remove this person").click("Yes, remove")
    assert [kind for kind, _, _ in told(service)] == ["rename", "remove_photo", "remove"]
