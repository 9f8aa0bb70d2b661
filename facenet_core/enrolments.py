"""Enrolments: photos become templates of people, with reasons where they do not."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facenet_core import enrolment, images
from facenet_core.alignment import crop_faces, named_size
from facenet_core.decision import Decisions
from facenet_core.engine import FaceEngine
from facenet_core.errors import (
    FaceNetError,
    InputError,
    ModelError,
    NoFaceError,
    NotAPhotoError,
    NoThresholdError,
    PhotoError,
    PoorPhotoError,
    UnknownPersonError,
)
from facenet_core.pipeline import Analyser, Encoded, Source, analyse_here, analyse_photos, analyse_together
from facenet_core.quality import described, flaws
from facenet_core.types import (
    Analysis,
    Candidate,
    Embedding,
    EnrolOutcome,
    EnrolRequest,
    Flaw,
    ModelId,
    NewTemplate,
    Person,
    Photo,
    Template,
    Wanted,
)


class Enrolments(Decisions):
    """Enrols people and keeps their templates up to date. Thread-safe."""

    # -- photos -------------------------------------------------------------

    def photo(self, data: bytes, name: str) -> Photo:
        """Decodes a photo within the limits of the settings.

        Raises:
            PhotoError: If it can't be used.
        """
        with self.monitor.stage("decode"):
            return images.decode(data, name, max_bytes=self.max_bytes, max_pixels=self.settings.max_pixels)

    @property
    def max_bytes(self) -> int:
        """The largest photo file that is accepted."""
        return self.settings.max_upload_mb * 2**20

    def analyse(self, photo: Photo, wanted: Wanted = "all") -> Analysis:
        """Every face of a photo, the wanted ones embedded."""
        return self.engine.analyse(photo, wanted)

    def analyse_together(self, asked: Sequence[tuple[Source, Wanted]]) -> list[Analysis]:
        """Every face of a few photos; see :func:`facenet_core.pipeline.analyse_together`."""
        return analyse_together(self.engine, asked)

    def prepare_enrolment(self, data: bytes, name: str) -> Analysis:
        """Every face of a photo, at the size in which it would be kept.

        Raises:
            PhotoError: If it can't be used.
        """
        return self.analyse(self._fitted(data, name))

    def analyse_many(self, sources: Iterable[Source]) -> Generator[Analysis | FaceNetError, None, None]:
        """Every face of many photos; see :func:`facenet_core.pipeline.analyse_photos`."""
        return analyse_photos(self.engine, sources)

    # -- people -------------------------------------------------------------

    def people(self) -> tuple[Person, ...]:
        """Everybody who is enrolled, by name."""
        return self.repository.people()

    def enrol(
        self,
        name: str,
        analysis: Analysis,
        *,
        face: int | None = None,
        create: bool | None = None,
        overrule: bool = False,
    ) -> EnrolOutcome:
        """Enrols one photo of a person.

        Args:
            name: Whose photo it is; joins the person of that name, if any.
            analysis: From :meth:`prepare_enrolment`.
            face: Which face, from 1; None if the photo shows one only.
            create: True to insist on a new person, False on an existing one.
            overrule: Enrol it in spite of poor quality, which is then a warning.

        Raises:
            PoorPhotoError: If the photo is too poor and that is not overruled;
                nothing is changed.
            InputError: If the name or the photo is refused; nothing is changed.
            ModelError: If the photo was analysed with another model; nothing is changed.
            StoreError: If the database can't be written; nothing is changed.
        """
        self.refuse_foreign(analysis)
        found = self._flaws(name, analysis, face)
        new = enrolment.new_template(analysis, face, self.settings.min_face_px, () if overrule else found)
        with self.monitor.stage("store"):
            person = self.repository.enrol(name, [new], create=create)
        # Not simply the last: a photo that came from a machine whose clock is ahead counts as newer.
        template = next(t for t in person.templates if t.source_sha256 == new.source_sha256)
        warnings, resembled = [described([flaw]) for flaw in found], self._resembled(new, person)
        if resembled:
            warnings.append(
                f"the face looks like {resembled.person.name} ({resembled.distance:.2f} apart). If they are one "
                "person, remove one of the two; if not, add more photos of both."
            )
        return EnrolOutcome(
            photo=analysis.photo.name,
            person=person.name,
            accepted=True,
            code="enrolled",
            reason="Enrolled.",
            template_id=template.id,
            resembles=resembled.person.name if resembled else None,
            flaws=tuple(flaw.code for flaw in found),
            warnings=tuple(warnings),
        )

    def enrol_many(
        self,
        requests: Iterable[EnrolRequest],
        analyse: Callable[[bytes, str], Analysis] | None = None,
        *,
        new: bool = False,
    ) -> Generator[EnrolOutcome, None, None]:
        """Enrols photos one by one; one that is refused does not stop the rest.

        Args:
            requests: The photos.
            analyse: Instead of :meth:`prepare_enrolment`, to remember results.
            new: Insist on new people: a photo of somebody who was there before
                is refused.

        Yields:
            An outcome for each photo, as soon as it is known. Stopping early
            keeps what was enrolled so far.

        Raises:
            ModelError: If there is no model.
            StoreError: If the database can't be written.
        """
        made: set[str] = set()
        for request, found in self._analysed(requests, analyse):
            create = request.person not in made if new else None
            try:
                if isinstance(found, FaceNetError):
                    raise found
                face = request.face if request.box is None else enrolment.face_at(found, request.box)
                outcome = self.enrol(request.person, found, face=face, create=create, overrule=request.overrule)
                made.add(request.person)
                yield outcome
            except InputError as error:
                reason = error.reason if isinstance(error, PhotoError) else str(error)
                poor = error.flaws if isinstance(error, PoorPhotoError) else ()
                yield EnrolOutcome(request.photo, request.person, False, error.code, reason, flaws=poor)

    def _analysed(
        self, requests: Iterable[EnrolRequest], analyse: Callable[[bytes, str], Analysis] | None
    ) -> Iterator[tuple[EnrolRequest, Analysis | FaceNetError]]:
        if analyse:
            for request in requests:
                try:
                    found: Analysis | FaceNetError = analyse(request.data, request.photo)
                except InputError as error:
                    found = error
                yield request, found
            return
        asked: deque[EnrolRequest] = deque()

        def sources() -> Iterator[Source]:
            for request in requests:
                asked.append(request)
                yield partial(self._fitted, request.data, request.photo)

        for found in analyse_photos(self.engine, sources()):
            yield asked.popleft(), found

    def _fitted(self, data: bytes, name: str) -> Photo:
        """A photo at the size in which it would be kept."""
        with self.monitor.stage("decode"):
            return enrolment.fitted(data, name, self.max_bytes, self.settings.max_pixels)

    def _flaws(self, name: str, analysis: Analysis, number: int | None) -> tuple[Flaw, ...]:
        """What speaks against enrolling a face for somebody."""
        sha256 = analysis.photo.sha256
        # That a photo is enrolled already is the better reason, and the repository's to give.
        if any(sha256 in (t.source_sha256, t.photo_sha256) for p in self.people() for t in p.templates):
            return ()
        face = enrolment.chosen_face(analysis, number)
        unlike = self._unlike_others(name, face.embedding, analysis.model_id)
        return (*((unlike,) if unlike else ()), *flaws(face.quality))

    def _unlike_others(self, name: str, embedding: Embedding, model_id: ModelId) -> Flaw | None:
        try:
            candidate = self.gallery(model_id).compare(embedding, self.repository.person(name))
            return enrolment.unlike_others(candidate, self._perhaps_same(model_id)) if candidate else None
        except (UnknownPersonError, NoThresholdError):
            return None

    def _perhaps_same(self, model_id: ModelId) -> float:
        """The distance up to which two photos may be of one person, even if the user has fixed a stricter threshold."""
        fixed = self.verify_threshold(model_id=model_id).inconclusive
        try:
            return max(fixed, self.calibration(model_id).verify_threshold(fmr=self.targets.fmr).inconclusive)
        except NoThresholdError:
            return fixed

    def _resembled(self, new: NewTemplate, person: Person) -> Candidate | None:
        """Somebody else whom a search would take this face for."""
        gallery = self.gallery(new.model_id)
        try:
            limit = self.identify_threshold(templates=len(gallery), model_id=new.model_id).distance
        except NoThresholdError:
            return None
        others = (c for c in gallery.rank(new.embedding, 2) if c.person.id != person.id)
        return next((candidate for candidate in others if candidate.distance <= limit), None)

    def stored_photo(self, template: Template) -> bytes:
        """An enrolled photo, as a WebP file.

        Raises:
            StoreError: If the file is missing or damaged.
        """
        return self.repository.photos.read(template.photo_sha256)

    def enrolled_crop(self, template: Template) -> NDArray[np.uint8]:
        """An enrolled face as the model saw it.

        Returns:
            Shape ``(size, size, 3)``, RGB, uint8, as large as its model's input.

        Raises:
            StoreError: If the photo's file is missing or damaged.
        """
        photo = images.decode(self.stored_photo(template), template.source_name)
        size = named_size(template.model_id.preprocessing)
        crop: NDArray[np.uint8] = crop_faces(photo.pixels, [template.detection.box], size)[0]
        return crop

    def outdated(self) -> tuple[Template, ...]:
        """Templates that another model made, which the current one can't be compared with."""
        model_id = self.engine.model_id
        return tuple(t for p in self.people() for t in p.templates if t.model_id != model_id)

    def renew(self, analyse: Analyser = analyse_here) -> Iterator[EnrolOutcome]:
        """Makes the templates of another model anew from their photos.

        All new templates are made first and then take the old ones' place in
        one step. A photo in which the face is not found again keeps its old
        template.

        Args:
            analyse: Where photos are analysed. The database is written here alone.

        Yields:
            An outcome for each photo.

        Raises:
            ClusterError: If it was a cluster, and that is gone; nothing is changed.
            ModelError: If the model was changed meanwhile; nothing is changed.
            StoreError: If the database can't be written; nothing is changed.
        """
        engine, made = self.engine, []
        foreign = [(p.name, t) for p in self.people() for t in p.templates if t.model_id != engine.model_id]
        with closing(self.reembedded(engine, [template for _, template in foreign], analyse)) as coming:
            for (name, template), found in zip(foreign, coming, strict=True):
                if isinstance(found, FaceNetError):
                    reason = found.reason if isinstance(found, PhotoError) else str(found)
                    yield EnrolOutcome(template.source_name, name, False, found.code, reason)
                else:
                    made.append(found)
                    yield EnrolOutcome(template.source_name, name, True, "renewed", "Renewed.", template.id)
        if made:
            if self.engine.model_id != engine.model_id:
                raise ModelError("The model was changed meanwhile. Nothing was renewed: begin again.")
            self.repository.replace_templates(made)

    def reembedded(
        self, engine: FaceEngine, templates: Sequence[Template], analyse: Analyser = analyse_here
    ) -> Generator[Template | FaceNetError, None, None]:
        """Templates as another engine has them, from their photos.

        Args:
            engine: The other engine.
            templates: Whose photos to read.
            analyse: Where photos are analysed.

        Yields:
            For each, in order, the new one, or why there is none.
        """
        photos = (Encoded(t.source_name, partial(self.stored_photo, t)) for t in templates)
        with closing(analyse(engine, photos, Analysis.without_pixels)) as coming:
            for template, found in zip(templates, coming, strict=True):
                try:
                    yield found if isinstance(found, FaceNetError) else enrolment.reembedded(template, found)
                except NoFaceError as error:
                    yield error

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
