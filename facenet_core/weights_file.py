"""Weights files: HDF5 as Keras writes it, read and written as arrays alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facenet_core.errors import WeightsError
from facenet_core.networks import Network, Tensors, network_of

if TYPE_CHECKING:
    import h5py
    import keras

MAX_DIMENSIONS = 4096
"""Longest embedding that is tried; the public models have 128 or 512."""

DEEPFACE_BRANCH = re.compile(r"^(Block17|Block8)_(\d+)_Branch_\2_")
"""deepface numbers the second branch of these blocks like the block
(``Block17_7_Branch_7_...``, deepface/models/facial_recognition/Facenet.py);
keras-facenet and our network call it ``Branch_1``."""


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """What :func:`load_weights` found in a file.

    Attributes:
        folded: The network in fewer steps, with weights made from the file's.
        network: Which one it is.
        dimensions: Length of the embedding.
        digest: sha256 over every tensor's name, shape and float32 bytes, in the
            order of their names. Unlike the file's own hash it is the same for
            every container (compressed or not, weights file or whole model) and
            every layout of the same weights.
        tensors: The file's.
    """

    folded: keras.Model
    network: Network
    dimensions: int
    digest: str
    tensors: Tensors

    @cached_property
    def model(self) -> keras.Model:
        """The network as it was trained, with the file's weights; built when it is asked for."""
        model = self.network.build(self.dimensions)
        for layer in model.layers:
            layer.set_weights([self.tensors[layer.name][weight.name] for weight in layer.weights])
        return model

    @property
    def input_size(self) -> int:
        """Side of the network's square RGB input, in pixels."""
        return self.network.input_size


def load_weights(path: Path) -> LoadedWeights:
    """Reads an HDF5 file and builds the network that it is for.

    Understands a Keras weights file (``layer_names`` at the root) and a whole
    saved model (the same under ``model_weights``), with the layer names of
    keras-facenet or those of deepface. Only arrays that lie in the file itself
    are read: links to other files are refused, and the model's configuration,
    with its marshalled Lambda code, is never looked at.

    Args:
        path: The ``.h5`` file.

    Returns:
        The network, the sizes of its input and its embedding, the tensors and
        their digest.

    Raises:
        WeightsError: If the file is missing, is not HDF5, or does not fit any
            of :data:`facenet_core.networks.NETWORKS`; the message names the
            first layer that differs.
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
            network = network_of(stored)
            dimensions = network.dimensions or _columns(stored[network.mark], network.mark)
        except (KeyError, AttributeError, TypeError, ValueError, RuntimeError, OSError) as error:
            raise WeightsError(
                f"{path}: no Keras layers were found in this HDF5 file ({error}). A weights file with layer_names, "
                "or a whole model saved as .h5, is expected."
            ) from error
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        folded = network.build_folded(dimensions)
        shapes = network.stored(folded)
        tensors = {layer: _read(layer, wanted, stored.pop(layer, None), path) for layer, wanted in shapes.items()}
    unused = sorted(name for name, found in stored.items() if found)
    if unused:
        raise WeightsError(f"{path}: layer {unused[0]} is not part of this network")
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(network.fold(tensors, layer))
    return LoadedWeights(folded, network, dimensions, _digest(tensors), tensors)


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes a model's weights as Keras 2 did, with half the bytes.

    The layout is that of ``save_weights_to_hdf5_group`` in Keras'
    ``legacy_h5_format.py``, which ``load_weights`` of a stock Keras reads as well
    as :func:`load_weights` here. Values are kept in float16; both readers turn
    them into float32 again. The same weights and the same Keras give the same
    bytes.

    Args:
        model: The network.
        path: The ``.h5`` file; one that is there is replaced when the new one
            is complete.

    Raises:
        WeightsError: If a value is not finite in float16; nothing is written.
        OSError: If the file can't be written; nothing is left behind.
    """
    import h5py
    import keras

    tensors: dict[str, dict[str, NDArray[np.float16]]] = {layer.name: {} for layer in model.layers}
    for layer in model.layers:
        # The order that Keras reads them back in.
        for weight in layer.trainable_weights + layer.non_trainable_weights:
            with np.errstate(over="ignore"):
                value = weight.numpy().astype("<f2")
            if not np.isfinite(value).all():
                raise WeightsError(f"{path}: layer {layer.name}: {weight.path} holds values that float16 does not")
            tensors[layer.name][weight.path] = value
    part = path.with_name(f"{path.name}.part")
    try:
        with h5py.File(part, "w") as file:
            file.attrs["layer_names"] = np.array([name.encode() for name in tensors])
            file.attrs["backend"] = keras.backend.backend().encode()
            # Without it Keras 2 takes kernels for those of Keras 1, and turns them.
            file.attrs["keras_version"] = keras.__version__.encode()
            for name, weights in tensors.items():
                group = file.create_group(name)
                group.attrs["weight_names"] = np.array([weight.encode() for weight in weights])
                for weight, value in weights.items():
                    group.create_dataset(weight, data=value, track_times=False)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _columns(tensors: dict[str, h5py.Dataset], layer: str) -> int:
    """The embedding's length, which the rest of the network does not depend on."""
    kernel = tensors.get("kernel")
    if kernel is None or len(kernel.shape) != 2 or not 1 <= kernel.shape[1] <= MAX_DIMENSIONS:
        raise WeightsError(f"layer {layer} has no kernel of shape (channels, embedding size)")
    return int(kernel.shape[1])


def _read(
    layer: str, wanted: Mapping[str, tuple[int, ...]], found: dict[str, h5py.Dataset] | None, path: Path
) -> dict[str, NDArray[np.float32]]:
    """Reads one layer's tensors from the file, or says why they don't fit."""
    if found is None:
        raise WeightsError(f"{path}: layer {layer} is missing")
    extra = sorted(set(found) - set(wanted))
    if extra:
        raise WeightsError(f"{path}: layer {layer} has unexpected weights {', '.join(extra)}")
    tensors = {}
    for name, shape in wanted.items():
        if name not in found:
            raise WeightsError(f"{path}: layer {layer} has no {name}")
        data = found[name]
        if tuple(data.shape) != shape:
            raise WeightsError(f"{path}: layer {layer}: {name} has shape {tuple(data.shape)}, expected {shape}")
        try:
            value = np.asarray(data, dtype="<f4")
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: layer {layer}: {name} can't be read ({error})") from error
        if not np.isfinite(value).all():
            raise WeightsError(f"{path}: layer {layer}: {name} holds values that are not finite")
        tensors[name] = value
    return tensors


def _digest(tensors: Tensors) -> str:
    lines = {
        f"{layer}/{name} {value.shape}": hashlib.sha256(value.data).hexdigest()
        for layer, named in tensors.items()
        for name, value in named.items()
    }
    return hashlib.sha256("\n".join(f"{line} {lines[line]}" for line in sorted(lines)).encode()).hexdigest()


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
