"""Writes facenet_core/api/examples.json: what a real server answers, for the API's documentation.

python scripts/record_api_examples.py
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.load import serving
from facenet_core.config import PROJECT_ROOT

TARGET = PROJECT_ROOT / "facenet_core" / "api" / "examples.json"
RATES = {"rates": 3, "distances": 3, "missed_rates": 3, "missed_distances": 3}
"""Points of curves that are shown."""


def smaller(photo: bytes, side: int) -> bytes:
    """The same photo as another file."""
    target = io.BytesIO()
    image = Image.open(io.BytesIO(photo))
    image.resize((side, round(side * image.height / image.width))).save(target, "JPEG", quality=95)
    return target.getvalue()


GRACE, EILEEN = ((PROJECT_ROOT / "images" / f"{name}.jpg").read_bytes() for name in ("Grace_Hopper", "Eileen_Collins"))


def record(http: httpx.Client) -> dict[str, Any]:
    """Asks every route for an answer in JSON.

    Args:
        http: To a server with an empty database.
    """
    made: dict[str, Any] = {}

    def ask(route: str, path: str = "", **given: Any) -> Any:
        method, template = route.split()
        answer = http.request(method, path or template, timeout=60, **given)
        answer.raise_for_status()
        made[route] = answer.json()
        return made[route]

    def photo(name: str, content: bytes, field: str = "photo") -> dict[str, tuple[str, bytes]]:
        return {field: (name, content)}

    grace = {"files": photo("grace.jpg", GRACE, "photos"), "data": {"name": "Grace Hopper"}}
    person = ask("POST /v1/people", **grace)["person"]["id"]
    http.post("/v1/people", files=photo("eileen.jpg", EILEEN, "photos"), data={"name": "Eileen Collins"})
    ask("POST /v1/verify", files=photo("door.jpg", GRACE), data={"claim": "Grace Hopper"})
    ask("POST /v1/identify", files=photo("party.jpg", GRACE), data={"top_k": 2})
    ask("POST /v1/compare", files={**photo("a.jpg", GRACE, "first"), **photo("b.jpg", EILEEN, "second")})
    ask("POST /v1/detect", files=photo("door.jpg", GRACE))
    ask("POST /v1/embed", files=photo("door.jpg", GRACE))
    made["POST /v1/embed"]["faces"][0]["embedding"][4:] = []  # they are 512
    ask("GET /v1/people")
    ask("GET /v1/people/{person}", f"/v1/people/{person}")
    ask(
        "POST /v1/people/{person}/photos",
        f"/v1/people/{person}/photos",
        files=photo("2.jpg", smaller(GRACE, 500), "photos"),
    )
    job = ask("POST /v1/jobs/identify", files=photo("1.jpg", GRACE, "photos"))["id"]
    ask("POST /v1/jobs/enrol", files=photo("1.jpg", GRACE, "photos"), data={"names": "Grace Hopper"})
    while ask("GET /v1/jobs/{job}", f"/v1/jobs/{job}")["state"] != "done":
        pass
    ask("DELETE /v1/jobs/{job}", f"/v1/jobs/{job}")
    archive = http.get("/v1/export").content
    ask("POST /v1/import", files={"archive": ("people.zip", archive)}, data={"preview": "true"})
    ask("PATCH /v1/people/{person}", f"/v1/people/{person}", json={"name": "Grace B. Hopper"})
    for route in ("model", "thresholds", "calibration", "events?limit=3"):
        ask(f"GET /v1/{route.partition('?')[0]}", f"/v1/{route}")
    for name, points in RATES.items():
        made["GET /v1/calibration"][name][points:] = []
    ask("PUT /v1/thresholds/targets", json={"fmr": 0.0001})
    ask("POST /add_face", files=photo("jane.jpg", smaller(EILEEN, 480), "file"), data={"id": "jane_smith"})
    for route in ("list_faces", "stats", "health"):
        ask(f"GET /{route}")
    ask("POST /match_face", files=photo("query.jpg", EILEEN, "file"))
    ask("DELETE /delete_face/{face_id}", "/delete_face/jane_smith")
    return made


def main() -> None:
    """Records and writes."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "db") as (url, _):
        with httpx.Client(base_url=url) as http:
            made = record(http)
    TARGET.write_text(json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
