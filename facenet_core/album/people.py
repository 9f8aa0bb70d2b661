"""The people of an album: grouped, named, and corrected by whoever knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.doubts import Doubts
from facenet_core.album.groups import Groups
from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.records import AlbumFace, AlbumPhoto, FaceTable, Group
from facenet_core.album.said import Kind
from facenet_core.album.sayings import Sayings
from facenet_core.album.searching import Crowd
from facenet_core.calibration import Calibration
from facenet_core.engine import FaceEngine
from facenet_core.enrolment import as_kept
from facenet_core.errors import AlbumError
from facenet_core.store import clean_name
from facenet_core.types import EnrolOutcome, EnrolRequest

ENROLLED = 5
"""Photos of a group that are enrolled when it is named."""


class Shown(Protocol):
    """What shows an album's photos and faces."""

    def photo(self, id_: int) -> AlbumPhoto:
        """A photo by its number."""

    def faces(self, ids: Iterable[int]) -> tuple[AlbumFace, ...]:
        """Faces by their numbers."""

    def original(self, photo: AlbumPhoto) -> bytes:
        """A photo's own bytes, as they were when it was indexed."""


class AlbumPeople:
    """Groups faces into people, remembers what users say of them, and enrols whoever is named. Thread-safe.

    Args:
        album: Shows photos and faces.
        database: Of the album.
        photos: Its photos.
        engine: The engine; may wait for it.
        calibration: What a distance means.
        enrol: Enrols photos of a person.
        now: The clock, UTC.
        person: The id of somebody who was enrolled, by their name.
    """

    def __init__(
        self,
        album: Shown,
        database: AlbumDatabase,
        photos: AlbumPhotos,
        engine: Callable[[], FaceEngine],
        calibration: Callable[[], Calibration],
        enrol: Callable[[Sequence[EnrolRequest]], Iterable[EnrolOutcome]],
        now: Callable[[], datetime],
        person: Callable[[str], str | None],
    ) -> None:
        self._album, self._database, self._engine, self._calibration = album, database, engine, calibration
        self._enrol, self._now, self._person = enrol, now, person
        self._sayings = Sayings(database)
        self._groups = Groups(database, photos, self._sayings)

    def group(self, *, anew: bool = False) -> tuple[Group, ...]:
        """Groups the faces into people: those that came since the last time, or all of them.

        Raises:
            ModelError: If there is no model.
            NoThresholdError: If nothing was measured for the model.
        """
        model_id = self._engine().model_id
        if self._database.exists:
            self._groups.regroup(model_id, self._calibration(), anew=anew)
        return self.all()

    def crowd(self) -> tuple[FaceTable, Crowd]:
        """All faces of the album, ready to be searched.

        Raises:
            ModelError: If there is no model.
        """
        return self._groups.crowd(self._engine().model_id)

    def tidy(self) -> None:
        """Deletes what is kept beside the database of photos that were forgotten."""
        if self._database.exists:
            self._groups.tidy()

    def all(self, smallest: int = 2) -> tuple[Group, ...]:
        """The people, as they were last grouped: named ones first, then by size."""
        return self._groups.all(self._engine().model_id, smallest) if self._database.exists else ()

    def ungrouped(self) -> int:
        """How many faces have come since they were last grouped."""
        return self._groups.ungrouped(self._engine().model_id) if self._database.exists else 0

    def get(self, number: int) -> Group:
        """One of the people.

        Raises:
            AlbumError: If there is none of that number.
        """
        return self._groups.get(self._engine().model_id, number)

    def doubts(self) -> Doubts:
        """What may be wrong with the groups, told from the faces alone.

        Raises:
            ModelError: If there is no model.
            NoThresholdError: If nothing was measured for it.
        """
        return self._groups.doubts(self._engine().model_id, self._calibration())

    def merge(self, numbers: Sequence[int]) -> None:
        """Says that groups are one person.

        Raises:
            AlbumError: If there is none of a number, or fewer than two.
        """
        groups = [self.get(number) for number in dict.fromkeys(numbers)]
        if len(groups) < 2:
            raise AlbumError("Choose at least two groups to be one person.")
        faces = [face for group in groups for face in group.faces]
        self._sayings.say("same", faces, now=self._now())
        self._regroup(faces)

    def split(self, number: int, faces: Sequence[int]) -> None:
        """Says that faces of a group are not the person of its other faces.

        Raises:
            AlbumError: If they are not in it, or nobody would be left.
        """
        group = self.get(number)
        wrong, left = set(faces), set(group.faces) - set(faces)
        if not wrong or not wrong <= set(group.faces):
            raise AlbumError("Choose faces of this group that are somebody else.")
        if not left:
            raise AlbumError("All faces of the group are chosen. Leave those that are the person.")
        self._sayings.say("apart", wrong, left, now=self._now())
        self._regroup(group.faces)

    def differ(self, one: int, other: int) -> None:
        """Says that two groups are two people: they are never joined, nor doubted, until somebody says otherwise.

        Raises:
            AlbumError: If there is none of a number, or they are the same.
        """
        if one == other:
            raise AlbumError("Choose two groups that are different people.")
        self._sayings.say("differ", self.get(one).faces, self.get(other).faces, now=self._now())
        self._regroup(())

    def confirm(self, number: int) -> None:
        """Says that a group is one person: its faces stay together, and it is not doubted.

        Raises:
            AlbumError: If there is none of that number.
        """
        self._sayings.say("sure", self.get(number).faces, now=self._now())
        self._regroup(())

    def name(self, number: int, name: str) -> tuple[EnrolOutcome, ...]:
        """Gives a group a name, and enrols the person with its best photos.

        Returns:
            What became of each photo, those that can't be read or have changed
            included. A name stays though no photo was enrolled.

        Raises:
            InputError: If the name can't be used; nothing is changed.
            AlbumError: If there is no group of that number.
        """
        called, group = clean_name(name), self.get(number)
        said = self._sayings.say("named", group.faces, now=self._now(), name=called)
        requests, refused = self._requests(called, group)
        outcomes = (*self._enrol(requests), *refused)
        if any(outcome.accepted for outcome in outcomes) and (person := self._person(called)):
            self._sayings.enrolled(said, person)
        self._regroup(group.faces)
        return outcomes

    def last_said(self) -> Kind | None:
        """What :meth:`undo` would take back; None if nothing is left. Needs no model."""
        return self._sayings.last() if self._database.exists else None

    def undo(self) -> Kind | None:
        """Takes back what was said last. Whoever was enrolled by a name stays so.

        Returns:
            What it was; None if nothing is left.
        """
        word = self._sayings.take_back(self._now()) if self._database.exists else None
        if word is None:
            return None
        self._regroup(() if word.kind in ("sure", "differ") else word.faces | word.others)
        return word.kind

    def _regroup(self, faces: Iterable[int]) -> None:
        self._groups.regroup(self._engine().model_id, self._calibration(), faces)

    def _requests(self, name: str, group: Group) -> tuple[list[EnrolRequest], list[EnrolOutcome]]:
        """The best photos of a group, to be enrolled, and those of them that can't be."""
        requests: list[EnrolRequest] = []
        refused: list[EnrolOutcome] = []
        for face in self._album.faces(group.faces[: 4 * ENROLLED]):
            if not face.clear:
                continue
            if len(requests) == ENROLLED:
                break
            try:
                photo = self._album.photo(face.photo)
            except AlbumError:  # it has left the album just now
                continue
            box = as_kept(face.box, photo.width, photo.height)
            try:
                requests.append(EnrolRequest(name, photo.name, self._album.original(photo), box=box))
            except AlbumError as error:
                refused.append(EnrolOutcome(photo.name, name, False, error.code, str(error)))
        return requests, refused
