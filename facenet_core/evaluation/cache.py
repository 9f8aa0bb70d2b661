"""Faces that were seen before, kept on disk: by photo and by what made the embeddings.

A cache holds biometric templates, as the database does: for its owner only, and
gone when it is forgotten. It is an SQLite file of plain columns and arrays of
numbers; nothing in it is ever executed, and what does not add up is not used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core.errors import InputError
from facenet_core.types import Analysis, Detection, ModelId

APPLICATION_ID = 0x466E4361
"""``FnCa``, in the file's header: marks our caches (https://www.sqlite.org/fileformat.html, 1.3.17)."""

VERSION = 1
"""Of the table, in the header's user version."""

BATCH = 16
"""Photos that are written together: what a kill may lose."""

BUSY_SECONDS = 30.0
"""How long to wait for another process; its writes take milliseconds."""

_MAGIC, _APPLICATION_ID_AT = b"SQLite format 3\0", 68

_NUMBERS = 15
"""Of one face: a box, five points, the confidence."""

_TABLE = """CREATE TABLE IF NOT EXISTS photos (
    photo TEXT NOT NULL,
    model TEXT NOT NULL,
    preprocessing TEXT NOT NULL,
    weights TEXT NOT NULL,
    prominent INTEGER NOT NULL,
    detections BLOB NOT NULL,
    embeddings BLOB NOT NULL,
    PRIMARY KEY (photo, model, preprocessing, weights)
) WITHOUT ROWID"""


class CacheError(InputError):
    """A cache file that can't be used."""


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """The faces of a photo, without its pixels.

    Attributes:
        detections: From left to right; none if nobody was found.
        embeddings: Shape ``(n, d)``, float32, unit norm, in that order.
        prominent: Index of the face that the photo is of; 0 when there is none.
    """

    detections: tuple[Detection, ...]
    embeddings: NDArray[np.float32]
    prominent: int

    @classmethod
    def of(cls, analysis: Analysis) -> PhotoFaces:
        """What is kept of an analysis."""
        rows = [face.embedding for face in analysis.faces]
        none = np.empty((0, analysis.model_id.dimensions), np.float32)
        return cls(
            tuple(face.detection for face in analysis.faces), np.stack(rows) if rows else none, analysis.prominent
        )


class FaceCache:
    """Photos' faces on disk. For one thread; any number of processes may share the file.

    What is put is written every few photos, on :meth:`flush` and on
    :meth:`close`.

    Args:
        path: The file. It is made if there is none, with its folders, for its
            owner only.

    Raises:
        CacheError: If the file is not a cache, is damaged, or can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: dict[tuple[str, ...], PhotoFaces] = {}
        try:
            _make_folder(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise CacheError(f"{path}: the cache of faces can't be opened ({error.strerror}).") from error
        if path.stat().st_size and not _is_cache(path):
            raise _foreign(path)
        with self._errors():
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> FaceCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, photo_sha256: str, model_id: ModelId) -> PhotoFaces | None:
        """The faces of a photo.

        Args:
            photo_sha256: Hash of its file.
            model_id: What must have made the embeddings.

        Returns:
            None if they are not known, or if what is stored of them is damaged.
        """
        key = _key(photo_sha256, model_id)
        if key in self._pending:
            return self._pending[key]
        with self._errors():
            row = self._connection.execute(
                "SELECT prominent, detections, embeddings FROM photos "
                "WHERE photo = ? AND model = ? AND preprocessing = ? AND weights = ?",
                key,
            ).fetchone()
        return _restored(row, model_id.dimensions) if row else None

    def put(self, photo_sha256: str, model_id: ModelId, faces: PhotoFaces) -> None:
        """Keeps the faces of a photo, in the place of those that were kept of it.

        Args:
            photo_sha256: Hash of its file.
            model_id: What made the embeddings.
            faces: All of its faces; none is something to remember, too.
        """
        self._pending[_key(photo_sha256, model_id)] = faces
        if len(self._pending) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Writes what was put.

        Raises:
            CacheError: If the disk is full or the file can't be written.
        """
        if not self._pending:
            return
        rows = [(*key, *_stored(faces)) for key, faces in self._pending.items()]
        with self._errors(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._pending.clear()

    def close(self) -> None:
        """Writes what was put, and lets go of the file."""
        try:
            self.flush()
        finally:
            self._connection.close()

    def _prepare(self) -> None:
        version = self._number("user_version")
        if version > VERSION:
            raise CacheError(
                f"{self.path}: a newer version of this program wrote this cache of faces. Use that, or another file."
            )
        if self._number("application_id") == APPLICATION_ID and version == VERSION:
            return
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute(_TABLE)
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute(f"PRAGMA user_version = {VERSION}")
            cursor.execute("COMMIT")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # closed, or of another thread: the caller's mistake
        except sqlite3.OperationalError as error:
            raise CacheError(
                f"{self.path}: the cache of faces can't be used ({error}). Check its disk, or name another file."
            ) from error
        except sqlite3.DatabaseError as error:
            raise CacheError(
                f"{self.path}: the cache of faces is damaged ({error}). Delete it with `evaluate forget`; "
                "it is made anew from the photos."
            ) from error


def forget(path: Path) -> bool:
    """Deletes a cache with what SQLite keeps beside it.

    Args:
        path: The file.

    Returns:
        Whether there was one.

    Raises:
        CacheError: If it is not a cache, or can't be deleted.
    """
    try:
        if not path.exists():
            return False
        if path.stat().st_size and not _is_cache(path):
            raise _foreign(path)
        for file in (path, path.with_name(f"{path.name}-journal")):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise CacheError(f"{path}: the cache of faces can't be deleted ({error.strerror}).") from error
    return True


def _is_cache(path: Path) -> bool:
    """Whether the header says so: enough to tell our files from others, even damaged ones."""
    with path.open("rb") as file:
        header = file.read(_APPLICATION_ID_AT + 4)
    return header.startswith(_MAGIC) and header[_APPLICATION_ID_AT:] == APPLICATION_ID.to_bytes(4)


def _foreign(path: Path) -> CacheError:
    return CacheError(f"{path}: this file is not a cache of faces, and was left alone. Name another one.")


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _key(photo_sha256: str, model_id: ModelId) -> tuple[str, str, str, str]:
    engine = "" if model_id.engine == "float32" else f"+{model_id.engine}"
    return photo_sha256, model_id.model, model_id.preprocessing + engine, model_id.weights_sha256


def _stored(faces: PhotoFaces) -> tuple[int, bytes, bytes]:
    numbers = [detection.numbers for detection in faces.detections]
    return faces.prominent, np.array(numbers, "<f8").tobytes(), faces.embeddings.astype("<f4").tobytes()


def _restored(row: tuple[object, object, object], dimensions: int) -> PhotoFaces | None:
    prominent, detections, embeddings = row
    if not (isinstance(prominent, int) and isinstance(detections, bytes) and isinstance(embeddings, bytes)):
        return None
    count, rest = divmod(len(detections), 8 * _NUMBERS)
    if rest or len(embeddings) != 4 * dimensions * count or not 0 <= prominent < max(count, 1):
        return None
    numbers = np.frombuffer(detections, "<f8").reshape(count, _NUMBERS)
    rows = np.frombuffer(embeddings, "<f4").astype(np.float32).reshape(count, dimensions)
    if not np.isfinite(numbers).all() or not np.allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=0.0, atol=1e-3):
        return None
    return PhotoFaces(tuple(Detection.of(face.tolist()) for face in numbers), rows, prominent)
