"""The model that ships, on real photos, with nothing configured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facenet_core import images
from facenet_core.config import PROJECT_ROOT, load_settings
from facenet_core.engine import FaceEngine
from facenet_core.evaluation import read_pairs
from facenet_core.service import FaceService

pytestmark = pytest.mark.real

PAIRS = 60
"""Of each kind."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> FaceEngine:
    folder = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facenet_core.weights.SHIPPED_FILE", PROJECT_ROOT / "keras-facenet-h5" / "model.h5")
        return FaceEngine.load(load_settings(db=folder, images_dir=folder))


@pytest.fixture
def door(data: Path, small: FaceEngine, tmp_path: Path) -> FaceService:
    service = FaceService(load_settings(db=tmp_path / "db", images_dir=tmp_path), small)
    for path in sorted((data / "demo-96px").iterdir()):
        if not path.name.startswith("camera_"):
            assert service.enrol(path.stem, service.prepare_enrolment(path.read_bytes(), path.name)).accepted
    return service


def test_younes_is_welcome_as_younes_and_not_as_kian(door: FaceService, data: Path) -> None:
    seen = door.analyse(images.read(data / "demo-96px" / "camera_0.jpg"))
    welcome, refused = door.verify(seen, "younes"), door.verify(seen, "kian")
    assert welcome.threshold.origin == "measured"
    assert welcome.matched
    assert not refused.matched
    assert door.identify(seen)[0].candidates[0].person.name == "younes"


def test_most_pairs_of_lfw_are_told_apart_at_the_threshold_that_ships(small: FaceEngine, data: Path) -> None:
    folder = data / "lfw-view1"
    pairs = read_pairs(folder / "pairsDevTest.txt", folder)
    chosen = np.concatenate([np.flatnonzero(pairs.mated == kind)[:: 500 // PAIRS][:PAIRS] for kind in (True, False)])
    rows = {row: None for row in pairs.pairs[chosen].ravel()}
    for row in rows:
        found = small.analyse(images.read(pairs.photos[row]))
        rows[row] = found.faces[found.prominent].embedding
    apart = np.array([np.linalg.norm(rows[a] - rows[b]) for a, b in pairs.pairs[chosen]])
    service = FaceService(load_settings(db=data / "nowhere", images_dir=data / "nowhere"), small)
    threshold = service.verify_threshold()

    mated = pairs.mated[chosen]
    assert (apart[~mated] <= threshold.distance).mean() <= 0.02
    assert (apart[mated] <= threshold.inconclusive).mean() >= 0.85
