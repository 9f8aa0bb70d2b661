from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.catalogue import DEFAULT_MODEL
from facenet_core.config import Settings, load_settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService


@pytest.fixture(scope="session")
def weights(data: Path) -> Path:
    """The weights file of the default model."""
    return data / "weights" / f"{DEFAULT_MODEL}-weights.h5"


@pytest.fixture(scope="session")
def real_settings(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with the thresholds that come with the program, whatever the developer has set."""
    folder = tmp_path_factory.mktemp("real")
    return load_settings(
        db=folder / "db",
        images_dir=folder / "images",
        models_dir=folder / "models",
        weights=weights,
        model=DEFAULT_MODEL,
        detection_long_side=1280,
    ).model_copy(update={"threshold": None, "identify_threshold": None})


@pytest.fixture(scope="session")
def engine(real_settings: Settings) -> FaceEngine:
    """The real detector and the real model, loaded once."""
    return FaceEngine.load(real_settings)


@pytest.fixture
def empty(real_settings: Settings, engine: FaceEngine, tmp_path: Path) -> FaceService:
    """A service on the real engine and a database of the test's own."""
    return FaceService(real_settings.model_copy(update={"db": tmp_path / "db"}), engine)
