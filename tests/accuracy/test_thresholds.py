from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import images
from facenet_core.calibration import VERIFY_FMR
from facenet_core.engine import FaceEngine
from facenet_core.matching import distances
from facenet_core.shipped import calibration_for

pytestmark = pytest.mark.real

PHOTOS = 300


@pytest.fixture(scope="module")
def compared(data: Path, engine: FaceEngine) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Distances of all pairs of a sample of LFW View 1, and which are mated.

    Half of the sample are two photos each of people who have two.
    """
    rng = random.Random(0)
    folders = [sorted(folder.glob("*.jpg")) for folder in sorted((data / "lfw-view1").iterdir()) if folder.is_dir()]
    rng.shuffle(folders)
    twice = [photos[:2] for photos in folders if len(photos) > 1][: PHOTOS // 4]
    once = [photos[:1] for photos in folders if len(photos) == 1][: PHOTOS // 2]
    people, rows = [], []
    for path in (photo for photos in twice + once for photo in photos):
        found = engine.analyse(images.read(path))
        assert found.faces, path.name
        people.append(path.parent.name)
        rows.append(found.faces[found.prominent].embedding)
    first, second = np.triu_indices(len(rows), 1)
    names = np.array(people)
    return distances(np.stack(rows), np.stack(rows))[first, second], names[first] == names[second]


@pytest.mark.parametrize(("rate", "factor"), [(VERIFY_FMR, 3.0), (1e-2, 2.0), (1e-1, 1.3)])
def test_strangers_are_accepted_about_as_often_as_was_measured(
    compared: tuple[NDArray[np.float32], NDArray[np.bool_]], engine: FaceEngine, rate: float, factor: float
) -> None:
    """Comparisons share people, so that the bounds are wider than a binomial's: 45 ± 13 at 1 in 1,000."""
    all_distances, mated = compared
    strangers = all_distances[~mated]
    assert len(strangers) > 40_000
    limit, basis = calibration_for(engine.model_id).distance_at(rate)
    assert basis == "measured"
    accepted = float((strangers <= limit).mean())
    assert rate / factor < accepted < rate * factor


def test_most_people_are_let_in_as_themselves(
    compared: tuple[NDArray[np.float32], NDArray[np.bool_]], engine: FaceEngine
) -> None:
    all_distances, mated = compared
    limit = calibration_for(engine.model_id).verify_threshold().distance
    assert mated.sum() == PHOTOS // 4
    assert (all_distances[mated] <= limit).mean() > 0.85  # 95.7 % over all of View 1


def test_what_a_distance_is_said_to_mean_is_what_it_means(
    compared: tuple[NDArray[np.float32], NDArray[np.bool_]], engine: FaceEngine
) -> None:
    all_distances, mated = compared
    strangers = all_distances[~mated]
    for at in (1.05, 1.15, 1.25):
        said = calibration_for(engine.model_id).one_in(at).strangers
        assert said / 2 < 1 / float((strangers <= at).mean()) < said * 2
