"""Where requests do their work: a few threads, a short queue, and a plain no when both are full."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
        self._pool = ThreadPoolExecutor(threads, "api")
        self._unfinished = 0
        self._lock = threading.Lock()
        self._usual = 0.5

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return max(0, self._unfinished - self._threads)

    async def run(self, work: Callable[[], T]) -> T:
        """Runs something on a thread.

        Raises:
            Refused: 429 if the queue is full, 503 if it takes too long. What is
                under way then ends by itself, in its place, and its answer is
                dropped; what has not begun never begins.
        """
        if self.waiting >= self._queue:
            seconds = math.ceil(self.waiting * self._usual / self._threads)
            raise Refused(429, "busy", BUSY, {"Retry-After": str(max(1, seconds))})
        self._count(1)
        future = self._pool.submit(self._timed, work)
        future.add_done_callback(lambda _: self._count(-1))
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise Refused(503, "timeout", "This took too long. Try again later.", {"Retry-After": "10"}) from error

    def _count(self, more: int) -> None:
        with self._lock:
            self._unfinished += more

    def _timed(self, work: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return work()
        finally:
            # A moving average: how long the next one will take.
            self._usual += 0.1 * (time.monotonic() - began - self._usual)
