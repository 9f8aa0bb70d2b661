"""Which files an album has, which photos they are, and which faces are on them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.records import AlbumFace, AlbumPhoto, FaceTable, Folder, Refused
from facenet_core.enrolment import SAME_FACE_IOU, iou
from facenet_core.errors import AlbumError
from facenet_core.types import Detection, ModelId

KEPT = timedelta(days=30)
"""How long the faces of a photo are kept, unseen, after its last file has gone: what users said of them is there again
if it comes back, from a disk that was not mounted or a folder that was moved."""

_MISSING = "INSERT OR IGNORE INTO missing_from SELECT photo, folder FROM files WHERE photo NOT NULL AND"
"""Keeps where photos were; what tells their files follows."""


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


class AlbumPhotos:
    """The files, photos and faces of an album. Thread-safe.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: AlbumDatabase) -> None:
        self._database = database
        self._table: tuple[tuple[int, int], ModelId, FaceTable] | None = None

    # -- folders and files ------------------------------------------------------

    def folders(self) -> tuple[Folder, ...]:
        """The folders, in the order in which they were added."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, path, added_at, (SELECT COUNT(*) FROM files WHERE folder = folders.id AND photo NOT NULL), "
                "(SELECT COUNT(*) FROM files WHERE folder = folders.id AND photo IS NULL) FROM folders ORDER BY id"
            ).fetchall()
        return tuple(Folder(i, _path(path), datetime.fromisoformat(at), *counts) for i, path, at, *counts in rows)

    def add_folder(self, path: Path, now: datetime) -> Folder:
        """Adds a folder; one that is there already is no error.

        Args:
            path: Absolute.
            now: UTC.

        Raises:
            AlbumError: If it lies in a folder of the album, or one of those in it.
        """
        for folder in self.folders():
            if folder.path == path:
                return folder
            if path.is_relative_to(folder.path) or folder.path.is_relative_to(path):
                raise AlbumError(f"{path}: {folder.path} is in the album already, and one of the two holds the other.")
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO folders (path, added_at) VALUES (?, ?)", (os.fsencode(path), now.isoformat())
            )
        return next(folder for folder in self.folders() if folder.path == path)

    def remove_folder(self, folder: Folder) -> None:
        """Takes a folder out, and at once all that is known of its photos that are nowhere else.

        Photos that have gone from it are among them; those that have gone from
        other folders are kept for as long as they would have been.
        """
        with self._database.writing() as connection:
            of = connection.execute(
                "SELECT photo FROM files WHERE folder = ?1 AND photo NOT NULL "
                "UNION SELECT photo FROM missing_from WHERE folder = ?1",
                (folder.id,),
            ).fetchall()
            connection.execute("DELETE FROM folders WHERE id = ?", (folder.id,))
            connection.executemany(
                "DELETE FROM photos WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM files WHERE photo = ?1) "
                "AND (gone_at IS NULL OR NOT EXISTS (SELECT 1 FROM missing_from WHERE photo = ?1))",
                of,
            )

    def files(self, folder: int) -> dict[bytes, KnownFile]:
        """What is known of a folder's files, by their path in it."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path, id, bytes, mtime, photo, code FROM files WHERE folder = ?", (folder,)
            ).fetchall()
        return {path: KnownFile(*rest) for path, *rest in rows}

    def put_file(
        self, folder: int, path: bytes, stat: tuple[int, int], photo: int | None, code: str = "", reason: str = ""
    ) -> None:
        """Notes what a file is.

        Args:
            folder: The number of its folder.
            path: In that folder.
            stat: Bytes, and nanoseconds of its last change.
            photo: The number of its photo; None if it can't be used.
            code: Why not, a word.
            reason: Why not, a sentence.
        """
        with self._database.writing() as connection:
            connection.execute(f"{_MISSING} folder = ? AND path = ? AND photo IS NOT ?", (folder, path, photo))
            connection.execute(
                "INSERT INTO files (folder, path, bytes, mtime, photo, code, reason) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (folder, path) DO UPDATE SET bytes = excluded.bytes, mtime = excluded.mtime, "
                "photo = excluded.photo, code = excluded.code, reason = excluded.reason",
                (folder, path, *stat, photo, code or None, reason or None),
            )
            if photo is not None:
                connection.execute("UPDATE photos SET gone_at = NULL WHERE id = ? AND gone_at NOT NULL", (photo,))
                connection.execute("DELETE FROM missing_from WHERE photo = ?", (photo,))

    def drop_files(self, ids: Iterable[int], now: datetime) -> None:
        """Forgets files that are no longer there, and photos that have been in no file for a while.

        Args:
            ids: Of the files.
            now: UTC.
        """
        rows = [(id_,) for id_ in ids]
        with self._database.writing() as connection:
            connection.executemany(f"{_MISSING} id = ?", rows)
            connection.executemany("DELETE FROM files WHERE id = ?", rows)
            nowhere = "id NOT IN (SELECT photo FROM files WHERE photo NOT NULL)"
            connection.execute(
                f"UPDATE photos SET gone_at = ? WHERE gone_at IS NULL AND {nowhere}",  # noqa: S608  # of this function
                (now.isoformat(),),
            )
            connection.execute("DELETE FROM photos WHERE gone_at < ?", ((now - KEPT).isoformat(),))

    def refused(self) -> tuple[Refused, ...]:
        """Files that can't be used, and why."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT folders.path, files.path, code, reason FROM files JOIN folders ON folders.id = folder "
                "WHERE photo IS NULL ORDER BY folder, files.path"
            ).fetchall()
        return tuple(Refused(_path(root) / _path(path), code, reason) for root, path, code, reason in rows)

    # -- photos and faces -------------------------------------------------------

    def known(self, sha256: str, model_id: ModelId) -> tuple[int | None, bool]:
        """The number of a photo by its content, if it was ever here, and whether a model has seen it."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT id FROM photos WHERE sha256 = ?", (sha256,)).fetchone()
            if row is None:
                return None, False
            seen = connection.execute(
                "SELECT 1 FROM analyses WHERE photo = ? AND model = (SELECT id FROM models WHERE model = ? AND "
                "preprocessing = ? AND weights = ?)",
                (row[0], *_key(model_id)),
            ).fetchone()
        return row[0], seen is not None

    def seen_by(self, model_id: ModelId) -> frozenset[int]:
        """The numbers of the photos that a model has seen."""
        with self._database.reading() as connection:
            model = model_number(connection, model_id)
            return frozenset(p for (p,) in connection.execute("SELECT photo FROM analyses WHERE model = ?", (model,)))

    def put_photo(
        self,
        sha256: str,
        size: tuple[int, int],
        found: Sequence[tuple[Detection, bool, NDArray[np.float32]]],
        model_id: ModelId,
    ) -> tuple[int, tuple[int, ...]]:
        """Keeps what a model saw on a photo.

        Args:
            sha256: Of its content.
            size: Pixels across and down.
            found: Its faces: where, whether they are clear, and their
                embeddings.
            model_id: The model.

        Returns:
            The number of the photo, and those of its faces, in their order. A
            face that was known at that place keeps its number.
        """
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO photos (sha256, width, height) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (sha256, *size)
            )
            (photo,) = connection.execute("SELECT id FROM photos WHERE sha256 = ?", (sha256,)).fetchone()
            model = model_number(connection, model_id)
            connection.execute("INSERT INTO analyses VALUES (?, ?) ON CONFLICT DO NOTHING", (photo, model))
            before = [
                (id_, _detection(numbers).box)
                for id_, numbers in connection.execute("SELECT id, numbers FROM faces WHERE photo = ?", (photo,))
            ]
            ids = []
            for detection, clear, embedding in found:
                place = next((each for each in before if iou(each[1], detection.box) >= SAME_FACE_IOU), None)
                if place:
                    before.remove(place)
                    face = place[0]
                else:
                    face = connection.execute(
                        "INSERT INTO faces (photo, numbers, clear) VALUES (?, ?, ?)",
                        (photo, np.array(detection.numbers, "<f8").tobytes(), clear),
                    ).lastrowid
                connection.execute(
                    "INSERT OR REPLACE INTO embeddings (face, model, numbers) VALUES (?, ?, ?)",
                    (face, model, embedding.astype("<f4").tobytes()),
                )
                ids.append(int(face or 0))
        return photo, tuple(ids)

    def revision(self) -> tuple[int, int]:
        """Changes whenever anything in the album has changed, in whatever process."""
        with self._database.reading() as connection:
            (others,) = connection.execute("PRAGMA data_version").fetchone()
            return others, connection.total_changes

    def table(self, model_id: ModelId) -> FaceTable:
        """All faces of photos that are there, as a model has embedded them. Remembered until anything changes."""
        revision = self.revision()
        with self._database.reading() as connection:
            if self._table is None or self._table[:2] != (revision, model_id):
                rows = connection.execute(
                    "SELECT faces.id, faces.photo, faces.clear, embeddings.numbers FROM embeddings "
                    "JOIN faces ON faces.id = embeddings.face JOIN photos ON photos.id = faces.photo "
                    "WHERE embeddings.model = ? AND photos.gone_at IS NULL ORDER BY faces.id",
                    (model_number(connection, model_id),),
                ).fetchall()
                self._table = revision, model_id, _stacked(rows, model_id.dimensions)
            return self._table[2]

    def faces(self, ids: Iterable[int]) -> dict[int, AlbumFace]:
        """Faces by their numbers; those that are not known are left out."""
        return {
            row[0]: AlbumFace(row[0], row[1], _detection(row[2]), bool(row[3]))
            for row in self._several("SELECT id, photo, numbers, clear FROM faces WHERE id IN ({})", ids)
        }

    def faces_on(self, photo: int) -> tuple[AlbumFace, ...]:
        """The faces on a photo, from left to right."""
        rows = self._several("SELECT id, photo, numbers, clear FROM faces WHERE photo IN ({})", [photo])
        faces = (AlbumFace(id_, of, _detection(numbers), bool(clear)) for id_, of, numbers, clear in rows)
        return tuple(sorted(faces, key=lambda face: face.box.left))

    def photos(self, ids: Iterable[int]) -> dict[int, AlbumPhoto]:
        """Photos by their numbers, with their files; those that are not known are left out."""
        wanted = list(ids)
        files: dict[int, list[Path]] = {}
        for photo, root, path in self._several(
            "SELECT photo, folders.path, files.path FROM files JOIN folders ON folders.id = folder "
            "WHERE photo IN ({}) ORDER BY folder, files.path",
            wanted,
        ):
            files.setdefault(photo, []).append(_path(root) / _path(path))
        rows = self._several("SELECT id, sha256, width, height FROM photos WHERE id IN ({})", wanted)
        return {
            id_: AlbumPhoto(id_, sha256, width, height, tuple(files.get(id_, ())))
            for id_, sha256, width, height in rows
        }

    def listed(self, limit: int, offset: int = 0) -> tuple[AlbumPhoto, ...]:
        """Photos in the order of their files' paths."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT photo FROM files WHERE photo NOT NULL GROUP BY photo ORDER BY MIN(folder), MIN(path) "
                "LIMIT ? OFFSET ?",
                (limit, offset),
            ).fetchall()
        ids = [photo for (photo,) in rows]
        found = self.photos(ids)
        return tuple(found[id_] for id_ in ids)

    def contents(self) -> frozenset[str]:
        """The sha256 of every photo that is kept, those that have gone included."""
        with self._database.reading() as connection:
            return frozenset(sha256 for (sha256,) in connection.execute("SELECT sha256 FROM photos"))

    def counts(self) -> Mapping[str, int]:
        """How many ``photos``, ``files``, ``refused`` files and ``faces`` there are."""
        with self._database.reading() as connection:
            one = connection.execute(
                "SELECT (SELECT COUNT(*) FROM photos WHERE gone_at IS NULL), "
                "(SELECT COUNT(*) FROM files WHERE photo NOT NULL), (SELECT COUNT(*) FROM files WHERE photo IS NULL), "
                "(SELECT COUNT(*) FROM faces JOIN photos ON photos.id = photo WHERE gone_at IS NULL)"
            ).fetchone()
        return dict(zip(("photos", "files", "refused", "faces"), one, strict=True))

    def _several(self, query: str, ids: Iterable[int]) -> list[Any]:
        """Asks for rows by many numbers, a thousand at a time."""
        wanted, rows = list(ids), []
        with self._database.reading() as connection:
            for start in range(0, len(wanted), 1000):
                some = wanted[start : start + 1000]
                rows += connection.execute(query.format(", ".join("?" * len(some))), some).fetchall()
        return rows


def _key(model_id: ModelId) -> tuple[str, str, str]:
    return model_id.model, model_id.preprocessing, model_id.weights_sha256


def model_number(connection: sqlite3.Connection, model_id: ModelId) -> int:
    """The number of a model, given to it if it has none."""
    find = "SELECT id FROM models WHERE model = ? AND preprocessing = ? AND weights = ?"
    row = connection.execute(find, _key(model_id)).fetchone()
    if row is None:
        connection.execute(
            "INSERT INTO models (model, preprocessing, weights, dimensions) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*_key(model_id), model_id.dimensions),
        )
        row = connection.execute(find, _key(model_id)).fetchone()
    return int(row[0])


def _stacked(rows: Sequence[tuple[int, int, int, bytes]], dimensions: int) -> FaceTable:
    good = [row for row in rows if len(row[3]) == 4 * dimensions]
    numbers = np.frombuffer(b"".join(row[3] for row in good), "<f4").reshape(len(good), dimensions)
    return FaceTable(
        np.array([row[0] for row in good], np.int64),
        np.array([row[1] for row in good], np.int64),
        np.array([row[2] for row in good], np.bool_),
        numbers.astype(np.float32, copy=False),
    )


def _detection(numbers: bytes) -> Detection:
    return Detection.of(np.frombuffer(numbers, "<f8").tolist())


def _path(stored: bytes) -> Path:
    return Path(os.fsdecode(stored))
