"""From crops to unit-norm embeddings: the Embedder protocol and the Keras one."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facenet_core.errors import ModelError
from facenet_core.scaling import Scaling, preprocess_input, scaling_for
from facenet_core.types import Engine, ModelId
from facenet_core.weights_file import LoadedWeights

BATCH = 16
"""Faces per call: larger batches gain little on a CPU and cost memory."""


class Embedder(Protocol):
    """Turns crops into embeddings.

    Attributes:
        model_id: What the embeddings may be compared with.
        input_size: Side of the crops, in pixels.
    """

    model_id: ModelId
    input_size: int

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Computes embeddings.

        Args:
            crops: Shape ``(n, input_size, input_size, 3)``, RGB, uint8; ``n``
                may be 0.

        Returns:
            Shape ``(n, d)``, float32, each row of unit norm.
        """
        ...


class KerasEmbedder:
    """A Keras FaceNet as one graph whose weights are constants. Thread-safe.

    ``model.predict`` in a loop leaks time and memory and the eager call is
    several times slower than the graph, which computes the same: the difference
    in distance stays below 1e-3 (tests/accuracy).

    Args:
        loaded: The network with its weights.
        model: The model's id, for :class:`ModelId`.
        scaling: How the weights expect pixels; None takes what the embedding's
            length implies (see :func:`facenet_core.scaling.scaling_for`).
        preprocessing: Detector and crop that make the input, for
            :class:`ModelId`; the scaling is appended.
        engine: In which numbers to compute.

    Raises:
        WeightsError: If the scaling is not known.
    """

    def __init__(
        self,
        loaded: LoadedWeights,
        model: str,
        scaling: Scaling | None,
        preprocessing: str,
        engine: Engine = "float32",
    ) -> None:
        import tensorflow as tf

        self.scaling: Scaling = scaling or scaling_for(loaded.dimensions)
        self.model_id = ModelId(model, f"{preprocessing}-{self.scaling}", loaded.digest, loaded.dimensions, engine)
        self.input_size = loaded.input_size
        network = loaded.folded
        for layer in network.layers[:-1]:
            # Weights stay float32, and so does the last layer, whose output is the embedding.
            layer.dtype_policy = "mixed_bfloat16" if engine == "bfloat16" else "float32"
        weights = [variable.numpy() for variable in network.trainable_variables]
        others = [variable.numpy() for variable in network.non_trainable_variables]
        self._graph = tf.function(
            lambda x: network.stateless_call(weights, others, x, training=False)[0], autograph=False
        ).get_concrete_function(tf.TensorSpec((None, self.input_size, self.input_size, 3), tf.float32))
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Makes the first call, in which TensorFlow optimises the graph, and returns the memory that this took."""
        self.embed(np.zeros((1, self.input_size, self.input_size, 3), np.uint8))
        if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
            # The optimiser copies all constants several times; glibc keeps what is free again.
            trim(0)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Computes embeddings; see :meth:`Embedder.embed`.

        Raises:
            ModelError: If the network gives something that has no direction,
                which means that its weights are not those of a FaceNet.
        """
        rows = [np.empty((0, self.model_id.dimensions), np.float32)]
        for start in range(0, len(crops), BATCH):
            batch = preprocess_input(crops[start : start + BATCH], self.scaling)
            with self._lock:
                rows.append(self._graph(batch).numpy())
        return unit_norm(np.concatenate(rows))


def unit_norm(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales each row to length 1.

    Args:
        rows: Shape ``(n, d)``, float32.

    Returns:
        The same shape and dtype.

    Raises:
        ModelError: If a row is zero or not finite.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ModelError("the model gave an embedding without direction: its weights are not those of a FaceNet")
    scaled: NDArray[np.float32] = rows / lengths
    return scaled
