"""What a camera may do to a face that its owner's likeness does not depend on.

The student sees these, the teacher does not: so it learns to look past them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import tensorflow as tf

JPEG_SHARE, JPEG_QUALITY = 0.15, (15, 70)
"""How many crops are stored as JPEG once more, and at which quality."""

BLURRED_SHARES = ((1 / 16, 24), (1 / 8, 36), (1 / 8, 56))
"""How many views are shrunk to how many pixels and enlarged again."""

GREY_SHARE, HIDDEN_SHARE, NOISE_SHARE = 0.1, 0.15, 0.2
HIDDEN_SIDE = (0.15, 0.4)
"""Sides of the rectangle that hides a part of the face, as shares of the view."""


@dataclass(frozen=True, slots=True)
class Changes:
    """One change of each view; arrays of shape ``(n, ...)``, float32.

    Attributes:
        gain: Shape ``(n, 3)``: of each colour.
        offset: Shape ``(n,)``: added, in grey levels.
        contrast: Shape ``(n,)``: about the view's own mean.
        grey: Shape ``(n,)``: 1 for a view without colours.
        noise: Shape ``(n,)``: standard deviation, in grey levels.
        hidden: Shape ``(n, 4)``: left, top, right, bottom of what is hidden, 0
            to 1.
        hidden_by: Shape ``(n, 3)``: the colour it is hidden by.
    """

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    contrast: NDArray[np.float32]
    grey: NDArray[np.float32]
    noise: NDArray[np.float32]
    hidden: NDArray[np.float32]
    hidden_by: NDArray[np.float32]

    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """The fields in their order, for a graph."""
        return tuple(getattr(self, field.name).astype(np.float32) for field in fields(self))


def random_changes(rng: np.random.Generator, n: int) -> Changes:
    """Draws changes for ``n`` views."""
    side = rng.uniform(*HIDDEN_SIDE, (n, 2)) * (rng.random((n, 1)) < HIDDEN_SHARE)
    corner = rng.random((n, 2)) * (1 - side)
    return Changes(
        gain=np.exp(rng.normal(0, 0.06, (n, 3))),
        offset=rng.normal(0, 14, n),
        contrast=np.exp(rng.normal(0, 0.18, n)),
        grey=rng.random(n) < GREY_SHARE,
        noise=rng.uniform(0, 10, n) * (rng.random(n) < NOISE_SHARE),
        hidden=np.concatenate([corner, corner + side], 1),
        hidden_by=rng.uniform(0, 255, (n, 3)),
    )


def changed(views: tf.Tensor, changes: tuple[tf.Tensor, ...], seed: tf.Tensor) -> tf.Tensor:
    """Applies changes.

    Args:
        views: Shape ``(n, s, s, 3)``, float32, 0 to 255.
        changes: :meth:`Changes.arrays`.
        seed: Shape ``(2,)``, int32, of the noise.

    Returns:
        The same shape and range.
    """
    import tensorflow as tf

    gain, offset, contrast, grey, noise, hidden, hidden_by = changes
    n, size = views.shape[0], views.shape[1]
    parts, start = [], 0
    for share, small in BLURRED_SHARES:
        part = views[start : start + int(n * share)]
        parts.append(tf.image.resize(tf.image.resize(part, (small, small), antialias=True), (size, size)))
        start += int(n * share)
    x = tf.concat([*parts, views[start:]], 0)
    mean = tf.reduce_mean(x, (1, 2, 3), keepdims=True)
    x = (x - mean) * contrast[:, None, None, None] + mean + offset[:, None, None, None]
    x *= gain[:, None, None, :]
    luma = tf.reduce_sum(x * tf.constant([0.299, 0.587, 0.114]), -1, keepdims=True)
    x += grey[:, None, None, None] * (luma - x)
    x += noise[:, None, None, None] * tf.random.stateless_normal(tf.shape(x), seed)
    place = (tf.range(size, dtype=tf.float32) + 0.5) / size
    across = (place[None] > hidden[:, 0:1]) & (place[None] < hidden[:, 2:3])
    down = (place[None] > hidden[:, 1:2]) & (place[None] < hidden[:, 3:4])
    x = tf.where((down[:, :, None] & across[:, None, :])[..., None], hidden_by[:, None, None, :], x)
    return tf.clip_by_value(x, 0.0, 255.0)


def stored_again(rng: np.random.Generator, crops: NDArray[np.uint8]) -> None:
    """Stores some crops as JPEG and reads them back, in place."""
    for i in np.flatnonzero(rng.random(len(crops)) < JPEG_SHARE):
        file = io.BytesIO()
        Image.fromarray(crops[i]).save(file, "JPEG", quality=int(rng.integers(*JPEG_QUALITY)))
        crops[i] = np.asarray(Image.open(file))
