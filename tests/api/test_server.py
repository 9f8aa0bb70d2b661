"""The server as a process of its own, with the model that ships and real photos."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from facenet_core.client import Client
from facenet_core.config import PROJECT_ROOT

pytestmark = pytest.mark.real


class Server:
    """``python -m facenet_core serve --api-only``."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.environment = {name: value for name, value in os.environ.items() if "FACENET" not in name}
        self.environment |= {
            "FACENET_DB": str(db),
            "FACENET_IMAGES_DIR": str(db / "none"),
            "FACENET_API_RATE": "999999/minute",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        with (self.db.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "facenet_core", "serve", "--api-only", "--port", str(port), *options],
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        for _ in range(600):
            try:
                if requests.get(f"{self.url}/health", timeout=60).json()["status"] == "healthy":
                    return
            except requests.ConnectionError:
                pass
            assert self.process.poll() is None, (self.db.parent / "server.log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("the server does not become healthy")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            assert self.process.wait(30) in (0, -15)
            self.process = None

    def cli(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "facenet_core", *map(str, words)]
        return subprocess.run(
            command, cwd=PROJECT_ROOT, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "db")
    yield made
    made.stop()


@pytest.fixture
def photos(data: Path) -> Callable[[int], list[Path]]:
    """The first two photos of the n-th person of View 1 who has two."""
    people = [f for f in sorted((data / "lfw-view1").iterdir()) if f.is_dir() and len(list(f.glob("*.jpg"))) > 1]
    return lambda number: sorted(people[number].glob("*.jpg"))[:2]


def test_a_client_of_older_servers_finds_what_it_knows(server: Server, photos: Callable[[int], list[Path]]) -> None:
    """As such a client does it: multipart by hand, ids of its own, and a restart in between."""
    server.start()
    people: dict[str, list[Path]] = {}
    for number in range(20, 40):
        id_ = f"person_{len(people)}"
        with photos(number)[0].open("rb") as file:
            answer = requests.post(f"{server.url}/add_face", files={"file": file}, data={"id": id_}, timeout=60)
        if answer.status_code == 422:  # somebody else is on it
            assert "faces were found" in answer.json()["detail"]
            continue
        people[id_] = photos(number)
        expected = {"message": "Face added successfully", "id": id_, "embedding_size": 512, "total_faces": len(people)}
        assert (answer.status_code, answer.json()) == (200, expected)
        if len(people) == 6:
            break

    server.stop()
    server.start()

    listed = requests.get(f"{server.url}/list_faces", timeout=60).json()
    assert (listed["total_faces"], {face["id"] for face in listed["faces"]}) == (6, set(people))
    right = 0
    for id_, (_, second) in people.items():
        with second.open("rb") as file:
            found = requests.post(f"{server.url}/match_face", files={"file": file}, timeout=60).json()
        assert found["match_found"] == (found["similarity_score"] >= found["threshold"])
        assert found.get("matched_id") in (id_, None), "somebody else was named"
        right += found["match_found"]
    assert right >= 5
    for number in range(9):
        stranger = photos(number)[0]
        found = requests.post(f"{server.url}/match_face", files={"file": stranger.read_bytes()}, timeout=60).json()
        assert (found["match_found"], found["message"]) == (False, "No face match found above threshold")

    stats = requests.get(f"{server.url}/stats", timeout=60).json()
    assert (stats["total_faces"], stats["model"], stats["embedding_dimension"]) == (6, "facenet-mini", 512)
    deleted = requests.delete(f"{server.url}/delete_face/person_0", timeout=60).json()
    assert (deleted["deleted_id"], deleted["remaining_faces"]) == ("person_0", 5)
    again = requests.delete(f"{server.url}/delete_face/person_0", timeout=60)
    assert (again.status_code, again.json().keys()) == (404, {"detail"})
    with people["person_0"][1].open("rb") as file:
        assert not requests.post(f"{server.url}/match_face", files={"file": file}, timeout=60).json()["match_found"]


def test_command_client_and_api_give_the_same_decision(server: Server, photos: Callable[[int], list[Path]]) -> None:
    server.start()
    with Client(server.url) as client:
        for number in range(3):
            client.add_person(f"Person {number}", photos(number)[:1])
        probes = [photos(number)[1] for number in range(4)]
        for probe, expected in zip(probes[:2], ("no_match", "match"), strict=True):
            through = client.verify(probe, "Person 1")
            form = {"files": {"photo": probe.read_bytes()}, "data": {"claim": "Person 1"}}
            raw = requests.post(f"{server.url}/v1/verify", **form, timeout=60).json()
            said = json.loads(server.cli("verify", probe, "--claim", "Person 1", "--json").stdout)
            assert through.outcome == raw["outcome"] == said["outcome"] == expected
            assert through.candidate.distance == raw["candidate"]["distance"] == said["distance"]
        searched = json.loads(server.cli("identify", *probes, "--json").stdout)["photos"]
        for probe, other in zip(probes, searched, strict=True):
            for face, same in zip(client.identify(probe).faces, other["faces"], strict=True):
                assert face.outcome == same["outcome"]
                assert [c.distance for c in face.candidates] == [c["distance"] for c in same["candidates"]]


def test_whatever_is_sent_no_answer_is_a_crash_or_undocumented(server: Server) -> None:
    server.environment["FACENET_API_KEYS"] = "true"
    secret = json.loads(server.cli("keys", "create", "fuzz", "--role", "manage", "--json").stdout)["secret"]
    server.start()
    # Not positive_data_acceptance: a schema can't say what a photo is.
    checks = [
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance", "negative_data_rejection", "missing_required_header", "unsupported_method",
        "ignored_auth", "use_after_free",
    ]  # fmt: skip
    found = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/openapi.json", "--no-color",
            "--checks", ",".join(checks), "--max-examples", "40",
            "--header", f"Authorization: Bearer {secret}", "--seed", "1", "--generation-database", "none",
        ],
        cwd=server.db.parent,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert "Tested: 31" in found.stdout, found.stdout[-3000:]


def test_it_does_not_start_open_to_the_world(server: Server) -> None:
    refused = server.cli("serve", "--api-only", "--host", "0.0.0.0", "--json")
    assert refused.returncode == 2
    assert "the API asks for keys, and there are none yet" in json.loads(refused.stdout)["error"]["message"]
