"""Pairs files of LFW: which photos to compare, in which folds.

View 1 (``pairsDevTest.txt``, ``pairsDevTrain.txt``) begins with a number of
pairs n, and has n mated pairs and n non-mated ones. View 2 (``pairs.txt``)
begins with a number of folds and n, and has that for each fold. (Huang et al.,
"Labeled Faces in the Wild", UMass 07-49, 2007, and the README of the data.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from facenet_core.enrolment import PHOTO_SUFFIXES
from facenet_core.errors import InputError

MADE_FOLDS = 10
"""Folds of a file that has none, as many as View 2 has."""

MAX_BYTES = 64 * 2**20
"""Of a pairs file: that of View 2 has 155 KB."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which photos to compare.

    Attributes:
        photos: Each photo once, in the order of the file.
        pairs: Shape ``(n, 2)``: indices of the photos.
        people: Shape ``(n, 2)``: numbers of the people on them, from 0; equal
            in mated pairs.
        folds: Shape ``(n,)``: the fold of each pair, from 0.
        folds_given: Whether the file has folds. If not, its mated and its
            non-mated pairs were cut, in file order, into ten parts each.
    """

    photos: tuple[Path, ...]
    pairs: NDArray[np.int64]
    people: NDArray[np.int64]
    folds: NDArray[np.int64]
    folds_given: bool

    @property
    def mated(self) -> NDArray[np.bool_]:
        """Shape ``(n,)``: which pairs show one person."""
        mated: NDArray[np.bool_] = self.people[:, 0] == self.people[:, 1]
        return mated


def read_pairs(file: Path, folder: Path) -> Pairs:
    """Reads a pairs file and finds its photos.

    Args:
        file: The pairs file.
        folder: Holds a folder for each person, with photos called
            ``<name>_<number, four digits>`` and any suffix of a photo.

    Raises:
        InputError: If the file is malformed, or a photo is missing; the message
            names the line.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of photos.")
    return _Reader(file, folder).read()


class _Reader:
    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._line = 0
        self._photos: dict[Path, int] = {}
        self._people: dict[str, int] = {}
        self._named: dict[str, dict[str, Path]] = {}

    def read(self) -> Pairs:
        lines = self._lines()
        folds, size = self._header(next(lines, []))
        pairs, people = [], []
        for number in range(2 * folds * size):
            parts = next(lines, None)
            if parts is None:
                raise InputError(
                    f"{self._file}: the file ends after {number:,} of {2 * folds * size:,} pairs, which its first "
                    "line promises. Is it cut?"
                )
            (a, b), names = self._pair(parts, mated=number % (2 * size) < size)
            pairs.append((a, b))
            people.append(names)
        if next(lines, None) is not None:
            self._refuse(f"the first line promises {2 * folds * size:,} pairs, and here is another.")
        numbers = np.arange(2 * folds * size)
        fold = numbers // (2 * size) if folds > 1 else numbers % size * min(MADE_FOLDS, size) // size
        return Pairs(
            tuple(self._photos), np.array(pairs, np.int64), np.array(people, np.int64), fold.astype(np.int64), folds > 1
        )

    def _lines(self) -> Iterator[list[str]]:
        try:
            with self._file.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
            if len(text) > MAX_BYTES:
                raise InputError(f"{self._file}: the file is too large for a list of pairs.")
            lines = text.decode("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            reason = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else error
            raise InputError(f"{self._file}: the pairs file can't be read ({reason}).") from error
        for self._line, line in enumerate(lines, 1):
            # Names may hold spaces where tabs divide them.
            columns = [column.strip() for column in line.split("\t") if column.strip()]
            parts = columns if len(columns) in (3, 4) else line.split()
            if parts:
                yield parts

    def _header(self, parts: list[str]) -> tuple[int, int]:
        numbers = [_whole(part) for part in parts]
        if len(numbers) not in (1, 2) or None in numbers:
            self._line = self._line or 1
            self._refuse("expected the number of pairs, such as 500, or of folds and pairs, such as 10 and 300.")
        folds, size = [1, *numbers][-2:]
        return folds or 1, size or 1

    def _pair(self, parts: list[str], *, mated: bool) -> tuple[tuple[int, int], tuple[int, int]]:
        expected = "a name and two numbers (one person)" if mated else "two names, each with a number (two people)"
        if len(parts) != (3 if mated else 4):
            self._refuse(f"expected {expected}, divided by tabs.")
        (a, first), (b, second) = ((parts[0], parts[1]), (parts[0] if mated else parts[2], parts[-1]))
        if (a, first) == (b, second):
            self._refuse("this pair holds a photo against itself.")
        if not mated and a == b:
            self._refuse(f"expected {expected}, but both are called {a}.")
        found = self._photo(a, first), self._photo(b, second)
        return found, (self._person(a), self._person(b))

    def _person(self, name: str) -> int:
        return self._people.setdefault(name, len(self._people))

    def _photo(self, name: str, text: str) -> int:
        number = _whole(text)
        if number is None:
            self._refuse(f"expected a photo's number, not {text!r}.")
        if name in (".", "..") or any(c in name for c in "/\\\0") or Path(name).is_absolute() or Path(name).drive:
            self._refuse(f"{name!r} is not a person's name: it would lead out of the folder of photos.")
        stem = f"{name}_{number:04d}"
        path = self._photos_of(name).get(stem)
        if path is None:
            self._refuse(f"there is no photo {self._folder / name / stem}.jpg.")
        return self._photos.setdefault(path, len(self._photos))

    def _photos_of(self, name: str) -> dict[str, Path]:
        if name not in self._named:
            try:
                files = [p for p in sorted((self._folder / name).iterdir()) if p.suffix.lower() in PHOTO_SUFFIXES]
            except OSError:
                files = []
            # Where several files have a number, that of LFW's own kind is taken.
            files.sort(key=lambda path: path.suffix.lower() == ".jpg")
            self._named[name] = {path.stem: path for path in files}
        return self._named[name]

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self._file}, line {self._line}: {why}")


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 7 and int(text) else None
