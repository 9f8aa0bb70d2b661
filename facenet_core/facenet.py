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

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.errors import WeightsError

if TYPE_CHECKING:
    import h5py
    import keras

INPUT_SIZE = 160
"""Side of the square RGB input, in pixels (facenet, ``--image_size 160``)."""

BATCH_NORM_EPSILON = 1e-3
"""facenet, ``train_softmax.py``: ``'epsilon': 0.001``."""

MAX_DIMENSIONS = 4096
"""Longest embedding that is tried; the public models have 128 or 512."""

DEEPFACE_BRANCH = re.compile(r"^(Block17|Block8)_(\d+)_Branch_\2_")
"""deepface numbers the second branch of these blocks like the block
(``Block17_7_Branch_7_...``, deepface/models/facial_recognition/Facenet.py);
keras-facenet and this network call it ``Branch_1``."""

Scaling = Literal["fixed", "whitening"]
"""How pixel values are scaled before the network: see :func:`preprocess_input`."""


def preprocess_input(crops: NDArray[np.uint8], scaling: Scaling) -> NDArray[np.float32]:
    """Scales pixels the way the weights were trained.

    Args:
        crops: Shape ``(n, 160, 160, 3)``, RGB, uint8.
        scaling: ``"fixed"`` is ``(x - 127.5) / 128`` (facenet's
            ``--use_fixed_image_standardization``, the 2018 models);
            ``"whitening"`` subtracts each image's mean and divides by its
            standard deviation, at least ``1 / sqrt(x.size)`` (facenet's
            ``prewhiten``, the 2017 models).

    Returns:
        Float32 array of the same shape.

    Raises:
        ValueError: If the array is not a batch of RGB uint8 images.
    """
    if crops.ndim != 4 or crops.shape[-1] != 3 or crops.dtype != np.uint8:
        raise ValueError(f"expected uint8 crops of shape (n, h, w, 3), got {crops.dtype} {crops.shape}")
    x = crops.astype(np.float32)
    if scaling == "fixed":
        return (x - np.float32(127.5)) / np.float32(128.0)
    if scaling == "whitening":
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        floor = np.float32(1.0 / np.sqrt(x[0].size)) if len(x) else np.float32(1.0)
        whitened: NDArray[np.float32] = (x - mean) / np.maximum(x.std(axis=(1, 2, 3), keepdims=True), floor)
        return whitened
    raise ValueError(f"unknown scaling {scaling!r}: expected 'fixed' or 'whitening'")


def inception_resnet_v1(dimensions: int) -> keras.Model:
    """Builds the network with random weights.

    Args:
        dimensions: Length of the embedding, 128 or 512 in the public models.

    Returns:
        A Keras model from ``(n, 160, 160, 3)`` float32, scaled by
        :func:`preprocess_input`, to ``(n, dimensions)`` float32, not yet of
        unit norm.
    """
    import keras
    from keras import layers

    def conv(
        x: Any, name: str, filters: int, size: int | tuple[int, int], stride: int = 1, padding: str = "same"
    ) -> Any:
        x = layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=False, name=name)(x)
        x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name=f"{name}_BatchNorm")(x)
        return layers.Activation("relu", name=f"{name}_Activation")(x)

    def residual(x: Any, branches: list[Any], name: str, scale: float, relu: bool = True) -> Any:
        mixed = layers.Concatenate(name=f"{name}_Concatenate")(branches)
        update = layers.Conv2D(x.shape[-1], 1, name=f"{name}_Conv2d_1x1")(mixed)
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
    x = layers.Dense(dimensions, use_bias=False, name="Bottleneck")(x)
    x = layers.BatchNormalization(scale=False, epsilon=BATCH_NORM_EPSILON, name="Bottleneck_BatchNorm")(x)
    return keras.Model(inputs, x, name="inception_resnet_v1")


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """What :func:`load_weights` found in a file.

    Attributes:
        model: The network with the file's weights.
        dimensions: Length of the embedding.
        digest: sha256 over every tensor's name, shape and float32 bytes, in the
            order of their names. Unlike the file's own hash it is the same for
            every container (compressed or not, weights file or whole model) and
            every layout of the same weights.
    """

    model: keras.Model
    dimensions: int
    digest: str


def load_weights(path: Path) -> LoadedWeights:
    """Builds the network and fills it from an HDF5 file.

    Understands a Keras weights file (``layer_names`` at the root) and a whole
    saved model (the same under ``model_weights``), with the layer names of
    keras-facenet or those of deepface. Only arrays that lie in the file itself
    are read: links to other files are refused, and the model's configuration,
    with its marshalled Lambda code, is never looked at.

    Args:
        path: The ``.h5`` file.

    Returns:
        The model, its embedding size and the digest of its tensors.

    Raises:
        WeightsError: If the file is missing, is not HDF5, or does not fit the
            network; the message names the first layer that differs.
    """
    import h5py

    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise WeightsError(f"{path}: this can't be read as an HDF5 weights file ({error})") from error
    with file:
        try:
            stored = _layers_in(file)
        except (KeyError, AttributeError, TypeError, ValueError, RuntimeError, OSError) as error:
            raise WeightsError(
                f"{path}: no Keras layers were found in this HDF5 file ({error}). A weights file with layer_names, "
                "or a whole model saved as .h5, is expected."
            ) from error
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        dimensions = _dimensions(stored, path)
        model = inception_resnet_v1(dimensions)
        hashes: dict[str, str] = {}
        for layer in model.layers:
            if layer.weights:
                hashes |= _fill(layer, stored.pop(layer.name, None), path)
    unused = sorted(name for name, tensors in stored.items() if tensors)
    if unused:
        raise WeightsError(f"{path}: layer {unused[0]} is not part of this network")
    listing = "\n".join(f"{name} {hashes[name]}" for name in sorted(hashes))
    return LoadedWeights(model, dimensions, hashlib.sha256(listing.encode()).hexdigest())


def _dimensions(stored: dict[str, dict[str, h5py.Dataset]], path: Path) -> int:
    """The embedding size, which the rest of the network does not depend on."""
    if "Bottleneck" not in stored:
        raise WeightsError(f"{path}: layer Bottleneck is missing: this is not an Inception-ResNet-v1 FaceNet")
    kernel = stored["Bottleneck"].get("kernel")
    if kernel is None or len(kernel.shape) != 2 or not 1 <= kernel.shape[1] <= MAX_DIMENSIONS:
        raise WeightsError(f"{path}: layer Bottleneck has no kernel of shape (1792, embedding size)")
    return int(kernel.shape[1])


def _fill(layer: keras.layers.Layer, found: dict[str, h5py.Dataset] | None, path: Path) -> dict[str, str]:
    """Copies one layer's tensors from the file, or says why they don't fit.

    Returns:
        Tensor name and shape to the sha256 of its bytes.
    """
    if found is None:
        raise WeightsError(f"{path}: layer {layer.name} is missing")
    wanted = [w.path.rsplit("/", 1)[-1] for w in layer.weights]
    extra = sorted(set(found) - set(wanted))
    if extra:
        raise WeightsError(f"{path}: layer {layer.name} has unexpected weights {', '.join(extra)}")
    values = []
    hashes = {}
    for name, variable in zip(wanted, layer.weights, strict=True):
        if name not in found:
            raise WeightsError(f"{path}: layer {layer.name} has no {name}")
        data = found[name]
        if tuple(data.shape) != tuple(variable.shape):
            raise WeightsError(
                f"{path}: layer {layer.name}: {name} has shape {tuple(data.shape)}, expected {tuple(variable.shape)}"
            )
        try:
            value = np.asarray(data, dtype="<f4")
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: layer {layer.name}: {name} can't be read ({error})") from error
        if not np.isfinite(value).all():
            raise WeightsError(f"{path}: layer {layer.name}: {name} holds values that are not finite")
        hashes[f"{layer.name}/{name} {value.shape}"] = hashlib.sha256(value.tobytes()).hexdigest()
        values.append(value)
    layer.set_weights(values)
    return hashes


def _layers_in(file: h5py.File) -> dict[str, dict[str, h5py.Dataset]]:
    """Maps our layer names to weight names to datasets, whatever the container.

    Raises:
        WeightsError: If the file's content lies elsewhere or is ambiguous.
    """
    import h5py

    root = _inside(file, "model_weights") if file.id.links.exists(b"model_weights") else file
    layers: dict[str, dict[str, h5py.Dataset]] = {}
    for stored_name in _names(root.attrs["layer_names"]):
        name = DEEPFACE_BRANCH.sub(r"\1_\2_Branch_1_", stored_name)
        if name in layers:
            raise WeightsError(f"layer {name} occurs twice")
        group = _inside(root, stored_name)
        layers[name] = {}
        for full_name in _names(group.attrs["weight_names"]):
            data = _inside(group, full_name)
            if not isinstance(data, h5py.Dataset) or data.shape is None or data.external or data.is_virtual:
                raise WeightsError(f"layer {name}: {full_name} is not an array in this file")
            layers[name][full_name.rsplit("/", 1)[-1].removesuffix(":0")] = data
    return layers


def _inside(group: h5py.Group, path: str) -> Any:
    """Looks an object up through hard links alone, which can't leave the file.

    Raises:
        WeightsError: If a soft or an external link is on the way.
        KeyError: If nothing is there.
    """
    import h5py

    for part in path.split("/"):
        if group.id.links.get_info(part.encode("utf-8")).type != h5py.h5l.TYPE_HARD:
            raise WeightsError(f"{path} is a link, which is never followed")
        group = group[part]
    return group


def _names(attribute: Any) -> list[str]:
    return [n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in attribute]
