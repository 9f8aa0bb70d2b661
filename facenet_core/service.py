"""FaceService: the one door for pages, API, command line and notebook."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from facenet_core import enrolment, images
from facenet_core.alignment import crop_faces
from facenet_core.config import Settings, load_settings
from facenet_core.decision import TOP_K, Decisions
from facenet_core.engine import FaceEngine
from facenet_core.errors import FaceNetError, InputError, NotAPhotoError, NoThresholdError, PhotoError
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
from facenet_core.types import Analysis, Embedding, EnrolOutcome, EnrolRequest, Person, Photo, Template

logger = logging.getLogger(__name__)

__all__ = ["TOP_K", "FaceService", "ImportMode", "open_archive"]


class FaceService(Decisions):
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

    # -- photos -------------------------------------------------------------

    def photo(self, data: bytes, name: str) -> Photo:
        """Decodes a photo within the limits of the settings.

        Raises:
            PhotoError: If it can't be used.
        """
        return images.decode(data, name, max_bytes=self.max_bytes, max_pixels=self.settings.max_pixels)

    @property
    def max_bytes(self) -> int:
        """The largest photo file that is accepted."""
        return self.settings.max_upload_mb * 2**20

    def analyse(self, photo: Photo) -> Analysis:
        """Every face of a photo."""
        return self.engine.analyse(photo)

    def prepare_enrolment(self, data: bytes, name: str) -> Analysis:
        """Every face of a photo, at the size in which it would be kept.

        Raises:
            PhotoError: If it can't be used.
        """
        return self.analyse(enrolment.fitted(data, name, self.max_bytes, self.settings.max_pixels))

    # -- people -------------------------------------------------------------

    def people(self) -> tuple[Person, ...]:
        """Everybody who is enrolled, by name."""
        return self.repository.people()

    def enrol(
        self, name: str, analysis: Analysis, *, face: int | None = None, create: bool | None = None
    ) -> EnrolOutcome:
        """Enrols one photo of a person.

        Args:
            name: Whose photo it is; joins the person of that name, if any.
            analysis: From :meth:`prepare_enrolment`.
            face: Which face, from 1; None if the photo shows one only.
            create: True to insist on a new person, False on an existing one.

        Raises:
            InputError: If the name or the photo is refused; nothing is changed.
            ModelError: If the photo was analysed with another model; nothing is changed.
            StoreError: If the database can't be written; nothing is changed.
        """
        self.refuse_foreign(analysis)
        new = enrolment.new_template(analysis, face, self.settings.min_face_px)
        person = self.repository.enrol(name, [new], create=create)
        # Not simply the last: a photo that came from a machine whose clock is ahead counts as newer.
        template = next(t for t in person.templates if t.source_sha256 == new.source_sha256)
        return EnrolOutcome(
            photo=analysis.photo.name,
            person=person.name,
            accepted=True,
            code="enrolled",
            reason="Enrolled.",
            template_id=template.id,
            resembles=self._resembled(new.embedding, person),
        )

    def enrol_many(
        self, requests: Iterable[EnrolRequest], analyse: Callable[[bytes, str], Analysis] | None = None
    ) -> Iterator[EnrolOutcome]:
        """Enrols photos one by one; one that is refused does not stop the rest.

        Args:
            requests: The photos.
            analyse: Instead of :meth:`prepare_enrolment`, to remember results.

        Yields:
            An outcome for each photo, as soon as it is known. Stopping early
            keeps what was enrolled so far.

        Raises:
            ModelError: If there is no model.
            StoreError: If the database can't be written.
        """
        for request in requests:
            try:
                analysis = (analyse or self.prepare_enrolment)(request.data, request.photo)
                yield self.enrol(request.person, analysis, face=request.face)
            except InputError as error:
                reason = error.reason if isinstance(error, PhotoError) else str(error)
                yield EnrolOutcome(request.photo, request.person, False, error.code, reason)

    def _resembled(self, embedding: Embedding, person: Person) -> str | None:
        try:
            limit = self.verify_threshold().distance
        except NoThresholdError:
            return None
        for candidate in self.gallery().rank(embedding, 2):
            if candidate.person.id != person.id and candidate.distance <= limit:
                return candidate.person.name
        return None

    def stored_photo(self, template: Template) -> bytes:
        """An enrolled photo, as a WebP file.

        Raises:
            StoreError: If the file is missing or damaged.
        """
        return self.repository.photos.read(template.photo_sha256)

    def enrolled_crop(self, template: Template) -> NDArray[np.uint8]:
        """An enrolled face as the model saw it.

        Returns:
            Shape ``(160, 160, 3)``, RGB, uint8.

        Raises:
            StoreError: If the photo's file is missing or damaged.
        """
        photo = images.decode(self.stored_photo(template), template.source_name)
        crop: NDArray[np.uint8] = crop_faces(photo.pixels, [template.detection.box])[0]
        return crop

    def outdated(self) -> tuple[Template, ...]:
        """Templates that another model made, which the current one can't be compared with."""
        model_id = self.engine.model_id
        return tuple(t for p in self.people() for t in p.templates if t.model_id != model_id)

    def renew(self) -> Iterator[EnrolOutcome]:
        """Makes the templates of another model anew from their photos.

        All new templates are made first and then take the old ones' place in
        one step. A photo in which the face is not found again keeps its old
        template.

        Yields:
            An outcome for each photo.
        """
        engine, made = self.engine, []
        foreign = [(p.name, t) for p in self.people() for t in p.templates if t.model_id != engine.model_id]
        for name, template in foreign:
            try:
                made.append(enrolment.reembedded(engine, template, self.stored_photo(template)))
            except FaceNetError as error:
                reason = error.reason if isinstance(error, PhotoError) else str(error)
                yield EnrolOutcome(template.source_name, name, False, error.code, reason)
            else:
                yield EnrolOutcome(template.source_name, name, True, "renewed", "Renewed.", template.id)
        if made:
            self.repository.replace_templates(made)

    def enrol_first_photos(self) -> list[EnrolOutcome]:
        """Enrols what is new or changed in the images folder.

        Files are known by their content, and each is tried once: a person who
        was removed does not come back.

        Returns:
            An outcome for each file that was tried.
        """
        folder, known = self.settings.images_dir, self.repository.seeds()
        outcomes: list[EnrolOutcome] = []
        for path, name in enrolment.photos_in(folder) if folder.is_dir() else ():
            photo = path.name.encode(errors="replace").decode()  # what is not UTF-8 could not be stored
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    if digest in known:
                        continue
                    file.seek(0)
                    data = file.read(self.max_bytes + 1)
            except OSError as error:
                reason = f"This file can't be read ({error.strerror})."
                outcomes.append(EnrolOutcome(photo, name, False, NotAPhotoError.code, reason))
                continue
            outcomes += self.enrol_many([EnrolRequest(name, photo, data)])
            self.repository.record_seed(digest, photo, outcomes[-1].code)
        return outcomes

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
