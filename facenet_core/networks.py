"""The networks that weights files are for, and which of them a file is for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facenet_core import inception, mini
from facenet_core.errors import WeightsError

if TYPE_CHECKING:
    import keras


Tensors: TypeAlias = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""Values of a layer's weights, by the names of both."""

Shapes: TypeAlias = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Their shapes."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that turns faces into embeddings.

    Attributes:
        name: What it is called.
        input_size: Side of its square RGB input, in pixels.
        mark: The layer that tells its weights files from those of others.
        dimensions: Length of its embedding; None if its weights decide: it is
            the number of columns of the kernel of ``mark``.
        build: From the length of the embedding to the network as it was
            trained, with random weights.
        build_folded: The same to a network of fewer steps.
        stored: From the second network to what a weights file holds for the first.
        fold: From those tensors and a layer of the second network to its
            weights, with which it gives the same embeddings.
    """

    name: str
    input_size: int
    mark: str
    dimensions: int | None
    build: Callable[[int], keras.Model]
    build_folded: Callable[[int], keras.Model]
    stored: Callable[[keras.Model], Shapes]
    fold: Callable[[Tensors, keras.layers.Layer], list[NDArray[np.float32]]]


NETWORKS: tuple[Network, ...] = (
    Network(
        "Inception-ResNet-v1",
        inception.INPUT_SIZE,
        "Bottleneck",
        None,
        inception.inception_resnet_v1,
        lambda dimensions: inception.inception_resnet_v1(dimensions, folded=True),
        inception.stored,
        inception.fold,
    ),
    Network(
        "FaceNet-mini",
        mini.INPUT_SIZE,
        "stem_conv",
        mini.DIMENSIONS,
        lambda dimensions: mini.facenet_mini(),
        lambda dimensions: mini.facenet_mini(),
        mini.stored,
        mini.as_stored,
    ),
)


def network_of(layers: Collection[str]) -> Network:
    """The network that weights are for.

    Args:
        layers: Names of the layers that there are weights of.

    Raises:
        WeightsError: If they are for none of :data:`NETWORKS`.
    """
    for network in NETWORKS:
        if network.mark in layers:
            return network
    tried = ", ".join(f"{network.name} (layer {network.mark} is missing)" for network in NETWORKS)
    raise WeightsError(f"these weights fit no network that is known here: {tried}")
