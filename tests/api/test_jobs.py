from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from facenet_core.api import jobs
from facenet_core.engine import FaceEngine
from facenet_core.types import Detection
from tests.api.conftest import Api, Serve
from tests.fakes import BLUE, GREEN, RED, FakeDetector, FakeEmbedder, photo


class SlowDetector(FakeDetector):
    """Waits to be told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = threading.Semaphore(0)

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        if not pixels.any():  # that of warming up
            return ()
        self.asked.release()
        assert self.go_on.wait(20)
        return super().detect(pixels)


def start(api: Api, kind: str, *photos: bytes, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
    files = [("photos", (f"{number}.png", content)) for number, content in enumerate(photos)]
    return api.http.post(f"/v1/jobs/{kind}", files=files, data=form, headers=headers)


def eventually(api: Api, job: str, done: Callable[[Any], bool] = lambda said: said["ended_at"]) -> Any:
    """What is said of a job once something has come about."""
    for _ in range(2000):
        said = api.http.get(f"/v1/jobs/{job}").json()
        if done(said):
            return said
        threading.Event().wait(0.005)
    raise AssertionError(said)


def test_many_photos_are_searched_and_each_is_answered(api: Api) -> None:
    api.enrol("Ann", RED)
    begun = start(api, "identify", photo(RED), b"hello", photo(GREEN, RED))
    assert begun.status_code == 202
    assert begun.headers["Location"] == f"jobs/{begun.json()['id']}"
    said = eventually(api, begun.json()["id"])
    assert (said["state"], said["total"], said["done"]) == ("done", 3, 3)
    first, bad, third = said["results"]
    assert (first["photo"], first["identification"]["faces"][0]["outcome"]) == ("0.png", "match")
    assert (bad["photo"], bad["problem"]["code"], bad["identification"]) == ("1.png", "not_a_photo", None)
    assert [face["outcome"] for face in third["identification"]["faces"]] == ["no_match", "match"]
    later = api.http.get(f"/v1/jobs/{said['id']}", params={"offset": 2}).json()
    assert later["results"] == [third]


def test_many_people_are_enrolled_and_one_refused_photo_does_not_stop_the_rest(api: Api) -> None:
    begun = start(api, "enrol", photo(RED), photo(), photo(BLUE), names=["Ann", "Eve", "Bob"])
    said = eventually(api, begun.json()["id"])
    assert [result["outcome"]["code"] for result in said["results"]] == ["enrolled", "no_face", "enrolled"]
    assert api.names() == ["Ann", "Bob"]
    one = start(api, "enrol", photo(GREEN), photo(GREEN, mark=1), names=["Gil"])
    eventually(api, one.json()["id"])
    assert len(api.service.repository.person("Gil").templates) == 2


def test_names_and_photos_must_fit(api: Api) -> None:
    answer = start(api, "enrol", photo(RED), photo(BLUE), photo(GREEN), names=["Ann", "Bob"])
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "There are 3 photos and 2 names: one for all, or each.",
    )


def test_a_job_is_watched_and_cancelled(serve: Serve) -> None:
    detector = SlowDetector()
    api = serve(engine=FaceEngine(detector, FakeEmbedder()))
    running = start(api, "identify", *[photo(RED, mark=n) for n in range(40)]).json()
    queued = start(api, "identify", photo(RED)).json()
    assert detector.asked.acquire(timeout=20)
    assert api.http.get(f"/v1/jobs/{running['id']}").json()["state"] == "running"
    assert api.http.delete(f"/v1/jobs/{queued['id']}").json()["state"] == "cancelled"
    assert api.http.delete(f"/v1/jobs/{running['id']}").status_code == 200
    detector.go_on.set()
    said = eventually(api, running["id"])
    assert said["state"] == "cancelled"
    assert said["done"] < 40


def test_too_many_jobs_are_refused_with_a_time_to_come_back(serve: Serve) -> None:
    detector = SlowDetector()
    api = serve(engine=FaceEngine(detector, FakeEmbedder()))
    begun = [start(api, "identify", photo(RED)) for _ in range(jobs.UNFINISHED + 1)]
    assert [answer.status_code for answer in begun] == [202] * jobs.UNFINISHED + [429]
    assert int(begun[-1].headers["Retry-After"]) > 0
    detector.go_on.set()
    for answer in begun[:-1]:
        assert eventually(api, answer.json()["id"])["state"] == "done"
    assert start(api, "identify", photo(RED)).status_code == 202


def test_a_job_is_its_owners_and_a_managers(serve: Serve) -> None:
    api = serve(keys=True)
    owner, other, manager = api.key("identify", name="a"), api.key("identify", name="b"), api.key("manage")
    job = start(api, "identify", photo(RED), headers=owner).json()["id"]
    asked = [api.http.get(f"/v1/jobs/{job}", headers=key).status_code for key in (owner, other, manager)]
    assert asked == [200, 404, 200]
    assert api.http.delete(f"/v1/jobs/{job}", headers=other).status_code == 404


def test_results_are_forgotten(api: Api) -> None:
    job = start(api, "identify", photo(RED)).json()["id"]
    eventually(api, job)
    kept = api.http.get(f"/v1/jobs/{job}")
    assert kept.status_code == 200
    registry: jobs.Jobs = api.app.state.context.jobs
    registry._now = lambda: datetime.now(UTC) + jobs.KEPT + timedelta(seconds=1)
    assert api.http.get(f"/v1/jobs/{job}").json()["code"] == "unknown_job"


def test_a_job_that_is_sent_again_is_not_begun_again(api: Api) -> None:
    headers = {"Idempotency-Key": "1"}
    first = start(api, "enrol", photo(RED), names=["Ann"], headers=headers).json()
    said = eventually(api, first["id"])
    again = start(api, "enrol", photo(RED), names=["Ann"], headers=headers)
    assert (again.status_code, again.json()) == (202, said)
    other = start(api, "enrol", photo(RED), names=["Bob"], headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key")
