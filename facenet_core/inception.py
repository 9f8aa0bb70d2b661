"""Inception-ResNet-v1, the network of FaceNet, in Keras 3.

The topology is that of David Sandberg's *facenet* (``inception_resnet_v1.py``),
which follows Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning" (2016), figures 10 to 13, with five, ten and
five residual blocks. Layer names are those of the public Keras weights, so that
any of their HDF5 containers loads by layer name and shape.

Departures from the original: the network ends at the batch-normalised
bottleneck (unit-norm scaling is one line of numpy in ``embedding.py``), dropout
is left out (it does nothing at inference), and the residual sum is a layer of
its own rather than a Lambda, so that no code is ever stored in, or read from, a
weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 160
"""Side of the square RGB input, in pixels (facenet, ``--image_size 160``)."""

BATCH_NORM_EPSILON = 1e-3
"""facenet, ``train_softmax.py``: ``'epsilon': 0.001``."""

RESIDUAL_SCALES = {"Block35": 0.17, "Block17": 0.10, "Block8": 0.20}
"""What a block's update is multiplied by (facenet, ``inference``)."""

LAST_BLOCK = "Block8_6"
"""Its update is added as it is, and without a rectifier after it."""


def inception_resnet_v1(dimensions: int, *, folded: bool = False) -> keras.Model:
    """Builds the network.

    Args:
        dimensions: Length of the embedding, 128 or 512 in the public models.
        folded: Without batch normalisation and without the scales of residual
            sums, which :func:`fold` makes part of the weights before them. Its
            weights are zeros until then; without, they are random.

    Returns:
        A Keras model from ``(n, 160, 160, 3)`` float32, scaled by
        :func:`facenet_core.scaling.preprocess_input`, to ``(n, dimensions)`` float32, not yet of
        unit norm.
    """
    import keras
    from keras import layers

    start = "zeros" if folded else "glorot_uniform"

    def conv(
        x: Any, name: str, filters: int, size: int | tuple[int, int], stride: int = 1, padding: str = "same"
    ) -> Any:
        made = layers.Conv2D(
            filters, size, strides=stride, padding=padding, use_bias=folded, kernel_initializer=start, name=name
        )
        x = made(x)
        if folded:
            return layers.Activation("relu", name=f"{name}_Activation")(x)
        x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name=f"{name}_BatchNorm")(x)
        return layers.Activation("relu", name=f"{name}_Activation")(x)

    def residual(x: Any, branches: list[Any], name: str) -> Any:
        mixed = layers.Concatenate(name=f"{name}_Concatenate")(branches)
        update = layers.Conv2D(x.shape[-1], 1, kernel_initializer=start, name=f"{name}_Conv2d_1x1")(mixed)
        if not folded:
            update = layers.Rescaling(_residual_scale(name), name=f"{name}_ScaleSum")(update)
        x = layers.Add(name=f"{name}_Add")([x, update])
        return layers.Activation("relu", name=f"{name}_Activation")(x) if name != LAST_BLOCK else x

    inputs = keras.Input((INPUT_SIZE, INPUT_SIZE, 3), name="face")
    x = conv(inputs, "Conv2d_1a_3x3", 32, 3, stride=2, padding="valid")
    x = conv(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = conv(x, "Conv2d_2b_3x3", 64, 3)
    x = layers.MaxPooling2D(3, strides=2, name="MaxPool_3a_3x3")(x)
    x = conv(x, "Conv2d_3b_1x1", 80, 1)
    x = conv(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = conv(x, "Conv2d_4b_3x3", 256, 3, stride=2, padding="valid")

    for i in range(1, 6):
        b = f"Block35_{i}_Branch"
        b0 = conv(x, f"{b}_0_Conv2d_1x1", 32, 1)
        b1 = conv(conv(x, f"{b}_1_Conv2d_0a_1x1", 32, 1), f"{b}_1_Conv2d_0b_3x3", 32, 3)
        b2 = conv(x, f"{b}_2_Conv2d_0a_1x1", 32, 1)
        b2 = conv(conv(b2, f"{b}_2_Conv2d_0b_3x3", 32, 3), f"{b}_2_Conv2d_0c_3x3", 32, 3)
        x = residual(x, [b0, b1, b2], f"Block35_{i}")

    b = "Mixed_6a_Branch"
    b0 = conv(x, f"{b}_0_Conv2d_1a_3x3", 384, 3, stride=2, padding="valid")
    b1 = conv(conv(x, f"{b}_1_Conv2d_0a_1x1", 192, 1), f"{b}_1_Conv2d_0b_3x3", 192, 3)
    b1 = conv(b1, f"{b}_1_Conv2d_1a_3x3", 256, 3, stride=2, padding="valid")
    pool = layers.MaxPooling2D(3, strides=2, name=f"{b}_2_MaxPool_1a_3x3")(x)
    x = layers.Concatenate(name="Mixed_6a")([b0, b1, pool])

    for i in range(1, 11):
        b = f"Block17_{i}_Branch"
        b0 = conv(x, f"{b}_0_Conv2d_1x1", 128, 1)
        b1 = conv(x, f"{b}_1_Conv2d_0a_1x1", 128, 1)
        b1 = conv(conv(b1, f"{b}_1_Conv2d_0b_1x7", 128, (1, 7)), f"{b}_1_Conv2d_0c_7x1", 128, (7, 1))
        x = residual(x, [b0, b1], f"Block17_{i}")

    b = "Mixed_7a_Branch"
    b0 = conv(x, f"{b}_0_Conv2d_0a_1x1", 256, 1)
    b0 = conv(b0, f"{b}_0_Conv2d_1a_3x3", 384, 3, stride=2, padding="valid")
    b1 = conv(x, f"{b}_1_Conv2d_0a_1x1", 256, 1)
    b1 = conv(b1, f"{b}_1_Conv2d_1a_3x3", 256, 3, stride=2, padding="valid")
    b2 = conv(conv(x, f"{b}_2_Conv2d_0a_1x1", 256, 1), f"{b}_2_Conv2d_0b_3x3", 256, 3)
    b2 = conv(b2, f"{b}_2_Conv2d_1a_3x3", 256, 3, stride=2, padding="valid")
    pool = layers.MaxPooling2D(3, strides=2, name=f"{b}_3_MaxPool_1a_3x3")(x)
    x = layers.Concatenate(name="Mixed_7a")([b0, b1, b2, pool])

    for i in range(1, 7):
        b = f"Block8_{i}_Branch"
        b0 = conv(x, f"{b}_0_Conv2d_1x1", 192, 1)
        b1 = conv(x, f"{b}_1_Conv2d_0a_1x1", 192, 1)
        b1 = conv(conv(b1, f"{b}_1_Conv2d_0b_1x3", 192, (1, 3)), f"{b}_1_Conv2d_0c_3x1", 192, (3, 1))
        x = residual(x, [b0, b1], f"Block8_{i}")

    x = layers.GlobalAveragePooling2D(name="AvgPool")(x)
    x = layers.Dense(dimensions, use_bias=folded, kernel_initializer=start, name="Bottleneck")(x)
    if folded:
        return keras.Model(inputs, x, name="inception_resnet_v1")
    x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name="Bottleneck_BatchNorm")(x)
    return keras.Model(inputs, x, name="inception_resnet_v1")


def stored(folded: keras.Model) -> dict[str, dict[str, tuple[int, ...]]]:
    """What a weights file holds for the network.

    Args:
        folded: Of ``inception_resnet_v1(dimensions, folded=True)``.

    Returns:
        The shapes of each layer's weights, by their names.
    """
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for layer in folded.layers:
        if not layer.weights:
            continue
        kernel, bias = (tuple(weight.shape) for weight in layer.weights)
        if _sums(layer.name):
            shapes[layer.name] = {"kernel": kernel, "bias": bias}
        else:
            shapes[layer.name] = {"kernel": kernel}
            shapes[f"{layer.name}_BatchNorm"] = dict.fromkeys(("beta", "moving_mean", "moving_variance"), bias)
    return shapes


def fold(
    tensors: Mapping[str, Mapping[str, NDArray[np.float32]]], layer: keras.layers.Layer
) -> list[NDArray[np.float32]]:
    """The weights of a layer of the folded network.

    Each batch normalisation becomes part of the kernel and the bias of the layer
    before it (Jacob et al., "Quantization and Training of Neural Networks", 2018,
    section 3.2), and so does the scale of each residual sum.

    Args:
        tensors: Of the network with batch normalisation, as in :func:`stored`.
        layer: Of ``inception_resnet_v1(dimensions, folded=True)``.

    Returns:
        Kernel and bias.
    """
    found = tensors[layer.name]
    if _sums(layer.name):
        scale = np.float32(_residual_scale(layer.name))
        return [found["kernel"] * scale, found["bias"] * scale]
    norm = tensors[f"{layer.name}_BatchNorm"]
    factor = 1 / np.sqrt(norm["moving_variance"] + np.float32(BATCH_NORM_EPSILON))
    return [found["kernel"] * factor, norm["beta"] - norm["moving_mean"] * factor]


def _sums(name: str) -> bool:
    """Whether a convolution gives what is added in a residual block; it is not normalised."""
    return name.endswith("_Conv2d_1x1") and "_Branch_" not in name


def _residual_scale(name: str) -> float:
    """Of a residual block, or of a layer in one."""
    return 1.0 if name.startswith(LAST_BLOCK) else RESIDUAL_SCALES[name.split("_")[0]]
