"""The contract that clients of older servers use: names, types and statuses."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from PIL import Image

from facenet_core.types import OneIn
from tests.api.conftest import Api, Serve
from tests.fakes import BLUE, DARK_RED, GREEN, RED, photo


def add(api: Api, id_: str, *colours: tuple[int, int, int], mark: int = 0) -> tuple[int, dict[str, object]]:
    files = {"file": ("jane.png", photo(*colours, mark=mark))}
    answer = api.http.post("/add_face", files=files, data={"id": id_})
    return answer.status_code, answer.json()


def match(api: Api, *colours: tuple[int, int, int]) -> dict[str, object]:
    answer = api.http.post("/match_face", files={"file": ("query.png", photo(*colours))})
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


def test_a_face_is_added_matched_listed_and_deleted(api: Api) -> None:
    added = {"message": "Face added successfully", "embedding_size": 4}
    assert add(api, "jane_smith", RED) == (200, {**added, "id": "jane_smith", "total_faces": 1})
    assert add(api, "john_doe", BLUE) == (200, {**added, "id": "john_doe", "total_faces": 2})

    found = match(api, DARK_RED)
    assert found.keys() == {
        "match_found", "matched_id", "similarity_score", "threshold", "confidence", "processing_time_ms"
    }  # fmt: skip
    assert (found["match_found"], found["matched_id"]) == (True, "jane_smith")
    assert found["threshold"] == 0.875  # 1 - 0.5² / 2
    assert 0.99 < float(str(found["similarity_score"])) < 1
    assert isinstance(found["processing_time_ms"], int)

    listed = api.http.get("/list_faces").json()
    assert listed["total_faces"] == 2
    assert [face["id"] for face in listed["faces"]] == ["jane_smith", "john_doe"]
    assert all(datetime.fromisoformat(face["added_date"]).tzinfo for face in listed["faces"])

    deleted = api.http.delete("/delete_face/jane_smith")
    expected = {"message": "Face deleted successfully", "deleted_id": "jane_smith", "remaining_faces": 1}
    assert (deleted.status_code, deleted.json()) == (200, expected)
    assert api.names() == ["john_doe"]


def test_a_stranger_is_nobody_and_the_answer_says_so(api: Api) -> None:
    add(api, "jane_smith", RED)
    found = match(api, GREEN)
    assert found.keys() == {"match_found", "similarity_score", "threshold", "processing_time_ms", "message"}
    assert found["match_found"] is False
    assert found["message"] == "No face match found above threshold"
    assert float(str(found["similarity_score"])) < 0.875


def test_an_empty_database_knows_nobody(api: Api) -> None:
    found = match(api, RED)
    assert (found["match_found"], found["similarity_score"], found["message"]) == (False, 0.0, "No faces in database")


@pytest.mark.parametrize(
    ("strangers", "confidence"),
    [
        (200_000, "very_high"),
        (100_000, "very_high"),
        (99_999, "high"),
        (10_000, "high"),
        (9_999, "medium"),
        (2, "medium"),
    ],
)
def test_confidence_is_how_rare_the_similarity_is_among_strangers(
    api: Api, monkeypatch: pytest.MonkeyPatch, strangers: float, confidence: str
) -> None:
    add(api, "jane_smith", RED)
    monkeypatch.setattr(api.service, "_one_in", lambda *given: OneIn(strangers, "measured"))
    assert match(api, DARK_RED)["confidence"] == confidence


def test_of_several_faces_the_one_that_the_photo_is_of_is_matched(api: Api) -> None:
    add(api, "jane_smith", RED)
    assert match(api, GREEN, RED, BLUE)["match_found"] is True
    assert match(api, RED, GREEN, BLUE)["match_found"] is False


def test_the_database_in_numbers(api: Api) -> None:
    add(api, "jane_smith", RED)
    stats = api.http.get("/stats").json()
    assert stats.keys() == {
        "total_faces", "model", "embedding_dimension", "database_size_mb", "uptime_seconds", "last_updated"
    }  # fmt: skip
    assert (stats["total_faces"], stats["model"], stats["embedding_dimension"]) == (1, "fake", 4)
    assert 0 < stats["database_size_mb"] < 1 and stats["uptime_seconds"] >= 0
    assert datetime.fromisoformat(stats["last_updated"]).tzinfo


def test_health_says_what_works(api: Api) -> None:
    answer = api.http.get("/health")
    assert answer.status_code == 200
    said = answer.json()
    assert datetime.fromisoformat(said.pop("timestamp")).tzinfo
    assert said == {"status": "healthy", "model_loaded": True, "database_connected": True}


def test_a_damaged_database_is_no_good_health(api: Api) -> None:
    add(api, "jane_smith", RED)
    (api.service.settings.db / "facenet.json").write_bytes(b"{}")
    answer = api.http.get("/health")
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["database_connected"]) == ("unhealthy", False)


def large() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((1200, 1200), 90).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    ("route", "files", "data", "status", "detail"),
    [
        ("/match_face", None, {}, 400, "No file uploaded"),
        ("/add_face", None, {"id": "jane"}, 400, "No file uploaded"),
        ("/match_face", {"file": ("a.txt", b"hello")}, {}, 415, "a.txt: This is not a photo."),
        ("/match_face", {"file": ("empty.jpg", b"")}, {}, 415, "empty.jpg: "),
        ("/match_face", {"file": ("us.png", photo())}, {}, 422, "us.png: no face was found."),
        ("/add_face", {"file": ("us.png", photo(RED, BLUE))}, {"id": "jane"}, 422, "us.png: 2 faces were found."),
        ("/add_face", {"file": ("us.png", photo(RED))}, {"id": "  "}, 422, "name"),
        ("/match_face", {"file": ("large.png", large())}, {}, 413, "large.png: "),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_refused_in_words(
    serve: Serve, route: str, files: dict[str, tuple[str, bytes]], data: dict[str, str], status: int, detail: str
) -> None:
    api = serve(max_upload_mb=1)
    answer = api.http.post(route, files=files, data=data) if files else api.http.post(route, data=data)
    assert answer.status_code == status
    assert answer.json().keys() == {"detail"}
    assert detail in answer.json()["detail"]
    assert api.names() == []


def test_the_same_photo_twice_is_refused(api: Api) -> None:
    add(api, "jane_smith", RED)
    status, said = add(api, "somebody_else", RED)
    assert (status, said) == (
        400,
        {"detail": "jane.png: This photo is enrolled already, as jane_smith: choose another one."},
    )


def test_somebody_unknown_can_not_be_deleted(api: Api) -> None:
    add(api, "jane_smith", RED)
    answer = api.http.delete("/delete_face/unknown_person")
    assert answer.status_code == 404
    assert "unknown_person" in answer.json()["detail"]


def test_nothing_that_comes_from_outside_is_a_path_or_an_address(api: Api) -> None:
    for value in ("/etc/passwd", "http://127.0.0.1/a.jpg", "file:///etc/passwd"):
        answer = api.http.post("/match_face", data={"file": value})
        assert answer.status_code in (400, 422)
    assert add(api, "../../etc/passwd", RED)[0] == 422
    assert api.names() == []
