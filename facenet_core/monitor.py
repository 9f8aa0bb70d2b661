"""What is counted and timed, for Prometheus. Nothing in it tells who was on a photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from facenet_core.types import Outcome

Stage = Literal["decode", "detect", "embed", "decide", "store"]
"""Reading the file, finding faces, embedding them, comparing, writing the database."""

Kind = Literal["verify", "identify", "compare"]

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""


class Monitor:
    """Counts. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "facenet_requests_total", "Requests", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "facenet_request_seconds", "Seconds to answer", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self._stages = Histogram(
            "facenet_stage_seconds", "Seconds in a stage", ["stage"], buckets=BUCKETS, registry=self.registry
        )
        self._decisions = Counter(
            "facenet_decisions_total", "Decisions by outcome", ["kind", "outcome"], registry=self.registry
        )
        self._refused = Counter(
            "facenet_not_acquired_total", "Photos that could not be used", ["code"], registry=self.registry
        )

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Adds what is looked up when it is asked for."""
        Gauge(name, about, registry=self.registry).set_function(value)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request.

        Args:
            method: GET, POST ...
            route: Its path with the names of its parts, not their values.
            status: Of the answer.
            seconds: What it took.
        """
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Times a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took(name, time.perf_counter() - began)

    def took(self, name: Stage, seconds: float) -> None:
        """Notes what a stage took for one photo."""
        self._stages.labels(name).observe(seconds)

    def decided(self, kind: Kind, outcome: Outcome) -> None:
        """Counts a decision."""
        self._decisions.labels(kind, outcome).inc()

    def not_acquired(self, code: str) -> None:
        """Counts a photo that could not be used (failure to acquire)."""
        self._refused.labels(code).inc()

    def rows(self, name: str) -> dict[tuple[str, ...], float]:
        """What was counted, by labels, for a page.

        Args:
            name: Of a counter or a gauge; ``_sum`` and ``_count`` of a
                histogram are some too.
        """
        samples = (sample for family in self.registry.collect() for sample in family.samples)
        return {tuple(sample.labels.values()): sample.value for sample in samples if sample.name == name}

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
