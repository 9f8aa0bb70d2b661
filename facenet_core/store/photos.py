"""The enrolled photos, each in a file that is named after its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facenet_core.errors import StoreError
from facenet_core.store.files import TEMPORARY_SUFFIX, discard, make_folder, put, write_error
from facenet_core.store.rules import check_hash, is_hash

_SUFFIX = ".webp"


class PhotoFiles:
    """Photos in ``<folder>/photos/<first two digits>/<sha256>.webp``.

    A photo's name says what must be in it, so that a file can be written
    twice without harm and damage never goes unnoticed.

    Args:
        folder: The folder of the database. Nothing is created before the
            first photo is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "photos"

    def path(self, sha256: str) -> Path:
        """Return where a photo is, or would be.

        Args:
            sha256: Its hash, 64 hex digits.

        Raises:
            UnknownPhotoError: That is not a hash.
        """
        check_hash(sha256)
        return self.folder / sha256[:2] / f"{sha256}{_SUFFIX}"

    def put(self, data: bytes) -> str:
        """Store a photo; on return it is on the disk.

        Args:
            data: The photo file's content.

        Returns:
            Its hash, 64 hex digits.

        Raises:
            DatabaseWriteError: It could not be written.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        try:
            # A file of that name may be there and damaged, so its presence alone proves nothing.
            if not path.exists() or path.read_bytes() != data:
                make_folder(path.parent)
                put(path, data)
        except OSError as error:
            raise write_error(path, error) from error
        return sha256

    def read(self, sha256: str) -> bytes:
        """See :class:`~facenet_core.store.parts.Photos`."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"{path}: this photo is missing. Remove it from its person and enrol it again.") from error
        except OSError as error:
            raise StoreError(
                f"{path}: this photo can't be read ({error.strerror}). Check the file and try again."
            ) from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"{path}: this photo is damaged. Remove it from its person and enrol it again.")
        return data

    def remove(self, sha256: str) -> None:
        """Delete a photo. One that is not there is no error.

        Args:
            sha256: Its hash, 64 hex digits.

        Raises:
            UnknownPhotoError: That is not a hash.
            DatabaseWriteError: It could not be deleted.
        """
        path = self.path(sha256)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(path, error) from error

    def all(self) -> frozenset[str]:
        """See :class:`~facenet_core.store.parts.Photos`. Files of other names are ignored."""
        return frozenset(
            path.stem
            for path in self.folder.glob(f"??/*{_SUFFIX}")
            if is_hash(path.stem) and path == self.path(path.stem)
        )

    def sweep(self, keep: frozenset[str]) -> int:
        """Delete what a crash left behind. Nobody may be putting photos meanwhile.

        Args:
            keep: The hashes of the photos in use.

        Returns:
            How many files were deleted.

        Raises:
            DatabaseWriteError: A photo could not be deleted.
        """
        unused = self.all() - keep
        for sha256 in unused:
            self.remove(sha256)
        unfinished = list(self.folder.glob(f"??/*{_SUFFIX}.*{TEMPORARY_SUFFIX}"))
        for path in unfinished:
            discard(path)
        return len(unused) + len(unfinished)
