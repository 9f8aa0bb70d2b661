from __future__ import annotations

import numpy as np
import pytest

from tests.api.conftest import Api, Serve
from tests.fakes import BLUE, DARK_RED, GREEN, MEASURED, MODEL, RED, THRESHOLD, YELLOW, photo


def test_a_claim_is_answered_with_all_that_it_rests_on(api: Api) -> None:
    ann = api.enrol("Ann", RED, DARK_RED)
    answer = api.post("/v1/verify", RED, mark=9, claim="ann").json()
    assert (answer["matched"], answer["outcome"], answer["outcome_without"]) == (True, "match", "match")
    assert answer["candidate"].items() >= {
        "person_id": ann, "person": "Ann", "distance": 0.0, "photo": 1, "photos": 2, "photo_distance": 0.0
    }.items()  # fmt: skip
    assert (answer["threshold"]["distance"], answer["threshold"]["origin"]) == (THRESHOLD, "fixed")
    assert (answer["face"]["number"], answer["faces"]) == (1, 1)
    assert answer["face"]["box"] == [30.0, 30.0, 90.0, 90.0]
    assert answer["face"]["landmarks"].keys() == {"left_eye", "right_eye", "nose", "mouth_left", "mouth_right"}
    assert answer["model"]["id"] == MODEL.model
    assert answer["seconds"] > 0
    refused = api.post("/v1/verify", GREEN, claim=ann).json()
    assert (refused["matched"], refused["outcome"]) == (False, "no_match")


def test_a_face_can_be_chosen_and_a_threshold_given(api: Api) -> None:
    api.enrol("Ann", RED)
    assert api.post("/v1/verify", GREEN, BLUE, RED, claim="Ann").json()["outcome"] == "no_match"
    chosen = api.post("/v1/verify", GREEN, BLUE, RED, claim="Ann", face=3).json()
    assert (chosen["outcome"], chosen["face"]["number"], chosen["faces"]) == ("match", 3, 3)
    strict = api.post("/v1/verify", DARK_RED, claim="Ann", threshold=0).json()
    assert (strict["outcome"], strict["threshold"]["distance"]) == ("no_match", 0.0)


def test_a_search_names_every_face_or_nobody(api: Api) -> None:
    api.enrol("Ann", RED)
    bob = api.enrol("Bob", BLUE)
    answer = api.post("/v1/identify", BLUE, GREEN, DARK_RED).json()
    assert [(each["face"]["number"], each["outcome"]) for each in answer["faces"]] == [
        (1, "match"),
        (2, "no_match"),
        (3, "match"),
    ]
    assert answer["faces"][0]["candidates"][0]["person_id"] == bob
    assert answer["photos_searched"] == 2
    few = api.post("/v1/identify", RED, top_k=1).json()
    assert [candidate["person"] for candidate in few["faces"][0]["candidates"]] == ["Ann"]


def test_a_search_can_aim_at_another_error_rate(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    api = serve(threshold=None, identify_threshold=None)
    monkeypatch.setattr(api.service, "calibration", lambda model_id=None: MEASURED)
    api.enrol("Ann", RED)
    limits = [
        api.post("/v1/identify", RED, **given).json()["faces"][0]["threshold"]["distance"]
        for given in ({}, {"target_fpir": 0.0001})
    ]
    assert limits[0] > limits[1]


def test_two_photos_are_compared_without_the_database(api: Api) -> None:
    files = {"first": ("a.png", photo(RED)), "second": ("b.png", photo(GREEN, DARK_RED))}
    other = api.http.post("/v1/compare", files=files).json()
    chosen = api.http.post("/v1/compare", files=files, data={"second_face": 2}).json()
    assert (other["outcome"], chosen["outcome"]) == ("no_match", "match")
    assert (chosen["first"]["number"], chosen["second"]["number"]) == (1, 2)
    assert 0 < chosen["distance"] < 0.1


def test_faces_are_found_with_their_quality(api: Api) -> None:
    answer = api.post("/v1/detect", RED, BLUE).json()
    assert (answer["width"], answer["height"], answer["prominent"]) == (200, 120, 1)
    assert [face["number"] for face in answer["faces"]] == [1, 2]
    assert answer["faces"][0]["quality"]["face_px"] == 60.0
    assert api.post("/v1/detect").json()["faces"] == []


def test_templates_are_given_to_whoever_asks_for_them_alone(api: Api) -> None:
    found = api.post("/v1/embed", RED).json()
    assert np.linalg.norm(found["faces"][0]["embedding"]) == pytest.approx(1, abs=1e-6)
    api.enrol("Ann", RED)
    for answer in (
        api.post("/v1/verify", RED, claim="Ann"),
        api.post("/v1/identify", RED),
        api.post("/v1/detect", RED),
        api.http.get("/v1/people/Ann"),
    ):
        assert "embedding" not in answer.text


@pytest.mark.parametrize(
    ("path", "colours", "form", "status", "code"),
    [
        ("/v1/verify", (), {"claim": "Ann"}, 422, "no_face"),
        ("/v1/verify", (RED,), {"claim": "Eve"}, 404, "unknown_person"),
        ("/v1/verify", (RED,), {"claim": "Ann", "face": 2}, 422, "setting"),
        ("/v1/verify", (RED,), {"claim": "Ann", "face": 0}, 422, "malformed"),
        ("/v1/verify", (RED,), {"claim": "Ann", "threshold": 3}, 422, "malformed"),
        ("/v1/verify", (RED,), {"claim": "Ann", "threshold": "nan"}, 422, "malformed"),
        ("/v1/verify", (RED,), {}, 400, "malformed"),
        ("/v1/identify", (RED,), {"top_k": 0}, 422, "malformed"),
        ("/v1/identify", (RED,), {"target_fpir": 0.9}, 422, "malformed"),
    ],
)
def test_a_mistake_is_told_as_a_problem(
    api: Api, path: str, colours: tuple[tuple[int, int, int], ...], form: dict[str, object], status: int, code: str
) -> None:
    api.enrol("Ann", RED)
    answer = api.post(path, *colours, **form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:facenet:{code}", status)
    assert problem["detail"]


def test_a_problem_with_a_photo_names_it(api: Api) -> None:
    answer = api.http.post("/v1/detect", files={"photo": ("holiday.jpg", b"hello")})
    assert (answer.status_code, answer.json()["photo"]) == (415, "holiday.jpg")
    strange = api.http.post("/v1/detect", files={"photo": ("../../etc/pass\x1bwd", b"hello")})
    assert strange.json()["photo"] in ("pass%1Bwd", "passwd")


def test_decisions_are_those_of_the_service(api: Api) -> None:
    api.enrol("Ann", RED)
    probe = photo(YELLOW, mark=3)
    analysis = api.service.analyse(api.service.photo(probe, "probe.png"))
    direct = api.service.verify(analysis, "Ann")
    through = api.http.post("/v1/verify", files={"photo": ("probe.png", probe)}, data={"claim": "Ann"}).json()
    assert through["candidate"]["distance"] == pytest.approx(direct.candidate.distance, abs=1e-6)
    assert through["outcome"] == direct.outcome
