"""Removal: pages, sites and people leave the reverse index at once, and do not come back."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from sqlalchemy import Connection

from facenet_core import images
from facenet_core.errors import PhotoError, ReverseError
from facenet_core.reverse.addresses import drop_host, drop_url
from facenet_core.reverse.blanking import forget, sample_of, sample_of_thumbnail, sampled
from facenet_core.reverse.collection import Collection
from facenet_core.reverse.faces import Faces, IndexedFace
from facenet_core.reverse.records import Hit, Removal
from facenet_core.reverse.removals import bar, bar_face, note_dropped, see
from facenet_core.reverse.searching import ReverseSearcher
from facenet_core.reverse.vectors import Vectors
from facenet_core.sources.links import same, site
from facenet_core.types import Embedding, Face, Photo

logger = logging.getLogger(__name__)

NO_ADDRESS = "Give the whole address of a page or a picture, such as https://example.org/page.html."

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*)(\.[a-z0-9_][a-z0-9_-]*)*|[0-9a-f:.]*:[0-9a-f:.]*")
"""A name, or an address of IPv6."""


class Removing(Collection):
    """Removes from the reverse index, and keeps the removal list. Thread-safe."""

    def remove_url(self, url: str) -> int:
        """Drops a page or a picture at once, and bars it.

        Args:
            url: Its address, however it is written.

        Returns:
            How many addresses were dropped.

        Raises:
            ReverseError: If it is none.
        """
        wanted = same(url)
        if not wanted:
            raise ReverseError(NO_ADDRESS)
        self.refuse_unused()
        with self._database.writing() as connection:
            entry = bar(connection, "url", wanted, self._now())
            dropped = drop_url(connection, wanted)
            if not dropped and not site(wanted):  # what is in the index can be removed, whatever it is
                raise ReverseError(NO_ADDRESS)
            note_dropped(connection, entry, dropped)
        return self._dropped(dropped)

    def remove_host(self, host: str) -> int:
        """Drops all pages and pictures of a host and those below it at once, and bars it.

        Args:
            host: Its name, or an address on it; see :func:`host_of`.

        Returns:
            How many addresses were dropped.

        Raises:
            ReverseError: If it is neither.
        """
        wanted = host_of(host)
        self.refuse_unused()
        with self._database.writing() as connection:
            entry = bar(connection, "host", wanted, self._now())
            dropped = drop_host(connection, wanted)
            note_dropped(connection, entry, dropped)
        return self._dropped(dropped)

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
            ReverseError: If no limit is given, and nothing was measured.
        """
        return self._forget(face.embedding, lambda: sample_of(photo.pixels, face.detection.box), limit)

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
        faces, vectors = self._current()
        near = self._searcher(faces, vectors).like(self._indexed(hit).embedding, self._limit(limit))
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
            ReverseError: If the face or its thumbnail has gone meanwhile, or if
                no limit is given and nothing was measured.
        """
        found = self._indexed(hit)
        return self._forget(found.embedding, lambda: self._sample(hit), limit)

    def removals(self) -> tuple[Removal, ...]:
        """The removal list, the latest first."""
        self.refuse_unused()
        return self._removals.all()

    def take_off(self, id_: int) -> None:
        """Takes an entry off the removal list.

        Raises:
            ReverseError: If there is none of that number.
        """
        self.refuse_unused()
        self._removals.take_off(id_)

    def _current(self) -> tuple[Faces, Vectors]:
        """What belongs to the current model, without those on the removal list whom only other models have seen."""
        faces, vectors = super()._current()
        for unseen in self._removals.unseen(faces.model):
            if (unseen.removal, faces.model) in self._unfound:
                continue
            embedding = self._embedded(unseen.sample)
            if embedding is None:
                self._unfound.add((unseen.removal, faces.model))
                logger.warning("entry %d of the removal list: this model finds no face on what is kept", unseen.removal)
                continue
            # Where nothing was measured, the distance of the model that they were removed with is the best guess.
            within = unseen.within if self._calibration() is None else self._limit(None)
            searcher = self._searcher(faces, vectors)
            with self._database.writing() as connection:
                new = see(connection, unseen.removal, faces.model, embedding, within)
                dropped = forget_near(connection, faces, searcher, embedding, within) if new else 0
            self._dropped(dropped)
        return faces, vectors

    def _embedded(self, sample: bytes) -> Embedding | None:
        """What the current model makes of somebody's sample; None if it finds nobody in its middle."""
        try:
            face = sampled(self._engine().analyse(images.decode(sample, "removed")))
        except PhotoError:
            return None
        return face.embedding if face else None

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

    def _forget(self, embedding: Embedding, make_sample: Callable[[], bytes], limit: float | None) -> int:
        """Drops faces near to one, and bars whom they belong to."""
        self.refuse_unused()
        faces, vectors = self._current()
        within, sample, searcher = self._limit(limit), make_sample(), self._searcher(faces, vectors)
        with self._database.writing() as connection:
            entry = bar_face(connection, faces.model, embedding, within, sample, self._now())
            dropped = forget_near(connection, faces, searcher, embedding, within)
            note_dropped(connection, entry, dropped)
        return self._dropped(dropped)

    def _dropped(self, dropped: int) -> int:
        if dropped:
            self._renew_files()
        return dropped

    def _limit(self, given: float | None) -> float:
        if given is not None:
            return given
        calibration = self._calibration()
        if calibration is None:
            raise ReverseError("Nothing was measured for this model: give the distance up to which a face is theirs.")
        return calibration.verify_threshold(fmr=self._targets().fmr).distance


def forget_near(
    connection: Connection, faces: Faces, searcher: ReverseSearcher, embedding: Embedding, within: float
) -> int:
    """Drops faces near to one that was barred in the same transaction: since then nobody puts others there."""
    return forget(connection, faces, [each.id for each in searcher.like(embedding, within)])


def host_of(text: str) -> str:
    """The host that a text names: itself, or the one of an address.

    Raises:
        ReverseError: If it names none.
    """
    given = text.strip()
    host = site(given if "://" in given else f"https://{given}")
    if not _HOST.fullmatch(host):
        raise ReverseError(f"{given!r} names no site. Give a name such as example.org, or an address on it.")
    return host
