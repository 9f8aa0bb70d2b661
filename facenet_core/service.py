"""FaceService: the one door for pages, API, command line and notebook."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from facenet_core.config import Settings, load_settings
from facenet_core.decision import TOP_K
from facenet_core.engine import FaceEngine
from facenet_core.enrolments import Enrolments
from facenet_core.errors import (
    FaceNetError,
    NoThresholdError,
)
from facenet_core.loading import EngineLoader, LoadState
from facenet_core.store import (
    Archive,
    ImportMode,
    ImportOutcome,
    ImportPreview,
    Repository,
    open_archive,
    write_archive,
)
from facenet_core.survey import Survey, survey
from facenet_core.types import (
    ModelId,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

__all__ = ["TOP_K", "FaceService", "ImportMode", "open_archive"]


class FaceService(Enrolments):
    """Verifies, identifies, enrols and manages people. Thread-safe.

    Nothing heavy happens on construction: the engine is loaded by
    :meth:`start`, or by the first call that needs it.

    Args:
        settings: Where things are; read from the environment by default.
        engine: A ready engine, instead of the one that the settings choose.
        before_load: Runs on the loading thread, before the model is built.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        engine: FaceEngine | None = None,
        before_load: Callable[[], None] | None = None,
    ) -> None:
        settings = settings or load_settings()
        super().__init__(settings, Repository(settings.db))
        self._given = engine
        self._before_load = before_load
        self._loader = EngineLoader(self._load)
        self._started = self._enrolling = False
        self._first_photos = threading.Lock()
        self._survey: tuple[str, ModelId, Survey] | None = None
        self._survey_lock = threading.Lock()

    # -- the engine ---------------------------------------------------------

    def start(self) -> None:
        """Begins to load the model and to enrol the first photos, in the background."""
        self._started = True
        self._loader.start()
        self._begin_first_photos()

    @property
    def state(self) -> LoadState:
        """How far the engine and the first photos are; never waits."""
        state = self._loader.state
        if state.status == "ready" and self._enrolling:
            return LoadState("enrolling", "", state.seconds)
        return state

    @property
    def engine(self) -> FaceEngine:
        """The engine; waits for it.

        Raises:
            ModelError: If there is none.
        """
        return self._loader.get()

    @property
    def model_setting(self) -> Settings:
        """The settings with the model chosen on the Settings page, if the environment chose none."""
        stored = self.stored_settings().get("model")
        if stored and not self.settings.model and not self.settings.weights:
            return self.settings.model_copy(update={"model": stored})
        return self.settings

    def choose_model(self, model: str | None) -> None:
        """Stores the model to use and loads it."""
        self.repository.save_settings({"model": model})
        self.reload()

    def reload(self) -> None:
        """Loads again, after weights have arrived, and enrols the first photos if that had to wait for them."""
        self._loader.restart()
        if self._started:
            self._begin_first_photos()

    def _load(self) -> FaceEngine:
        if self._before_load:
            self._before_load()
        engine = self._given or FaceEngine.load(self.model_setting)
        engine.warm()
        return engine

    def _begin_first_photos(self) -> None:
        """On a thread of their own, so that the engine is there before the first photos are."""
        self._enrolling = True
        threading.Thread(target=self._enrol_in_background, name="first-photos", daemon=True).start()

    def _enrol_in_background(self) -> None:
        with self._first_photos:
            self._enrolling = True
            try:
                self.repository.sweep()
                # Codes alone: a file's name is often a person's.
                tried = Counter(outcome.code for outcome in self.enrol_first_photos())
                logger.info("first photos: %s", dict(tried))
            except (FaceNetError, OSError) as error:
                logger.warning("the photos in %s were not enrolled: %s", self.settings.images_dir, error)
            finally:
                self._enrolling = False

    # -- accuracy -----------------------------------------------------------

    def survey(self) -> Survey:
        """What the enrolled people say about the error rates; made anew when anything has changed.

        Raises:
            ModelError: If there is no model.
        """
        with self._survey_lock:
            made_of = self.repository.revision(), self.engine.model_id
            if self._survey is None or self._survey[:2] != made_of:
                threshold = _known(self.verify_threshold)
                shipped, used = _known(self.shipped_calibration), _known(self.calibration)
                self._survey = (*made_of, survey(self.gallery(), shipped, used, threshold))
            return self._survey[2]

    # -- moving -------------------------------------------------------------

    def export(self, target: BinaryIO) -> int:
        """Writes everybody to one file.

        Returns:
            The number of people.
        """
        people = self.people()
        write_archive(target, people, self.repository.photos.read)
        return len(people)

    def preview_import(self, archive: Archive, mode: ImportMode) -> ImportPreview:
        """What an import would change; changes nothing."""
        return archive.preview(self.people(), mode, self.engine.model_id)

    def import_people(self, archive: Archive, mode: ImportMode) -> ImportOutcome:
        """Imports people; all of it or nothing.

        Raises:
            ArchiveError: If the archive is damaged.
            StoreError: If the database can't be written.
        """
        return self.repository.import_people(archive.people, archive.photo, mode)


def _known(ask: Callable[[], T]) -> T | None:
    """An answer, or None for a model that nothing was measured for."""
    try:
        return ask()
    except NoThresholdError:
        return None
