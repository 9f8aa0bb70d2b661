from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from facenet_core import images
from facenet_core.alignment import view_faces
from facenet_core.embedding import KerasEmbedder, unit_norm
from facenet_core.engine import FaceEngine
from facenet_core.matching import distance
from facenet_core.scaling import preprocess_input
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Face, Photo
from facenet_core.weights import load

pytestmark = pytest.mark.real

PORTRAITS = sorted((Path(__file__).parents[2] / "images").glob("*.jpg"))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos of LFW View 1."""

    first: Analysis
    second: Analysis
    mated: bool


def prominent(found: Analysis) -> Face:
    return found.faces[found.prominent]


@pytest.fixture(scope="module")
def pairs(data: Path, engine: FaceEngine) -> list[Pair]:
    """The first two photos of twenty people, each beside the other, and beside the next person's."""
    folders = [f for f in sorted((data / "lfw-view1").iterdir()) if f.is_dir() and len(list(f.glob("*.jpg"))) > 1][:20]
    seen = [[engine.analyse(images.read(path)) for path in sorted(f.glob("*.jpg"))[:2]] for f in folders]
    mated = [Pair(a, b, True) for a, b in seen]
    return mated + [Pair(a, b, False) for (a, _), (_, b) in pairwise(seen)]


def test_distances_are_those_of_the_plain_keras_model(
    pairs: list[Pair], engine: FaceEngine, empty: FaceService, weights: Path
) -> None:
    assert len(pairs) >= 30
    embedder = engine.embedder
    assert isinstance(embedder, KerasEmbedder)
    shown = [analysis for pair in pairs for analysis in (pair.first, pair.second)]
    views = [view_faces(a.photo.pixels, [prominent(a).detection], "best", embedder.input_size)[0] for a in shown]
    scaled = preprocess_input(np.concatenate(views), embedder.scaling)
    model = load(weights).model
    eager = np.concatenate([model(scaled[i : i + 16], training=False) for i in range(0, len(scaled), 16)])
    predicted = model.predict(scaled, batch_size=32, verbose=0)
    assert engine.centre is not None
    for plain in (unit_norm(eager), unit_norm(predicted)):
        of_faces = unit_norm(plain[0::2] + plain[1::2]).astype(np.float64) - engine.centre.mean
        of_faces /= np.linalg.norm(of_faces, axis=1, keepdims=True)
        for number, pair in enumerate(pairs):
            expected = np.linalg.norm(of_faces[2 * number] - of_faces[2 * number + 1])
            assert empty.compare(pair.first, pair.second).distance == pytest.approx(expected, abs=1e-3)


def test_two_photos_of_one_person_are_closer_than_photos_of_two(pairs: list[Pair], empty: FaceService) -> None:
    answers = [(pair.mated, empty.compare(pair.first, pair.second)) for pair in pairs]
    same = [a.distance for mated, a in answers if mated]
    other = [a.distance for mated, a in answers if not mated]
    assert np.median(same) < 0.85
    assert np.median(other) > 1.25
    assert sum(a.matched == mated for mated, a in answers) >= 0.9 * len(answers)


def test_several_threads_see_what_one_sees(data: Path, engine: FaceEngine) -> None:
    paths = sorted((data / "album-athletes" / "roger_federer").iterdir())[:12]
    photos = [images.fit(images.read(path), 500) for path in paths]
    alone = [engine.analyse(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.analyse, photos))
    assert sum(len(a.faces) for a in alone) >= 12
    for a, b in zip(alone, together, strict=True):
        assert [face.detection for face in a.faces] == [face.detection for face in b.faces]
        for one, other in zip(a.faces, b.faces, strict=True):
            np.testing.assert_array_equal(one.crop, other.crop)
            np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-5)


def flipped(image: Image.Image) -> Image.Image:
    return ImageOps.mirror(image)


def compressed(image: Image.Image) -> Image.Image:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=60)
    return Image.open(target).convert("RGB")


def enlarged(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)


def darker(image: Image.Image) -> Image.Image:
    return image.point([round(0.6 * value) for value in range(256)] * 3)


def turned(image: Image.Image) -> Image.Image:
    return image.rotate(8, Image.Resampling.BICUBIC, fillcolor="white")


@pytest.mark.parametrize("change", [flipped, compressed, enlarged, darker, turned], ids=lambda change: change.__name__)
@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_a_portrait_stays_the_same_person(engine: FaceEngine, empty: FaceService, path: Path, change: object) -> None:
    assert callable(change)
    original = images.read(path)
    pixels: NDArray[np.uint8] = np.asarray(change(Image.fromarray(original.pixels)))
    answer = empty.compare(engine.analyse(original), engine.analyse(Photo("changed", pixels, "0" * 64)))
    assert answer.matched
    assert answer.distance < 0.8
    assert distance(answer.first.embedding, answer.second.embedding) == answer.distance


def test_the_two_portraits_show_two_people(engine: FaceEngine, empty: FaceService) -> None:
    first, second = (engine.analyse(images.read(path)) for path in PORTRAITS)
    assert not empty.compare(first, second).matched
