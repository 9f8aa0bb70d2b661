"""The client against a server, and against nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from facenet_core.client import ApiError, Client, connection, questions
from tests.api.conftest import Api, Serve
from tests.fakes import BLUE, DARK_RED, GREEN, RED, photo


def file(folder: Path, name: str, *colours: tuple[int, int, int], mark: int = 0) -> Path:
    path = folder / name
    path.write_bytes(photo(*colours, mark=mark))
    return path


def test_all_that_the_api_does(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "POLL", 0.01)
    api = serve(keys=True)
    _, secret = api.service.keys.create("office", ["manage"])
    with Client(api.url, secret) as client:
        assert client.health().status == "healthy"
        assert client.model().id == "fake"
        added = client.add_person("Ann", [file(tmp_path, "a.png", RED)], accept_poor=True)
        assert [each.code for each in added.photos] == ["enrolled"]
        more = client.add_photos("Ann", [("b.png", photo(DARK_RED))], accept_poor=True)
        assert len(more.person.photos) == 2
        assert client.verify(file(tmp_path, "c.png", RED, mark=1), "Ann").outcome == "match"
        assert client.verify(file(tmp_path, "d.png", GREEN, RED), "Ann", face=2, threshold=0.1).face.number == 2
        (face,) = client.identify(("p.png", photo(GREEN)), top_k=1).faces
        assert (face.outcome, len(face.candidates)) == ("no_match", 1)
        assert client.compare(("a", photo(RED)), ("b", photo(BLUE, RED)), faces=(None, 2)).matched
        assert len(client.detect(("a", photo(RED, BLUE))).faces) == 2
        assert len(client.embed(("a", photo(RED))).faces[0].embedding) == 4

        job = client.wait(client.start_enrolling([("x.png", photo(BLUE)), ("y.png", photo())], ["Bob"]))
        assert [result.outcome.code for result in job.results if result.outcome] == ["enrolled", "no_face"]
        found = client.wait(client.start_identifying([("z.png", photo(BLUE))], top_k=1))
        assert client.cancel(found).state == "done"
        assert [person.name for person in client.people("b")] == ["Bob"]

        client.export(tmp_path / "people.zip")
        renamed = client.rename("Ann", "Anne Ä?")
        assert client.person("anne ä?").id == renamed.id
        assert client.photo("Anne Ä?", renamed.photos[0].id)[8:12] == b"WEBP"
        client.remove_photo("Anne Ä?", renamed.photos[0].id)
        client.remove("Anne Ä?")
        assert client.import_people(tmp_path / "people.zip", preview=True).added_people == 1
        assert client.import_people(tmp_path / "people.zip").imported
        assert [person.name for person in client.people()] == ["Ann", "Bob"]
        assert client.thresholds().verify.distance == 0.5
        assert client.set_targets(fmr=0.01).targets.fmr == 0.01
        assert client.events(1)[0].outcome == "targets"


def test_everybody_is_listed_over_several_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        api.enrol(f"Person {number}", (40 + 25 * number, 250 - 30 * number, 90))
    asked = []
    with api.client() as client:
        plain = client._server.http.request

        def small(method: str, url: str, **given: object) -> httpx.Response:
            asked.append(url)
            params = {**(given.pop("params") or {}), "limit": 3}  # type: ignore[dict-item]
            return plain(method, url, params=params, **given)  # type: ignore[arg-type]

        monkeypatch.setattr(client._server.http, "request", small)
        assert [person.name for person in client.people()] == [f"Person {n}" for n in range(7)]
    assert len(asked) == 3


def test_a_refusal_carries_what_the_server_says(api: Api) -> None:
    with api.client() as client, pytest.raises(ApiError, match=r"holiday\.txt: This is not a photo") as caught:
        client.detect(("holiday.txt", b"hello"))
    assert caught.value.status == 415
    assert caught.value.problem and caught.value.problem.code == "not_a_photo"


def test_a_key_that_is_not_good_is_said(serve: Serve) -> None:
    api = serve(keys=True)
    with api.client() as client, pytest.raises(ApiError, match="An API key is needed"):
        client.model()
    with api.client("fnk_no") as client, pytest.raises(ApiError, match="not known"):
        client.model()


def test_a_server_that_is_not_there_is_said() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ApiError, match="can't be reached"):
        client.model()


def test_a_file_that_is_not_there_is_said(api: Api, tmp_path: Path) -> None:
    with api.client() as client, pytest.raises(ApiError, match=r"none\.jpg: this file can't be read"):
        client.detect(tmp_path / "none.jpg")


@pytest.mark.parametrize(("statuses", "asked"), [((429, 503, 200), 3), ((429,) * 9, 4), ((404, 200), 1)])
def test_a_busy_server_is_asked_again_after_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, ...], asked: int
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(connection.time, "sleep", waited.append)
    coming = iter(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        status = next(coming)
        content = b'{"verify": 1}' if status == 200 else b""
        return httpx.Response(status, headers={"Retry-After": "7"}, content=content)

    client = Client(transport=httpx.MockTransport(answer))
    with client, pytest.raises(ApiError) as caught:
        client.thresholds()
    assert waited == [7] * (asked - 1)
    said = "not an answer of this program" if statuses[asked - 1] == 200 else f"answered {statuses[asked - 1]}"
    assert said in str(caught.value)


@pytest.mark.parametrize(("asks", "times"), [("thresholds", 3), ("add_person", 3), ("rename", 1)])
def test_a_lost_answer_is_asked_for_again_where_that_does_no_harm(asks: str, times: int) -> None:
    seen: list[str | None] = []

    def lose(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Idempotency-Key"))
        raise httpx.ReadError("connection reset")

    given = {"add_person": ("Ann", [("a.png", b"x")]), "rename": ("Ann", "Bob")}.get(asks, ())
    with Client(retries=2, transport=httpx.MockTransport(lose)) as client, pytest.raises(ApiError):
        getattr(client, asks)(*given)
    assert len(seen) == times and len(set(seen)) == 1
    assert (seen[0] is not None) == (asks == "add_person")
