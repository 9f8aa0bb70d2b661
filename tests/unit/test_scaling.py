from __future__ import annotations

import numpy as np
import pytest

from facenet_core.catalogue import models
from facenet_core.errors import WeightsError
from facenet_core.scaling import preprocess_input, scaling_for


def test_fixed_scaling_maps_the_middle_grey_to_zero():
    crops = np.zeros((1, 1, 2, 3), np.uint8)
    crops[0, 0, 0], crops[0, 0, 1] = (0, 127, 255), (128, 64, 1)
    x = preprocess_input(crops, "fixed")
    assert x.dtype == np.float32
    expected = [[-0.99609375, -0.00390625, 0.99609375], [0.00390625, -0.49609375, -0.98828125]]
    np.testing.assert_array_equal(x[0, 0], np.float32(expected))


def test_whitening_gives_each_image_zero_mean_and_unit_deviation():
    crops = np.zeros((2, 1, 2, 3), np.uint8)
    crops[0, 0, 1] = 10  # mean 5, deviation 5
    crops[1, 0, 0, 0] = 60  # mean 10, deviation sqrt(500)
    x = preprocess_input(crops, "whitening")
    np.testing.assert_allclose(x[0, 0], [[-1, -1, -1], [1, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(x[1].ravel(), np.float32([50, -10, -10, -10, -10, -10]) / np.sqrt(500), atol=1e-6)


def test_whitening_of_a_flat_image_is_zero_not_infinite():
    assert not preprocess_input(np.full((1, 160, 160, 3), 77, np.uint8), "whitening").any()


def test_whitening_bounds_the_contrast_of_a_nearly_flat_image():
    crops = np.full((1, 2, 2, 3), 100, np.uint8)
    crops[0, 0, 0, 0] = 101  # deviation sqrt(11)/12 = 0.276, less than the floor 1/sqrt(12) = 0.289
    x = preprocess_input(crops, "whitening")
    assert x[0, 0, 0, 0] == pytest.approx((1 - 1 / 12) * np.sqrt(12), abs=1e-4)


@pytest.mark.parametrize("scaling", ["fixed", "whitening"])
def test_no_crops_are_no_input(scaling):
    assert preprocess_input(np.empty((0, 160, 160, 3), np.uint8), scaling).shape == (0, 160, 160, 3)


@pytest.mark.parametrize(
    "crops",
    [np.zeros((160, 160, 3), np.uint8), np.zeros((1, 160, 160, 4), np.uint8), np.zeros((1, 160, 160, 3), np.float32)],
    ids=["one image", "four channels", "floats"],
)
def test_anything_but_a_batch_of_rgb_bytes_is_a_mistake(crops):
    with pytest.raises(ValueError, match="expected uint8 crops"):
        preprocess_input(crops, "fixed")


def test_an_unknown_scaling_is_a_mistake():
    with pytest.raises(ValueError, match="unknown scaling 'other'"):
        preprocess_input(np.zeros((1, 2, 2, 3), np.uint8), "other")


def test_the_rule_of_scaling_agrees_with_the_catalogue():
    assert {m.id: scaling_for(m.dimensions) for m in models()} == {m.id: m.scaling for m in models()}


@pytest.mark.parametrize("dimensions", [1, 127, 256])
def test_scaling_is_not_guessed_for_other_dimensions(dimensions):
    with pytest.raises(WeightsError, match=f"{dimensions} numbers"):
        scaling_for(dimensions)
