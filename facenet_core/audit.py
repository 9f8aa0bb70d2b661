"""Who asked for what, through whichever door, and what came of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from facenet_core.errors import StoreError, UnknownPersonError
from facenet_core.monitor import Kind, Monitor
from facenet_core.store import Event, Events, PeopleRepository
from facenet_core.types import Asker, EnrolOutcome, Identification, Outcome

logger = logging.getLogger(__name__)


class Audit:
    """Counts decisions, and keeps who asked for them and for what was changed. Thread-safe.

    What can't be written is an error for the API, which gives no answer then.
    Pages and commands on a full or read-only disk answer all the same.

    Args:
        log: Where it is kept.
        repository: Whose people it is about.
        monitor: What counts decisions.
    """

    def __init__(self, log: Events, repository: PeopleRepository, monitor: Monitor) -> None:
        self._log, self._repository, self._monitor = log, repository, monitor

    def decided(self, kind: Kind, outcome: Outcome, by: Asker, person_id: str | None = None) -> None:
        """Counts a decision and notes it.

        Args:
            kind: The question.
            outcome: The answer.
            by: Who asked.
            person_id: Whom it was about.

        Raises:
            StoreError: If it can't be written and the API was asked.
        """
        self._monitor.decided(kind, outcome)
        self.note(kind, outcome, by, person_id)

    def identified(self, found: Sequence[Identification], by: Asker) -> None:
        """The same for everybody on a photo.

        Raises:
            StoreError: If it can't be written and the API was asked.
        """
        for each in found:
            self.decided("identify", each.outcome, by, each.candidates[0].person.id if each.matched else None)

    def enrolled(self, outcome: EnrolOutcome, by: Asker) -> None:
        """Notes what became of a photo that was to be enrolled.

        Raises:
            StoreError: If it can't be written and the API was asked.
        """
        try:
            person_id = self._repository.person(outcome.person).id if outcome.accepted else None
        except UnknownPersonError:  # removed meanwhile
            person_id = None
        self.note("enrol", outcome.code, by, person_id)

    def note(self, kind: str, outcome: str, by: Asker, person_id: str | None = None) -> None:
        """Notes who did something.

        Args:
            kind: What was asked for.
            outcome: What came of it, a word.
            by: Who asked.
            person_id: Whom it was about.

        Raises:
            StoreError: If it can't be written and the API was asked.
        """
        try:
            self._log.note(kind, outcome, by, person_id)
        except StoreError as error:
            if by.door == "api":
                raise
            logger.warning("%s", error)

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """The latest events, newest first.

        Args:
            limit: How many, at most.
            before: Only those whose id is smaller.

        Raises:
            StoreError: If they can't be read.
        """
        return self._log.latest(limit, before)

    def close(self) -> None:
        """Lets go of the file; the next call opens it again."""
        self._log.close()
