"""What travels between the parts of an album: files, photos, faces. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.types import Box, Detection

Verdict = Literal["found", "absent"]

RunState = Literal["scanning", "indexing", "pausing", "grouping", "paused", "done", "failed"]

UNDER_WAY: tuple[RunState, ...] = ("scanning", "indexing", "pausing", "grouping")
"""States of a run that has not ended. One that is ``pausing`` was asked to end, and one that is ``grouping`` ends by
itself: it has looked at every photo that it will look at."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder tree that belongs to the album.

    Attributes:
        id: Its number.
        path: Where it is, absolute.
        added_at: UTC.
        photos: Files in it that are photos.
        refused: Files in it that can't be used.
    """

    id: int
    path: Path
    added_at: datetime
    photos: int
    refused: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was last looked at.

    Attributes:
        id: Its number.
        bytes: Its size.
        mtime: When it was changed, nanoseconds.
        photo: The number of its photo; None if it can't be used.
        code: Why not.
    """

    id: int
    bytes: int
    mtime: int
    photo: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that can't be used.

    Attributes:
        path: The file.
        code: A stable word, as of :class:`~facenet_core.errors.PhotoError`.
        reason: A sentence.
    """

    path: Path
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlbumPhoto:
    """A photo of the album, in however many files it is.

    Attributes:
        id: Its number.
        sha256: Hash of its content, 64 hex digits.
        width: Pixels across, upright.
        height: Pixels down.
        paths: Its files.
    """

    id: int
    sha256: str
    width: int
    height: int
    paths: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The name of its first file, as it can be shown."""
        return shown(self.paths[0].name) if self.paths else self.sha256[:12]


@dataclass(frozen=True, slots=True)
class AlbumFace:
    """A face on a photo of the album.

    Attributes:
        id: Its number.
        photo: The number of its photo.
        detection: Where it is, in pixels of the upright photo.
        clear: Whether it is large and sharp enough to stand for a person.
    """

    id: int
    photo: int
    detection: Detection
    clear: bool

    @property
    def box(self) -> Box:
        """Where it is."""
        return self.detection.box


@dataclass(frozen=True, slots=True)
class Group:
    """Faces that are one person.

    Attributes:
        number: The group's number; it stays as long as most of its faces do.
        name: What a user has called the person; None for somebody unknown.
        person: The id of the enrolled person, if it was enrolled.
        faces: The numbers of the faces, those that show the person best first.
        photos: How many photos they are on.
    """

    number: int
    name: str | None
    person: str | None
    faces: tuple[int, ...]
    photos: int


@dataclass(frozen=True, slots=True)
class FaceTable:
    """All faces of an album that one model has embedded, row by row.

    Attributes:
        ids: Shape ``(n,)``, int64: of the faces, rising.
        photos: Shape ``(n,)``, int64: of their photos.
        clear: Shape ``(n,)``, bool: see :class:`AlbumFace`.
        embeddings: Shape ``(n, d)``, float32, unit norm.
    """

    ids: NDArray[np.int64]
    photos: NDArray[np.int64]
    clear: NDArray[np.bool_]
    embeddings: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, faces: NDArray[np.int64] | list[int]) -> NDArray[np.int64]:
        """Where faces are, by their numbers; those that are not here are left out."""
        wanted = np.asarray(faces, np.int64)
        if not len(self.ids):
            return np.empty(0, np.int64)
        places = np.searchsorted(self.ids, wanted).clip(max=len(self.ids) - 1)
        found: NDArray[np.int64] = places[self.ids[places] == wanted]
        return found


@dataclass(frozen=True, slots=True)
class Indexed:
    """A file that a run has looked at.

    Attributes:
        path: The file.
        faces: How many were found; None if nothing had to be looked for, because
            the photo was known under another name, or can't be used.
        problem: Why it can't be used.
    """

    path: Path
    faces: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """How far an index run is, or how the last one ended.

    Attributes:
        state: What it does.
        began_at: UTC.
        told_at: When this was last written, UTC.
        total: Files to look at.
        done: Of those.
        problem: Why it failed.
    """

    state: RunState
    began_at: datetime
    told_at: datetime
    total: int
    done: int
    problem: str | None

    @property
    def rate(self) -> float:
        """Files a second."""
        seconds = (self.told_at - self.began_at).total_seconds()
        return self.done / seconds if seconds > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at this rate; None before anything is known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo that shows somebody who was searched for.

    Attributes:
        photo: The photo.
        faces: The face of each person who was searched for, in their order.
        distance: Of the farthest of them, by itself, 0 to 2.
        strangers: One in so many strangers is so near as all faces that are
            surely the same person are, taken together; of several people the
            least sure.
    """

    photo: AlbumPhoto
    faces: tuple[AlbumFace, ...]
    distance: float
    strangers: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of an album a model has looked at.

    Attributes:
        photos: Photos of the album.
        unseen: Those of them that it has not looked at.
    """

    photos: int
    unseen: int

    @property
    def sentence(self) -> str:
        """What to do about it; empty if it has looked at all of them."""
        if not self.unseen:
            return ""
        were = "was" if self.unseen == 1 else "were"
        of = f"{self.unseen:,} of {self.photos:,} photo{'' if self.photos == 1 else 's'}"
        return f"{of} {were} not looked at by this model: index the album again."


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        verdict: ``found``, or ``absent``: the person is probably not in the
            album, or not on a photo with the others.
        hits: Photos that show everybody who was asked for, best first.
        perhaps: Photos that might.
        faces: How many faces were searched.
        coverage: How much of the album they are from.
    """

    verdict: Verdict
    hits: tuple[Hit, ...]
    perhaps: tuple[Hit, ...]
    faces: int
    coverage: Coverage


def shown(name: str) -> str:
    """A file's name as it can be stored and printed, whatever bytes it is made of."""
    return name.encode(errors="replace").decode()
