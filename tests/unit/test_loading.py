from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from facenet_core.engine import FaceEngine
from facenet_core.errors import ModelError, NoWeightsError, WeightsError
from facenet_core.loading import EngineLoader
from tests.fakes import fake_engine

SOON = 30.0
"""Seconds after which something that should happen at once has failed."""


class Slow:
    """A load that lasts until the test lets it end."""

    def __init__(self, *results: FaceEngine | Exception) -> None:
        self.results: Iterator[FaceEngine | Exception] = iter(results)
        self.calls = 0
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> FaceEngine:
        self.calls += 1
        result = next(self.results)
        self.begun.release()
        assert self.may_end.acquire(timeout=SOON)
        if isinstance(result, Exception):
            raise result
        return result


def at_once(*results: FaceEngine | Exception) -> Slow:
    slow = Slow(*results)
    slow.may_end.release(len(results))
    return slow


def test_nothing_is_loaded_before_somebody_asks() -> None:
    load = Slow(fake_engine())
    assert EngineLoader(load).state.status == "idle"
    assert load.calls == 0


def test_the_state_goes_from_idle_over_loading_to_ready_and_never_waits() -> None:
    engine = fake_engine()
    load = Slow(engine)
    loader = EngineLoader(load)
    loader.start()
    assert load.begun.acquire(timeout=SOON)
    first, second = loader.state, loader.state
    assert (first.status, first.message) == ("loading", "")
    assert 0 <= first.seconds <= second.seconds
    load.may_end.release()
    assert loader.get() is engine
    ready = loader.state
    assert (ready.status, ready.message) == ("ready", "")
    assert ready.seconds >= second.seconds
    assert loader.state == ready  # the clock has stopped


def test_eight_threads_that_ask_at_once_share_one_engine() -> None:
    load = Slow(fake_engine())
    loader = EngineLoader(load)
    together = threading.Barrier(8)

    def ask(_: int) -> FaceEngine:
        together.wait(SOON)
        return loader.get()

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(ask, range(8))
        assert load.begun.acquire(timeout=SOON)
        load.may_end.release()
        assert len(set(map(id, answers))) == 1
    assert load.calls == 1


def test_starting_twice_loads_once() -> None:
    load = at_once(fake_engine())
    loader = EngineLoader(load)
    loader.start()
    loader.start()
    loader.get()
    loader.start()
    assert load.calls == 1


def test_a_failure_is_told_to_everybody_who_asks_without_trying_again() -> None:
    load = at_once(WeightsError("own.h5: layer Bottleneck is missing"))
    loader = EngineLoader(load)
    for _ in range(3):
        with pytest.raises(WeightsError, match="layer Bottleneck is missing"):
            loader.get()
    state = loader.state
    assert (state.status, state.message) == ("failed", "own.h5: layer Bottleneck is missing")
    assert load.calls == 1


def test_asking_again_and_again_for_a_failed_engine_does_not_pile_up_memory() -> None:
    loader = EngineLoader(at_once(NoWeightsError("No face model is installed.")))
    lengths = []
    for _ in range(5):
        with pytest.raises(NoWeightsError) as caught:
            loader.get()
        lengths.append(len(caught.traceback))
    assert len(set(lengths)) == 1


def test_missing_weights_are_a_state_of_their_own() -> None:
    loader = EngineLoader(at_once(NoWeightsError("No face model is installed.")))
    with pytest.raises(NoWeightsError):
        loader.get()
    assert (loader.state.status, loader.state.message) == ("no_weights", "No face model is installed.")


def test_loading_again_after_a_failure_works() -> None:
    engine = fake_engine()
    loader = EngineLoader(at_once(NoWeightsError("No face model is installed."), engine))
    with pytest.raises(NoWeightsError):
        loader.get()
    loader.restart()
    assert loader.get() is engine
    assert loader.state.status == "ready"


def test_a_new_model_takes_the_place_of_the_old_one() -> None:
    old, new = fake_engine(), fake_engine()
    loader = EngineLoader(at_once(old, new))
    assert loader.get() is old
    loader.restart()
    assert loader.get() is new


def test_who_asks_while_another_model_is_being_loaded_gets_the_new_one() -> None:
    old, new = fake_engine(), fake_engine()
    load = Slow(old, new)
    loader = EngineLoader(load)
    loader.start()
    assert load.begun.acquire(timeout=SOON)
    loader.restart()
    assert load.begun.acquire(timeout=SOON)
    assert loader.state.status == "loading"
    load.may_end.release(2)
    assert loader.get() is new


def test_a_bug_while_loading_is_told_and_logged_and_nobody_waits_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    loader = EngineLoader(at_once(ZeroDivisionError("made up")))
    with caplog.at_level(logging.ERROR), pytest.raises(ModelError, match="the model could not be loaded: made up"):
        loader.get()
    assert loader.state.status == "failed"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
