"""Which folders and files an album has, and which photos the files are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Insert, bindparam, delete, func, insert, or_, select, text, update

from facenet_core.album.database import AlbumDatabase, note
from facenet_core.album.records import Folder, KnownFile, Refused, shown
from facenet_core.album.tables import FILES, FOLDERS, MISSING_FROM, PHOTOS
from facenet_core.errors import AlbumError
from facenet_core.store.bulk import pieces, tuples

KEPT = timedelta(days=30)
"""How long the faces of a photo are kept, unseen, after its last file has gone: what users said of them is there again
if it comes back, from a disk that was not mounted or a folder that was moved."""

_PUT = text(
    "INSERT INTO files (folder, path, bytes, mtime, photo, code, reason) "
    "VALUES (:folder, :path, :bytes, :mtime, :photo, :code, :reason) "
    "ON CONFLICT (folder, path) DO UPDATE SET bytes = excluded.bytes, mtime = excluded.mtime, "
    "photo = excluded.photo, code = excluded.code, reason = excluded.reason"
)

_IN_A_FILE = select(FILES.c.id).where(FILES.c.photo == PHOTOS.c.id).exists()
_MISSED = select(MISSING_FROM.c.photo).where(MISSING_FROM.c.photo == PHOTOS.c.id).exists()


def _miss(*which: ColumnElement[bool]) -> Insert:
    """Keeps where photos were whose files are about to go."""
    known = select(MISSING_FROM.c.photo).where(
        MISSING_FROM.c.photo == FILES.c.photo, MISSING_FROM.c.folder == FILES.c.folder
    )
    new = select(FILES.c.photo, FILES.c.folder).where(FILES.c.photo.is_not(None), *which, ~known.exists()).distinct()
    return insert(MISSING_FROM).from_select(["photo", "folder"], new)


# Made once: to put a statement together takes longer than SQLite takes to answer it.
_MISS_FILE = _miss(
    FILES.c.folder == bindparam("folder"),
    FILES.c.path == bindparam("path"),
    FILES.c.photo.is_distinct_from(bindparam("photo")),
)
_BACK = update(PHOTOS).where(PHOTOS.c.id == bindparam("photo"), PHOTOS.c.gone_at.is_not(None)).values(gone_at=None)
_FOUND = delete(MISSING_FROM).where(MISSING_FROM.c.photo == bindparam("of"))


class AlbumFiles:
    """The folders and files of an album. Thread-safe.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: AlbumDatabase) -> None:
        self._database = database

    def folders(self) -> tuple[Folder, ...]:
        """The folders, with how many of their files are photos and how many can't be used."""
        held = select(func.count()).select_from(FILES).where(FILES.c.folder == FOLDERS.c.id)
        wanted = select(
            FOLDERS.c.id,
            FOLDERS.c.path,
            FOLDERS.c.added_at,
            held.where(FILES.c.photo.is_not(None)).scalar_subquery(),
            held.where(FILES.c.photo.is_(None)).scalar_subquery(),
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted.order_by(FOLDERS.c.id)).all()
        return tuple(
            Folder(id_, path_of(path), datetime.fromisoformat(at), photos, refused)
            for id_, path, at, photos, refused in rows
        )

    def add_folder(self, path: Path, now: datetime) -> Folder:
        """Adds a folder; one that is there already is no error.

        Args:
            path: Absolute.
            now: UTC.

        Raises:
            AlbumError: If it lies in a folder of the album, or one of those in it.
        """
        with self._database.writing() as connection:
            for folder in self.folders():
                if folder.path == path:
                    return folder
                if path.is_relative_to(folder.path) or folder.path.is_relative_to(path):
                    raise AlbumError(
                        f"{shown(str(path))}: {shown(str(folder.path))} is in the album already, and one of the two "
                        "holds the other."
                    )
            new = insert(FOLDERS).values(path=os.fsencode(path), added_at=now.isoformat()).returning(FOLDERS.c.id)
            return Folder(connection.execute(new).scalar_one(), path, now, 0, 0)

    def remove_folder(self, folder: Folder) -> None:
        """Takes a folder out, and at once all that is known of its photos that are nowhere else.

        Photos that have gone from it are among them; those that have gone from
        other folders are kept for as long as they would have been.
        """
        there = select(FILES.c.photo).where(FILES.c.folder == folder.id, FILES.c.photo.is_not(None))
        missing = select(MISSING_FROM.c.photo).where(MISSING_FROM.c.folder == folder.id)
        with self._database.writing() as connection:
            of = list(connection.scalars(there.union(missing)))
            connection.execute(delete(FOLDERS).where(FOLDERS.c.id == folder.id))
            for some in pieces(of):
                lost = delete(PHOTOS).where(PHOTOS.c.id.in_(some), ~_IN_A_FILE)
                connection.execute(lost.where(or_(PHOTOS.c.gone_at.is_(None), ~_MISSED)))
            note(connection, "faces", "removed")

    def files(self, folder: int) -> dict[bytes, KnownFile]:
        """What is known of a folder's files, by their path in it."""
        columns = FILES.c["path", "id", "bytes", "mtime", "photo", "code"]
        with self._database.reading() as connection:
            rows = tuples(connection, select(*columns).where(FILES.c.folder == folder))
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
        values = {
            "folder": folder,
            "path": path,
            "bytes": stat[0],
            "mtime": stat[1],
            "photo": photo,
            "code": code or None,
            "reason": reason or None,
        }
        with self._database.writing() as connection:
            connection.execute(_MISS_FILE, {"folder": folder, "path": path, "photo": photo})
            connection.execute(_PUT, values)
            if photo is None:
                return
            if connection.execute(_BACK, {"photo": photo}).rowcount:
                note(connection, "faces")
            connection.execute(_FOUND, {"of": photo})

    def drop_files(self, ids: Iterable[int], now: datetime) -> None:
        """Forgets files that are no longer there, and photos that have been in no file for a while.

        Args:
            ids: Of the files.
            now: UTC.
        """
        gone = update(PHOTOS).where(PHOTOS.c.gone_at.is_(None), ~_IN_A_FILE).values(gone_at=now.isoformat())
        late = delete(PHOTOS).where(PHOTOS.c.gone_at < (now - KEPT).isoformat())
        with self._database.writing() as connection:
            for some in pieces(list(ids)):
                connection.execute(_miss(FILES.c.id.in_(some)))
                connection.execute(delete(FILES).where(FILES.c.id.in_(some)))
            if connection.execute(gone).rowcount:
                note(connection, "faces")
            if connection.execute(late).rowcount:
                note(connection, "removed")

    def refused(self) -> tuple[Refused, ...]:
        """Files that can't be used, and why."""
        wanted = (
            select(FOLDERS.c.path, FILES.c.path, FILES.c.code, FILES.c.reason)
            .join(FOLDERS, FOLDERS.c.id == FILES.c.folder)
            .where(FILES.c.photo.is_(None))
            .order_by(FILES.c.folder, FILES.c.path)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return tuple(Refused(path_of(root) / path_of(path), code, reason) for root, path, code, reason in rows)


def path_of(stored: bytes) -> Path:
    """A path as it is kept: file systems know bytes, and not every one is a character."""
    return Path(os.fsdecode(stored))
