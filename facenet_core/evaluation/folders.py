"""Labelled folders: a folder of folders, each with the photos of one person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core.enrolment import PHOTO_SUFFIXES
from facenet_core.errors import InputError

MAX_PHOTOS = 20_000
"""Photos that are compared with each other: their distances take 1.6 GB, and as much again to sort."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Labelled photos.

    Attributes:
        people: The names of the folders, sorted.
        photos: The photos, person by person.
        person: Shape ``(n,)``: the number of each photo's person, from 0.
    """

    people: tuple[str, ...]
    photos: tuple[Path, ...]
    person: NDArray[np.int64]


def read_folders(folder: Path) -> Folders:
    """Finds the photos of labelled folders.

    Hidden files and folders, files that are not named like a photo and folders
    without photos are passed over.

    Args:
        folder: Holds a folder for each person.

    Raises:
        InputError: If there are not two people, or nobody has two photos.
    """
    try:
        found = {path.name: _photos(path) for path in sorted(folder.iterdir()) if _is_person(path)}
    except OSError as error:
        raise InputError(f"{folder}: this folder can't be read ({error.strerror}).") from error
    people = {name: photos for name, photos in found.items() if photos}
    photos = tuple(photo for photos in people.values() for photo in photos)
    if len(people) < 2:
        raise InputError(
            f"{folder}: expected a folder with photos for each of at least two people, and found {len(people)}."
        )
    if len(photos) == len(people):
        raise InputError(f"{folder}: nobody has two photos there, so that no person can be held against themselves.")
    if len(photos) > MAX_PHOTOS:
        raise InputError(f"{folder}: {len(photos):,} photos are too many to compare all; at most {MAX_PHOTOS:,}.")
    person = np.repeat(np.arange(len(people)), [len(photos) for photos in people.values()])
    return Folders(tuple(people), photos, person)


def _is_person(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir()


def _photos(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
