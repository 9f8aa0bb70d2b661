from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facenet_core import cascade, detection, images
from facenet_core.cascade import CELL_PX
from facenet_core.detection import MIN_FACE_PX, WEIGHTS_SHA256, MTCNNDetector, pyramid
from facenet_core.enrolment import iou
from facenet_core.errors import ModelError
from facenet_core.types import Box, Detection

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
PORTRAITS = sorted((ROOT / "images").glob("*.jpg"))
HOPPER = ROOT / "images" / "Grace_Hopper.jpg"


@pytest.fixture(scope="module")
def detector() -> MTCNNDetector:
    return MTCNNDetector()


def pixels_of(path: Path, long_side: int) -> NDArray[np.uint8]:
    return images.fit(images.read(path), long_side).pixels


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def best(found: tuple[Detection, ...]) -> Detection:
    return max(found, key=lambda d: d.confidence)


# -- faces ---------------------------------------------------------------------


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_a_portrait_that_comes_with_the_program_shows_one_face(detector: MTCNNDetector, path: Path) -> None:
    pixels = pixels_of(path, 4096)
    (face,) = detector.detect(pixels)
    box, points = face.box, face.landmarks
    assert 0.9 < face.confidence <= 1
    assert 0.1 < box.width / pixels.shape[1] < 0.5
    assert 0.6 < box.width / box.height < 0.9
    for x, y in (points.left_eye, points.right_eye, points.nose, points.mouth_left, points.mouth_right):
        assert box.left < x < box.right
        assert box.top < y < box.bottom
    assert points.left_eye[0] < points.nose[0] < points.right_eye[0]
    assert points.mouth_left[0] < points.mouth_right[0]
    assert max(points.left_eye[1], points.right_eye[1]) < points.nose[1]
    assert points.nose[1] < min(points.mouth_left[1], points.mouth_right[1])


def test_two_people_side_by_side_are_two_faces(detector: MTCNNDetector) -> None:
    left, right = (pixels_of(path, 300)[:300, :256] for path in PORTRAITS)
    found = detector.detect(np.hstack([left, right]))
    assert len(found) == 2
    assert sorted(d.box.left > left.shape[1] for d in found) == [False, True]


def test_a_much_enlarged_portrait_shows_the_same_face_in_its_own_pixels(detector: MTCNNDetector) -> None:
    small = pixels_of(HOPPER, 512)
    scale = 3000 / small.shape[0]
    large = Image.fromarray(small).resize((round(small.shape[1] * scale), 3000), Image.Resampling.BICUBIC)
    once, enlarged = best(detector.detect(small)), best(detector.detect(np.asarray(large)))
    expected = Box(*(edge * scale for edge in (once.box.left, once.box.top, once.box.right, once.box.bottom)))
    assert iou(enlarged.box, expected) > 0.8
    assert enlarged.landmarks.nose == pytest.approx([x * scale for x in once.landmarks.nose], abs=0.05 * expected.width)


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_the_box_of_a_face_that_is_cut_off_ends_at_the_edge(detector: MTCNNDetector, side: str) -> None:
    pixels = pixels_of(HOPPER, 400)
    box = best(detector.detect(pixels)).box
    x, y = box.width / 4, box.height / 8
    left, top, right, bottom = 0, 0, pixels.shape[1], pixels.shape[0]
    match side:
        case "left":
            left = round(box.left + x)
        case "top":
            top = round(box.top + y)
        case "right":
            right = round(box.right - x)
        case "bottom":
            bottom = round(box.bottom - y)
    cut = np.ascontiguousarray(pixels[top:bottom, left:right])
    found = best(detector.detect(cut)).box
    width, height = right - left, bottom - top
    assert 0 <= found.left < found.right <= width
    assert 0 <= found.top < found.bottom <= height
    margins = {"left": found.left, "top": found.top, "right": width - found.right, "bottom": height - found.bottom}
    assert margins[side] < 0.1 * box.width


# -- no faces --------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (12, 12), (20, 20), (19, 500), (500, 19), (24, 24), (20, 3000), (200, 200)],
    ids=lambda shape: f"{shape[1]}x{shape[0]}",
)
def test_a_photo_without_a_face_shows_nobody_however_small_it_is(
    detector: MTCNNDetector, shape: tuple[int, int]
) -> None:
    assert detector.detect(np.full((*shape, 3), 255, np.uint8)) == ()
    assert detector.detect(noise(*shape)) == ()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((60, 60), np.uint8),
        np.zeros((60, 60, 1), np.uint8),
        np.zeros((60, 60, 4), np.uint8),
        np.zeros((60, 60, 3), np.float32),
        np.zeros((1, 60, 60, 3), np.uint8),
    ],
    ids=["grey", "one channel", "with alpha", "float", "batch"],
)
def test_anything_but_rgb_bytes_is_a_programmers_mistake_and_not_an_empty_photo(
    detector: MTCNNDetector, pixels: NDArray[Any]
) -> None:
    with pytest.raises(ValueError, match="expected uint8 pixels of shape"):
        detector.detect(pixels)


@pytest.mark.parametrize("graph", ["propose", "check", "locate"])
def test_a_failure_inside_tensorflow_is_an_error_and_not_an_empty_photo(
    detector: MTCNNDetector, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    import tensorflow as tf

    def fail(*args: object) -> None:
        raise tf.errors.InvalidArgumentError(None, None, "made up")

    pixels = pixels_of(HOPPER, 200)
    monkeypatch.setattr(detector._cascade, graph, fail)
    with pytest.raises(tf.errors.InvalidArgumentError, match="made up"):
        detector.detect(pixels)
    monkeypatch.undo()
    assert len(detector.detect(pixels)) == 1


# -- cost --------------------------------------------------------------------------


def test_a_large_photo_is_searched_at_a_limited_size(detector: MTCNNDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[tuple[int, ...]] = []

    def run(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
        searched.append(pixels.shape)
        return np.empty((0, 4)), np.empty((0, 10)), np.empty(0)

    monkeypatch.setattr(detector, "_run", run)
    for height, width in ((4000, 3000), (1000, 6000), (700, 1280), (1281, 20)):
        detector.detect(np.zeros((height, width, 3), np.uint8))
    assert searched == [(1280, 960, 3), (213, 1280, 3), (700, 1280, 3), (1280, 20, 3)]


def test_suppression_never_sees_more_candidates_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "SCORES", (1e-6, 0.7, 0.8))  # everything is a candidate
    seen: list[int] = []
    plain = cascade._kept

    def kept(boxes: Any, *args: Any, **kwargs: Any) -> Any:
        import tensorflow as tf

        tf.py_function(lambda count: seen.append(int(count)), [tf.shape(boxes)[0]], [])
        return plain(boxes, *args, **kwargs)

    monkeypatch.setattr(cascade, "_kept", kept)
    MTCNNDetector().detect(noise(60, 60))
    assert max(seen) > 20
    monkeypatch.setattr(detection, "MAX_CANDIDATES", 20)
    seen.clear()
    MTCNNDetector().detect(noise(60, 60))
    assert max(seen) == 20


def test_the_best_candidates_are_those_that_stay(detector: MTCNNDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = pixels_of(HOPPER, 300)
    (face,) = detector.detect(pixels)
    monkeypatch.setattr(detection, "MAX_CANDIDATES", 10)
    (again,) = MTCNNDetector().detect(pixels)
    assert iou(face.box, again.box) > 0.9


def test_faces_that_are_too_small_are_not_looked_for(detector: MTCNNDetector) -> None:
    pixels = pixels_of(HOPPER, 300)
    (face,) = detector.detect(pixels)
    (again,) = MTCNNDetector(min_face=40).detect(pixels)
    assert iou(face.box, again.box) > 0.95
    assert MTCNNDetector(min_face=301).detect(pixels) == ()


def test_to_look_for_larger_faces_leaves_out_the_first_levels_and_changes_no_other() -> None:
    assert pyramid(960, 1280, 40) == pyramid(960, 1280)[2:]
    assert pyramid(600, 800, 1000) == []


@pytest.mark.parametrize("size", [(20, 20), (37, 500), (1280, 960), (213, 1280)], ids=str)
def test_no_level_of_the_pyramid_is_smaller_than_the_networks_window(size: tuple[int, int]) -> None:
    scales = pyramid(*size)
    assert all(int(min(size) * scale) >= CELL_PX for scale in scales)
    assert scales[0] * MIN_FACE_PX == CELL_PX
    assert min(size) * scales[-1] * detection.SCALE_FACTOR < CELL_PX


def test_several_threads_get_what_one_gets(detector: MTCNNDetector) -> None:
    photos = [pixels_of(path, side) for path in PORTRAITS for side in (160, 240)]
    alone = [detector.detect(pixels) for pixels in photos]
    assert all(alone)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(detector.detect, photos)) == alone


# -- where the weights come from ------------------------------------------------------


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("name", WEIGHTS_SHA256)
def test_weights_planted_in_the_current_folder_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from mtcnn.utils.tensorflow import load_weights

    (tmp_path / name).write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    monkeypatch.chdir(tmp_path)
    MTCNNDetector()
    assert not (tmp_path / "exploded").exists()
    load_weights(name)  # the trap is a real one: the package's own way of loading falls into it
    assert (tmp_path / "exploded").exists()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the weights of the installed package, used in its place."""
    import mtcnn

    folder = tmp_path / "mtcnn" / "assets" / "weights"
    shutil.copytree(Path(mtcnn.__file__).parent / "assets" / "weights", folder)
    monkeypatch.setattr(mtcnn, "__file__", str(tmp_path / "mtcnn" / "__init__.py"))
    return folder


@pytest.mark.parametrize("name", WEIGHTS_SHA256)
def test_weights_that_were_tampered_with_are_refused_before_they_are_unpickled(package: Path, name: str) -> None:
    (package / name).write_bytes(pickle.dumps(Bomb(package / "exploded")))
    with pytest.raises(ModelError) as caught:
        MTCNNDetector()
    assert str(caught.value) == f"{package / name}: not the detector weights of mtcnn 1.0.0. Reinstall mtcnn."
    assert not (package / "exploded").exists()


def test_missing_weights_are_named(package: Path) -> None:
    (package / "rnet.lz4").unlink()
    with pytest.raises(ModelError, match=r"rnet\.lz4: the detector's weights can't be read .* Reinstall mtcnn\."):
        MTCNNDetector()
