"""FaceNet-mini, the small network that ships with the project, in Keras 3.

A plain residual network (He et al., "Deep Residual Learning for Image
Recognition", 2015, with basic blocks) that was trained to give the embedding of
the large FaceNet: see ``training/`` and ``keras-facenet-h5/README.md``. What it
owes to others: the last feature map is weighed by place with a depthwise
convolution as large as the map, instead of averaged (Chen et al.,
"MobileFaceNets", 2018, section 3.1). It is made of full 3x3 convolutions, since
these use a processor better than depthwise ones of the same number of
multiplications.

Every layer is a stock one, so that ``model.json`` holds no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 96
"""Side of the square RGB input, in pixels: about that of a face in a web photo."""

DIMENSIONS = 512
"""Length of the embedding: that of the teacher."""

STEM_FILTERS = 24
"""Channels of the first convolution, at half the input's size."""

STAGES = ((48, 1), (128, 2), (256, 2))
"""Channels and residual blocks of each stage; each halves the map once."""

HEAD_FILTERS = 512
"""Channels of the map that the depthwise convolution weighs."""

NEGATIVE_SLOPE = 0.1
"""Of the leaky rectifiers."""


def facenet_mini(*, training: bool = False, size: int = INPUT_SIZE) -> keras.Model:
    """Builds the network with random weights.

    Args:
        training: With batch normalisation after each convolution. Without, its
            scale and offset are part of the convolution's weights and bias,
            which computes the same in fewer steps.
        size: Side of the input, in pixels, a multiple of 16; smaller ones train
            faster.

    Returns:
        A Keras model from ``(n, size, size, 3)`` float32, RGB, scaled to
        ``(x - 127.5) / 128``, to ``(n, 512)`` float32 of unit norm.
    """
    import keras
    from keras import layers

    def conv(x: Any, name: str, filters: int, size: int, stride: int = 1) -> Any:
        made = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=not training, name=f"{name}_conv")
        return normalised(made(x), name)

    def normalised(x: Any, name: str) -> Any:
        return layers.BatchNormalization(name=f"{name}_norm")(x) if training else x

    def rectified(x: Any, name: str) -> Any:
        return layers.LeakyReLU(negative_slope=NEGATIVE_SLOPE, name=f"{name}_relu")(x)

    def summed(x: Any, y: Any, name: str) -> Any:
        # A leaky rectifier in two steps. As one layer after a sum, TensorFlow's oneDNN fuses it with the sum and the
        # convolution, and then takes a slope of 0.2, whatever it is (2.21.0, in graphs alone).
        x = layers.Add(name=f"{name}_add")([x, y])
        return layers.Maximum(name=f"{name}_relu")([x, layers.Rescaling(NEGATIVE_SLOPE, name=f"{name}_leak")(x)])

    inputs = keras.Input((size, size, 3), name="face")
    x = rectified(conv(inputs, "stem", STEM_FILTERS, 3, stride=2), "stem")
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            name, stride = f"stage{stage}_block{block}", 2 if block == 1 else 1
            y = rectified(conv(x, f"{name}_a", filters, 3, stride), f"{name}_a")
            y = conv(y, f"{name}_b", filters, 3)
            if stride != 1:
                x = conv(x, f"{name}_shortcut", filters, 1, stride)
            x = summed(x, y, name)
    x = rectified(conv(x, "head", HEAD_FILTERS, 1), "head")
    x = normalised(layers.DepthwiseConv2D(x.shape[1], use_bias=not training, name="places_conv")(x), "places")
    x = layers.Flatten(name="places")(x)
    x = normalised(layers.Dense(DIMENSIONS, use_bias=not training, name="embedding")(x), "embedding")
    x = layers.UnitNormalization(dtype="float32", name="unit_norm")(x)
    return keras.Model(inputs, x, name="facenet_mini")


def stored(model: keras.Model) -> dict[str, dict[str, tuple[int, ...]]]:
    """What a weights file holds for the network.

    Args:
        model: Of ``facenet_mini()``.

    Returns:
        The shapes of each layer's weights, by their names.
    """
    return {layer.name: {w.name: tuple(w.shape) for w in layer.weights} for layer in model.layers if layer.weights}


def as_stored(
    tensors: Mapping[str, Mapping[str, NDArray[np.float32]]], layer: keras.layers.Layer
) -> list[NDArray[np.float32]]:
    """A layer's weights, in its order: there are no steps that could be saved."""
    return [tensors[layer.name][weight.name] for weight in layer.weights]
