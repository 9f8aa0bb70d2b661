"""Decisions: verify, identify and compare, with the thresholds they are held against."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from facenet_core.calibration import Calibration, calibration_for, fixed_threshold
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.enrolment import chosen_face
from facenet_core.errors import ModelError, NoThresholdError, UnknownPersonError
from facenet_core.matching import Gallery, distance
from facenet_core.store import Repository
from facenet_core.types import (
    Analysis,
    Comparison,
    Face,
    Identification,
    ModelId,
    OneIn,
    Threshold,
    Verification,
)

TOP_K = 5
"""People shown for an identified face: the closest, and the next four."""


class Decisions(ABC):
    """Answers from an engine and the enrolled people. Thread-safe.

    Args:
        settings: May fix the thresholds.
        repository: The enrolled people and the stored settings.
    """

    def __init__(self, settings: Settings, repository: Repository) -> None:
        self.settings = settings
        self.repository = repository
        self._gallery: tuple[str, ModelId, Gallery] | None = None
        self._gallery_lock = threading.Lock()
        self._stored: tuple[str, dict[str, Any]] | None = None

    @property
    @abstractmethod
    def engine(self) -> FaceEngine:
        """The engine that makes the embeddings; may wait for it."""

    def gallery(self) -> Gallery:
        """The templates of the current model, as any process last left them."""
        model_id = self.engine.model_id
        with self._gallery_lock:
            revision = self.repository.revision()
            if self._gallery is None or self._gallery[:2] != (revision, model_id):
                self._gallery = (revision, model_id, Gallery.of(self.repository.people(), model_id))
            return self._gallery[2]

    def refuse_foreign(self, *analyses: Analysis) -> None:
        """Checks that the current model has seen these photos: embeddings of another mean something else.

        Raises:
            ModelError: If another has, because the model was changed meanwhile.
        """
        for analysis in analyses:
            if analysis.model_id != self.engine.model_id:
                raise ModelError(f"{analysis.photo.name}: the model was changed meanwhile. Give the photo again.")

    def compare(
        self,
        first: Analysis,
        second: Analysis,
        *,
        faces: tuple[int | None, int | None] = (None, None),
        threshold: float | None = None,
    ) -> Comparison:
        """Holds two photos against each other, without the database.

        Args:
            first: A photo.
            second: Another.
            faces: Which face of each, from 1; None for the prominent one.
            threshold: Instead of the 1:1 threshold.

        Raises:
            NoFaceError: If a photo shows nobody.
            ModelError: If a photo was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        self.refuse_foreign(first, second)
        a, b = chosen_face(first, faces[0]), chosen_face(second, faces[1])
        between, limit = distance(a.embedding, b.embedding), self.verify_threshold(threshold)
        return Comparison(a, b, between, limit, between <= limit.distance, self._one_in(between), first.model_id)

    def verify(
        self, probe: Analysis, claim: str, *, face: int | None = None, threshold: float | None = None
    ) -> Verification:
        """Answers whether a probe shows the person it is claimed to show (1:1).

        Args:
            probe: The probe's photo.
            claim: Name or id of the claimed person.
            face: Which face, from 1; None for the prominent one.
            threshold: Instead of the 1:1 threshold.

        Raises:
            NoFaceError: If the photo shows nobody.
            UnknownPersonError: If nobody of that name is enrolled, or only with
                another model.
            ModelError: If the probe was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        self.refuse_foreign(probe)
        person = self.repository.person(claim)
        chosen = chosen_face(probe, face)
        candidate = self.gallery().compare(chosen.embedding, person)
        if candidate is None:
            raise UnknownPersonError(
                f"{person.name} was enrolled with another model. Renew the templates first, on the Settings page "
                "or with `people renew`."
            )
        limit = self.verify_threshold(threshold)
        matched = candidate.distance <= limit.distance
        return Verification(chosen, candidate, limit, matched, self._one_in(candidate.distance), probe.model_id)

    def identify(
        self, probe: Analysis, *, threshold: float | None = None, top_k: int = TOP_K
    ) -> tuple[Identification, ...]:
        """Answers who each face of a photo is (1:N).

        Args:
            probe: The photo.
            threshold: Instead of the 1:N threshold.
            top_k: Candidates per face.

        Returns:
            One answer per face, from left to right.

        Raises:
            ModelError: If the probe was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        self.refuse_foreign(probe)
        gallery, limit = self.gallery(), self.identify_threshold(threshold)
        return tuple(
            self._identification(number, face, gallery, limit, top_k)
            for number, face in enumerate(probe.faces, start=1)
        )

    def _identification(
        self, number: int, face: Face, gallery: Gallery, limit: Threshold, top_k: int
    ) -> Identification:
        candidates = gallery.rank(face.embedding, top_k)
        matched = bool(candidates) and candidates[0].distance <= limit.distance
        one_in = self._one_in(candidates[0].distance) if candidates else None
        return Identification(number, face, matched, candidates, limit, one_in)

    def verify_threshold(self, fixed: float | None = None) -> Threshold:
        """The 1:1 threshold: ``fixed``, the user's setting, or the measured one.

        Raises:
            SettingError: If it is out of range.
            NoThresholdError: If none was measured for this model.
        """
        chosen = self._fixed(fixed, self.settings.threshold, "verify_threshold")
        return fixed_threshold(chosen) if chosen is not None else self._calibration().verify_threshold()

    def identify_threshold(self, fixed: float | None = None) -> Threshold:
        """The 1:N threshold: ``fixed``, the user's setting, or the measured one for this gallery.

        Raises:
            SettingError: If it is out of range.
            NoThresholdError: If none was measured for this model.
        """
        chosen = self._fixed(fixed, self.settings.identify_threshold, "identify_threshold")
        if chosen is not None:
            return fixed_threshold(chosen)
        return self._calibration().identify_threshold(len(self.gallery()))

    def set_thresholds(self, *, verify: float | None, identify: float | None) -> None:
        """Stores fixed thresholds; None goes back to the measured one.

        Raises:
            SettingError: If one is out of range.
        """
        for value in (verify, identify):
            if value is not None:
                fixed_threshold(value)
        self.repository.save_settings({"verify_threshold": verify, "identify_threshold": identify})

    def stored_settings(self) -> Mapping[str, Any]:
        """The settings stored with the database, as any process last left them."""
        revision = self.repository.revision()
        if self._stored is None or self._stored[0] != revision:
            self._stored = (revision, self.repository.settings())
        return self._stored[1]

    def _fixed(self, given: float | None, environment: float | None, key: str) -> float | None:
        stored = self.stored_settings().get(key)
        return next((x for x in (given, environment, stored) if isinstance(x, int | float)), None)

    def _calibration(self) -> Calibration:
        return calibration_for(self.engine.model_id)

    def _one_in(self, between: float) -> OneIn | None:
        try:
            return self._calibration().one_in(between)
        except NoThresholdError:
            return None
