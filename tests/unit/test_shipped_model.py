"""The files of the model that ships, as they are in the repository."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from facenet_core.catalogue import shipped_model
from facenet_core.centre import centre_for
from facenet_core.config import PROJECT_ROOT, Settings, load_settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import WeightsError
from facenet_core.scaling import preprocess_input
from facenet_core.shipped import calibration_for

FOLDER = PROJECT_ROOT / "keras-facenet-h5"

STOCK_LAYERS = {
    "Add", "Conv2D", "Dense", "DepthwiseConv2D", "Flatten", "InputLayer", "LeakyReLU", "Maximum", "Rescaling",
    "UnitNormalization",
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Nothing configured, and the file in its place."""
    monkeypatch.setattr("facenet_core.weights.SHIPPED_FILE", FOLDER / "model.h5")
    return load_settings(db=tmp_path / "db", images_dir=tmp_path / "images")


def test_the_model_is_small_and_known_by_its_checksum() -> None:
    content = (FOLDER / "model.h5").read_bytes()
    assert len(content) <= 12e6
    assert hashlib.sha256(content).hexdigest() == shipped_model().sha256
    assert shipped_model().sha256 in (FOLDER / "README.md").read_text("utf-8")


def test_its_architecture_is_plain_layers_without_code() -> None:
    layers = json.loads((FOLDER / "model.json").read_text("utf-8"))["config"]["layers"]
    assert {layer["class_name"] for layer in layers} == STOCK_LAYERS
    assert {layer["module"] for layer in layers} == {"keras.layers"}
    assert not any(layer["registered_name"] for layer in layers)


@pytest.mark.real
def test_a_stock_keras_reads_it_and_gives_what_the_app_gives(settings: Settings) -> None:
    """Layer by layer, while the app runs a graph: TensorFlow fuses layers there, and has got it wrong (mini.py)."""
    import keras

    stock = keras.models.model_from_json((FOLDER / "model.json").read_text("utf-8"))
    stock.load_weights(FOLDER / "model.h5")
    crops = np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), dtype=np.uint8)
    given = np.asarray(stock(preprocess_input(crops, "fixed"), training=False))

    np.testing.assert_allclose(given, FaceEngine.load(settings).embedder.embed(crops), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-5)


@pytest.mark.real
@pytest.mark.parametrize("profile", ["best", "fast"])
def test_its_thresholds_and_mean_embedding_were_measured(settings: Settings, profile: str) -> None:
    engine = FaceEngine.load(settings.model_copy(update={"profile": profile}))
    assert engine.model_id.model == "facenet-mini"
    assert centre_for(engine.embedder.model_id) is not None
    calibration = calibration_for(engine.model_id)
    assert 0.5 < calibration.verify_threshold().distance < 1.4
    assert calibration.provenance["data"]


def test_a_damaged_file_is_refused_with_what_to_do(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "model.h5"
    damaged.write_bytes((FOLDER / "model.h5").read_bytes()[:-1] + b"x")
    monkeypatch.setattr("facenet_core.weights.SHIPPED_FILE", damaged)
    with pytest.raises(WeightsError, match=r"model\.h5.*repository"):
        FaceEngine.load(settings.model_copy(update={"models_dir": tmp_path}))
