"""docs/api.md against the server."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from facenet_core.api import answers, simple
from facenet_core.api.app import create_api
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.service import FaceService
from tests.api.conftest import Api
from tests.api.test_access import ROUTES, TAKES
from tests.fakes import BLUE, GREEN, MEASURED, RED, photo

TEXT = (PROJECT_ROOT / "docs" / "api.md").read_text("utf-8")
DOCUMENTED = dict(
    re.findall(r"^`((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`.*?^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
)


def test_every_answer_and_error_has_an_example_of_its_kind() -> None:
    document = create_api(FaceService(load_settings()), keys_required=True).openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if "json" not in kind:
                        continue
                    name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
                    model = next(m for m in (answers, simple) if hasattr(m, name))
                    getattr(model, name).model_validate(content["example"])
                    assert content["example"], (method, path, status)


def test_every_route_is_documented_with_an_example() -> None:
    assert DOCUMENTED.keys() == ROUTES.keys()


def test_roles_are_those_of_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == {role for role in TAKES.values() if role}


@pytest.mark.parametrize("route", DOCUMENTED)
def test_an_example_is_a_request_that_the_server_takes(api: Api, monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    monkeypatch.setattr(api.service, "calibration", lambda model_id=None: MEASURED)
    grace, jane = ("Ada", "Jo") if route in ("POST /v1/people", "POST /add_face") else ("Grace Hopper", "jane_smith")
    api.enrol(grace, RED, BLUE)
    api.enrol(jane, GREEN)
    template = api.service.repository.person(grace).templates[0].id
    job = api.http.post("/v1/jobs/identify", files={"photos": ("a.png", photo(RED))}).json()["id"]
    archive = api.http.get("/v1/export").content
    words = shlex.split(DOCUMENTED[route].replace("$PHOTO", template).replace("$JOB", job).replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, headers, form, files, body = None, {}, {}, [], None
    (url,) = [word for word in words if word.startswith("http://")]
    for option, value in pairwise(words):
        if option == "-X":
            method = value
        elif option == "-H":
            name, _, content = value.partition(": ")
            headers[name] = content
        elif option == "-d":
            body = value
        elif option == "-F":
            name, _, content = value.partition("=")
            if content.startswith("@"):
                file = archive if name == "archive" else photo((200 - 40 * len(files), 99, 10 + 60 * len(files)))
                files.append((name, (content[1:], file)))
            else:
                form.setdefault(name, []).append(content)
    parts = urlsplit(url)
    made = method or ("POST" if files else "GET")
    assert made == route.split()[0]
    pattern = re.escape(route.split()[1]).replace(r"\{", "{").replace(r"\}", "}")
    assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), parts.path)
    if "accept_poor" not in form and made == "POST" and parts.path.startswith(("/v1/people", "/v1/jobs/enrol")):
        form["accept_poor"] = ["true"]  # colours are no good portraits
    given = {"headers": headers, "params": parts.query} | (
        {"files": files, "data": form} if files else {"content": body}
    )
    answer = api.http.request(made, parts.path, **given)
    assert answer.is_success, answer.text
