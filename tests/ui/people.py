"""Enrolling behind the pages' back."""

from __future__ import annotations

import shutil
from itertools import count

from facenet_core.service import FaceService
from facenet_core.types import Person
from tests import fakes
from tests.fakes import MODEL, Colour, photo

_marks = count(1)

MEASURED = {(MODEL.preprocessing, MODEL.weights_sha256): fakes.MEASURED}
"""As if thresholds had been measured for the fake model."""


def enrol(service: FaceService, name: str, *colours: Colour) -> Person:
    """One photo for each colour, each of them another file."""
    for colour in colours:
        analysis = service.prepare_enrolment(photo(colour, mark=next(_marks)), f"{name}.png")
        service.enrol(name, analysis, overrule=True)  # colours are people: several are never alike
    return service.repository.person(name)


def lose_photos(service: FaceService) -> None:
    """As after somebody has cleaned up the wrong folder."""
    shutil.rmtree(service.repository.photos.folder)
