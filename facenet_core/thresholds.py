"""What decisions are held against: thresholds, and the calibration, targets and settings behind them."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from facenet_core import owncalibration
from facenet_core.calibration import IDENTIFY_FPIR, VERIFY_FMR, Calibration, fixed_threshold
from facenet_core.config import FMR_RANGE, FPIR_RANGE, Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import NoThresholdError, SettingError
from facenet_core.large_gallery import LargeGallery
from facenet_core.matching import Gallery, Searchable
from facenet_core.monitor import Monitor
from facenet_core.shipped import calibration_for
from facenet_core.store import PeopleRepository
from facenet_core.types import ModelId, OneIn, Threshold

logger = logging.getLogger(__name__)


MOST_IN_MEMORY = 100_000
"""Templates that every program keeps in memory and searches without missing anybody: about 0.8 GB. A store that can
search by itself is asked when there are more."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The error rates that thresholds aim at.

    Attributes:
        fmr: Of a claim (1:1).
        fpir: Of a search (1:N).
    """

    fmr: float
    fpir: float


class Thresholds(ABC):
    """The thresholds of an engine and the enrolled people. Thread-safe.

    Args:
        settings: May fix the thresholds.
        repository: The enrolled people and the stored settings.

    Attributes:
        monitor: What is counted and timed.
    """

    def __init__(self, settings: Settings, repository: PeopleRepository) -> None:
        self.settings = settings
        self.repository = repository
        self.monitor = Monitor()
        self._gallery: tuple[str, ModelId, Searchable] | None = None
        self._gallery_lock = threading.Lock()
        self._stored: tuple[str, dict[str, Any]] | None = None

    @property
    @abstractmethod
    def engine(self) -> FaceEngine:
        """The engine that makes the embeddings; may wait for it."""

    def gallery(self, model_id: ModelId | None = None) -> Searchable:
        """The templates of a model, as any process last left them.

        Args:
            model_id: The current model's by default.
        """
        model_id = model_id or self.engine.model_id
        with self._gallery_lock:
            revision = self.repository.revision()
            held = self._gallery
            if held is None or held[:2] != (revision, model_id) or self._too_large(held[2], model_id):
                held = self._gallery = (revision, model_id, self._gathered(model_id))
            return held[2]

    def whole_gallery(self, model_id: ModelId | None = None) -> Gallery:
        """The same, in memory however large it is: to compare everybody with everybody.

        Args:
            model_id: The current model's by default.
        """
        model_id = model_id or self.engine.model_id
        gallery = self.gallery(model_id)
        return gallery if isinstance(gallery, Gallery) else Gallery.of(self.repository.people(), model_id)

    def _gathered(self, model_id: ModelId) -> Searchable:
        index = self.repository.index
        if index is not None:
            people, templates = index.count(model_id)
            if templates > MOST_IN_MEMORY and index.ready(model_id):
                return LargeGallery(index, model_id, people, templates)
        return Gallery.of(self.repository.people(), model_id)

    def _too_large(self, held: Searchable, model_id: ModelId) -> bool:
        """Whether a gallery is in memory only because the store could not search by itself yet, and now it can."""
        index = self.repository.index
        held_here = isinstance(held, Gallery) and len(held) > MOST_IN_MEMORY
        return held_here and index is not None and index.ready(model_id)

    def verify_threshold(
        self, fixed: float | None = None, *, templates: int = 1, model_id: ModelId | None = None
    ) -> Threshold:
        """The 1:1 threshold: ``fixed``, the user's setting, or the measured one.

        Args:
            fixed: Instead of the settings.
            templates: How many photos of the claimed person there are.
            model_id: The current model's by default.

        Raises:
            SettingError: If it is out of range.
            NoThresholdError: If none was measured for this model.
        """
        chosen = self._fixed(fixed, self.settings.threshold, "verify_threshold")
        if chosen is not None:
            return fixed_threshold(chosen)
        return self.calibration(model_id).verify_threshold(templates, self.targets.fmr)

    def identify_threshold(
        self,
        fixed: float | None = None,
        *,
        templates: int | None = None,
        of_person: int | None = None,
        model_id: ModelId | None = None,
        target_fpir: float | None = None,
    ) -> Threshold:
        """The 1:N threshold: ``fixed``, the user's setting, or the measured one.

        Args:
            fixed: Instead of the settings.
            templates: Comparisons in one search; those of this gallery by default.
            of_person: How many photos the closest person has. Nobody is named
                whom a claim would send away, so it is the 1:1 threshold of that
                person if that is the stricter one.
            model_id: The current model's by default.
            target_fpir: Share of strangers that a search may name, instead of
                that of the settings or a threshold that is fixed there.

        Raises:
            SettingError: If it is out of range.
            NoThresholdError: If none was measured for this model.
        """
        chosen = self._fixed(fixed, self.settings.identify_threshold, "identify_threshold")
        if chosen is not None and (target_fpir is None or fixed is not None):
            return fixed_threshold(chosen)
        targets = self.targets
        if target_fpir is not None:
            targets = Targets(targets.fmr, _checked(target_fpir, FPIR_RANGE, "FPIR"))
        searched = len(self.gallery()) if templates is None else templates
        found = self.calibration(model_id).identify_threshold(searched, targets.fpir, targets.fmr)
        if of_person is None:
            return found
        verify = self.verify_threshold(templates=of_person, model_id=model_id)
        return min(found, verify, key=lambda threshold: threshold.distance)

    @property
    def targets(self) -> Targets:
        """The error rates that the thresholds aim at: the user's, or the defaults."""
        stored = self.stored_settings()
        return Targets(
            _first(FMR_RANGE, self.settings.target_fmr, stored.get("target_fmr"), VERIFY_FMR),
            _first(FPIR_RANGE, self.settings.target_fpir, stored.get("target_fpir"), IDENTIFY_FPIR),
        )

    def set_targets(self, *, fmr: float | None, fpir: float | None) -> None:
        """Stores target error rates; None goes back to the default one.

        Raises:
            SettingError: If one is out of range.
        """
        for value, limits, name in ((fmr, FMR_RANGE, "FMR"), (fpir, FPIR_RANGE, "FPIR")):
            if value is not None:
                _checked(value, limits, name)
        self.repository.save_settings({"target_fmr": fmr, "target_fpir": fpir})

    def set_thresholds(self, *, verify: float | None, identify: float | None) -> None:
        """Stores fixed thresholds; None goes back to the measured ones.

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

    def calibration(self, model_id: ModelId | None = None) -> Calibration:
        """What a model's distances mean: by the user's own people if they chose that, or as shipped.

        Args:
            model_id: The current model's by default.

        Raises:
            NoThresholdError: If it was not measured for this model.
        """
        return self.own_calibration(model_id) or self.shipped_calibration(model_id)

    def shipped_calibration(self, model_id: ModelId | None = None) -> Calibration:
        """What was measured for a model.

        Args:
            model_id: The current model's by default.

        Raises:
            NoThresholdError: If it was not.
        """
        return calibration_for(model_id or self.engine.model_id)

    def own_calibration(self, model_id: ModelId | None = None) -> Calibration | None:
        """What the user chose to use instead, if it was made with this model.

        Args:
            model_id: The current model's by default.
        """
        stored = self.stored_settings().get(owncalibration.KEY)
        if stored is None:
            return None
        try:
            return owncalibration.decoded(stored, model_id or self.engine.model_id)
        except ValueError as error:
            logger.warning("the stored rates of the user's own people are ignored: %s", error)
            return None

    def use_calibration(self, own: Calibration | None) -> None:
        """Stores a copy of a calibration to use from now on; None goes back to the shipped one."""
        stored = None if own is None else owncalibration.encoded(own, self.engine.model_id)
        self.repository.save_settings({owncalibration.KEY: stored})

    def _fixed(self, given: float | None, environment: float | None, key: str) -> float | None:
        stored = self.stored_settings().get(key)
        return next((x for x in (given, environment, stored) if _number(x)), None)

    def _one_in(self, between: float, model_id: ModelId, templates: int = 1) -> OneIn | None:
        try:
            return self.calibration(model_id).one_in(between, templates)
        except NoThresholdError:
            return None


def _checked(rate: float, limits: tuple[float, float], name: str) -> float:
    low, high = limits
    if not low <= rate <= high:
        raise SettingError(f"a target {name} is a rate from {low:g} to {high:g}, not {rate:g}")
    return rate


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first(limits: tuple[float, float], *values: object) -> float:
    """The first that is a rate within limits; a stored one may have been written by anybody."""
    return next(float(x) for x in values if _number(x) and limits[0] <= x <= limits[1])
