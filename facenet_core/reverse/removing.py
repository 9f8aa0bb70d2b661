"""Removal: pages, sites and people leave the reverse index at once, and do not come back."""

from __future__ import annotations

import logging
from collections.abc import Callable

from facenet_core import images
from facenet_core.errors import ReverseError
from facenet_core.reverse.blanking import forget, sample_of, sample_of_thumbnail
from facenet_core.reverse.collection import Collection
from facenet_core.reverse.faces import Faces, IndexedFace
from facenet_core.reverse.records import Hit, Removal
from facenet_core.reverse.vectors import Vectors
from facenet_core.types import Embedding, Face, Photo

logger = logging.getLogger(__name__)


class Removing(Collection):
    """Removes from the reverse index, and keeps the removal list. Thread-safe."""

    def remove_url(self, url: str) -> int:
        """Drops a page or a picture at once, and bars it.

        Returns:
            How many addresses were dropped.
        """
        self.refuse_off()
        dropped = self._addresses.drop(url=url)
        self._removals.bar("url", url, dropped, self._now())
        return dropped

    def remove_host(self, host: str) -> int:
        """Drops all pages and pictures of a host and those below it at once, and bars it.

        Returns:
            How many addresses were dropped.
        """
        self.refuse_off()
        dropped = self._addresses.drop(host=host)
        self._removals.bar("host", host.lower(), dropped, self._now())
        return dropped

    def remove_face(self, photo: Photo, face: Face, limit: float | None = None) -> int:
        """Drops a person's faces at once, and bars them: faces as near as the limit are not taken in again.

        The places of the faces on thumbnails are blanked, and originals that
        show them are dropped.

        Args:
            photo: A photo of the person.
            face: Their face on it, of the current model.
            limit: Faces at most so far from it are taken for the person; the
                1:1 threshold by default.

        Returns:
            How many faces were dropped.

        Raises:
            ModelError: If there is no model.
            NoThresholdError: If no limit is given, and nothing was measured.
        """
        self.refuse_off()
        return self._forget(face.embedding, lambda: sample_of(photo, face.detection), limit)

    def alike(self, hit: Hit, limit: float | None = None) -> int:
        """How many faces :meth:`remove_hit` would drop, copies among them.

        Args:
            hit: What a search has found.
            limit: As there.

        Raises:
            ModelError: If there is no model.
            ReverseError: If the face has gone meanwhile, or no limit is given
                and nothing was measured.
        """
        faces, _ = self._current()
        near = self._searcher().like(self._indexed(hit).embedding, self._limit(limit))
        with self._database.reading() as connection:
            return sum(map(len, faces.copies(connection, [each.id for each in near]).values()))

    def remove_hit(self, hit: Hit, limit: float | None = None) -> int:
        """Drops the faces of somebody whom a search has found, as :meth:`remove_face` does.

        The sample that is kept is of the thumbnail: another model may fail to
        find a face on it that is small there. A photo of the person, if there
        is one, makes a better sample.

        Args:
            hit: What the search has found.
            limit: Faces at most so far from it are taken for the person; the
                1:1 threshold by default.

        Returns:
            How many faces were dropped, copies among them.

        Raises:
            ModelError: If there is no model.
            ReverseError: If the face or its thumbnail has gone meanwhile, if no
                limit is given and nothing was measured, or if the index is
                being written by another process.
        """
        found = self._indexed(hit)
        return self._forget(found.embedding, lambda: self._sample(hit), limit)

    def removals(self) -> tuple[Removal, ...]:
        """The removal list, the latest first."""
        self.refuse_off()
        return self._removals.all()

    def take_off(self, id_: int) -> None:
        """Takes an entry off the removal list.

        Raises:
            ReverseError: If there is none of that number.
        """
        self.refuse_off()
        self._removals.take_off(id_)

    def _current(self) -> tuple[Faces, Vectors]:
        """What belongs to the current model, without those on the removal list whom only other models have seen."""
        faces, vectors = super()._current()
        for removal, sample in self._removals.unseen(faces.model):
            if (removal, faces.model) in self._unfound:
                continue
            found = self._engine().analyse(images.decode(sample, "removed"))
            if not found.faces:
                self._unfound.add((removal, faces.model))
                logger.warning("entry %d of the removal list: this model finds no face on what is kept", removal)
                continue
            embedding, within = found.faces[found.prominent].embedding, self._limit(None)
            self._removals.see(removal, faces.model, embedding, within)
            near = self._searcher().like(embedding, within)
            forget(self._database, faces, [each.id for each in near])
        return faces, vectors

    def _indexed(self, hit: Hit) -> IndexedFace:
        """The face that a search has found, as it is now."""
        faces, _ = self._current()
        with self._database.reading() as connection:
            found = faces.some(connection, [hit.face]).get(hit.face)
        if found is None:
            raise ReverseError("This face is no longer in the index. Search again.")
        return found

    def _sample(self, hit: Hit) -> bytes:
        small = self._photos.thumbnail(hit.photo)
        if small is None:
            raise ReverseError("There is no picture of this face any more. Remove its page, or give another photo.")
        return sample_of_thumbnail(small, hit.detection, hit.size)

    def _forget(self, embedding: Embedding, sampled: Callable[[], bytes], limit: float | None) -> int:
        """Drops faces near to one, and bars whom they belong to."""
        faces, _ = self._current()
        within, sample = self._limit(limit), sampled()
        with self._alone("index"):
            near = [each.id for each in self._searcher().like(embedding, within)]
            dropped = forget(self._database, faces, near)
            self._removals.bar_face(faces.model, embedding, within, sample, dropped, self._now())
        return dropped

    def _limit(self, given: float | None) -> float:
        if given is not None:
            return given
        calibration = self._calibration()
        if calibration is None:
            raise ReverseError("Nothing was measured for this model: give the distance up to which a face is theirs.")
        return calibration.verify_threshold(fmr=self._targets().fmr).distance
