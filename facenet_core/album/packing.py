"""Photos of an album in one zip file, as they are, with a manifest of what was found on them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from facenet_core.album.records import AlbumPhoto, Folder, Hit, shown
from facenet_core.errors import AlbumError
from facenet_core.table import cell

MANIFEST = "manifest.csv"

COLUMNS = ("path", "file", "sha256", "distance", "one_in", "box", "problem")


class Packable(Protocol):
    """What gives an album's photos."""

    def original(self, photo: AlbumPhoto) -> bytes:
        """A photo's own bytes, as they were when it was indexed."""

    def folders(self) -> tuple[Folder, ...]:
        """The folders of the album."""


def pack(album: Packable, hits: Iterable[Hit], target: BinaryIO) -> int:
    """Writes photos, byte for byte as they are, and a manifest.

    One photo is read at a time. One that can't be read, or has changed since it
    was indexed, is in the manifest alone, with the reason.

    Args:
        album: Reads the photos.
        hits: Which.
        target: Where the zip file is written.

    Returns:
        How many photos are in it.
    """
    manifest, taken, count = io.StringIO(), set[str](), 0
    rows = csv.writer(manifest)
    rows.writerow(COLUMNS)
    roots = [folder.path for folder in album.folders()]
    # Photos are compressed already.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for hit in hits:
            path, file, problem = in_album(hit.photo.paths, roots), "", ""
            try:
                content = album.original(hit.photo)
                file = _unused(f"photos/{path.translate(_UNSAFE)}", taken)
                archive.writestr(zipfile.ZipInfo(file), content)
                count += 1
            except AlbumError as error:
                problem = str(error)
            boxes = "; ".join(
                f"{b.left:.0f} {b.top:.0f} {b.right:.0f} {b.bottom:.0f}" for b in (face.box for face in hit.faces)
            )
            found = hit.photo.sha256, f"{hit.distance:.4f}", round(hit.strangers), boxes
            rows.writerow((cell(path), cell(file), *found, cell(problem)))
        archive.writestr(MANIFEST, manifest.getvalue())
    return count


def parts(hits: Iterable[Hit], photos: int, size: int) -> Iterator[tuple[Hit, ...]]:
    """Parts to be packed one by one, in order. Files are looked at for a part when it is asked for.

    Args:
        hits: Which photos.
        photos: How many a part holds at most.
        size: How many bytes they have together at most; a photo that has more is alone.
    """
    part: list[Hit] = []
    total = 0
    for hit in hits:
        own = _size(hit.photo)
        if part and (len(part) == photos or total + own > size):
            yield tuple(part)
            part, total = [], 0
        part.append(hit)
        total += own
    if part:
        yield tuple(part)


def _size(photo: AlbumPhoto) -> int:
    """The bytes of a photo; 0 if none of its files is there."""
    for path in photo.paths:
        with suppress(OSError):
            return path.stat().st_size
    return 0


def in_album(paths: Sequence[Path], roots: Sequence[Path]) -> str:
    """Where the first of a photo's files is in the album: the name of its folder, and its path in that."""
    path = paths[0]
    root = next((root for root in roots if path.is_relative_to(root)), path.parent)
    return shown(str(PurePosixPath(root.name, path.relative_to(root))))


_UNSAFE = str.maketrans("\\:", "__")
"""What leads out of a folder where a file is unpacked on another system."""


def _unused(file: str, taken: set[str]) -> str:
    """A name that no other photo has: two folders of the album may be called alike."""
    path, number, name = PurePosixPath(file), 1, file
    while name.casefold() in taken:
        number += 1
        name = str(path.with_stem(f"{path.stem}-{number}"))
    taken.add(name.casefold())
    return name
