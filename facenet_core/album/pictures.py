"""Thumbnails of an album's photos and crops of its faces, kept so that a page of hundreds is there at once.

A cache: it may be deleted, and what is missing is made again from the photo.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core import images
from facenet_core.errors import StoreError
from facenet_core.store.files import FILE_MODE, discard, make_folder, temporary_name
from facenet_core.types import Detection, Photo

THUMBNAIL_SIDE = 360
"""Pixels of a thumbnail's longer side."""

CROP_SIDE = 112
"""Pixels of a face's crop."""

END = b"\xff\xd9"
"""Ends every JPEG. One whose end a power cut has filled with zeros can be decoded, and is grey from there."""

TIDY_SECONDS = 60.0
"""How often to look whether another host has removed photos."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The small pictures of a photo, as JPEG.

    Attributes:
        thumbnail: The photo's.
        crops: Its faces', in their order.
    """

    thumbnail: bytes
    crops: tuple[bytes, ...]

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], faces: Iterable[Detection]) -> Drawn:
        """Draws them.

        Args:
            pixels: The photo, shape ``(height, width, 3)``, RGB, uint8.
            faces: Where its faces are.
        """
        crops = (images.thumbnail(_crop(pixels, face), CROP_SIDE) for face in faces)
        return cls(images.thumbnail(pixels, THUMBNAIL_SIDE), tuple(crops))


class Pictures:
    """Small pictures in files, by what they show. Thread-safe.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = "", -TIDY_SECONDS

    def thumbnail(self, sha256: str) -> bytes | None:
        """A photo's thumbnail as JPEG; None if it was not made yet, or is damaged."""
        return _read(self._place(sha256, "photo"))

    def crop(self, sha256: str, face: int) -> bytes | None:
        """A face's crop as JPEG; None if it was not made yet, or is damaged."""
        return _read(self._place(sha256, str(face)))

    def make(self, photo: Photo, faces: Mapping[int, Detection]) -> Drawn:
        """Draws a photo's thumbnail and its faces' crops, and keeps them.

        Args:
            photo: The photo.
            faces: Where they are, by their numbers.

        Returns:
            The pictures.

        Raises:
            StoreError: If they can't be written.
        """
        drawn = Drawn.of(photo.pixels, faces.values())
        self.put(photo.sha256, list(faces), drawn)
        return drawn

    def put(self, sha256: str, faces: Sequence[int], drawn: Drawn) -> None:
        """Keeps pictures that were drawn elsewhere.

        Args:
            sha256: Of the photo's content.
            faces: The numbers of its faces, in the order of their crops.
            drawn: The pictures.

        Raises:
            StoreError: If they can't be written.
        """
        made = {self._place(sha256, "photo"): drawn.thumbnail}
        made |= {self._place(sha256, str(face)): crop for face, crop in zip(faces, drawn.crops, strict=True)}
        try:
            for path, content in made.items():
                make_folder(path.parent)
                _write(path, content)
        except OSError as error:
            raise StoreError(f"{self._folder}: thumbnails can't be written ({error.strerror}).") from error

    def forget(self, kept: Callable[[], frozenset[str]]) -> None:
        """Deletes the pictures of photos that are not kept any more, also those that were never finished.

        Args:
            kept: Tells those that are, by their sha256. It is asked once what is
                here is known: what comes meanwhile is left alone.
        """
        here = list(self._folder.glob("*/*.jpg*"))
        keep = kept() if here else frozenset()
        for path in here:
            if path.name.split("-")[0] not in keep:
                discard(path)

    def tidy(self, removed: Callable[[], str], kept: Callable[[], frozenset[str]]) -> None:
        """Forgets the pictures of photos that another host has removed. Looks for it now and then.

        Args:
            removed: Tells a word that changes when photos are removed.
            kept: See :meth:`forget`.
        """
        last, at = self._tidied
        if time.monotonic() - at < TIDY_SECONDS:
            return
        self._tidied = removed(), time.monotonic()
        if self._tidied[0] != last:
            self.forget(kept)

    def _place(self, sha256: str, what: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}-{what}.jpg"


def _crop(pixels: NDArray[np.uint8], detection: Detection) -> NDArray[np.uint8]:
    """The face with a little around it, as square as the photo's edges allow."""
    box, (height, width) = detection.box, pixels.shape[:2]
    half = 0.7 * max(box.width, box.height)
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(width, max(int(x + half), left + 1)), min(height, max(int(y + half), top + 1))
    return pixels[min(top, height - 1) : bottom, min(left, width - 1) : right]


def _write(path: Path, content: bytes) -> None:
    """Writes a file that is never seen half-written. Not flushed: what a power cut takes is made again."""
    temporary = temporary_name(path)
    try:
        temporary.touch(FILE_MODE, exist_ok=False)
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        discard(temporary)
        raise


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except Exception:  # a damaged file makes the decoder raise whatever its parsing trips over
        return None
    return content if content.endswith(END) else None
