"""How pixel values are scaled before a network sees them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facenet_core.errors import WeightsError

Scaling = Literal["fixed", "whitening"]
"""How pixel values are scaled before the network: see :func:`preprocess_input`."""


def preprocess_input(crops: NDArray[np.uint8], scaling: Scaling) -> NDArray[np.float32]:
    """Scales pixels the way the weights were trained.

    Args:
        crops: Shape ``(n, side, side, 3)``, RGB, uint8.
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


def scaling_for(dimensions: int) -> Scaling:
    """The scaling of weights that the catalogue does not know.

    A weights file does not say how its pixels were scaled in training. Of the
    public models those with 128 dimensions (2017, also deepface's
    ``facenet_weights.h5``) were trained with per-image whitening, and those with
    512 (2018, also ``facenet512_weights.h5``) with fixed scaling, when the
    facenet project had introduced ``--use_fixed_image_standardization``.

    Args:
        dimensions: Length of the embedding.

    Raises:
        WeightsError: If it is another length, for which there is no rule.
    """
    if dimensions == 128:
        return "whitening"
    if dimensions == 512:
        return "fixed"
    raise WeightsError(
        f"These weights make embeddings of {dimensions} numbers. How they expect pixels to be scaled is known for "
        "128 and 512 only, so they can't be used."
    )
