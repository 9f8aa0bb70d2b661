"""Work on many photos in the background: begun, looked at, cancelled."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from facenet_core.api import answers, convert, problems
from facenet_core.api.access import Caller
from facenet_core.api.uploads import Uploaded
from facenet_core.errors import FaceNetError, PhotoError
from facenet_core.types import EnrolRequest

if TYPE_CHECKING:
    from facenet_core.api.context import Context

logger = logging.getLogger(__name__)

Kind = Literal["identify", "enrol"]
State = Literal["queued", "running", "done", "cancelled", "failed"]

Results: TypeAlias = "Generator[answers.JobResult, None, None]"

Work: TypeAlias = "Callable[[], Results]"

UNFINISHED = 4
"""Jobs that may wait or be under way: their photos are in memory."""

KEPT = timedelta(hours=1)
"""How long results can be fetched."""


@dataclass
class Job:
    """Photos that are worked on.

    Attributes:
        id: Not to be guessed.
        kind: What is done with them.
        owner: Id of the key it was begun with; None without keys.
        total: How many photos.
        begun_at: UTC.
        state: How far it is.
        ended_at: UTC.
        results: One for each photo that is done, in their order.
        problem: Why it failed.
    """

    id: str
    kind: Kind
    owner: str | None
    total: int
    begun_at: datetime
    state: State = "queued"
    ended_at: datetime | None = None
    results: list[answers.JobResult] = field(default_factory=list)
    problem: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "cancelled", "failed")


class Jobs:
    """Works on one job after another, on a thread of its own. Thread-safe.

    Args:
        now: The clock, UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._jobs: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._waiting: list[tuple[Job, Work]] = []
        self._thread: threading.Thread | None = None

    def identify(
        self, context: Context, photos: Sequence[Uploaded], caller: Caller, *, top_k: int, target_fpir: float | None
    ) -> Job:
        """Begins to search for everybody on photos.

        Raises:
            Refused: 429 if there are too many jobs.
        """
        work = partial(_identified, context, photos, caller, top_k, target_fpir)
        return self._begin("identify", len(photos), caller, work)

    def enrol(
        self, context: Context, photos: Sequence[Uploaded], names: Sequence[str], caller: Caller, *, accept_poor: bool
    ) -> Job:
        """Begins to enrol photos.

        Raises:
            Refused: 429 if there are too many jobs.
        """
        requests = [
            EnrolRequest(name, photo.name, photo.data, overrule=accept_poor)
            for name, photo in zip(names, photos, strict=True)
        ]
        return self._begin("enrol", len(photos), caller, partial(_enrolled, context, requests, caller))

    def get(self, id_: str, caller: Caller) -> Job:
        """A job of the caller's, or of anybody's if they manage.

        Raises:
            Refused: 404 if there is none.
        """
        with self._changed:
            self._forget_old()
            job = self._jobs.get(id_)
        mine = job is not None and (caller.key is None or caller.key.allows("manage") or job.owner == caller.key.id)
        if job is None or not mine:
            raise problems.Refused(404, "unknown_job", "There is no such job. Results are kept for an hour.")
        return job

    def cancel(self, id_: str, caller: Caller) -> Job:
        """Stops a job; what it has done stays done.

        Raises:
            Refused: 404 if there is none.
        """
        job = self.get(id_, caller)
        with self._changed:
            job.stop.set()
            if job.state == "queued":
                self._waiting = [each for each in self._waiting if each[0] is not job]
                self._end(job, "cancelled")
        return job

    def _begin(self, kind: Kind, total: int, caller: Caller, work: Work) -> Job:
        with self._changed:
            self._forget_old()
            if sum(not job.ended for job in self._jobs.values()) >= UNFINISHED:
                raise problems.Refused(
                    429, "busy", "Too many jobs are under way. Try again later.", {"Retry-After": "10"}
                )
            owner = caller.key.id if caller.key else None
            job = Job(secrets.token_hex(16), kind, owner, total, self._now())
            self._jobs[job.id] = job
            self._waiting.append((job, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="api-jobs", daemon=True)
                self._thread.start()
        return job

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    return
                job, work = self._waiting.pop(0)
                job.state = "running"
            try:
                with closing(work()) as coming:
                    for result in coming:
                        job.results.append(result)
                        if job.stop.is_set():
                            break
                state: State = "cancelled" if job.stop.is_set() and len(job.results) < job.total else "done"
            except FaceNetError as error:
                job.problem, state = str(error), "failed"
            except Exception:  # nobody is above this thread
                logger.exception("unexpected")
                job.problem, state = "This is a mistake in the program. Its details are in the server's log.", "failed"
            with self._changed:
                self._end(job, state)

    def _end(self, job: Job, state: State) -> None:
        job.state, job.ended_at = state, self._now()

    def _forget_old(self) -> None:
        limit = self._now() - KEPT
        self._jobs = {id_: job for id_, job in self._jobs.items() if not (job.ended_at and job.ended_at < limit)}


def _identified(
    context: Context, photos: Sequence[Uploaded], caller: Caller, top_k: int, target_fpir: float | None
) -> Results:
    service = context.service
    sources = (partial(service.photo, photo.data, photo.name) for photo in photos)
    with closing(service.analyse_many(sources)) as coming:
        for photo, found in zip(photos, coming, strict=True):
            if isinstance(found, FaceNetError):
                if isinstance(found, PhotoError):
                    context.monitor.not_acquired(found.code)
                yield answers.JobResult(photo=photo.name, problem=problems.of(found))
            else:
                answer = context.identify(found, caller, top_k=top_k, target_fpir=target_fpir)
                yield answers.JobResult(photo=photo.name, identification=answer)


def _enrolled(context: Context, requests: Sequence[EnrolRequest], caller: Caller) -> Results:
    with closing(context.service.enrol_many(requests)) as coming:
        for outcome in coming:
            context.enrolled(outcome, caller)
            yield answers.JobResult(photo=outcome.photo, outcome=convert.outcome(outcome))
