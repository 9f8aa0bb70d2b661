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

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 160
"""Side of the square RGB input, in pixels (facenet, ``--image_size 160``)."""

BATCH_NORM_EPSILON = 1e-3
"""facenet, ``train_softmax.py``: ``'epsilon': 0.001``."""


def inception_resnet_v1(dimensions: int, *, folded: bool = False) -> keras.Model:
    """Builds the network with random weights.

    Args:
        dimensions: Length of the embedding, 128 or 512 in the public models.
        folded: Without batch normalisation and without the scales of residual
            sums, which :func:`fold` makes part of the weights before them.

    Returns:
        A Keras model from ``(n, 160, 160, 3)`` float32, scaled by
        :func:`facenet_core.scaling.preprocess_input`, to ``(n, dimensions)`` float32, not yet of
        unit norm.
    """
    import keras
    from keras import layers

    def conv(
        x: Any, name: str, filters: int, size: int | tuple[int, int], stride: int = 1, padding: str = "same"
    ) -> Any:
        x = layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=folded, name=name)(x)
        if folded:
            return layers.Activation("relu", name=f"{name}_Activation")(x)
        x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name=f"{name}_BatchNorm")(x)
        return layers.Activation("relu", name=f"{name}_Activation")(x)

    def residual(x: Any, branches: list[Any], name: str, scale: float, relu: bool = True) -> Any:
        mixed = layers.Concatenate(name=f"{name}_Concatenate")(branches)
        update = layers.Conv2D(x.shape[-1], 1, name=f"{name}_Conv2d_1x1")(mixed)
        if not folded:
            update = layers.Rescaling(scale, name=f"{name}_ScaleSum")(update)
        x = layers.Add(name=f"{name}_Add")([x, update])
        return layers.Activation("relu", name=f"{name}_Activation")(x) if relu else x

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
        x = residual(x, [b0, b1, b2], f"Block35_{i}", scale=0.17)

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
        x = residual(x, [b0, b1], f"Block17_{i}", scale=0.10)

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
        last = i == 6
        x = residual(x, [b0, b1], f"Block8_{i}", scale=1.0 if last else 0.20, relu=not last)

    x = layers.GlobalAveragePooling2D(name="AvgPool")(x)
    x = layers.Dense(dimensions, use_bias=folded, name="Bottleneck")(x)
    if folded:
        return keras.Model(inputs, x, name="inception_resnet_v1")
    x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name="Bottleneck_BatchNorm")(x)
    return keras.Model(inputs, x, name="inception_resnet_v1")


def fold(model: keras.Model) -> keras.Model:
    """The same network in fewer steps.

    Each batch normalisation becomes part of the kernel and the bias of the layer
    before it (Jacob et al., "Quantization and Training of Neural Networks", 2018,
    section 3.2), and so does the scale of each residual sum.

    Args:
        model: Of ``inception_resnet_v1(dimensions)``.

    Returns:
        A model of ``inception_resnet_v1(dimensions, folded=True)`` that gives
        the same embeddings.
    """
    plain = inception_resnet_v1(model.output_shape[-1], folded=True)
    others = {layer.name: layer for layer in model.layers}
    for layer in plain.layers:
        if not layer.weights:
            continue
        kernel, *bias = others[layer.name].get_weights()
        if norm := others.get(f"{layer.name}_BatchNorm"):
            beta, mean, variance = norm.get_weights()
            scale = 1.0 / np.sqrt(variance + norm.epsilon)
            layer.set_weights([kernel * scale, beta - mean * scale])
        else:
            scale = others[f"{layer.name.removesuffix('_Conv2d_1x1')}_ScaleSum"].scale
            layer.set_weights([kernel * scale, bias[0] * scale])
    return plain
