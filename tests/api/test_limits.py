"""What is too much, too large, too slow or too many; and what is told of it all."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from facenet_core.api import uploads
from facenet_core.api.workers import Workers
from facenet_core.engine import FaceEngine
from tests.api.conftest import Api, Serve, serving
from tests.api.test_jobs import SlowDetector
from tests.fakes import DARK_RED, GREEN, RED, FakeEmbedder, photo

MB = 2**20


def ask(api: Api) -> httpx.Response:
    return httpx.post(f"{api.url}/v1/detect", files={"photo": ("a.png", photo(RED))}, timeout=30)


def test_when_the_queue_is_full_the_next_is_told_when_to_come_back(serve: Serve) -> None:
    detector = SlowDetector()
    workers = Workers(threads=1, queue=2)
    api = serve(workers=workers, engine=FaceEngine(detector, FakeEmbedder()))
    with ThreadPoolExecutor(3) as pool:
        first = [pool.submit(ask, api) for _ in range(3)]
        assert detector.asked.acquire(timeout=20)
        while workers.waiting < 2:
            threading.Event().wait(0.005)
        refused = ask(api)
        assert (refused.status_code, refused.json()["code"]) == (429, "busy")
        assert int(refused.headers["Retry-After"]) >= 1
        assert httpx.get(f"{api.url}/health").status_code == 200
        detector.go_on.set()
        assert [future.result().status_code for future in first] == [200, 200, 200]
    assert ask(api).status_code == 200


def test_more_requests_than_can_be_read_are_turned_away_at_the_door(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = SlowDetector()
    monkeypatch.setattr(uploads.BodyLimit.__init__, "__defaults__", (1,))
    api = serve(engine=FaceEngine(detector, FakeEmbedder()))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, api)
        assert detector.asked.acquire(timeout=20)
        refused = ask(api)
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "busy", "1")
        assert httpx.get(f"{api.url}/health").status_code == 200
        detector.go_on.set()
        assert first.result().status_code == 200
    assert ask(api).status_code == 200


def test_what_takes_too_long_is_given_up(serve: Serve) -> None:
    detector = SlowDetector()
    api = serve(workers=Workers(patience=0.05), engine=FaceEngine(detector, FakeEmbedder()))
    try:
        answer = ask(api)
        assert (answer.status_code, answer.json()["code"]) == (503, "timeout")
        assert "Retry-After" in answer.headers
    finally:
        detector.go_on.set()


def test_what_is_given_up_keeps_its_place_until_it_has_ended(serve: Serve) -> None:
    detector = SlowDetector()
    workers = Workers(threads=1, queue=2, patience=0.05)
    api = serve(workers=workers, engine=FaceEngine(detector, FakeEmbedder()))
    assert [ask(api).status_code for _ in range(3)] == [503, 503, 503]
    assert detector.asked.acquire(timeout=20)
    assert not detector.asked.acquire(blocking=False), "a second was begun in the place of the first"
    assert workers.waiting == 0, "those that had not begun are gone"
    workers._patience = 20.0
    detector.go_on.set()
    assert ask(api).status_code == 200


def test_a_request_that_says_it_is_too_large_is_not_read(serve: Serve) -> None:
    api = serve(max_upload_mb=1)
    head = "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(f"{head}Content-Length: {6 * MB}\r\n\r\n".encode())
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_request_that_does_not_say_so_is_cut_off(serve: Serve) -> None:
    api = serve(max_upload_mb=1)

    def endless() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'
        for _ in range(8):
            yield b"\0" * MB

    answer = api.http.post("/v1/detect", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_request_that_stops_coming_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "READING", 0.05)
    head = "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n--x".encode())
        assert b" 408 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(serve: Serve) -> None:
    api = serve(max_pixels=10_000)
    answer = api.post("/v1/detect", RED, RED, RED)
    assert (answer.status_code, answer.json()["code"]) == (413, "photo_too_large")


@pytest.mark.parametrize("content", [b"", b"--x", b"{}", b"\xff" * 100])
def test_a_body_that_is_no_form_is_refused(api: Api, content: bytes) -> None:
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/json", "text/plain"):
        answer = api.http.post("/v1/detect", content=content, headers={"Content-Type": kind})
        assert answer.status_code in (400, 422), (kind, answer.text)
        assert answer.json()["detail"]


# -- what is told ---------------------------------------------------------------------


def test_everything_is_counted_by_route_and_outcome(api: Api) -> None:
    api.enrol("Ann", RED)
    api.post("/v1/verify", DARK_RED, claim="Ann")
    api.post("/v1/verify", GREEN, claim="Ann")
    api.post("/v1/identify", GREEN, RED)
    api.post("/v1/verify", claim="Ann")
    api.http.get("/v1/people/Ann")
    api.http.get("/nowhere")
    text = api.http.get("/metrics").text
    for line in (
        'facenet_requests_total{method="POST",route="/v1/verify",status="200"} 2.0',
        'facenet_requests_total{method="POST",route="/v1/verify",status="422"} 1.0',
        'facenet_requests_total{method="GET",route="/v1/people/{person}",status="200"} 1.0',
        'facenet_requests_total{method="GET",route="other",status="404"} 1.0',
        'facenet_decisions_total{kind="verify",outcome="match"} 1.0',
        'facenet_decisions_total{kind="verify",outcome="no_match"} 1.0',
        'facenet_decisions_total{kind="identify",outcome="match"} 1.0',
        'facenet_not_acquired_total{code="no_face"} 1.0',
        'facenet_stage_seconds_count{stage="decode"} 5.0',
        'facenet_stage_seconds_count{stage="detect"} 5.0',
        'facenet_stage_seconds_count{stage="embed"} 4.0',
        'facenet_stage_seconds_count{stage="decide"} 4.0',
        'facenet_stage_seconds_count{stage="store"} 1.0',
        "facenet_people 1.0",
        "facenet_templates 1.0",
        "facenet_queue 0.0",
    ):
        assert line in text.splitlines(), (line, text)
    assert "Ann" not in text


def test_events_say_who_did_what_without_names_of_people(serve: Serve) -> None:
    api = serve(keys=True)
    manager, door = api.key("manage", name="office"), api.key("identify", "verify", name="door")
    ann = api.enrol("Ann", RED)
    api.post("/v1/verify", DARK_RED, claim="Ann", headers=door)
    api.post("/v1/identify", GREEN, headers=door)
    api.http.delete("/v1/people/Ann", headers=manager)
    events = api.http.get("/v1/events", headers=manager).json()["events"]
    assert {e["door"] for e in events} == {"api"}
    assert [(e["kind"], e["who"], e["person_id"], e["outcome"]) for e in events] == [
        ("remove", "office", ann, "removed"),
        ("identify", "door", None, "no_match"),
        ("verify", "door", ann, "match"),
    ]
    later = api.http.get("/v1/events", params={"before": events[0]["id"], "limit": 1}, headers=manager).json()
    assert later["events"] == events[1:2]


def test_what_can_not_be_noted_is_not_answered(api: Api) -> None:
    api.enrol("Ann", RED)
    (api.service.settings.db / "events.sqlite").mkdir()
    answer = api.post("/v1/verify", RED, claim="Ann")
    assert (answer.status_code, answer.json()["code"]) == (503, "store")
    assert "outcome" not in answer.json()


def test_no_log_holds_a_name_a_secret_or_anything_biometric(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api = serve(keys=True)
    # A server of its own: pytest would listen in on one that is older than this test, and so make it write a log.
    with serving(api.app) as url, httpx.Client(base_url=url) as api.http:
        said = _asked_everything(api)
    ours = [record for record in caplog.records if record.name.startswith(("facenet_core", "uvicorn"))]
    logged = "\n".join(f"{record.getMessage()} {sorted(vars(record).items(), key=str)}" for record in ours)
    assert "/v1/people/{person}" in logged
    for private in said:
        assert private not in logged, private


def _asked_everything(api: Api) -> list[str]:
    """What must not be in a log of it."""
    _, secret = api.service.keys.create("office", ["manage"])
    headers = {"Authorization": f"Bearer {secret}"}
    given = {"photos": ("private-photo.png", photo(RED))}
    api.http.post("/v1/people", files=given, data={"name": "Zebulon"}, headers=headers)
    api.post("/v1/verify", DARK_RED, claim="Zebulon", headers=headers)
    api.post("/v1/identify", DARK_RED, headers=headers)
    embedding = api.post("/v1/embed", DARK_RED, headers=headers).json()["faces"][0]["embedding"]
    api.http.get("/v1/people/Zebulon", headers=headers)
    api.http.get("/v1/people/Eve", headers={"X-API-Key": secret[:-1]})
    api.http.delete("/v1/people/Zebulon", headers=headers)
    return ["Zebulon", "private-photo", secret[-20:], str(embedding[0])[:8]]
