"""Enrolled faces as small pictures, and what carried a decision."""

from __future__ import annotations

import streamlit as st

from facenet_core.drawing import png
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Person, Template, Verification


@st.cache_resource(show_spinner=False)
def _crops() -> dict[str, bytes]:
    """PNG crops by template id, of templates that exist: see :func:`forget_removed`."""
    return {}


def enrolled_crop(shared: FaceService, template: Template) -> bytes:
    """The enrolled face as the model saw it, as a PNG file.

    Raises:
        StoreError: If the photo's file is missing or damaged.
    """
    crops = _crops()
    if template.id not in crops:
        crops[template.id] = png(shared.enrolled_crop(template))
    return crops[template.id]


def picture(shared: FaceService, template: Template, width: int, alt: str, caption: str | None = None) -> None:
    """The enrolled face, or a note in its place: a photo that is missing takes no answer away."""
    try:
        crop = enrolled_crop(shared, template)
    except FaceNetError:
        st.markdown(":material/broken_image: photo missing")
    else:
        st.image(crop, caption=caption, width=width, alt=alt)


def forget_removed(people: tuple[Person, ...]) -> None:
    """Drops the pictures of templates that are gone: erased means erased here too."""
    crops, kept = _crops(), {t.id for p in people for t in p.templates}
    for gone in [key for key in list(crops) if key not in kept]:
        crops.pop(gone, None)


def carried_by(found: Verification) -> str:
    """Which enrolled photo carried the comparison, and what the answer would be without it."""
    best = found.candidate
    text = f"Carried by photo {best.photo_number} of {len(best.person.templates)}"
    if best.distance < best.photo_distance:
        text += f" ({best.photo_distance:.2f}) and the mean of all {best.compared} ({best.distance:.2f})"
    if best.distance_without is None or found.outcome_without is None:
        return f"{text}."
    still = {"match": "a match", "inconclusive": "can't tell", "no_match": "no match"}[found.outcome_without]
    return f"{text}. Without that photo: {best.distance_without:.2f}, {still}."


def threshold_setting(shared: FaceService) -> float | None:
    """The 1:1 threshold, visible and explained, with a way to try another for this session.

    Returns:
        The session's own threshold, or None to use the stored or measured one.

    Raises:
        NoThresholdError: If none was measured for this model and none is set.
    """
    current = shared.verify_threshold()
    # A label that changes would close the expander under the slider.
    with st.expander("Threshold", icon=":material/tune:"):
        st.write(
            "Two photos match when their distance is at most the threshold. A smaller one lets fewer strangers in "
            "and sends more of the right people away."
        )
        st.caption(f"{current.distance:.2f} · {current.explanation}")
        if st.toggle("Try another threshold in this session", key="verify_try"):
            return float(st.slider("Threshold", 0.0, 2.0, round(current.distance, 2), 0.01, key="verify_own_threshold"))
        st.caption("To change it for everybody, use the Settings page.")
    return None
