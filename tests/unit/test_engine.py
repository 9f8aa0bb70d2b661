from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import engine, engines, images
from facenet_core.centre import Centre
from facenet_core.config import Settings, load_settings
from facenet_core.engine import FaceEngine, prominent
from facenet_core.errors import NoWeightsError
from facenet_core.networks import NETWORKS
from facenet_core.quality import assess
from facenet_core.types import Box, Detection, Face, Landmarks, Photo, Wanted
from facenet_core.weights_file import LoadedWeights
from tests.fakes import BLUE, GREEN, MODEL, RED, YELLOW, FakeDetector, FakeEmbedder, fake_engine, photo


def decoded(*colours: tuple[int, int, int], side: int = 60) -> Photo:
    return images.decode(photo(*colours, side=side), "us.png")


def face(left: float, top: float, right: float, bottom: float) -> Face:
    middle = ((left + right) / 2, (top + bottom) / 2)
    found = Detection(Box(left, top, right, bottom), Landmarks(middle, middle, middle, middle, middle), 0.9)
    photo = np.zeros((100, 100, 3), np.uint8)
    return Face(found, np.zeros((160, 160, 3), np.uint8), np.array([1, 0], np.float32), assess(photo, found))


def test_faces_come_from_left_to_right_whatever_the_detector_found_first() -> None:
    shown = decoded(YELLOW, RED, BLUE)
    found = fake_engine().faces(shown)
    assert [f.crop[80, 80].tolist() for f in found] == [list(YELLOW), list(RED), list(BLUE)]
    lefts = [f.detection.box.left for f in found]
    assert lefts == sorted(lefts) == [30, 110, 190]
    unsorted = [d.box.left for d in FakeDetector().detect(shown.pixels)]
    assert unsorted != lefts


@pytest.mark.parametrize(("wanted", "embedded"), [("all", [0, 1, 2]), ("prominent", [1]), (1, [0]), (3, [2]), (4, [])])
def test_faces_that_nobody_asked_for_are_found_but_not_embedded(wanted: Wanted, embedded: list[int]) -> None:
    shown = decoded(GREEN, RED, BLUE)
    every, found = fake_engine().analyse(shown), fake_engine().analyse(shown, wanted)
    assert found.prominent == every.prominent == 1
    for number, (face, expected) in enumerate(zip(found.faces, every.faces, strict=True)):
        assert (face.detection, face.quality) == (expected.detection, expected.quality)
        np.testing.assert_array_equal(face.crop, expected.crop)
        np.testing.assert_array_equal(face.embedding, expected.embedding if number in embedded else [])


def test_each_face_has_the_embedding_of_its_own_crop() -> None:
    together = fake_engine().faces(decoded(GREEN, RED))
    alone = [fake_engine().faces(decoded(colour))[0] for colour in (GREEN, RED)]
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(found.embedding, expected.embedding, atol=1e-6)


def test_crops_are_as_large_as_the_embedder_wants_them() -> None:
    class Small(FakeEmbedder):
        input_size = 96

    for profile in ("fast", "best"):
        (found,) = FaceEngine(FakeDetector(), Small(), profile).faces(decoded(RED))
        assert found.crop.shape == (96, 96, 3)
        np.testing.assert_allclose(found.embedding, fake_engine().faces(decoded(RED))[0].embedding, atol=1e-6)


def test_the_best_profile_embeds_two_views_of_each_face_and_takes_their_mean() -> None:
    class Recorder(FakeEmbedder):
        def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            self.crops = crops
            rows = np.zeros((len(crops), 4), np.float32)
            rows[np.arange(len(crops)), np.arange(len(crops)) % 2] = 1.0
            return rows

    embedder = Recorder()
    found = FaceEngine(FakeDetector(), embedder, "best").faces(decoded(GREEN, RED))
    assert len(embedder.crops) == 4
    np.testing.assert_array_equal(embedder.crops[0], found[0].crop)
    np.testing.assert_array_equal(embedder.crops[2], found[1].crop)
    for face_found in found:
        np.testing.assert_allclose(face_found.embedding, np.array([1, 1, 0, 0]) / np.sqrt(2), atol=1e-6)


def test_the_mean_embedding_is_taken_from_each_face_and_named_in_the_model_id() -> None:
    mean = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    plain, centred = fake_engine(), FaceEngine(FakeDetector(), FakeEmbedder(), "fast", Centre(mean))
    (before,), (after,) = plain.faces(decoded(RED)), centred.faces(decoded(RED))
    expected = before.embedding - mean
    np.testing.assert_allclose(after.embedding, expected / np.linalg.norm(expected), atol=1e-6)
    assert plain.model_id == MODEL
    assert centred.model_id.preprocessing.startswith(f"{MODEL.preprocessing}-centred")
    other = FaceEngine(FakeDetector(), FakeEmbedder(), "fast", Centre(mean + 1e-3))
    assert len({plain.model_id, centred.model_id, other.model_id}) == 3


def test_a_photo_of_nobody_asks_nothing_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: FakeEmbedder, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError("nothing to embed")

    monkeypatch.setattr(FakeEmbedder, "embed", never)
    found = fake_engine().analyse(decoded())
    assert (found.faces, found.prominent) == ((), 0)


def test_an_analysis_tells_its_photo_its_model_and_its_time() -> None:
    shown = decoded(RED, GREEN)
    found = fake_engine().analyse(shown)
    assert found.photo is shown
    assert len(found.faces) == 2
    assert found.model_id == MODEL
    assert 0 < found.seconds < 60


@pytest.mark.parametrize(
    ("faces", "index"),
    [
        ([face(40, 40, 60, 60)], 0),
        ([face(40, 40, 60, 60), face(30, 30, 70, 70)], 1),
        ([face(0, 0, 20, 20), face(40, 40, 60, 60), face(80, 80, 100, 100)], 1),
        ([face(0, 0, 30, 30), face(40, 40, 60, 60)], 1),
        ([face(0, 0, 80, 80), face(45, 45, 55, 55)], 0),
        ([face(30, 40, 50, 60), face(50, 40, 70, 60)], 0),
    ],
    ids=["only one", "larger", "central", "central though smaller", "much larger", "first of equals"],
)
def test_the_face_that_a_photo_is_of_is_large_and_near_the_middle(faces: list[Face], index: int) -> None:
    photo_of_them = Photo("p", np.zeros((100, 100, 3), np.uint8), "0" * 64)
    assert prominent(photo_of_them, [f.detection for f in faces]) == index


def test_without_a_model_nothing_heavy_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object) -> None:
        raise AssertionError("not without a model")

    monkeypatch.setattr(engine, "MTCNNDetector", never)
    with pytest.raises(NoWeightsError, match=f"No face model is installed in {tmp_path}"):
        FaceEngine.load(load_settings(models_dir=tmp_path))


@pytest.mark.parametrize(("measured", "numbers"), [("d" * 64, "bfloat16"), ("e" * 64, "float32")])
def test_the_settings_choose_the_model_the_size_of_the_search_and_an_engine_that_was_measured(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, measured: str, numbers: str
) -> None:
    made: list[object] = []

    class Detector(FakeDetector):
        id = "mtcnn"

        def __init__(self, long_side: int) -> None:
            made.append(long_side)

    class Embedder(FakeEmbedder):
        def __init__(self, loaded: LoadedWeights, *given: object) -> None:
            made.extend(given)
            self.input_size = loaded.input_size
            super().__init__(replace(MODEL, model=str(given[0])))

        def warm(self) -> None:
            made.append("warm")

    def load(path: Path) -> LoadedWeights:
        made.append(path)
        return LoadedWeights(None, NETWORKS[1], 512, "d" * 64, {})

    monkeypatch.setattr(engine, "MTCNNDetector", Detector)
    monkeypatch.setattr(engine, "KerasEmbedder", Embedder)
    monkeypatch.setattr(engine, "load", load)
    monkeypatch.setattr(engines, "_measured", lambda: {("bfloat16", measured)})
    settings.models_dir.mkdir()
    weights = settings.models_dir / "20180402-114759-weights.h5"
    weights.touch()
    loaded = FaceEngine.load(settings.model_copy(update={"detection_long_side": 640, "engine": "bfloat16"}))
    assert made[:5] == [weights, "20180402-114759", "fixed", "mtcnn-margin25-squash96+aligned", numbers]
    assert set(made[5:]) == {640, "warm"}
    assert ("bfloat16 was not measured with 20180402-114759" in caplog.text) == (numbers == "float32")
    assert loaded.model_id.model == "20180402-114759"


def test_warming_up_runs_both_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = io.StringIO()

    class Detector(FakeDetector):
        def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
            ran.write("detector ")
            return super().detect(pixels)

    class Embedder(FakeEmbedder):
        input_size = 96

        def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
            ran.write(f"embedder {crops.shape}")
            return super().embed(crops)

    FaceEngine(Detector(), Embedder()).warm()
    assert ran.getvalue() == "detector embedder (1, 96, 96, 3)"
