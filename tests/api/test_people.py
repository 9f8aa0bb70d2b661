from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from facenet_core import images
from tests.api.conftest import Api
from tests.fakes import BLUE, DARK_RED, GREEN, RED, YELLOW, Colour, photo


def files(*photos: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photos", given) for given in photos]


def add(api: Api, name: str, *photos: tuple[str, bytes], **headers: str) -> httpx.Response:
    data = {"name": name, "accept_poor": "true"}
    return api.http.post("/v1/people", data=data, files=files(*photos), headers=headers)


def named(name: str, *colours: Colour, mark: int = 0) -> tuple[str, bytes]:
    return name, photo(*colours, mark=mark)


def test_a_person_comes_and_goes(api: Api) -> None:
    answer = add(api, "Ann", named("a.png", RED), named("b.png", DARK_RED))
    assert answer.status_code == 201
    person = answer.json()["person"]
    assert (person["name"], [p["source_name"] for p in person["photos"]]) == ("Ann", ["a.png", "b.png"])
    assert all(p["current"] for p in person["photos"])
    got = api.http.get(f"/v1/people/{person['id']}")
    assert got.json() == person == api.http.get("/v1/people/ann").json()
    assert got.headers["ETag"] == answer.headers["ETag"]

    renamed = api.http.patch("/v1/people/Ann", json={"name": "Anne"})
    assert (renamed.status_code, renamed.json()["name"], api.names()) == (200, "Anne", ["Anne"])

    first, second = person["photos"]
    shown = api.http.get(f"/v1/people/Anne/photos/{first['id']}")
    assert (shown.headers["Content-Type"], shown.headers["Cache-Control"]) == ("image/webp", "no-store")
    assert images.decode(shown.content, "a").width == 120
    assert api.http.delete(f"/v1/people/Anne/photos/{first['id']}").status_code == 204
    assert api.http.get(f"/v1/people/Anne/photos/{first['id']}").status_code == 404
    assert [p["id"] for p in api.http.get("/v1/people/Anne").json()["photos"]] == [second["id"]]

    assert api.http.delete("/v1/people/Anne").status_code == 204
    assert api.names() == [] and api.http.get("/v1/people/Anne").status_code == 404


def test_people_come_page_by_page_and_can_be_searched(api: Api) -> None:
    for name, colour in (("Ann", RED), ("Bob", BLUE), ("Anna", GREEN)):
        api.enrol(name, colour)
    page = api.http.get("/v1/people", params={"limit": 2}).json()
    assert ([p["name"] for p in page["people"]], page["total"], page["next"]) == (["Ann", "Anna"], 3, 2)
    rest = api.http.get("/v1/people", params={"limit": 2, "offset": 2}).json()
    assert ([p["name"] for p in rest["people"]], rest["next"]) == (["Bob"], None)
    found = api.http.get("/v1/people", params={"query": "ANN"}).json()
    assert ([p["name"] for p in found["people"]], found["people"][0]["photos"]) == (["Ann", "Anna"], 1)


def test_one_refused_photo_does_not_stop_the_rest_and_says_why(api: Api) -> None:
    answer = add(api, "Ann", named("good.png", RED), ("bad.txt", b"hello"), named("two.png", RED, BLUE))
    assert answer.status_code == 201
    assert [(p["photo"], p["accepted"], p["code"]) for p in answer.json()["photos"]] == [
        ("good.png", True, "enrolled"),
        ("bad.txt", False, "not_a_photo"),
        ("two.png", False, "several_faces"),
    ]
    assert len(answer.json()["person"]["photos"]) == 1


def test_nobody_is_there_when_no_photo_was_accepted(api: Api) -> None:
    answer = add(api, "Ann", ("bad.txt", b"hello"), named("nobody.png"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "none_accepted")
    assert [p["code"] for p in problem["photos"]] == ["not_a_photo", "no_face"]
    assert "bad.txt" in problem["detail"] and "nobody.png" in problem["detail"]
    assert api.names() == []
    assert add(api, "Ann", ("bad.txt", b"hello")).json()["code"] == "not_a_photo"


def test_a_name_that_is_taken_stays_whose_it_is(api: Api) -> None:
    api.enrol("Ann", RED)
    api.enrol("Bob", BLUE)
    assert add(api, "ANN", named("a.png", GREEN)).json()["code"] == "person_exists"
    assert api.http.patch("/v1/people/Bob", json={"name": "ann"}).status_code == 409
    assert api.names() == ["Ann", "Bob"]


def test_of_many_who_add_the_same_new_person_at_once_one_does(api: Api) -> None:
    def ask(number: int) -> tuple[int, str]:
        with httpx.Client(base_url=api.url, timeout=30) as http:
            data = {"name": "Ann", "accept_poor": "true"}
            answer = http.post("/v1/people", data=data, files=files(named("a.png", RED, mark=number)))
        return answer.status_code, answer.json().get("code", "")

    with ThreadPoolExecutor(8) as pool:
        answered = sorted(pool.map(ask, range(8)))
    assert answered == [(201, "")] + [(409, "person_exists")] * 7
    assert len(api.service.repository.person("Ann").templates) == 1


def test_photos_are_added_to_a_person(api: Api) -> None:
    api.enrol("Ann", RED)
    answer = api.http.post("/v1/people/Ann/photos", data={"face": 2}, files=files(named("b.png", BLUE, DARK_RED)))
    assert (answer.status_code, len(answer.json()["person"]["photos"])) == (201, 2)
    other = api.http.post("/v1/people/Ann/photos", files=files(named("c.png", GREEN)))
    assert (other.status_code, other.json()["photos"][0]["code"]) == (422, "poor_photo")
    assert api.http.post("/v1/people/Eve/photos", files=files(named("d.png", YELLOW))).status_code == 404


def test_the_last_photo_of_a_person_can_not_go_alone(api: Api) -> None:
    api.enrol("Ann", RED)
    (only,) = api.http.get("/v1/people/Ann").json()["photos"]
    assert api.http.delete(f"/v1/people/Ann/photos/{only['id']}").status_code in (409, 422)
    assert len(api.service.repository.person("Ann").templates) == 1


def test_who_knows_an_old_state_does_not_overwrite_a_newer_one(api: Api) -> None:
    api.enrol("Ann", RED)
    old = api.http.get("/v1/people/Ann").headers["ETag"]
    assert api.http.get("/v1/people/Ann", headers={"If-None-Match": old}).status_code == 304
    api.http.patch("/v1/people/Ann", json={"name": "Anne"})
    late = api.http.delete("/v1/people/Anne", headers={"If-Match": old})
    assert (late.status_code, late.json()["code"]) == (412, "changed")
    assert api.http.patch("/v1/people/Anne", json={"name": "A"}, headers={"If-Match": old}).status_code == 412
    new = api.http.get("/v1/people/Anne").headers["ETag"]
    assert new != old
    assert api.http.delete("/v1/people/Anne", headers={"If-Match": new}).status_code == 204


# -- requests that come again ----------------------------------------------------


def test_a_request_that_comes_again_is_not_carried_out_again(api: Api) -> None:
    first = add(api, "Ann", named("a.png", RED), **{"Idempotency-Key": "1"})
    again = add(api, "Ann", named("a.png", RED), **{"Idempotency-Key": "1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() and again.headers["ETag"] == first.headers["ETag"]
    assert len(api.service.people()[0].templates) == 1
    other = add(api, "Bob", named("a.png", RED), **{"Idempotency-Key": "1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key")


def test_a_request_that_failed_may_come_again(api: Api) -> None:
    assert add(api, "Ann", ("bad.txt", b"hello"), **{"Idempotency-Key": "1"}).status_code == 422
    assert add(api, "Ann", named("a.png", RED), **{"Idempotency-Key": "1"}).status_code == 201


# -- moving ------------------------------------------------------------------------


def test_everybody_moves_to_another_machine(api: Api) -> None:
    api.enrol("Ann", RED)
    api.enrol("Bob", BLUE)
    archive = api.http.get("/v1/export")
    assert archive.headers["Content-Type"] == "application/zip"
    api.http.delete("/v1/people/Bob")
    given = {"archive": ("people.zip", archive.content)}
    preview = api.http.post("/v1/import", files=given, data={"preview": "true"}).json()
    assert (preview["imported"], preview["added_people"], preview["skipped_photos"], api.names()) == (
        False,
        1,
        1,
        ["Ann"],
    )
    done = api.http.post("/v1/import", files=given).json()
    assert (done["imported"], done["added_people"], api.names()) == (True, 1, ["Ann", "Bob"])


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_a_file_that_is_no_archive_changes_nothing(api: Api, content: bytes) -> None:
    api.enrol("Ann", RED)
    answer = api.http.post("/v1/import", files={"archive": ("x.zip", content)}, data={"mode": "replace"})
    assert (answer.status_code, answer.json()["code"]) == (422, "archive")
    assert api.names() == ["Ann"]
