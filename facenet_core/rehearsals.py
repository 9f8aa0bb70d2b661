"""Rehearsals: another model sees every enrolled photo beside the one in use."""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.enrolments import Enrolments
from facenet_core.errors import FaceNetError, PhotoError, RehearsalError
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.store import PeopleRepository, Slot
from facenet_core.types import EnrolOutcome, ModelChoice, Rehearsal, Shadow, Template, Unfound
from facenet_core.weights import ResolvedWeights, resolve

logger = logging.getLogger(__name__)

SAVED_EVERY = 10.0
"""Seconds between two commits of a rehearsal: what one that is killed has to do again at most. Each commit writes the
whole database."""


@dataclass(slots=True)
class _Work:
    """A rehearsal that this process is at, in the background.

    Attributes:
        model: The model's id.
        left: Photos that were left when it began; None until its engine is loaded.
        made: Photos since.
        began: When it had the engine, by the monotonic clock.
        problem: Why it ended early.
        stop: Set to end it.
    """

    model: str
    left: int | None = None
    made: int = 0
    began: float = 0.0
    problem: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class Rehearsals(Enrolments):
    """Rehearses a change of the model. Thread-safe.

    Args:
        settings: May fix the model, which then can't be changed here.
        repository: The enrolled people and the stored settings.
    """

    def __init__(self, settings: Settings, repository: PeopleRepository) -> None:
        super().__init__(settings, repository)
        self._spare: tuple[str, FaceEngine] | None = None
        self._spare_lock = threading.Lock()
        self._work: _Work | None = None
        self._work_lock = threading.Lock()

    @abstractmethod
    def loaded_from(self) -> ResolvedWeights | None:
        """The weights file of the engine; None if there is none. Waits for the engine."""

    @abstractmethod
    def load_engine(self, settings: Settings) -> FaceEngine:
        """Loads an engine, ready for work."""

    # -- rehearsing ---------------------------------------------------------

    def rehearse(self, model: str, analyse: Analyser = analyse_here) -> Generator[EnrolOutcome, None, None]:
        """Embeds every enrolled photo with another model, beside the one in use.

        One that was ended early goes on where it was; that of any other model
        is thrown away. Photos that are enrolled meanwhile are picked up.

        Args:
            model: The id of an installed model.
            analyse: Where photos are analysed. The database is written here alone.

        Returns:
            An outcome for each photo, as soon as it is known. Stopping early
            keeps what was made so far.

        Raises:
            RehearsalError: If that model is in use, or the environment sets the
                model; also while going through the outcomes, if the rehearsal
                was ended by somebody else.
            ClusterError: While going through the outcomes, if photos are
                analysed on a cluster, and that is gone.
            ModelError: If there is no such model.
            StoreError: If the database can't be written.
        """
        self.refuse_fixed_model()
        if self._resolved(model) == self.loaded_from():
            raise RehearsalError(f"{model} is in use already.")
        return self._rehearsed(model, analyse)

    def start_rehearsal(self, model: str) -> None:
        """The same in the background; :meth:`rehearsal` tells how far it is.

        Raises:
            RehearsalError: As :meth:`rehearse`, or if one is under way.
            ModelError: If there is no such model.
        """
        with self._work_lock:
            if self._work and self._work.running:
                raise RehearsalError(f"{self._work.model} is being rehearsed: wait for its end, or stop it.")
            outcomes = self.rehearse(model)
            self._work = work = _Work(model)
            work.thread = threading.Thread(target=self._run, args=(work, outcomes), name="rehearsal", daemon=True)
            work.thread.start()

    def stop_rehearsal(self) -> None:
        """Ends the one in the background after the photo that it is at, and keeps what it has made. Does not wait."""
        if work := self._work:
            work.stop.set()

    def rehearsal(self) -> Rehearsal | None:
        """How far the rehearsal of another model is; None if there is none."""
        work, shadow = self._work, self.repository.shadows.get("candidate")
        running = work is not None and work.running
        if shadow is None and not running and not (work and work.problem):
            return None
        people = self.people()
        photos = sum(len(person.templates) for person in people)
        model, done, rate = (shadow.of.model_id.model if shadow else ""), 0, 0.0
        if running and work:
            model = work.model
            if work.left is not None:
                # What is not saved yet counts too; photos may have come or gone meanwhile.
                done = min(max(photos - work.left + work.made, 0), photos)
                rate = work.made / max(time.monotonic() - work.began, 1e-3)
        elif shadow:
            done = photos - len(self._missing(shadow))
        elif work:
            model = work.model
        unfound = (
            EnrolOutcome(t.source_name, p.name, False, why.code, why.reason, t.id)
            for p in people
            for t in p.templates
            if shadow and (why := shadow.unfound.get(t.id))
        )
        return Rehearsal(model, photos, done, tuple(unfound), running, rate, work.problem if work else "")

    def discard_rehearsal(self) -> None:
        """Throws the rehearsal away; the model in use stays. None is no error.

        Raises:
            StoreError: If the database can't be written.
        """
        self._end_rehearsal()
        self._work = self._spare = None
        self.repository.shadows.discard("candidate")

    @property
    def model_is_fixed(self) -> bool:
        """Whether the environment sets the model, so that it can't be changed here."""
        return bool(self.settings.weights or self.settings.model)

    def refuse_fixed_model(self) -> None:
        """Checks that the model can be changed here.

        Raises:
            RehearsalError: If the environment sets it.
        """
        if self.model_is_fixed:
            raise RehearsalError(
                "The model is set by FACENET_WEIGHTS or FACENET_MODEL in the environment. Change it there; "
                "`people renew` then makes the templates anew."
            )

    # -- how ----------------------------------------------------------------

    def _rehearsed(self, setting: str, analyse: Analyser) -> Generator[EnrolOutcome, None, None]:
        candidate, in_use = self._beside(setting), self._model_in_use()
        of = ModelChoice(setting, candidate.model_id)
        if of.model_id == in_use.model_id:
            raise RehearsalError(f"{of.model_id.model} holds the same weights as the model in use.")
        self.repository.shadows.begin("candidate", of, in_use)
        yield from self._embedded("candidate", candidate, of, analyse)

    def _embedded(
        self, slot: Slot, engine: FaceEngine, of: ModelChoice, analyse: Analyser = analyse_here
    ) -> Iterator[EnrolOutcome]:
        """Fills a slot, to the last photo."""
        found: list[Template] = []
        unfound: list[tuple[Template, Unfound]] = []
        saved = time.monotonic()

        def save() -> None:
            made = found.copy(), unfound.copy()
            # Emptied first: what can't be written now is not tried again on the way out.
            found.clear()
            unfound.clear()
            if any(made):
                self.repository.shadows.add(slot, of, *made)

        try:
            while missing := self._missing(self._shadow(slot, of)):
                with closing(self.reembedded(engine, [template for _, template in missing], analyse)) as coming:
                    for (name, template), made in zip(missing, coming, strict=True):
                        if isinstance(made, FaceNetError):
                            reason = made.reason if isinstance(made, PhotoError) else str(made)
                            unfound.append((template, Unfound(made.code, reason)))
                            yield EnrolOutcome(template.source_name, name, False, made.code, reason, template.id)
                        else:
                            found.append(made)
                            yield EnrolOutcome(template.source_name, name, True, "embedded", "Embedded.", template.id)
                        if time.monotonic() - saved >= SAVED_EVERY:
                            save()
                            saved = time.monotonic()
                save()
        finally:
            save()

    def _run(self, work: _Work, outcomes: Generator[EnrolOutcome, None, None]) -> None:
        try:
            with closing(outcomes):
                for _ in outcomes:
                    if work.left is None:
                        work.left, work.began = len(self._missing(self._shadow("candidate"))), time.monotonic()
                    work.made += 1
                    if work.stop.is_set():
                        break
        except FaceNetError as error:
            work.problem = str(error)
        except Exception as error:  # a thread has nobody above it: whoever asks for the rehearsal gets the answer
            logger.exception("the rehearsal failed")
            work.problem = f"The rehearsal failed: {error}"

    def _end_rehearsal(self) -> None:
        self.stop_rehearsal()
        if (work := self._work) and work.thread:
            work.thread.join()

    def _missing(self, shadow: Shadow) -> list[tuple[str, Template]]:
        """The photos that a model has not seen, with whose they are."""
        return [
            (person.name, template)
            for person in self.people()
            for template in person.templates
            if template.model_id != shadow.of.model_id
            and template.id not in shadow.templates
            and template.id not in shadow.unfound
        ]

    def _shadow(self, slot: Slot, of: ModelChoice | None = None) -> Shadow:
        shadow = self.repository.shadows.get(slot)
        if shadow is None or (of and shadow.of != of):
            raise RehearsalError(
                "There is no former model to go back to."
                if slot == "previous"
                else "No other model has been rehearsed, or its rehearsal was ended meanwhile."
            )
        return shadow

    def _beside(self, setting: str) -> FaceEngine:
        """The engine of a model that is not in use, loaded once."""
        with self._spare_lock:
            if self._spare is None or self._spare[0] != setting:
                self._spare = None
                self._spare = setting, self.load_engine(self.settings.model_copy(update={"model": setting}))
            return self._spare[1]

    def _model_in_use(self) -> ModelChoice:
        file, model_id = self.loaded_from(), self.engine.model_id
        return ModelChoice(file.model if file else model_id.model, model_id)

    def _resolved(self, model: str) -> ResolvedWeights:
        return resolve(self.settings.model_copy(update={"model": model}))
