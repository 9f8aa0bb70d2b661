"""FaceService: the one door for pages, API, command line and notebook."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from facenet_core.audit import Audit
from facenet_core.config import Settings, database_address, load_settings
from facenet_core.decision import TOP_K
from facenet_core.engine import FaceEngine
from facenet_core.engine_choice import EngineChoice
from facenet_core.errors import FaceNetError, NoThresholdError
from facenet_core.loading import LoadState
from facenet_core.store import (
    Archive,
    ImportMode,
    ImportOutcome,
    ImportPreview,
    Moved,
    Place,
    move,
    open_archive,
    open_store,
    write_archive,
)
from facenet_core.survey import Survey, survey
from facenet_core.types import Asker, ModelId

if TYPE_CHECKING:
    from facenet_core.album.album import Album
    from facenet_core.reverse.index import ReverseIndex

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILES = "tinydb"
"""Instead of the address of a database: the files in the folder of the settings."""

__all__ = ["TOP_K", "FaceService", "ImportMode", "open_archive"]


class FaceService(EngineChoice):
    """Verifies, identifies, enrols and manages people. Thread-safe.

    Nothing heavy happens on construction: the engine is loaded by
    :meth:`start`, or by the first call that needs it.

    Args:
        settings: Where things are; read from the environment by default.
        engine: A ready engine, instead of the one that the settings choose.
        around_load: A model is loaded within it, on the loading thread.

    Attributes:
        keys: The keys of the API.
        audit: Who asked for what.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        engine: FaceEngine | None = None,
        around_load: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        settings = settings or load_settings()
        url = settings.database_url
        store = open_store(settings.db, url.get_secret_value() if url else None, settings.events_days)
        super().__init__(settings, store.people, engine, around_load)
        self.keys = store.keys
        self.audit = Audit(store.events, self.repository, self.monitor)
        self._started = self._enrolling = False
        self._first_photos = threading.Lock()
        self._survey: tuple[str, ModelId, Survey] | None = None
        self._survey_lock = threading.Lock()

    def close(self) -> None:
        """Ends an index run that is under way, and lets go of what is stored; the next call opens it again."""
        # Both are made when they are first asked for, and ask the store of people until they are closed.
        if "album" in self.__dict__:
            self.album.close()
        if "reverse" in self.__dict__:
            self.reverse.close()
        self.audit.close()

    # -- the engine ---------------------------------------------------------

    def start(self) -> None:
        """Begins to load the model and to enrol the first photos, in the background."""
        self._started = True
        self._loader.start()
        self._begin_first_photos()

    @property
    def state(self) -> LoadState:
        """How far the engine and the first photos are; never waits."""
        state = super().state
        return LoadState("enrolling", "", state.seconds) if state.status == "ready" and self._enrolling else state

    def reload(self) -> None:
        """Loads again, after weights have arrived, and enrols the first photos if that had to wait for them."""
        super().reload()
        if self._started:
            self._begin_first_photos()

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
                outcomes = self.enrol_first_photos()
                logger.info("first photos: %s", dict(Counter(outcome.code for outcome in outcomes)))
                for outcome in outcomes:
                    self.audit.enrolled(outcome, Asker("images"))
            except (FaceNetError, OSError) as error:
                logger.warning("the photos in %s were not enrolled: %s", self.settings.images_dir, error)
            finally:
                self._enrolling = False
            self._expire()

    def _expire(self) -> None:
        """Drops public pictures whose time is over, whether the reverse index is on or not."""
        if not self.settings.database_url and not (self.settings.db / "reverse").exists():
            return  # nothing was ever kept: not even asked for, as that takes a third of a second
        try:
            self.reverse.expire()
        except (FaceNetError, OSError) as error:
            logger.warning("public pictures whose time is over could not be dropped: %s", error)

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
                self._survey = (*made_of, survey(self.whole_gallery(), shipped, used, threshold))
            return self._survey[2]

    # -- other collections ----------------------------------------------------

    @cached_property
    def album(self) -> Album:
        """Folders of unlabelled photos, searched and grouped."""
        from facenet_core.album.album import Album  # SQLAlchemy takes a third of a second

        return Album(
            self.settings,
            lambda: self.engine,
            self.calibration,
            lambda requests: list(self.enrol_many(requests)),
            person=lambda name: self.repository.person(name).id,
            model=lambda: self.model_id,
        )

    @cached_property
    def reverse(self) -> ReverseIndex:
        """Licensed pictures of the public web, searched by face."""
        from facenet_core.reverse.index import ReverseIndex  # the same

        return ReverseIndex(
            self.settings,
            lambda: self.engine,
            lambda: _known(self.calibration),
            lambda: self.targets,
        )

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

    def migrate(self, source: str | None = None, target: str | None = None) -> Moved:
        """Copies everything to another store: people, photos, settings, keys and events.

        Args:
            source: ``tinydb``, or the address of a PostgreSQL database; the
                store of the settings by default.
            target: The same; it must be empty.

        Raises:
            InputError: If one is none, they are the same, or the target is not
                empty.
            StoreError: If one can't be used; nothing is in the target then.
        """
        return move(self._place(source), self._place(target))

    def _place(self, named: str | None) -> Place:
        set_up = self.settings.database_url
        if named is None:
            return Place(self.settings.db, set_up.get_secret_value() if set_up else None)
        return Place(self.settings.db, None if named == FILES else database_address(named))


def _known(ask: Callable[[], T]) -> T | None:
    """An answer, or None for a model that nothing was measured for."""
    try:
        return ask()
    except NoThresholdError:
        return None
