"""The networks that weights files are for, and which of them a file is for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facenet_core import inception, mini
from facenet_core.errors import WeightsError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Network:
    """A network that turns faces into embeddings.

    Attributes:
        name: What it is called.
        input_size: Side of its square RGB input, in pixels.
        mark: The layer that tells its weights files from those of others.
        dimensions: Length of its embedding; None if its weights decide: it is
            the number of columns of the kernel of ``mark``.
        build: From the length of the embedding to the network with random weights.
        fold: From a network with its weights to another that gives the same
            embeddings in fewer steps.
    """

    name: str
    input_size: int
    mark: str
    dimensions: int | None
    build: Callable[[int], keras.Model]
    fold: Callable[[keras.Model], keras.Model]


NETWORKS: tuple[Network, ...] = (
    Network(
        "Inception-ResNet-v1",
        inception.INPUT_SIZE,
        "Bottleneck",
        None,
        inception.inception_resnet_v1,
        inception.fold,
    ),
    Network(
        "FaceNet-mini",
        mini.INPUT_SIZE,
        "stem_conv",
        mini.DIMENSIONS,
        lambda dimensions: mini.facenet_mini(),
        mini.copied,
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
