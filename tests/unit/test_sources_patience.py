from __future__ import annotations

import threading
from random import Random

import pytest

from facenet_core.errors import SourceError
from facenet_core.sources.patience import (
    ATTEMPTS,
    MAX_WAIT,
    Allowance,
    LeftAloneError,
    Patience,
    TryAgain,
    Turns,
    retry_after,
)
from tests.fake_time import START, FakeTime


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 5 ", 5.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sunday, 01-Mar-26 12:01:00 GMT", 60.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Mon, 01 Jan 99999999999999999999 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, START) == seconds


def test_a_host_is_asked_once_in_its_interval() -> None:
    time = FakeTime()
    turns = Turns(time.clock, time.sleep)
    for _ in range(3):
        with turns.turn("a:80", 1.0):
            time.go_on(0.25)
    with turns.turn("b:80", 1.0):
        pass
    assert time.slept == [1.0, 1.0]


def test_a_host_that_asks_for_time_is_given_it_by_everybody() -> None:
    time = FakeTime()
    turns = Turns(time.clock, time.sleep)
    with turns.turn("a:80", 1.0):
        turns.hold("a:80", 50.0)
    with turns.turn("a:80", 1.0):
        pass
    assert time.slept == [50.0]
    turns.hold("a:80", MAX_WAIT + 1)
    with pytest.raises(LeftAloneError), turns.turn("a:80", 1.0):
        pass
    assert time.slept == [50.0]


def test_two_threads_never_ask_one_host_at_once() -> None:
    turns = Turns(lambda: 0.0, lambda seconds: None)
    inside, most = 0, 0
    start = threading.Barrier(4)

    def ask() -> None:
        nonlocal inside, most
        start.wait()
        for _ in range(50):
            with turns.turn("a:80", 0.0):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def persist(time: FakeTime, failures: int, after: float = 0.0, seconds: float = 1_000.0) -> int:
    """How many attempts were made; raises what the last one did."""
    made = 0

    def attempt() -> int:
        nonlocal made
        made += 1
        if made <= failures:
            raise TryAgain(SourceError(f"attempt {made}"), after)
        return made

    return Patience(time.sleep, Random(1)).persist(attempt, Allowance(seconds, time.clock))


def test_pauses_grow_and_differ() -> None:
    time = FakeTime()
    assert persist(time, 3) == 4
    assert all(low <= slept <= high for slept, low, high in zip(time.slept, (0.5, 1, 2), (1, 2, 4), strict=True))


def test_a_pause_is_as_long_as_the_server_asks() -> None:
    time = FakeTime()
    assert persist(time, 1, after=40.0) == 2
    assert time.slept == [40.0]


def test_the_last_attempts_error_is_raised() -> None:
    with pytest.raises(SourceError, match=f"attempt {ATTEMPTS}"):
        persist(FakeTime(), 100)


def test_no_attempt_is_made_when_the_time_is_spent() -> None:
    time = FakeTime()
    with pytest.raises(SourceError, match="attempt 1"):
        persist(time, 100, after=40.0, seconds=30.0)
    assert time.slept == []
