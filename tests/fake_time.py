"""Time that goes on only when somebody sleeps, or a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeTime:
    """A clock, and a sleep that moves it.

    Attributes:
        slept: The seconds of each sleep.
    """

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return 1_000.0 + self.passed

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def go_on(self, seconds: float) -> None:
        self.passed += seconds
