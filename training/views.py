"""Views of faces: which part of a crop is seen, how it is turned, and what it is blended with.

A view is a linear map from the pixels of the view to those of the crop, as eight
numbers of ``ImageProjectiveTransformV3``, in units of the side: 0 to 1 on both,
so that teacher and student see the same view at their own sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.faces import MARGIN

if TYPE_CHECKING:
    import tensorflow as tf

Maps = NDArray[np.float32]
"""Shape ``(n, 2, 3)``: from a point of the view to one of the crop, both in 0 to 1."""


def random_maps(rng: np.random.Generator, tight: NDArray[np.bool_], strength: float) -> Maps:
    """Draws views around the crop that the app would make.

    Args:
        rng: Where the randomness comes from.
        tight: Shape ``(n,)``: which crops are no wider than the app's.
        strength: 1 for views as different as photos of the app are, less for
            less; 0 gives the app's own view.

    Returns:
        Shape ``(n, 2, 3)``, float32.
    """
    n = len(tight)
    turn = np.deg2rad(np.clip(rng.normal(0, 6, n), -15, 15) * strength)
    zoom = np.where(tight, 1.0, 1 / MARGIN) * np.exp(np.clip(rng.normal(0, 0.05, n), -0.12, 0.12) * strength)
    aspect = np.exp(np.clip(rng.normal(0, 0.03, n), -0.08, 0.08) * strength)
    shift = np.clip(rng.normal(0, 0.02, (n, 2)), -0.05, 0.05) * strength
    return _maps(turn, zoom * aspect, zoom / aspect, shift)


def _maps(turn: Any, width: Any, height: Any, shift: Any) -> Maps:
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.stack([np.stack([cos * width, -sin * height], -1), np.stack([sin * width, cos * height], -1)], -2)
    offset = 0.5 + shift - linear @ np.array([0.5, 0.5])
    return np.concatenate([linear, offset[..., np.newaxis]], -1).astype(np.float32)


def mirrored(maps: Maps, which: NDArray[np.bool_]) -> Maps:
    """The views, some of them seen in a mirror."""
    flipped = maps.copy()
    flipped[which, :, 2] += flipped[which, :, 0]
    flipped[which, :, 0] *= -1
    return flipped


def within(outer: Maps, inner: Maps) -> Maps:
    """Views of views: ``inner`` is cut out of what ``outer`` shows."""
    linear = outer[:, :, :2] @ inner[:, :, :2]
    offset = (outer[:, :, :2] @ inner[:, :, 2:])[..., 0] + outer[:, :, 2]
    return np.concatenate([linear, offset[..., np.newaxis]], -1).astype(np.float32)


def transforms(maps: Maps, side: int, size: int) -> NDArray[np.float32]:
    """The maps in the units of ``ImageProjectiveTransformV3``.

    Args:
        maps: Shape ``(n, 2, 3)``.
        side: Of the crops, in pixels.
        size: Of the views, in pixels.

    Returns:
        Shape ``(n, 8)``, float32. The middle of a pixel lies half a pixel from
        its edge in both.
    """
    linear = maps[:, :, :2] * (side / size)
    offset = maps[:, :, 2] * side - 0.5 + linear.sum(-1) * 0.5
    rows = np.concatenate([linear, offset[..., np.newaxis]], -1).reshape(len(maps), 6)
    return np.concatenate([rows, np.zeros((len(maps), 2), np.float32)], -1).astype(np.float32)


def drawn(pixels: tf.Tensor, transform: tf.Tensor, size: int) -> tf.Tensor:
    """Draws views.

    Args:
        pixels: Shape ``(n, side, side, 3)``, uint8.
        transform: Of :func:`transforms`.
        size: Side of the views, in pixels.

    Returns:
        Shape ``(n, size, size, 3)``, float32, 0 to 255; black outside the crop.
    """
    import tensorflow as tf

    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels, tf.float32),
        transforms=transform,
        output_shape=tf.constant([size, size]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
