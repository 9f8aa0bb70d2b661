"""Labelled photos of a test's own, which the fake engine understands."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from facenet_core.engine import FaceEngine, Prepared
from facenet_core.types import ModelId, Photo
from tests.fakes import MODEL, Colour, FakeDetector, FakeEmbedder, photo


class CountingEngine(FaceEngine):
    """Counts the photos that it analyses; may be interrupted at one of them."""

    def __init__(self, model_id: ModelId = MODEL, *, interrupted_at: int | None = None) -> None:
        super().__init__(FakeDetector(), FakeEmbedder(model_id))
        self.analysed = 0
        self._interrupted_at = interrupted_at
        self._lock = threading.Lock()

    def prepare(self, photo: Photo) -> Prepared:
        with self._lock:
            self.analysed += 1
            if self.analysed == self._interrupted_at:
                raise KeyboardInterrupt
        return super().prepare(photo)


def write_people(folder: Path, people: Mapping[str, Sequence[Sequence[Colour]]], suffix: str = ".png") -> Path:
    """Writes a folder for each person, with a photo for each list of faces; no two files are alike."""
    mark = 0
    for name, photos in people.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, colours in enumerate(photos, 1):
            mark += 1
            (folder / name / f"{name}_{number:04d}{suffix}").write_bytes(photo(*colours, mark=mark))
    return folder


def write_pairs(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
