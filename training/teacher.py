"""The teacher: the large FaceNet, frozen, in bfloat16 where the processor has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from facenet_core.inception import INPUT_SIZE

if TYPE_CHECKING:
    import tensorflow as tf

BATCH = 64
"""Faces at a time."""


def load_teacher(weights: Path) -> Callable[[tf.Tensor], tf.Tensor]:
    """Loads the teacher.

    Args:
        weights: The weights file of FaceNet 20180408-102900.

    Returns:
        From views of shape ``(64, 160, 160, 3)``, float32, 0 to 255, to
        embeddings of shape ``(64, 512)``, float32, unit norm. In bfloat16 their
        cosine with those in float32 is 0.9999 or more.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from facenet_core.weights_file import load_weights

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    model = load_weights(weights).model
    signature = tf.TensorSpec((BATCH, INPUT_SIZE, INPUT_SIZE, 3), tf.float32)
    graph = tf.function(lambda x: tf.math.l2_normalize(model((x - 127.5) / 128.0, training=False), -1))
    frozen = convert_variables_to_constants_v2(graph.get_concrete_function(signature))
    return lambda views: frozen(views)[0]
