"""What every route works with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from facenet_core.api import answers, convert
from facenet_core.api.access import Access, Caller
from facenet_core.api.jobs import Jobs
from facenet_core.api.replays import Replays
from facenet_core.api.workers import Workers
from facenet_core.enrolment import chosen_face
from facenet_core.errors import PhotoError
from facenet_core.monitor import Monitor
from facenet_core.service import FaceService
from facenet_core.types import Analysis, EnrolOutcome, ModelId, Wanted


@dataclass(frozen=True, slots=True)
class Context:
    """What every route works with.

    Attributes:
        service: The service.
        access: Who may ask.
        workers: Where work is done.
        monitor: What is counted.
        jobs: Work on many photos.
        replays: Answers to requests that may come again.
        began: When the server started, ``time.monotonic``.
    """

    service: FaceService
    access: Access
    workers: Workers
    monitor: Monitor
    jobs: Jobs = field(default_factory=Jobs)
    replays: Replays = field(default_factory=Replays)
    began: float = field(default_factory=time.monotonic)

    @property
    def model_id(self) -> ModelId | None:
        """That of the engine, if it is there; never waits."""
        return self.service.engine.model_id if self.service.state.status in ("ready", "enrolling") else None

    def analyse(self, data: bytes, name: str, wanted: Wanted = "all") -> Analysis:
        """A photo's faces.

        Raises:
            PhotoError: If it can't be used.
            ModelError: If there is no model.
        """
        with self.noting_failures():
            return self.service.analyse(self.service.photo(data, name), wanted)

    def one_face(self, data: bytes, name: str) -> Analysis:
        """A photo's faces, of which the prominent one is embedded.

        Raises:
            NoFaceError: If it shows nobody.
        """
        analysis = self.analyse(data, name, "prominent")
        with self.noting_failures():
            chosen_face(analysis, None)
        return analysis

    def identify(
        self,
        analysis: Analysis,
        caller: Caller,
        *,
        top_k: int,
        target_fpir: float | None = None,
        threshold: float | None = None,
    ) -> answers.Identification:
        """Who is on a photo."""
        found = self.service.identify(analysis, threshold=threshold, top_k=top_k, target_fpir=target_fpir)
        self.service.audit.identified(found, caller.asker)
        return answers.Identification(
            faces=[convert.identified(each) for each in found],
            photos_searched=len(self.service.gallery(analysis.model_id)),
            model=convert.model(analysis.model_id),
            seconds=round(analysis.seconds, 4),
        )

    def note(self, kind: str, caller: Caller, *, outcome: str, person_id: str | None = None) -> None:
        """Notes what somebody did, for the audit."""
        self.service.audit.note(kind, outcome, caller.asker, person_id)

    def enrolled(self, outcome: EnrolOutcome, caller: Caller) -> None:
        """Counts and notes what became of a photo that was to be enrolled."""
        if not outcome.accepted:
            self.monitor.not_acquired(outcome.code)
        self.service.audit.enrolled(outcome, caller.asker)

    @contextmanager
    def noting_failures(self) -> Iterator[None]:
        """Counts photos that can't be used."""
        try:
            yield
        except PhotoError as error:
            self.monitor.not_acquired(error.code)
            raise


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Given: TypeAlias = Annotated[Context, Depends(_context)]
"""A route's parameter."""
