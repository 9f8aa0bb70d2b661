"""API keys on the Settings page, and the Metrics page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facenet_core.errors import KeyRefusedError
from facenet_core.service import FaceService
from facenet_core.types import Asker
from tests.fakes import RED
from tests.ui.people import enrol
from tests.ui.visitor import Visitor


def test_a_key_is_made_shown_once_and_revoked(service: FaceService, visitor: Visitor) -> None:
    visitor.open("settings")
    assert "There are no keys." in visitor.text
    visitor.click("Make a key").fill("What is it for?", "front door")
    visitor.choose("It may be used for", ["verify", "identify"]).select("It ends", "in a year")
    visitor.click("Make it")
    (secret,) = [code.value for code in visitor.code]
    key = service.keys.check(secret)
    assert (key.name, key.roles) == ("front door", ("verify", "identify"))
    assert key.expires_at and key.expires_at - datetime.now(UTC) > timedelta(days=364)
    assert "This key is shown once." in visitor.text and "front door" in visitor.text
    visitor.click("I have copied it")
    assert not visitor.code and secret not in visitor.text
    visitor.click("Revoke")
    assert "There are no keys." in visitor.text
    with pytest.raises(KeyRefusedError):
        service.keys.check(secret)


def test_a_key_that_makes_no_sense_is_refused_in_words(service: FaceService, visitor: Visitor) -> None:
    visitor.open("settings").click("Make a key").click("Make it")
    assert any("A key needs a name" in error for error in visitor.errors)
    assert service.keys.all() == ()


def test_a_name_is_shown_as_it_is(service: FaceService, visitor: Visitor) -> None:
    service.keys.create("**bold** :red[door]", ["verify"])
    assert "**bold** :red[door]" in visitor.open("settings").text


def test_the_metrics_page_says_what_was_asked_and_decided(service: FaceService, visitor: Visitor) -> None:
    visitor.open("metrics")
    for said in ("Nothing was asked over the API", "Nothing was decided since", "Nothing was asked for yet."):
        assert said in visitor.text
    enrol(service, "Ann", RED)
    ann = service.repository.person("Ann").id
    service.monitor.answered("POST", "/v1/verify", 200, 0.25)
    service.monitor.answered("POST", "/v1/verify", 422, 0.05)
    service.monitor.decided("verify", "inconclusive")
    service.monitor.not_acquired("no_face")
    service.audit.note("verify", "inconclusive", Asker("api", "door", "1"), ann)
    service.audit.note("album_search", "found", Asker("page"))
    service.audit.note("verify", "match", Asker("page"), "f" * 32)
    visitor.open("verify").open("metrics")
    requests, decisions, events = (frame.value.to_dict("records") for frame in visitor.dataframe)
    assert requests == [{"Route": "POST /v1/verify", "Requests": 2, "Refused": 1, "Mean, ms": 150}]
    assert decisions == [{"Question": "verify", "Answer": "can't tell", "Times": 1}]
    assert "1 photo that came over the API could not be used." in visitor.text
    assert [(e["Where"], e["By"], e["What"], e["Who"], e["Outcome"]) for e in events] == [
        ("pages", "", "Verify", "removed", "match"),
        ("pages", "", "Album search", "", "found"),
        ("API", "door", "Verify", "Ann", "inconclusive"),
    ]
    service.audit.close()
