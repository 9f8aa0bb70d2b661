"""Idempotency-Key: a request that is sent again, because its answer was lost, is not carried out again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Generic, TypeVar

import anyio.to_thread
from fastapi import Header

from facenet_core.api.access import Caller
from facenet_core.api.problems import Refused

A = TypeVar("A")

KEPT = 24 * 3600.0
"""Seconds that an answer is kept."""

MOST = 1_000
"""Answers that are kept."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=255,
        description="any text of your own: sent again with the same request within a day, it gives the first answer "
        "and changes nothing",
    ),
]


@dataclass
class _Kept(Generic[A]):
    asked: str
    at: float
    answer: A | None = None


class Replays:
    """Answers by key, in memory: after a restart jobs are gone, and a photo that is enrolled already is refused.

    For one event loop.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str | None, str], _Kept[object]] = OrderedDict()

    async def once(self, key: str | None, caller: Caller, asked: list[bytes], work: Callable[[], Awaitable[A]]) -> A:
        """Does something, or answers as it did when it was asked the same before.

        Args:
            key: The caller's; None does it every time.
            caller: Who asks. Keys of different callers are different.
            asked: What makes two requests the same.
            work: Does it. What it raises is not kept.

        Raises:
            Refused: 409 while the first is under way, 422 if the same key came
                with another request.
        """
        if not key:
            return await work()
        place = caller.key.id if caller.key else None, key
        digest = await anyio.to_thread.run_sync(_digest, asked)
        self._forget()
        if kept := self._kept.get(place):
            if kept.asked != digest:
                raise Refused(422, "idempotency_key", "This Idempotency-Key was sent with another request before.")
            if kept.answer is None:
                raise Refused(409, "in_progress", "The first request with this Idempotency-Key is still under way.")
            return kept.answer  # type: ignore[return-value]  # of the same route, since that is part of what was asked
        entry: _Kept[object] = _Kept(digest, self._clock())
        self._kept[place] = entry
        try:
            answer = await work()
        except BaseException:
            self._kept.pop(place, None)
            raise
        entry.answer = answer
        return answer

    def _forget(self) -> None:
        now = self._clock()
        while self._kept:
            place, oldest = next(iter(self._kept.items()))
            if len(self._kept) <= MOST and now - oldest.at < KEPT:
                return
            del self._kept[place]


def _digest(parts: list[bytes]) -> str:
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()
