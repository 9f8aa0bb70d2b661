from __future__ import annotations

import re

import numpy as np
import pytest

from facenet_core.inception import INPUT_SIZE, fold, inception_resnet_v1, stored

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("dimensions", "parameters"), [(128, 22_808_144), (512, 23_497_424)])
def test_the_network_has_the_published_size(inception, dimensions, parameters):
    model = inception(dimensions)
    assert model.input_shape == (None, 160, 160, 3)
    assert model.output_shape == (None, dimensions)
    assert model.count_params() == parameters
    assert len([layer for layer in model.layers if layer.weights]) == 245


def test_the_residual_blocks_are_scaled_as_in_the_original(inception):
    blocks = [f"Block35_{i}" for i in range(1, 6)] + [f"Block17_{i}" for i in range(1, 11)]
    scales = {name: 0.17 if name.startswith("Block35") else 0.10 for name in blocks}
    scales |= {f"Block8_{i}": 0.20 for i in range(1, 6)} | {"Block8_6": 1.0}
    model = inception(128)
    assert {name: model.get_layer(f"{name}_ScaleSum").scale for name in scales} == scales
    # The last block alone is not followed by an activation.
    activated = {layer.name for layer in model.layers if re.fullmatch(r"Block\d+_\d+_Activation", layer.name)}
    assert activated == {f"{name}_Activation" for name in scales if name != "Block8_6"}


def test_the_network_turns_faces_into_finite_numbers():
    faces = np.random.default_rng(1).normal(size=(2, 160, 160, 3)).astype(np.float32)
    out = np.asarray(inception_resnet_v1(128)(faces, training=False))
    assert out.shape == (2, 128)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert not np.allclose(out[0], out[1])


def test_the_folded_network_gives_the_same_embeddings(inception):
    model = inception(128)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.endswith("_BatchNorm"):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(np.float32) for w in layer.get_weights()])
    faces = rng.normal(size=(2, INPUT_SIZE, INPUT_SIZE, 3)).astype(np.float32)
    tensors = {layer.name: {weight.name: weight.numpy() for weight in layer.weights} for layer in model.layers}
    folded = inception_resnet_v1(128, folded=True)
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(fold(tensors, layer))
    assert not any("BatchNorm" in layer.name or "ScaleSum" in layer.name for layer in folded.layers)
    expected = np.asarray(model(faces, training=False))
    np.testing.assert_allclose(np.asarray(folded(faces, training=False)), expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("dimensions", [128, 512])
def test_a_weights_file_for_the_folded_network_holds_what_the_other_one_has(inception, dimensions):
    shapes = {
        layer.name: {weight.name: tuple(weight.shape) for weight in layer.weights}
        for layer in inception(dimensions).layers
        if layer.weights
    }
    assert stored(inception_resnet_v1(dimensions, folded=True)) == shapes
