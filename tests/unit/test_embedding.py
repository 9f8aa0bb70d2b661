from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import mini
from facenet_core.embedding import BATCH, KerasEmbedder, unit_norm
from facenet_core.errors import ModelError
from facenet_core.networks import Network
from facenet_core.types import ModelId
from facenet_core.weights_file import LoadedWeights

DIGEST = "d" * 64


@pytest.fixture
def network() -> Any:
    """A network of one layer instead of 448, of 80 pixels and 128 numbers."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((80, 80, 3)),
            keras.layers.AveragePooling2D(20),
            keras.layers.Flatten(),
            keras.layers.Dense(128, use_bias=False),
        ]
    )


def loaded(network: Any) -> LoadedWeights:
    tiny = Network("tiny", 80, "dense", 128, lambda _: network, lambda _: network, mini.stored, mini.as_stored)
    return LoadedWeights(network, tiny, 128, DIGEST, {})


@pytest.fixture
def embedder(network: Any) -> KerasEmbedder:
    return KerasEmbedder(loaded(network), "own", None, "mtcnn-margin25-squash80")


def crops(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 80, 80, 3), np.uint8)


def test_every_embedding_is_a_unit_vector(embedder: KerasEmbedder) -> None:
    rows = embedder.embed(crops(3))
    assert rows.shape == (3, 128)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=1e-6)


def test_it_is_what_the_network_says_on_pixels_scaled_as_in_training(embedder: KerasEmbedder, network: Any) -> None:
    given = crops(2)
    x = given.astype(np.float64)
    whitened = (x - x.mean(axis=(1, 2, 3), keepdims=True)) / x.std(axis=(1, 2, 3), keepdims=True)
    said = network(whitened.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(embedder.embed(given), said / np.linalg.norm(said, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, 2 * BATCH + 5])
def test_many_faces_get_what_each_gets_alone(embedder: KerasEmbedder, count: int) -> None:
    given = crops(count)
    alone = np.concatenate([embedder.embed(given[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(embedder.embed(given), alone, atol=1e-6)


def test_crops_are_as_large_as_the_networks_input(embedder: KerasEmbedder) -> None:
    assert embedder.input_size == 80
    with pytest.raises(TypeError):
        embedder.embed(np.zeros((1, 160, 160, 3), np.uint8))


def test_no_faces_give_no_embeddings(embedder: KerasEmbedder) -> None:
    assert embedder.embed(crops(0)).shape == (0, 128)


def test_the_model_id_tells_weights_and_everything_that_was_done_to_the_pixels(embedder: KerasEmbedder) -> None:
    assert embedder.model_id == ModelId("own", "mtcnn-margin25-squash80-whitening", DIGEST, 128)


def test_a_known_scaling_wins_over_what_the_length_implies(network: Any) -> None:
    fixed = KerasEmbedder(loaded(network), "own", "fixed", "crop")
    assert fixed.model_id.preprocessing == "crop-fixed"


def test_in_bfloat16_the_embeddings_are_nearly_the_same_and_can_be_compared(network: Any) -> None:
    plain = KerasEmbedder(loaded(network), "own", "fixed", "crop")
    expected = plain.embed(crops(4))
    fast = KerasEmbedder(loaded(network), "own", "fixed", "crop", "bfloat16")
    found = fast.embed(crops(4))
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.01
    assert fast.model_id == plain.model_id
    assert (fast.model_id.engine, plain.model_id.engine) == ("bfloat16", "float32")


def test_several_threads_get_what_one_gets(embedder: KerasEmbedder) -> None:
    photos = [crops(8)[i : i + 2] for i in range(0, 8, 2)]
    alone = [embedder.embed(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(embedder.embed, photos * 5))
    np.testing.assert_array_equal(np.stack(together), np.stack(alone * 5))


def test_a_direction_is_kept_when_its_length_becomes_1() -> None:
    rows = np.array([[3, 4], [0, -2]], np.float32)
    np.testing.assert_allclose(unit_norm(rows), np.array([[0.6, 0.8], [0.0, -1.0]]), atol=1e-7)


@pytest.mark.parametrize("bad", [[0, 0], [np.nan, 1], [np.inf, 1]], ids=["zero", "nan", "inf"])
def test_weights_that_give_no_direction_are_not_those_of_a_facenet(bad: list[float]) -> None:
    with pytest.raises(ModelError, match="its weights are not those of a FaceNet"):
        unit_norm(np.array([[1, 0], bad], np.float32))
