"""Runs commands in this process, on a fake engine and folders of the test's own."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from facenet_core.catalogue import SUFFIX
from facenet_core.cli.main import main
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from facenet_core.weights import resolve
from tests.fakes import MODEL, THRESHOLD, Colour, engine_called, fake_engine, photo


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def data(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        assert set(self.data) == {"error"}
        return self.data["error"]


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


class Cli:
    """Each call is a new service, as each command is a new process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.model_id = MODEL
        self.has_model = True
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setattr("facenet_core.config.ENV_FILE", folder / ".env")
        monkeypatch.setattr("sys.stdin", io.StringIO())
        self.environment(
            DB=folder / "db",
            MODELS_DIR=folder / "models",
            IMAGES_DIR=folder / "images",
            THRESHOLD=THRESHOLD,
            IDENTIFY_THRESHOLD=THRESHOLD,
        )

    def __call__(self, *argv: object) -> Result:
        self._capsys.readouterr()
        code = main([str(word) for word in argv], self._service)
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)

    def environment(self, **values: object) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(f"FACENET_{name}", "" if value is None else str(value))

    def types(self, text: str) -> None:
        """Puts somebody at a terminal who types this."""
        self._monkeypatch.setattr("sys.stdin", Terminal(text))

    def photo(self, name: str, *colours: Colour, **options: Any) -> Path:
        """A photo file that the fake engine understands."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(*colours, **options))
        return path

    def enrol(self, people: dict[str, Sequence[Colour]]) -> None:
        """Enrols people with one photo for each colour."""
        for name, colours in people.items():
            for number, colour in enumerate(colours, 1):
                path = self.photo(f"{name} {number}.png", colour)
                assert self("enroll", "--accept-poor", name, path).code == 0  # colours are people

    def install(self, *models: str) -> None:
        """Installs models, each of them an engine of its own, of which the settings choose one from now on."""
        self.has_model = False
        (self.folder / "models").mkdir(exist_ok=True)
        for model in models:
            (self.folder / "models" / f"{model}{SUFFIX}").write_bytes(b"weights")
        self._monkeypatch.setattr(FaceEngine, "load", lambda settings: engine_called(resolve(settings).model))

    def people(self) -> dict[str, int]:
        """Everybody in the database, with the number of their photos."""
        return {person["name"]: person["photos"] for person in self("people", "list", "--json").data["people"]}

    def _service(self, settings: Settings) -> FaceService:
        return FaceService(settings, fake_engine(self.model_id) if self.has_model else None)
