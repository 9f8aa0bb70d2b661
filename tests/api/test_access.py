"""Every route, for every role and every kind of key."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facenet_core.api.app import create_api
from facenet_core.config import load_settings
from facenet_core.service import FaceService
from facenet_core.types import ROLES, Role
from tests.api.conftest import Api, Serve
from tests.fakes import RED

TAKES: dict[str, Role | None] = {
    "POST /add_face": "enrol",
    "POST /match_face": "identify",
    "GET /list_faces": "manage",
    "DELETE /delete_face/{face_id}": "manage",
    "GET /stats": "manage",
    "GET /metrics": "manage",
    "POST /v1/verify": "verify",
    "POST /v1/compare": "verify",
    "POST /v1/detect": "verify",
    "POST /v1/identify": "identify",
    "POST /v1/embed": "manage",
    "GET /v1/people": "manage",
    "POST /v1/people": "enrol",
    "GET /v1/people/{person}": "manage",
    "PATCH /v1/people/{person}": "manage",
    "DELETE /v1/people/{person}": "manage",
    "POST /v1/people/{person}/photos": "enrol",
    "GET /v1/people/{person}/photos/{photo}": "manage",
    "DELETE /v1/people/{person}/photos/{photo}": "manage",
    "POST /v1/jobs/identify": "identify",
    "POST /v1/jobs/enrol": "enrol",
    "GET /v1/jobs/{job}": None,
    "DELETE /v1/jobs/{job}": None,
    "GET /v1/export": "manage",
    "POST /v1/import": "manage",
    "GET /v1/model": "verify",
    "GET /v1/thresholds": "verify",
    "GET /v1/calibration": "verify",
    "PUT /v1/thresholds/targets": "manage",
    "GET /v1/events": "manage",
}
"""What each route takes; None for any key. /health takes none."""


def routes() -> dict[str, str]:
    """Each documented route, and a path that leads to it."""
    api = create_api(FaceService(load_settings()), keys_required=True)
    made = {}
    for path, methods in api.openapi()["paths"].items():
        for method in methods:
            filled = path.replace("{photo}", "a" * 32).replace("{job}", "a" * 32)
            made[f"{method.upper()} {path}"] = filled.replace("{person}", "Ann").replace("{face_id}", "Ann")
    return made


ROUTES = routes()


def ask(api: Api, route: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return api.http.request(route.split()[0], ROUTES[route], headers=headers)


def test_every_route_is_known_to_these_tests() -> None:
    assert ROUTES.keys() == TAKES.keys() | {"GET /health"}


def test_a_route_lets_in_its_role_and_managers_and_nobody_else(serve: Serve) -> None:
    api = serve(keys=True, api_rate="100000/minute")
    keys = {role: api.key(role) for role in ROLES}
    for route, takes in TAKES.items():
        for role, headers in keys.items():
            answer = ask(api, route, headers)
            allowed = takes is None or role in (takes, "manage")
            assert (answer.status_code == 403) != allowed, (route, role, answer.text)
            assert answer.status_code != 401
    api.enrol("Ann", RED)
    assert ask(api, "DELETE /v1/people/{person}", keys["enrol"]).status_code == 403
    assert api.names() == ["Ann"]


def test_no_route_lets_in_whoever_has_no_good_key(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    api = serve(keys=True)
    api.enrol("Ann", RED)
    good, secret = api.service.keys.create("good", ["manage"])
    revoked = api.key("manage", name="revoked")
    api.service.keys.revoke("revoked")
    _, ended = api.service.keys.create("ended", ["manage"], datetime.now(UTC) + timedelta(seconds=2))
    now = datetime.now(UTC) + timedelta(seconds=3)
    monkeypatch.setattr(api.service.keys, "_now", lambda: now)
    wrong = f"fnk_{good.id}_{'A' * 43}"
    refused = {
        "An API key is needed": {},
        "This API key was revoked.": revoked,
        "This API key has expired.": {"X-API-Key": ended},
        "This API key is not known.": {"Authorization": f"Bearer {wrong}"},
    }
    for route in TAKES:
        for reason, headers in refused.items():
            answer = ask(api, route, headers)
            assert answer.status_code == 401, (route, reason, answer.text)
            assert reason in answer.json()["detail"]
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert api.names() == ["Ann"]
    assert ask(api, "GET /v1/people", {"X-API-Key": secret}).status_code == 200
    assert ask(api, "GET /health").status_code == 200


def test_who_has_no_key_is_refused_before_what_they_send_is_read(serve: Serve) -> None:
    api = serve(keys=True)
    head = "POST /v1/identify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection(("127.0.0.1", int(api.url.rsplit(":", 1)[1])), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode())  # and nothing of it follows
        assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8000"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "localhost.evil.example"},
    ],
)
def test_a_browser_can_not_carry_in_what_another_site_sends(api: Api, headers: dict[str, str]) -> None:
    for route in TAKES:
        assert ask(api, route, headers).status_code == 403, route


def test_programs_on_this_machine_need_no_key(api: Api) -> None:
    assert api.http.get("/v1/people").status_code == 200
    port = api.url.rsplit(":", 1)[1]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        given = {"Host": host, "Origin": f"http://{host}"}
        assert api.http.get("/v1/people", headers=given).status_code == 200


def test_even_here_a_key_that_is_given_must_be_good(api: Api) -> None:
    assert api.http.get("/v1/people", headers={"X-API-Key": "fnk_x"}).status_code == 401


def test_a_key_that_asks_too_often_waits_and_others_do_not(serve: Serve) -> None:
    api = serve(keys=True, api_rate="3/minute")
    first, second = api.key("manage"), api.key("verify")
    statuses = [api.http.get("/v1/model", headers=first).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    answer = api.http.get("/v1/model", headers=first)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.json()["code"] == "rate"
    assert api.http.get("/v1/model", headers=second).status_code == 200
