"""Where requests do their work: a few threads, a short queue, and a plain no when both are full."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from facenet_core.api.problems import BUSY, Refused

T = TypeVar("T")

THREADS = 2
"""Requests that are worked on at once: two keep two cores busy, and more would share the network's lock."""

QUEUE = 16
"""Requests that wait."""

PATIENCE = 60.0
"""Seconds after which a request is given up."""


class Workers:
    """Runs what blocks, a few at a time.

    Args:
        threads: How many at once.
        queue: How many may wait.
        patience: Seconds to wait and work.
    """

    def __init__(self, threads: int = THREADS, queue: int = QUEUE, patience: float = PATIENCE) -> None:
        self._threads, self._queue, self._patience = threads, queue, patience
        self._limiter: anyio.CapacityLimiter | None = None
        self._usual = 0.5

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._limiter.statistics().tasks_waiting if self._limiter else 0

    async def run(self, work: Callable[[], T]) -> T:
        """Runs something on a thread.

        Raises:
            Refused: 429 if the queue is full, 503 if it takes too long. What is
                under way then ends by itself, and its answer is dropped.
        """
        if self._limiter is None:  # not made before there is an event loop
            self._limiter = anyio.CapacityLimiter(self._threads)
        if self.waiting >= self._queue:
            seconds = math.ceil(self.waiting * self._usual / self._threads)
            raise Refused(429, "busy", BUSY, {"Retry-After": str(max(1, seconds))})
        try:
            with anyio.fail_after(self._patience):
                return await anyio.to_thread.run_sync(self._timed, work, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError as error:
            raise Refused(503, "timeout", "This took too long. Try again later.", {"Retry-After": "10"}) from error

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return work()
        finally:
            # A moving average: how long the next one will take.
            self._usual += 0.1 * (time.monotonic() - began - self._usual)
