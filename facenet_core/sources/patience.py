"""When a host is asked next, and how often again: one request at a time, with pauses."""

from __future__ import annotations

import email.utils
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from facenet_core.errors import SourceError

Answer = TypeVar("Answer")

INTERVAL = 1.0
"""Seconds between two requests to a host.

What Flickr allows its keys on average (3,600 an hour,
https://www.flickr.com/services/developer/api/), and what sites that name a
Crawl-delay often ask for.
"""

INTERVALS = {
    "upload.wikimedia.org": 0.25,
    "thumb.wikimedia.org": 0.25,
    "live.staticflickr.com": 0.25,
    "images.pexels.com": 0.25,
}
"""The same for hosts that are there to hand out pictures to many.

Wikimedia asks for two connections and 25 Mbit/s at most
(https://wikitech.wikimedia.org/wiki/Robot_policy); copies of 1,280 px, four a
second on one connection, stay below it.
"""

MAX_WAIT = 60.0
"""Seconds that are waited at most because a server says so; one that asks for more is left alone."""

ATTEMPTS = 4
"""How often a request is sent at most."""

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class TryAgain(Exception):
    """An attempt failed, but another may not.

    Args:
        error: What to raise if none does.
        after: Seconds to wait at least, as the server says.
    """

    def __init__(self, error: SourceError, after: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class LeftAloneError(Exception):
    """The host asks not to be asked for longer than is waited.

    Args:
        seconds: For how long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


class Allowance:
    """Seconds that may be spent on one thing, not counting the wait for a host's turn.

    Args:
        seconds: How many.
        clock: Seconds that only grow.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.left = seconds
        self._clock = clock

    @contextmanager
    def spending(self) -> Iterator[float]:
        """Counts the time inside; gives the clock's time at which it is used up."""
        start = self._clock()
        try:
            yield start + self.left
        finally:
            self.left -= self._clock() - start


class Patience:
    """Repeats what may succeed later: exponential pauses, with chance in them so that clients do not march in step.

    Args:
        sleep: Waits for seconds.
        random: Chance.
    """

    def __init__(self, sleep: Callable[[float], None], random: Random) -> None:
        self._sleep = sleep
        self._random = random

    def persist(self, attempt: Callable[[], Answer], allowance: Allowance, attempts: int = ATTEMPTS) -> Answer:
        """Calls until it succeeds.

        Args:
            attempt: Raises :class:`TryAgain` if another may succeed.
            allowance: No further attempt is made when it is spent.
            attempts: How many at most.

        Raises:
            SourceError: The last attempt's error.
        """

        def sleep(seconds: float) -> None:
            with allowance.spending():
                self._sleep(seconds)

        def spent(state: RetryCallState) -> bool:
            return state.upcoming_sleep >= allowance.left or stop_after_attempt(attempts)(state)

        retrying = Retrying(
            retry=retry_if_exception_type(TryAgain), stop=spent, wait=self._pause, sleep=sleep, reraise=True
        )
        try:
            return retrying(attempt)
        except TryAgain as last:
            raise last.error from last.__cause__

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.after if isinstance(error, TryAgain) else 0.0
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (state.attempt_number - 1))
        return max(told, longest * self._random.uniform(0.5, 1.0))


class _Host:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next = float("-inf")


class Turns:
    """Lets one request at a time through to each host, with a pause after it.

    Args:
        clock: Seconds that only grow.
        sleep: Waits for seconds.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    @contextmanager
    def turn(self, host: str, interval: float) -> Iterator[None]:
        """Waits until the host may be asked, and keeps others from asking it meanwhile.

        Args:
            host: With its port.
            interval: Seconds before the next request after this one.

        Raises:
            LeftAloneError: If that would take longer than :data:`MAX_WAIT`.
        """
        state = self._host(host)
        with state.lock:
            wait = state.next - self._clock()
            if wait > MAX_WAIT:
                raise LeftAloneError(wait)
            if wait > 0:
                self._sleep(wait)
            try:
                yield
            finally:
                state.next = max(state.next, self._clock() + interval)

    def hold(self, host: str, seconds: float) -> None:
        """Asks a host nothing for some time; for a host whose turn the caller has."""
        state = self._host(host)
        state.next = max(state.next, self._clock() + seconds)

    def _host(self, host: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(host, _Host())


def retry_after(value: str | None, now: datetime) -> float | None:
    """Reads a Retry-After header: seconds, or a date (RFC 9110, 10.2.3).

    Args:
        value: The header, if there is one.
        now: The time, in UTC.

    Returns:
        Seconds to wait, 0 or more; None if it is missing or says nothing.
    """
    said = (value or "").strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return float(said)
    try:
        date = email.utils.parsedate_to_datetime(said)
    except (ValueError, OverflowError):  # OverflowError: a year or a zone that no date can have
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
