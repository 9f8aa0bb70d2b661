"""Twelve people at a door with a camera: the scenario that the program was seeded with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facenet_core import images, wording
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from facenet_core.types import Analysis

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
PEOPLE = {
    "andrew", "arnaud", "benoit", "bertrand", "dan", "danielle", "felix", "kevin", "kian", "sebastiano", "tian",
    "younes",
}  # fmt: skip
CAMERAS = ["younes", "bertrand", "benoit", "bertrand", "dan", "arnaud"]
"""Who stands before the camera, picture by picture."""


@pytest.fixture(scope="module")
def door(data: Path, engine: FaceEngine, real_settings: Settings) -> FaceService:
    service = FaceService(real_settings, engine)
    for path in sorted((data / "demo-96px").iterdir()):
        if not path.name.startswith("camera_"):
            assert service.enrol(path.stem, service.prepare_enrolment(path.read_bytes(), path.name)).accepted
    return service


def camera(service: FaceService, data: Path, number: int) -> Analysis:
    return service.analyse(images.read(data / "demo-96px" / f"camera_{number}.jpg"))


def test_all_twelve_people_can_be_enrolled(door: FaceService) -> None:
    assert {person.name for person in door.people()} == PEOPLE


def test_younes_is_welcome_as_younes_and_not_as_kian(door: FaceService, data: Path) -> None:
    seen = camera(door, data, 0)
    welcome, refused = door.verify(seen, "younes"), door.verify(seen, "kian")
    assert welcome.threshold.origin == "measured"
    assert welcome.matched
    assert welcome.candidate.distance < 0.7
    assert welcome.one_in is not None
    assert welcome.one_in.strangers > 1_000_000
    assert not refused.matched
    assert refused.candidate.distance > 1.1


@pytest.mark.parametrize(("number", "name"), list(enumerate(CAMERAS)))
def test_whoever_stands_before_the_camera_is_recognised(door: FaceService, data: Path, number: int, name: str) -> None:
    (face,) = door.identify(camera(door, data, number))
    assert face.matched
    assert face.candidates[0].person.name == name
    # The next person would not have been named.
    assert face.candidates[1].distance > face.candidates[0].distance + 0.2


def test_a_stranger_is_not_in_the_database(door: FaceService) -> None:
    (face,) = door.identify(door.analyse(images.read(ROOT / "images" / "Grace_Hopper.jpg")))
    assert not face.matched


def test_everybody_is_let_in_as_themselves(door: FaceService) -> None:
    for person in door.people():
        seen = door.analyse(images.decode(door.stored_photo(person.templates[0]), person.name))
        assert door.verify(seen, person.id).matched


def test_twelve_people_who_look_alike_are_said_to_depart_from_the_shipped_rates(door: FaceService) -> None:
    """Six of their 66 pairs are within the threshold that lets in 1 stranger in 1,000."""
    survey = door.survey()
    (current,) = [rate for rate in survey.rates if rate.current]
    assert current.comparisons == 66
    assert 2 <= current.errors <= 9
    (hundredth,) = [rate for rate in survey.rates if rate.shipped == 0.01]
    assert hundredth.departs == "more"
    assert wording.verdict(survey).startswith("Your people look more alike than those of the shipped rates")


def command(settings: Settings, *words: object) -> tuple[int, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FACENET_")}
    places = {
        "FACENET_DB": str(settings.db),
        "FACENET_WEIGHTS": str(settings.weights),
        "FACENET_MODELS_DIR": str(settings.models_dir),
        "FACENET_IMAGES_DIR": str(settings.images_dir),
    }
    result = subprocess.run(
        [sys.executable, "-m", "facenet_core", *map(str, words), "--json"],
        cwd=ROOT,
        env={**kept, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, json.loads(result.stdout)


def test_the_command_line_gives_the_same_answers(door: FaceService, data: Path) -> None:
    photo = data / "demo-96px" / "camera_0.jpg"
    here = door.verify(camera(door, data, 0), "younes")
    code, answer = command(door.settings, "verify", photo, "--claim", "younes")
    assert (code, answer["answer"], answer["person"]) == (0, "Welcome in", "younes")
    assert answer["distance"] == pytest.approx(here.candidate.distance, abs=1e-3)
    assert answer["threshold"]["distance"] == pytest.approx(here.threshold.distance, abs=1e-6)
    assert answer["threshold"]["explanation"] == here.threshold.explanation
    assert here.one_in is not None
    assert answer["one_in"]["strangers"] == pytest.approx(here.one_in.strangers, rel=0.05)
    assert answer["one_in"]["basis"] == here.one_in.basis
    code, answer = command(door.settings, "identify", photo)
    (face,) = answer["photos"][0]["faces"]
    assert (code, face["person"], face["matched"]) == (0, "younes", True)


def test_the_command_line_sends_away_who_is_somebody_else(door: FaceService, data: Path) -> None:
    code, answer = command(door.settings, "verify", data / "demo-96px" / "camera_0.jpg", "--claim", "kian")
    assert (code, answer["answer"]) == (1, "Go away")
