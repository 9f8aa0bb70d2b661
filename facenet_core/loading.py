"""Loads the engine once, in the background, while the first page is already there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, ModelError, NoWeightsError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadState:
    """How far the engine is.

    Attributes:
        status: ``idle``, ``loading``, ``enrolling`` (the engine is there, the first
            photos are being enrolled), ``ready``, ``no_weights`` or ``failed``.
        message: Why there is no engine; empty otherwise.
        seconds: Since loading began, or how long it took.
    """

    status: Literal["idle", "loading", "enrolling", "ready", "no_weights", "failed"]
    message: str
    seconds: float


class EngineLoader:
    """One engine per process, loaded on a thread of its own. Thread-safe.

    Args:
        load: Makes a warm engine; may take long.
    """

    def __init__(self, load: Callable[[], FaceEngine]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._future: Future[FaceEngine] | None = None
        self._began = self._ended = 0.0

    def start(self) -> None:
        """Begins to load, unless that was begun before."""
        with self._lock:
            if self._future is None:
                self._future = Future()
                self._began = time.monotonic()
                threading.Thread(target=self._run, args=(self._future,), name="engine-loader", daemon=True).start()

    def restart(self) -> None:
        """Loads again: another model was chosen, or weights have arrived."""
        with self._lock:
            self._future = None
        self.start()

    def put(self, engine: FaceEngine) -> None:
        """Uses an engine that was loaded beside this one."""
        future: Future[FaceEngine] = Future()
        future.set_result(engine)
        with self._lock:
            self._future = future
            self._began = self._ended = time.monotonic()

    def get(self) -> FaceEngine:
        """The engine; waits for it.

        Raises:
            ModelError: If it could not be loaded.
        """
        self.start()
        future = self._future
        if future is None:  # restarted between the two lines above
            return self.get()
        error = future.exception()
        if error is not None:
            # One error for everybody who asks: its traceback would grow with each, and keep what their frames hold.
            raise error.with_traceback(None)
        return future.result()

    @property
    def state(self) -> LoadState:
        """How far the engine is; never waits."""
        future = self._future
        if future is None:
            return LoadState("idle", "", 0.0)
        if not future.done():
            return LoadState("loading", "", time.monotonic() - self._began)
        error = future.exception()
        if error is None:
            return LoadState("ready", "", self._ended - self._began)
        return LoadState("no_weights" if isinstance(error, NoWeightsError) else "failed", str(error), 0.0)

    def _run(self, future: Future[FaceEngine]) -> None:
        try:
            engine = self._load()
        except FaceNetError as error:
            future.set_exception(error)
        except Exception as error:  # a thread has nobody above it: whoever asks for the engine gets the answer
            logger.exception("the engine could not be loaded")
            future.set_exception(ModelError(f"the model could not be loaded: {error}"))
        else:
            self._ended = time.monotonic()
            future.set_result(engine)
