"""Is this photo of a face good enough to recognise somebody by? Pure numpy and Pillow.

Each measure is a capture-related component of ISO/IEC 29794-5 in a form that
needs no further network. Each limit is set from data: it warns where the false
non-match rate of degraded photos has doubled, and refuses where it has reached
five times that of the photos as they were. ``benchmarks/quality.py`` measures
it; ``docs/accuracy.md`` shows it, with what was dropped because it did not tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facenet_core.face_shape import MEAN_ASPECT, MEAN_LANDMARKS, five_points
from facenet_core.types import Detection, Flaw, Landmarks, Quality

SHARPNESS_SIDE = 64
"""Faces are brought to this many pixels before their sharpness is measured, so that a large face and its reduction
count the same; a smaller one is less sharp, as it is to the network."""

SMALL = (32.0, 0.0)
"""Shorter side of the box in pixels. FNMR doubles at about 30; it is five times as high at 19, which the setting has
refused already. As of all these limits, the first one warns and the second one refuses."""

BLURRED = (0.07, 0.02)
"""Sharpness. A Gaussian of 2 % of the face's width brings it to about 0.03, one of 4 % to 0.01."""

DARK = (45.0, 20.0)
"""Median grey, 0 to 255."""

BRIGHT = (190.0, 240.0)
"""Median grey, 0 to 255. Refuses a little before FNMR is five times as high: the detector begins to miss such faces."""

TURNED = (1.0, 1.3)
"""Yaw to either side: the nose lies beyond an eye. Measured on web photos, because LFW's faces are hardly turned."""

TILTED = (30.0, 45.0)
"""Roll in degrees to either side. At 45 one face in ten is not even found."""

CUT_OFF = (0.88, 0.74)
"""Share of the face inside the photo."""


def assess(pixels: NDArray[np.uint8], detection: Detection) -> Quality:
    """Measures one face of a photo.

    Args:
        pixels: The photo, shape ``(height, width, 3)``, RGB, uint8.
        detection: The face; a box beyond the photo's edges is cut there.
    """
    height, width = pixels.shape[:2]
    box = detection.box
    left, top = min(max(int(box.left), 0), width - 1), min(max(int(box.top), 0), height - 1)
    right, bottom = max(min(math.ceil(box.right), width), left + 1), max(min(math.ceil(box.bottom), height), top + 1)
    grey = Image.fromarray(pixels[top:bottom, left:right]).convert("L")
    return Quality(
        face_px=min(box.width, box.height),
        sharpness=sharpness(grey),
        brightness=float(np.median(np.asarray(grey))),
        yaw=yaw(detection.landmarks),
        roll=roll(detection.landmarks),
        visible=visible(detection, width, height),
        confidence=detection.confidence,
    )


def sharpness(grey: Image.Image) -> float:
    """How much of a face's contrast is fine detail.

    The variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", 2000), of the face at one size and divided by the
    variance of its grey, so that neither size nor contrast counts.

    Args:
        grey: The face, mode ``L``.

    Returns:
        0 for a face of one grey; LFW's are around 0.1.
    """
    face = np.asarray(grey.resize((SHARPNESS_SIDE, SHARPNESS_SIDE), Image.Resampling.BILINEAR), np.float64)
    spread = float(face.var())
    if spread == 0.0:
        return 0.0
    inside = face[1:-1, 1:-1]
    laplacian = face[:-2, 1:-1] + face[2:, 1:-1] + face[1:-1, :-2] + face[1:-1, 2:] - 4.0 * inside
    return float(laplacian.var()) / spread


def yaw(landmarks: Landmarks) -> float:
    """How far a face is turned to the side, from where its nose lies between its eyes.

    The nose is projected on the line through the eyes, so that a tilted head
    does not count as turned. A measure of asymmetry, not an angle: the angle
    would need the shape of this very face, and the two are only proportional
    while both eyes are seen.

    Args:
        landmarks: The five points.

    Returns:
        0 in the middle of the eyes, 1 over the right one of the picture, -1
        over the left one; 0 where the eyes coincide.
    """
    eyes = np.subtract(landmarks.right_eye, landmarks.left_eye)
    apart = float(eyes @ eyes)
    if apart == 0.0:
        return 0.0
    return 2.0 * float(np.subtract(landmarks.nose, landmarks.left_eye) @ eyes) / apart - 1.0


def roll(landmarks: Landmarks) -> float:
    """How far a head is tilted to the shoulder: the angle of the line through the eyes.

    Args:
        landmarks: The five points.

    Returns:
        Degrees, -180 to 180; positive if the line falls to the right of the picture.
    """
    x, y = np.subtract(landmarks.right_eye, landmarks.left_eye)
    return math.degrees(math.atan2(y, x))


def visible(detection: Detection, width: int, height: int) -> float:
    """How much of a face lies inside its photo.

    The detector's box ends at the photo's edge, so the whole face is put where
    its landmarks say: the mean proportions of a face, moved and scaled onto
    them by least squares.

    Args:
        detection: The face.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.

    Returns:
        Share of its area, 0 to 1; 1 where the landmarks are those of no upright face.
    """
    found = five_points(detection.landmarks)
    mean = MEAN_LANDMARKS * (1.0, MEAN_ASPECT)
    centred = mean - mean.mean(axis=0)
    scale = float((centred * (found - found.mean(axis=0))).sum() / (centred * centred).sum())
    if scale < 1.0:  # pixels: no face, or one that lies on its side
        return 1.0
    start = found.mean(axis=0) - scale * mean.mean(axis=0)
    end = start + scale * np.array([1.0, MEAN_ASPECT])
    inside = np.clip(np.minimum(end, (width, height)) - np.maximum(start, 0.0), 0.0, None)
    return float(inside.prod() / (end - start).prod())


def flaws(quality: Quality) -> tuple[Flaw, ...]:
    """What speaks against enrolling a face, worst first.

    How many pixels a face needs at the least is a setting and not judged here:
    see :func:`facenet_core.enrolment.new_template`.

    Args:
        quality: Its measures.
    """
    found = [
        _below(
            "small",
            quality.face_px,
            SMALL,
            f"small, {int(quality.face_px)} pixels wide",
            "Use a larger or closer photo.",
        ),
        _below(
            "blurred", quality.sharpness, BLURRED, "blurred", "Hold the camera still, or take the photo in more light."
        ),
        _below("dark", quality.brightness, DARK, "dark", "Use a photo with more light on the face."),
        _above("bright", quality.brightness, BRIGHT, "overexposed", "Use a photo with less light on the face."),
        _above("turned", abs(quality.yaw), TURNED, "turned to the side", "Use a photo that looks into the camera."),
        _above("tilted", abs(quality.roll), TILTED, "tilted", "Hold the head upright, or turn the photo."),
        _below("cut_off", quality.visible, CUT_OFF, "cut off at the photo's edge", "Use a photo with all of the face."),
    ]
    return tuple(sorted(filter(None, found), key=lambda flaw: flaw.severity != "refuse"))


def described(found: Sequence[Flaw]) -> str:
    """Flaws as sentences that follow a photo's name.

    Args:
        found: At least one.
    """
    first, *others = (f"{flaw.message} {flaw.advice}" for flaw in found)
    return " ".join([first, *(sentence[:1].upper() + sentence[1:] for sentence in others)])


def _below(code: str, value: float, limits: tuple[float, float], what: str, advice: str) -> Flaw | None:
    warn, refuse = limits
    if value < refuse:
        return Flaw(code, "refuse", f"the face is {what}.", advice)
    return Flaw(code, "warn", f"the face is a little {what}.", advice) if value < warn else None


def _above(code: str, value: float, limits: tuple[float, float], what: str, advice: str) -> Flaw | None:
    warn, refuse = limits
    return _below(code, -value, (-warn, -refuse), what, advice)
