"""The average face: where its landmarks lie in its box, and how it lies in a photo."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from facenet_core.types import Landmarks

MEAN_LANDMARKS = np.array([[0.274, 0.382], [0.726, 0.382], [0.5, 0.581], [0.299, 0.751], [0.701, 0.751]])
"""Where eyes, nose and mouth corners lie in the detector's box, as shares of its width and height.

The means of LFW View 1, made symmetric.
"""

MEAN_ASPECT = 1.348
"""Height of the detector's box by its width: the mean of LFW View 1."""


def five_points(landmarks: Landmarks) -> NDArray[np.float64]:
    """Landmarks as an array in the order of :data:`MEAN_LANDMARKS`, shape ``(5, 2)``."""
    return np.array(astuple(landmarks), np.float64)


def similarity(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """How the average face has to be turned, scaled and moved to lie on a face.

    Least squares without reflection (Umeyama, "Least-squares estimation of
    transformation parameters between two point patterns", 1991), in the closed
    form that complex numbers give in two dimensions.

    Args:
        landmarks: In pixels of the photo.

    Returns:
        A matrix M, shape ``(2, 2)``, and an offset o, shape ``(2,)``: the point p
        of the average face, whose box has width 1 and height :data:`MEAN_ASPECT`,
        is at M p + o in the photo. None if the points all coincide.
    """
    points = five_points(landmarks)
    if not np.isfinite(points).all():
        return None
    to, of = points @ (1, 1j), (MEAN_LANDMARKS * (1.0, MEAN_ASPECT)) @ (1, 1j)
    spread = of - of.mean()
    factor = np.vdot(spread, to - to.mean()) / np.vdot(spread, spread)
    if abs(factor) < 1e-9:
        return None
    shift = to.mean() - factor * of.mean()
    matrix = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return matrix, np.array([shift.real, shift.imag])
