"""The engine of the model that is chosen, here or by another process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from facenet_core.changeover import Changeover
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, StoreError
from facenet_core.loading import EngineLoader, LoadState
from facenet_core.store import PeopleRepository
from facenet_core.types import ModelId
from facenet_core.weights import ResolvedWeights, resolve

logger = logging.getLogger(__name__)


class EngineChoice(Changeover):
    """Loads the chosen model in the background, and another one when that is chosen. Thread-safe.

    Args:
        settings: May fix the model; else the choice that is stored counts.
        repository: The enrolled people and the stored settings.
        engine: A ready engine, instead of the one that is chosen.
        around_load: A model is loaded within it, on the loading thread.
    """

    def __init__(
        self,
        settings: Settings,
        repository: PeopleRepository,
        engine: FaceEngine | None,
        around_load: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(settings, repository)
        self._given = engine
        self._around_load = around_load
        self._loader = EngineLoader(self._load)
        self._loaded: ResolvedWeights | None = None
        self._loaded_for: tuple[str | None] | None = None
        self._changed_elsewhere = False

    @property
    def state(self) -> LoadState:
        """How far the engine is; never waits."""
        self._follow(wait=False)
        state = self._loader.state
        if state.status == "loading" and self._changed_elsewhere:
            return LoadState("loading", "The model was changed elsewhere.", state.seconds)
        return state

    @property
    def model_id(self) -> ModelId | None:
        """The model at work; None while it is not there. Never waits."""
        return self._loader.get().model_id if self._loader.state.status == "ready" else None

    @property
    def engine(self) -> FaceEngine:
        """The engine of the model that is chosen now, by whatever process; waits for it.

        Raises:
            ModelError: If there is none.
        """
        self._follow(wait=True)
        return self._loader.get()

    @property
    def model_name(self) -> str:
        """The id of the model at work, or on its way; empty if there is none. Never waits."""
        if self._given:
            return self._given.model_id.model
        file = self._loaded if self._loaded_for else _file_of(self.model_setting)
        return file.model if file else ""

    def loaded_from(self) -> ResolvedWeights | None:
        """The weights file of the engine; None if it was given. Waits for the engine.

        Raises:
            ModelError: If there is no engine.
        """
        self._follow(wait=True)
        self._loader.get()
        return self._loaded

    @property
    def model_setting(self) -> Settings:
        """The settings with the model chosen on the Settings page, if the environment chose none."""
        stored = self.stored_settings().get("model")
        if stored and not self.settings.model and not self.settings.weights:
            return self.settings.model_copy(update={"model": stored})
        return self.settings

    def choose_model(self, model: str | None) -> None:
        """Stores the model to use and loads it, whatever becomes of the templates: see :meth:`cut_over`."""
        with self._choice_lock:
            self.repository.save_settings({"model": model})
            if self._loaded_for is not None:
                self._note_choice(self.model_setting)
        self.reload()

    def reload(self) -> None:
        """Loads again, after weights have arrived."""
        with self._choice_lock:
            self._changed_elsewhere = False
            if self._loaded_for is not None:
                self._note_choice(self.model_setting)
            self._loader.restart()

    def load_engine(self, settings: Settings) -> FaceEngine:
        """Loads an engine, ready for work.

        Raises:
            ModelError: If the model is missing or does not fit.
        """
        with self._around_load():
            engine = self._given or FaceEngine.load(settings)
            engine.warm()
            engine.took = self.monitor.took
        return engine

    def take_engine(self, engine: FaceEngine) -> None:
        """Uses an engine, that of the stored choice, from now on."""
        with self._choice_lock:
            self._changed_elsewhere = False
            self._note_choice(self.model_setting)
            self._loader.put(engine)

    def _load(self) -> FaceEngine:
        chosen = self.model_setting
        self._note_choice(chosen)
        return self.load_engine(chosen)

    def _note_choice(self, chosen: Settings) -> None:
        self._loaded, self._loaded_for = None if self._given else _file_of(chosen), (chosen.model,)

    def _follow(self, *, wait: bool) -> None:
        """Loads another model if another process has stored that choice: this one's templates are of that model."""
        if self._given or self._loaded_for is None or not self._choice_lock.acquire(blocking=wait):
            return
        try:
            chosen, loaded = self.model_setting, self._loaded
            if (chosen.model,) != self._loaded_for:
                self._note_choice(chosen)
                if self._loaded is None or self._loaded != loaded:
                    self._changed_elsewhere = True
                    self._loader.restart()
        except StoreError as error:
            logger.warning("whether the model was changed elsewhere can't be told: %s", error)
        finally:
            self._choice_lock.release()


def _file_of(settings: Settings) -> ResolvedWeights | None:
    """The weights file that settings choose, if it is there."""
    try:
        return resolve(settings)
    except FaceNetError:
        return None
