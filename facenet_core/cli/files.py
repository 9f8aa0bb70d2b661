"""Files of the user: photos that are read, results that are written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from facenet_core.errors import InputError, NotAPhotoError, PhotoTooLargeError
from facenet_core.service import FaceService
from facenet_core.types import Photo


class FileError(InputError):
    """A file or folder that can't be read or written."""


def shown(path: Path | str) -> str:
    """A path as text; bytes that are no valid UTF-8 could be neither printed nor stored."""
    return str(path).encode(errors="replace").decode()


def read(path: Path, max_bytes: int) -> bytes:
    """A photo file's content, and no more than the limit of it.

    Raises:
        PhotoError: If it can't be read, or is larger.
    """
    name = shown(path)
    try:
        # Asked before opening: opening a named pipe waits for a writer.
        if path.exists() and not path.is_file():
            raise NotAPhotoError(name, "This is not a file. Name the photos themselves.")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise NotAPhotoError(name, "There is no such file. Check its name and folder.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotAPhotoError(name, f"This file can't be read ({reason}).") from error
    if len(data) > max_bytes:
        raise PhotoTooLargeError(name, f"The file has more than {max_bytes:,} bytes. Save a smaller copy and use that.")
    return data


def photo(service: FaceService, path: Path) -> Photo:
    """A decoded photo, named by its path as given.

    Raises:
        PhotoError: If it can't be used.
    """
    return service.photo(read(path, service.max_bytes), shown(path))


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading.

    Raises:
        FileError: If it can't be opened.
    """
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise _failure(path, error) from error
    with file:
        yield file


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Writes a file that takes its name only when the block has succeeded.

    It is readable by its owner alone: everything that is written here is about
    people.

    Raises:
        FileError: If it can't be written; what was there before is still there.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".facenet-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise _failure(path, error) from error


def make_folder(path: Path) -> None:
    """Makes a folder if there is none.

    Raises:
        FileError: If it can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: Path, error: OSError | ValueError) -> FileError:
    reason = error.strerror if isinstance(error, OSError) else error
    return FileError(f"{shown(path)}: {reason}. Check the name, the folder and its permissions.")


def picture_targets(folder: Path, photos: Sequence[Path]) -> list[Path]:
    """Where each photo's picture goes. Photos of one name from several folders do not meet.

    Raises:
        FileError: If the folder can't be made, or a picture would replace a photo.
    """
    make_folder(folder)
    originals = {path.resolve() for path in photos}
    taken: set[str] = set()
    targets = []
    for path in photos:
        stem, copy = f"{path.stem}-faces", 1
        while (name := f"{stem}.png" if copy == 1 else f"{stem}-{copy}.png").casefold() in taken:
            copy += 1
        taken.add(name.casefold())
        target = folder / name
        if target.resolve() in originals:
            raise FileError(f"{shown(target)}: this photo would be replaced. Choose another folder.")
        targets.append(target)
    return targets
