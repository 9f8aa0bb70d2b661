"""An example for every answer in the API's documentation: answers of a real server, and one problem for each status."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

PROBLEM = "application/problem+json"

PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("malformed", "photo: Field required"),
    401: ("no_key", "An API key is needed: `Authorization: Bearer KEY`."),
    403: ("role", "This key is for verify; this takes the role manage."),
    404: ("unknown_person", 'Nobody called "Nobody" is enrolled. Check the spelling, or look at the list of people.'),
    408: ("slow", "The request came too slowly."),
    409: ("person_exists", "Ann is enrolled already: add photos to them, or choose another name."),
    412: ("changed", "Ann was changed meanwhile. Get them again."),
    413: ("too_large", "A request may have 201 MB at most."),
    415: ("not_a_photo", "notes.txt: This is not a photo. Use a photo saved as JPEG, PNG, WebP, HEIC ..."),
    422: ("no_face", "door.jpg: no face was found. Use a sharp, well-lit photo in which the face looks at the camera."),
    429: ("busy", "Too many requests are waiting. Try again later."),
    503: ("store", "The database can't be read. Check the file and its folder, and try again."),
}
"""Code and detail of a typical problem of each status."""


def problem(status: int) -> dict[str, Any]:
    """A typical problem."""
    code, detail = PROBLEMS[status]
    title = HTTPStatus(status).phrase
    return {"type": f"urn:facenet:{code}", "title": title, "status": status, "detail": detail, "code": code}


def fill(document: dict[str, Any]) -> dict[str, Any]:
    """Puts examples into an OpenAPI document.

    Args:
        document: The document, which is changed.
    """
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            recorded = _recorded().get(f"{method.upper()} {path}")
            for status, response in operation["responses"].items():
                kinds = response.get("content", {})
                if PROBLEM in kinds and "application/json" in kinds:
                    kinds[PROBLEM] = kinds.pop("application/json")  # where FastAPI puts every model
                for kind, content in kinds.items():
                    if status.startswith("2") and recorded is not None and kind == "application/json":
                        content["example"] = recorded
                    elif kind == PROBLEM:
                        content["example"] = problem(int(status))
                    elif path == "/health":
                        content["example"] = (recorded or {}) | {"status": "starting", "model_loaded": False}
                    elif kind == "application/json":
                        content["example"] = {"detail": PROBLEMS[int(status)][1]}
    return document


@cache
def _recorded() -> dict[str, Any]:
    """What a real server answered; written by ``scripts/record_api_examples.py``."""
    found: dict[str, Any] = json.loads(files("facenet_core.api").joinpath("examples.json").read_text("utf-8"))
    return found
