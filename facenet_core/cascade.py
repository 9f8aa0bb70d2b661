"""MTCNN's three networks and the boxes between them, as TensorFlow graphs without variables.

Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded
Convolutional Networks", 2016, as the ``mtcnn`` package computes it: the same
weights, the same box arithmetic and the same suppression, in which a box goes
when any better one overlaps it, whether that one stays or not. What the package
does step by step in Python is one graph here for each level of the pyramid and
one for the rest, so that nothing waits for Python in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = Any
"""Of TensorFlow, which comes without types."""

STRIDE, CELL_PX = 2, 12
"""The first network's windows: how far apart, and how large, in pixels of a pyramid level."""

SCORES = (0.6, 0.7, 0.8)
"""Each network's threshold (mtcnn's defaults)."""

LEVEL_OVERLAP, OVERLAP = 0.5, 0.7
"""Suppression within one pyramid level, and later (mtcnn's defaults)."""

Arrays = Sequence[NDArray[np.float32]]
"""A network's weights in the order of the ``mtcnn`` package's files."""


class Cascade:
    """The networks as graphs. Thread-safe.

    Args:
        pnet: Weights of the first network.
        rnet: Of the second.
        onet: Of the third.
        most: Boxes kept, best first, before each suppression, which compares
            each with each.
    """

    def __init__(self, pnet: Arrays, rnet: Arrays, onet: Arrays, most: int) -> None:
        import tensorflow as tf

        self._pnet, self._rnet, self._onet, self._most = pnet, rnet, onet, most
        photo, boxes = tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((None, 4), tf.float32)
        size, scale = tf.TensorSpec((2,), tf.int32), tf.TensorSpec((), tf.float32)
        # Traced here and now: of threads that trace the same function at once, all but one do it in vain.
        self.propose = tf.function(self._propose, autograph=False).get_concrete_function(photo, size, scale)
        self.check = tf.function(self._check, autograph=False).get_concrete_function(photo, boxes)
        self.locate = tf.function(self._locate, autograph=False).get_concrete_function(photo, boxes)
        # The first call prepares more; a photo in which the first network sees nothing would not reach the others.
        blank, box = tf.zeros((48, 48, 3), tf.uint8), tf.constant([[0.0, 0.0, 47.0, 47.0]])
        self.propose(blank, tf.constant((24, 24)), tf.constant(0.5))
        self.check(blank, box)
        self.locate(blank, box)

    def _propose(self, photo: Tensor, size: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Candidates of one level of the pyramid.

        Args:
            photo: Shape ``(h, w, 3)``, uint8.
            size: Height and width of the level, in pixels.
            scale: What its pixels are multiples of in the photo whose pixels
                the boxes are given in.

        Returns:
            Boxes of shape ``(n, 4)``: left, top, right, bottom; and their
            scores, best first.
        """
        import tensorflow as tf

        level = _normalised(tf.raw_ops.ResizeArea(images=photo[tf.newaxis], size=size))
        features, score = self._windows(level)
        place = tf.where(score[0, :, :, 0] > math.log(SCORES[0] / (1 - SCORES[0])))
        logit, order = tf.math.top_k(tf.gather_nd(score[0, :, :, 0], place), tf.minimum(tf.shape(place)[0], self._most))
        place = tf.gather(place, order)
        offsets = tf.matmul(tf.gather_nd(features[0], place), self._pnet[9][0, 0]) + self._pnet[10]
        corner = tf.cast(place[:, ::-1], tf.float32) * STRIDE
        first = corner + 1 + offsets[:, :2] * (CELL_PX - 1)
        last = corner + CELL_PX + offsets[:, 2:] * (CELL_PX - 1)
        boxes = tf.concat([first, last], 1) / scale
        kept = _kept(boxes, LEVEL_OVERLAP)
        return tf.boolean_mask(boxes, kept), tf.sigmoid(tf.boolean_mask(logit, kept))

    def _windows(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """The first network on every window.

        Its first PReLU is followed by the largest of each two by two. That is
        cheaper the other way round, and the same: where the slope is positive
        the two may be exchanged; where it is negative, PReLU is the larger of x
        and slope * x, and the largest of both can be taken one by one.
        """
        import tensorflow as tf

        kernel, bias, slope, kernel2, bias2, slope2, kernel3, bias3, slope3 = self._pnet[:9]
        slope = slope.reshape(-1)
        falling, rising = np.flatnonzero(slope < 0), np.flatnonzero(slope >= 0)
        order, count = np.concatenate([falling, rising]), len(falling)
        kernel = np.concatenate([kernel[..., order], kernel[..., falling] * slope[falling]], 3)
        bias = np.concatenate([bias[order], bias[falling] * slope[falling]])
        x = tf.nn.max_pool2d(_convolved(level, kernel, bias), 2, 2, "SAME")
        largest = tf.maximum(x[..., :count], x[..., len(order) :])
        x = tf.concat([largest, _prelu(x[..., count : len(order)], slope[rising])], -1)
        x = _prelu(_convolved(x, kernel2[:, :, order], bias2), slope2)
        x = _prelu(_convolved(x, kernel3, bias3), slope3)
        kernel, bias = self._pnet[11:]
        return x, _convolved(x, kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1])

    def _check(self, photo: Tensor, boxes: Tensor) -> Tensor:
        """Candidates of all levels that the second network takes for faces.

        Args:
            photo: Shape ``(h, w, 3)``, uint8.
            boxes: Shape ``(n, 4)``, in its pixels, best first; at least one.

        Returns:
            Shape ``(m, 4)``, best first.
        """
        import tensorflow as tf

        boxes = _squares(tf.boolean_mask(boxes, _kept(boxes, OVERLAP)))
        offsets, score = self._second(_patches(photo, boxes, 24))
        (boxes,) = _best(score, SCORES[1], _adjusted(boxes, offsets))
        return _squares(tf.boolean_mask(boxes, _kept(boxes, OVERLAP)))

    def _locate(self, photo: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the third network takes for faces, with their landmarks.

        Args:
            photo: Shape ``(h, w, 3)``, uint8.
            boxes: Shape ``(n, 4)``, in its pixels; at least one.

        Returns:
            Boxes of shape ``(m, 4)``, landmarks of shape ``(m, 10)``, five x
            before five y, and scores of shape ``(m,)``, best first.
        """
        import tensorflow as tf

        offsets, points, score = self._third(_patches(photo, boxes, 48))
        side = boxes[:, 2:] - boxes[:, :2] + 1
        first = boxes[:, :2] - 1
        points = tf.concat([points[:, :5] * side[:, :1] + first[:, :1], points[:, 5:] * side[:, 1:] + first[:, 1:]], 1)
        faces = _best(score, SCORES[2], _adjusted(boxes, offsets), points, score)
        kept = _kept(faces[0], OVERLAP, of_smaller=True)
        boxes, points, score = (tf.boolean_mask(each, kept) for each in faces)
        return boxes, points, score

    def _second(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        import tensorflow as tf

        w = self._rnet
        x = tf.nn.max_pool2d(_prelu(_convolved(patches, *w[:2]), w[2]), 3, 2, "SAME")
        x = tf.nn.max_pool2d(_prelu(_convolved(x, *w[3:5]), w[5]), 3, 2, "VALID")
        x = _prelu(_convolved(x, *w[6:8]), w[8])
        x = _prelu(_flat(x) @ w[9] + w[10], w[11])
        return x @ w[12] + w[13], _face_score(x, *w[14:])

    def _third(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        import tensorflow as tf

        w = self._onet
        x = tf.nn.max_pool2d(_prelu(_convolved(patches, *w[:2]), w[2]), 3, 2, "SAME")
        x = tf.nn.max_pool2d(_prelu(_convolved(x, *w[3:5]), w[5]), 3, 2, "VALID")
        x = tf.nn.max_pool2d(_prelu(_convolved(x, *w[6:8]), w[8]), 2, 2, "SAME")
        x = _prelu(_convolved(x, *w[9:11]), w[11])
        x = _prelu(_flat(x) @ w[12] + w[13], w[14])
        return x @ w[15] + w[16], x @ w[17] + w[18], _face_score(x, *w[19:])


# -- layers --------------------------------------------------------------------


def _normalised(pixels: Tensor) -> Tensor:
    return (pixels - 127.5) / 128.0


def _convolved(x: Tensor, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Tensor:
    import tensorflow as tf

    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias)


def _prelu(x: Tensor, slope: NDArray[np.float32]) -> Tensor:
    import tensorflow as tf

    slope = slope.reshape(-1)
    if slope.max() <= 1:
        return tf.maximum(x, slope * x)
    return tf.nn.relu(x) - slope * tf.nn.relu(-x)


def _flat(x: Tensor) -> Tensor:
    """Columns before rows, as the networks were trained in another framework."""
    import tensorflow as tf

    return tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (-1, x.shape[1] * x.shape[2] * x.shape[3]))


def _face_score(x: Tensor, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Tensor:
    """The softmax of two classes, of the second."""
    import tensorflow as tf

    return tf.sigmoid((x @ (kernel[:, 1:] - kernel[:, :1]) + (bias[1:] - bias[:1]))[:, 0])


# -- boxes ---------------------------------------------------------------------


def _patches(photo: Tensor, boxes: Tensor, side: int) -> Tensor:
    """What boxes show, in squares; grey outside of the photo."""
    import tensorflow as tf

    height, width = tf.unstack(tf.cast(tf.shape(photo)[:2], tf.float32))
    left, top, right, bottom = tf.unstack(boxes, axis=1)
    parts = tf.stack([top / height, left / width, bottom / height, right / width], 1)
    which = tf.zeros(tf.shape(boxes)[:1], tf.int32)
    cut = tf.image.crop_and_resize(photo[tf.newaxis], parts, which, (side, side), extrapolation_value=127.5)
    return tf.ensure_shape(_normalised(cut), (None, side, side, 3))


def _squares(boxes: Tensor) -> Tensor:
    """Boxes made square around their middle, as large as their longer side."""
    import tensorflow as tf

    size = boxes[:, 2:] - boxes[:, :2]
    side = tf.reduce_max(size, 1, keepdims=True)
    first = boxes[:, :2] + (size - side) * 0.5
    return tf.concat([first, first + side], 1)


def _adjusted(boxes: Tensor, offsets: Tensor) -> Tensor:
    """Boxes moved by shares of their size."""
    import tensorflow as tf

    return boxes + offsets * tf.tile(boxes[:, 2:] - boxes[:, :2] + 1, (1, 2))


def _best(score: Tensor, least: float, *parts: Tensor) -> list[Tensor]:
    """Of each part the rows with more than the least score, best first."""
    import tensorflow as tf

    rows = tf.where(score > least)[:, 0]
    rows = tf.gather(rows, tf.argsort(tf.gather(score, rows), direction="DESCENDING", stable=True))
    return [tf.gather(part, rows) for part in parts]


def _kept(boxes: Tensor, most: float, *, of_smaller: bool = False) -> Tensor:
    """Which boxes no better one overlaps.

    Args:
        boxes: Shape ``(n, 4)``, best first.
        most: Overlap that is allowed.
        of_smaller: As a share of the smaller of both, not of their union.
    """
    import tensorflow as tf

    left, top, right, bottom = tf.unstack(boxes, axis=1)
    area = (right - left) * (bottom - top)
    across = tf.minimum(right[:, None], right) - tf.maximum(left[:, None], left)
    down = tf.minimum(bottom[:, None], bottom) - tf.maximum(top[:, None], top)
    shared = tf.nn.relu(across) * tf.nn.relu(down)
    whole = tf.minimum(area[:, None], area) if of_smaller else area[:, None] + area - shared
    place = tf.range(tf.shape(boxes)[0])
    return ~tf.reduce_any((shared / whole > most) & (place[:, None] < place), 0)
