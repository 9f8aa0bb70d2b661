"""Photos that are enrolled already."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from facenet_core.errors import DuplicatePhotoError
from facenet_core.types import NewTemplate


def refuse_duplicates(new: Sequence[NewTemplate], enrolled: dict[str, str], name: str) -> None:
    """Checks that photos to be enrolled are not enrolled, and that none comes twice.

    Args:
        new: The photos.
        enrolled: Whose photos there are: names by the hashes of the photos, as
            they were given and as they are stored; the new ones are added.
        name: Whose the new ones are.

    Raises:
        DuplicatePhotoError: One is enrolled already.
    """
    for item in new:
        photo_sha256 = sha256(item.photo).hexdigest()
        person = enrolled.get(item.source_sha256) or enrolled.get(photo_sha256)
        if person:
            raise DuplicatePhotoError(
                item.source_name, f"This photo is enrolled already, as {person}: choose another one.", person
            )
        enrolled[item.source_sha256] = enrolled[photo_sha256] = name
