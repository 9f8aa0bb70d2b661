"""Enrolling behind the pages' back."""

from __future__ import annotations

import shutil
from itertools import count

from facenet_core.calibration import Calibration
from facenet_core.service import FaceService
from facenet_core.types import Person
from tests.fakes import MODEL, Colour, photo

_marks = count(1)

MEASURED = {
    (MODEL.preprocessing, MODEL.weights_sha256): Calibration(
        (0.5, 1e-2, 1e-3, 1e-4), (1.4, 1.0, 0.8, 0.6), {"non_mated": 90_000, "data": "squares"}
    )
}
"""As if thresholds had been measured for the fake model."""


def enrol(service: FaceService, name: str, *colours: Colour) -> Person:
    """One photo for each colour, each of them another file."""
    for colour in colours:
        analysis = service.prepare_enrolment(photo(colour, mark=next(_marks)), f"{name}.png")
        service.enrol(name, analysis)
    return service.repository.person(name)


def lose_photos(service: FaceService) -> None:
    """As after somebody has cleaned up the wrong folder."""
    shutil.rmtree(service.repository.photos.folder)
