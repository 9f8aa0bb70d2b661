"""Files that are written whole or not at all, and survive a power cut once written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from facenet_core.errors import DatabaseWriteError

FILE_MODE = 0o600
"""Templates and photos are biometric data: for their owner only."""

FOLDER_MODE = 0o700
"""As :data:`FILE_MODE`, for the folders that we create."""

TEMPORARY_SUFFIX = ".tmp"
"""Ends the name of every file that is not in place yet."""


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, for their owner only.

    Args:
        folder: The folder. Nothing happens when it exists.

    Raises:
        OSError: It could not be created.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Args:
        folder: The folder.

    Raises:
        OSError: The disk reported an error.
    """
    if os.name == "nt":
        return  # Windows can't open a folder; its file system keeps a journal of names.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems can't do it; nobody can do better there.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def stage(path: Path, data: bytes) -> Path:
    """Write a file under a temporary name beside its future place.

    Args:
        path: Where the file will be put.
        data: Its content.

    Returns:
        The temporary file, on the disk, to be renamed to ``path``.

    Raises:
        OSError: It could not be written; the temporary file is gone again.
    """
    temporary = temporary_name(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        discard(temporary)
        raise
    return temporary


def put(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full, or as it was before.

    Args:
        path: The file, new or to be replaced, in a folder that exists.
        data: Its content.

    Raises:
        OSError: It could not be written, or the disk does not promise to keep
            it.
    """
    temporary = stage(path, data)
    try:
        temporary.replace(path)
    except BaseException:
        discard(temporary)
        raise
    flush_folder(path.parent)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no links.

    Args:
        source: The file.
        target: Its second name, in the same folder and not taken.

    Raises:
        OSError: Neither could be done.
    """
    try:
        target.hardlink_to(source)
    except OSError:
        put(target, source.read_bytes())


def temporary_name(path: Path) -> Path:
    """Return a name beside a file that nobody else uses, for a file not in place yet.

    Args:
        path: The file's future place.
    """
    return path.with_name(f"{path.name}.{uuid4().hex}{TEMPORARY_SUFFIX}")


def discard(path: Path) -> None:
    """Remove a file if that is possible; what is left over is swept later.

    Args:
        path: The file.
    """
    with suppress(OSError):
        path.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> DatabaseWriteError:
    """Return the sentence for a write that failed and changed nothing.

    Args:
        path: The file that was to be written.
        error: What the system said.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "Free some space on that disk and try again."
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        advice = "Allow this program to write to that folder and try again."
    else:
        advice = "Check that disk and try again."
    reason = error.strerror or type(error).__name__
    return DatabaseWriteError(f"{path}: the database could not be written ({reason}). Nothing was changed. {advice}")
