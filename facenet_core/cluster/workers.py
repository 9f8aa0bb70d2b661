"""The client of a cluster: photos go out in batches, answers come back in order, each of them once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from facenet_core.cluster import local
from facenet_core.cluster.address import LOCAL, checked
from facenet_core.cluster.batches import Batch, analysed, batches
from facenet_core.cluster.recipe import Recipe
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import ClusterError, FaceNetError, WorkerKilledError
from facenet_core.pipeline import Encoded
from facenet_core.types import Analysis

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

T = TypeVar("T")

AHEAD = 3
"""Batches for each thread of the workers that are under way, or wait to be asked for."""

BYTES_AHEAD = 256 * 2**20
"""Bytes of photos in them, at most and one batch more: this process and the scheduler hold them all."""

ANSWERS = 10.0
"""Seconds in which a scheduler has to answer."""

PATIENCE = 60.0
"""Seconds to wait for a worker when there is none."""

LOOK_EVERY = 2.0
"""Seconds after which it is looked whether anybody is still at it."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A batch that was sent; no future if nothing of it could be read."""

    batch: Batch
    future: Future | None


class Workers:
    """A Dask cluster as an :class:`facenet_core.pipeline.Analyser`. To be closed; for one thread.

    Workers load the model from their own weights. A batch whose worker dies is
    done again by another one. A photo that ends worker after worker is an answer
    like any other photo that can't be used.

    Args:
        address: Of :func:`facenet_core.cluster.checked`.
        settings: The client's; they say how photos are analysed.
        count: How many workers to start, for ``local``; None for one for each
            two cores.

    Attributes:
        address: Where they are.

    Raises:
        ClusterError: If the address is none, or not safe, or if nobody answers
            there.
    """

    def __init__(self, address: str, settings: Settings, count: int | None = None) -> None:
        self.address = checked(address)
        self._settings = settings
        self._ready: Recipe | None = None
        with ExitStack() as opened:
            self._client = self._connected(opened, count)
            self._open = opened.pop_all()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the cluster. Workers that were started for this are ended, whatever they are at."""
        self._open.close()

    def analyse(
        self, engine: FaceEngine, photos: Iterable[Encoded], keep: Callable[[Analysis], T]
    ) -> Generator[T | FaceNetError, None, None]:
        """Analyses photos on the workers; see :class:`facenet_core.pipeline.Analyser`.

        At most :data:`AHEAD` batches for each thread of the workers are under
        way, however many photos there are. Stopping early cancels them.
        """
        recipe = self._prepared(engine)
        coming, waiting = batches(photos), deque[_Task]()
        try:
            while True:
                most = AHEAD * self._threads()
                while len(waiting) < most and sum(task.batch.size for task in waiting) < BYTES_AHEAD:
                    if (batch := next(coming, None)) is None:
                        break
                    waiting.append(_Task(batch, self._sent(recipe, batch.sent, keep) if batch.sent else None))
                if not waiting:
                    return
                answers = iter(self._answers(recipe, waiting, keep))
                batch = waiting.popleft().batch
                for photo in batch.photos:
                    yield photo if isinstance(photo, FaceNetError) else next(answers)
        finally:
            with suppress(Exception):  # the cluster may be gone, and nothing is lost with it
                self._client.cancel([task.future for task in waiting if task.future], force=True)

    # -- the cluster --------------------------------------------------------

    def _connected(self, opened: ExitStack, count: int | None) -> Client:
        import dask
        from distributed import Client

        # Photos travel in the tasks: what is only scattered is gone with the worker that has it.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"})
        encrypted = self.address.startswith("tls://")
        if encrypted:
            _check_certificates(self._name)
        try:
            to = opened.enter_context(local.started(count)) if self.address == LOCAL else self.address
            return opened.enter_context(Client(to, timeout=ANSWERS, set_as_default=False))
        except OSError as error:
            certificates = " Have both ends certificates of one authority?" if encrypted else ""
            raise ClusterError(f"{self._name} does not answer. Is its scheduler running?{certificates}") from error

    @property
    def _name(self) -> str:
        return "The cluster on this machine" if self.address == LOCAL else f"The cluster at {self.address}"

    @contextmanager
    def _there(self) -> Iterator[None]:
        """Says what it means when Dask can't go on."""
        try:
            yield
        except (OSError, TimeoutError, CancelledError) as error:
            raise ClusterError(
                f"{self._name} is gone. Give the command again when it is back: what was kept is not done again."
            ) from error

    def _prepared(self, engine: FaceEngine) -> Recipe:
        """Has all workers load the model."""
        from facenet_core.cluster.preload import Preload

        recipe = Recipe.of(engine, self._settings, here=self.address == LOCAL)
        if recipe != self._ready:
            self._threads()
            try:
                with self._there():
                    self._client.register_plugin(Preload(recipe))
            except Exception as error:  # Dask's, bare, of a worker that could not even read the message
                if type(error) is not Exception:
                    raise
                raise ClusterError(
                    f"{self._name} has a worker that lacks this program, or has another version of it ({error}). Start "
                    "its workers where the same version is installed."
                ) from error
            self._ready = recipe
        return recipe

    def _threads(self) -> int:
        """How many tasks are done at once.

        Raises:
            ClusterError: If there was nobody for a while.
        """
        with self._there():
            if not self._client.nthreads():
                logger.warning("%s has no workers now; waiting for one", self._name)
                with suppress(TimeoutError):
                    self._client.wait_for_workers(1, timeout=PATIENCE)
            threads = int(sum(self._client.nthreads().values()))
        if not threads:
            raise ClusterError(
                f"{self._name} has no workers. Start one with `dask worker {self.address} --nthreads 1`."
                if self.address != LOCAL
                else f"{self._name} has lost its workers, and they don't come back."
            )
        return threads

    # -- tasks --------------------------------------------------------------

    def _sent(self, recipe: Recipe, photos: tuple[Encoded, ...], keep: Callable[[Analysis], T]) -> Future:
        with self._there():
            return self._client.submit(analysed, recipe, photos, keep, key=f"facenet-{uuid4().hex}", pure=False)

    def _answers(self, recipe: Recipe, waiting: deque[_Task], keep: Callable[[Analysis], T]) -> list[Any]:
        """Those of the first batch."""
        from distributed import KilledWorker

        first = waiting[0]
        try:
            return self._result(first.future) if first.future else []
        except KilledWorker:
            logger.warning("a batch of photos has ended worker after worker; they are looked at one by one")
        # Alone, so that none is blamed for another.
        for task in waiting:
            self._wait(task.future)
        return [self._alone(recipe, photo, keep) for photo in first.batch.sent]

    def _alone(self, recipe: Recipe, photo: Encoded, keep: Callable[[Analysis], T]) -> Any:
        from distributed import KilledWorker

        future = self._sent(recipe, (photo,), keep)
        try:
            (answer,) = self._result(future)
        except KilledWorker:
            return WorkerKilledError(
                photo.name,
                "Each worker that looked at this photo ended at once, most likely for want of memory. Save a smaller "
                "copy of it.",
            )
        return answer

    def _result(self, future: Future) -> list[Any]:
        """Of a task.

        Raises:
            KilledWorker: If it has ended worker after worker.
            ModelError: If a worker has not the model, or it fails.
        """
        self._wait(future)
        if future.status == "error":
            raise future.exception()
        with self._there():
            answers: list[Any] = future.result()
        return answers

    def _wait(self, future: Future | None) -> None:
        """Until a task is done, or failed, or nobody is left to do it."""
        while future and not future.done():
            with self._there(), suppress(TimeoutError):
                future.exception(timeout=LOOK_EVERY)
            self._threads()


def _check_certificates(name: str) -> None:
    """Whether Dask knows what to show and whom to trust; it would only say so after a while.

    Raises:
        ClusterError: If it does not.
    """
    from distributed import Security

    try:
        known = Security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise ClusterError(f"The certificates for {name[:1].lower()}{name[1:]} can't be read ({error}).") from error
    if not known:
        raise ClusterError(
            f"{name} asks for a certificate, and none is set up here. docs/scale.md shows how to do that in Dask's "
            "settings (distributed.comm.tls)."
        )
