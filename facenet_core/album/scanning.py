"""Which files of a folder tree are new, changed or gone. The tree is only read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from facenet_core.album.records import KnownFile, shown
from facenet_core.enrolment import PHOTO_SUFFIXES
from facenet_core.errors import AlbumError

UNREADABLE = "unreadable"
"""The code of a file that the system would not read: it is tried again on every run."""

LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that may be a photo.

    Attributes:
        path: In its folder, as bytes.
        bytes: Its size.
        mtime: When it was changed, nanoseconds.
        problem: Why it can't be looked at; a code and a sentence.
    """

    path: bytes
    bytes: int
    mtime: int
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a scan found.

    Attributes:
        fresh: Files that are new, or not as they were.
        same: How many are as they were.
        gone: The numbers of files that are no longer there.
    """

    fresh: tuple[Entry, ...]
    same: int
    gone: tuple[int, ...]


def changes(root: Path, known: Mapping[bytes, KnownFile], stale: Callable[[KnownFile], bool]) -> Changes:
    """Compares a folder tree with what is known of it, by size and time of change.

    Args:
        root: The folder.
        known: What is known, by path in the folder.
        stale: Whether a file is to be looked at though it is as it was.

    Raises:
        AlbumError: If the folder is not there or can't be read, or if it is
            empty and was not: a disk that is not mounted must not empty the album.
    """
    fresh, same, seen, unread = [], 0, set(), []
    for entry in _entries(root):
        before = known.get(entry.path)
        seen.add(entry.path)
        if entry.problem:
            unread.append(entry.path + b"/")
        if before and (before.bytes, before.mtime) == (entry.bytes, entry.mtime) and not stale(before):
            same += 1
        else:
            fresh.append(entry)
    # What is in a folder that can't be read now is not gone.
    gone = tuple(file.id for path, file in known.items() if path not in seen and not path.startswith(tuple(unread)))
    if known and not seen:
        raise AlbumError(
            f"{shown(str(root))}: there is no photo in this folder, and there were {len(known):,}. "
            "Is its disk mounted? If they were deleted, remove the folder from the album."
        )
    return Changes(tuple(sorted(fresh, key=lambda entry: entry.path)), same, gone)


def _entries(root: Path) -> Iterator[Entry]:
    """Every file below a folder that has a photo's ending. Links are not followed, folders of a dot not entered."""
    waiting = [(b"", os.fsencode(root))]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            # To the end, and closed: a folder that waits for its turn must not hold a descriptor.
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as error:
            if not prefix:
                raise AlbumError(f"{shown(str(root))}: this folder can't be read ({error.strerror}).") from error
            yield Entry(prefix.removesuffix(b"/"), 0, 0, (UNREADABLE, f"This folder can't be read ({error.strerror})."))
            continue
        for entry in entries:
            path = prefix + entry.name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError as error:  # it may be either
                yield Entry(path, 0, 0, (UNREADABLE, f"This can't be read ({error.strerror})."))
                continue
            if is_folder and not entry.name.startswith(b"."):
                waiting.append((path + b"/", entry.path))
            elif not is_folder and is_photo(entry.name):
                yield _entry(entry, path)


def _entry(entry: os.DirEntry[bytes], path: bytes) -> Entry:
    if entry.is_symlink():
        return Entry(path, 0, 0, (LINK, "This is a link, and links are not followed. Add the folder that it leads to."))
    try:
        stat = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Entry(path, 0, 0, (UNREADABLE, f"This file can't be read ({error.strerror})."))
    if not entry.is_file(follow_symlinks=False):
        return Entry(path, 0, 0, (UNREADABLE, "This is a device or a pipe, not a file."))
    return Entry(path, stat.st_size, stat.st_mtime_ns)


def is_photo(name: bytes) -> bool:
    """Whether a file of this name may be a photo."""
    # Those that begin with a dot are what systems leave beside photos: "._IMG_1.jpg".
    return not name.startswith(b".") and Path(os.fsdecode(name)).suffix.casefold() in PHOTO_SUFFIXES
