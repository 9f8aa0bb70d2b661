"""Albums of the fake engine's photos, with a clock and with what a run has really looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core.album.album import Album
from facenet_core.album.records import AlbumPhoto, Indexed
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.types import Detection, EnrolOutcome, EnrolRequest
from tests.fakes import MEASURED, MODEL, Colour, FakeDetector, FakeEmbedder, photo


class CountingDetector(FakeDetector):
    """Knows how many photos it was shown."""

    def __init__(self) -> None:
        self.looked = 0

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        self.looked += 1
        return super().detect(pixels)


class Scene:
    """A folder of photos, and its album.

    Attributes:
        folder: The photos; it belongs to the album.
        album: The album.
        model_id: The model that the engine has.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.model_id = MODEL
        self.time = datetime(2026, 11, 21, 9, tzinfo=UTC)
        self.detector = CountingDetector()
        self.enrolled: list[EnrolRequest] = []
        self._opened: list[Album] = []
        self.album = self.opened()
        folder.mkdir()
        self.album.add(folder)

    def opened(self) -> Album:
        """The album as another process has it."""
        self._opened.append(
            Album(
                self.settings, self._engine, lambda: MEASURED, self._enrol, lambda: self.time,
                model=lambda: self.model_id,
            )
        )  # fmt: skip
        return self._opened[-1]

    def close(self) -> None:
        """Lets go of everything that was opened."""
        for album in self._opened:
            album.close()

    def put(self, name: str, *colours: Colour, mark: int = 0) -> Path:
        """Writes a photo into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(*colours, mark=mark))
        return path

    def index(self, *, again: bool = False) -> dict[str, Indexed]:
        """Runs to the end: what was looked at, by its path in the folder."""
        return {each.path.relative_to(self.folder).as_posix(): each for each in self.album.index(again=again)}

    def looks(self) -> int:
        """How many photos were searched for faces since the last time this was asked."""
        before, self.detector.looked = self.detector.looked, 0
        return before

    def later(self, **passed: float) -> None:
        """Lets time pass."""
        self.time += timedelta(**passed)

    def photo(self, name: str) -> AlbumPhoto:
        """A photo by its file."""
        (found,) = (each for each in self.album.listed(1000) if self.folder / name in each.paths)
        return found

    def faces(self, name: str) -> tuple[int, ...]:
        """The numbers of a photo's faces, from left to right."""
        return tuple(face.id for face in self.album.faces_on(self.photo(name)))

    def names(self) -> set[str]:
        """Every file that shows a photo, by its path in the folder."""
        paths = (path for each in self.album.listed(1000) for path in each.paths)
        return {path.relative_to(self.folder).as_posix() for path in paths}

    def groups(self) -> list[tuple[str | None, set[str]]]:
        """The people: what they are called, and the files that they are on."""
        found = []
        for group in self.album.people.all():
            photos = (self.album.photo(face.photo) for face in self.album.faces(group.faces))
            found.append((group.name, {each.paths[0].relative_to(self.folder).as_posix() for each in photos}))
        return found

    def group_of(self, name: str) -> int:
        """The number of the group of a photo's first face."""
        face = self.faces(name)[0]
        (found,) = (group.number for group in self.album.people.all(1) if face in group.faces)
        return found

    def _engine(self) -> FaceEngine:
        return FaceEngine(self.detector, FakeEmbedder(self.model_id))

    def _enrol(self, requests: Sequence[EnrolRequest]) -> Iterable[EnrolOutcome]:
        self.enrolled += requests
        return [EnrolOutcome(each.photo, each.person, True, "enrolled", "Enrolled.") for each in requests]


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder: its content, and when it was changed."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
