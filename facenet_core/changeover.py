"""Changing the model: what would be answered differently, the change in one step, and the way back."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import NoThresholdError, RehearsalError
from facenet_core.flips import Flips, Rules, flips
from facenet_core.matching import Gallery
from facenet_core.rehearsals import Rehearsals
from facenet_core.store import PeopleRepository, Slot
from facenet_core.types import EnrolOutcome, ModelId, Shadow


class Changeover(Rehearsals):
    """Changes the model once that was rehearsed, and takes it back. Thread-safe.

    Args:
        settings: May fix the model, which then can't be changed here.
        repository: The enrolled people and the stored settings.
    """

    def __init__(self, settings: Settings, repository: PeopleRepository) -> None:
        super().__init__(settings, repository)
        self._choice_lock = threading.RLock()
        self._flips: tuple[str, Flips] | None = None
        self._flips_lock = threading.Lock()

    @abstractmethod
    def take_engine(self, engine: FaceEngine) -> None:
        """Uses an engine from now on."""

    def flips(self) -> Flips:
        """What would be answered differently with the model that was rehearsed; made anew when anything has changed.

        Raises:
            RehearsalError: If none was.
            ModelError: If there is no model.
        """
        with self._flips_lock:
            revision = self.repository.revision()
            if self._flips is None or self._flips[0] != revision:
                self._flips = revision, self._compared(self._shadow("candidate"))
            return self._flips[1]

    def cut_over(self) -> tuple[EnrolOutcome, ...]:
        """Uses the model that was rehearsed from now on: its templates and the choice of it are stored in one step.

        Photos that were enrolled since are embedded first. One in which the
        face was not found keeps its template, which is out of date then. The
        former templates are kept, for :meth:`roll_back`.

        Returns:
            An outcome for each photo that was embedded first.

        Raises:
            RehearsalError: If none was, if its weights file has changed since,
                or if the environment sets the model.
            ModelError: If it can't be loaded; nothing is changed.
            StoreError: If the database can't be written; nothing is changed.
        """
        self.refuse_fixed_model()
        self._end_rehearsal()
        return tuple(self._swapped("candidate", self._shadow("candidate")))

    def roll_back(self) -> Iterator[EnrolOutcome]:
        """Uses the former model again, with its templates.

        Photos that were enrolled since are embedded first.

        Returns:
            An outcome for each of those, as soon as it is known. Nothing is
            changed before the last.

        Raises:
            RehearsalError: If there is no former model, or the environment sets
                the model.
            ModelError: If it can't be loaded; nothing is changed.
            StoreError: If the database can't be written; nothing is changed.
        """
        self.refuse_fixed_model()
        return self._swapped("previous", self._shadow("previous"))

    def former_model(self) -> tuple[str, int] | None:
        """The id of the model that :meth:`roll_back` goes back to, and how many photos it has yet to see."""
        shadow = self.repository.shadows.get("previous")
        return (shadow.of.model_id.model, len(self._missing(shadow))) if shadow else None

    def forget_former_model(self) -> None:
        """Throws the former model's templates away. None is no error.

        Raises:
            StoreError: If the database can't be written.
        """
        self.repository.shadows.discard("previous")

    def _compared(self, shadow: Shadow) -> Flips:
        in_use = self.engine.model_id
        people, other = self.people(), shadow.of.model_id
        before, after = self.whole_gallery(in_use), Gallery.of([shadow.applied(person) for person in people], other)
        try:
            return flips(before, after, self._rules(in_use), self._rules(other))
        except NoThresholdError as error:
            return Flips(len(before), problem=str(error))

    def _rules(self, model_id: ModelId) -> Rules:
        return Rules(
            lambda photos: self.verify_threshold(templates=photos, model_id=model_id),
            lambda searched, of_person: self.identify_threshold(
                templates=searched, of_person=of_person, model_id=model_id
            ),
        )

    def _swapped(self, slot: Slot, shadow: Shadow) -> Iterator[EnrolOutcome]:
        """Completes a slot and puts it in the place of the templates in use."""
        of, in_use = shadow.of, self._model_in_use()
        engine = self._beside(of.setting)
        if engine.model_id != of.model_id:
            if slot == "candidate":
                raise RehearsalError(
                    f"The weights of {of.model_id.model}, or how faces are prepared for it, have changed since the "
                    "rehearsal. Nothing was changed. Rehearse it again."
                )
            of = replace(of, model_id=engine.model_id)
            self.repository.shadows.begin(slot, of, in_use)
        while True:
            yield from self._embedded(slot, engine, of)
            # Nobody may see the new templates with the old model.
            with self._choice_lock:
                if self.repository.shadows.swap(slot, of, in_use):
                    self.take_engine(engine)
                    self._spare = None
                    if slot == "candidate":
                        self._work = None
                    return
