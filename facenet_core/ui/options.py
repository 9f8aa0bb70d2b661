"""The Settings page's thresholds."""

from __future__ import annotations

import streamlit as st

from facenet_core import wording
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Threshold
from facenet_core.ui import audit, components

MEASURED, FIXED = "measured", "fixed"
DEFAULT_FIXED = 1.0


def thresholds(shared: FaceService) -> None:
    """Shows both thresholds with their reasons, and lets the user fix them."""
    verify, identify = shared.verify_threshold(), shared.identify_threshold()
    one, many = st.columns(2)
    with one.container(border=True):
        own_verify = _threshold("Verify (1:1)", verify, "verify", shared.settings.threshold is not None)
    with many.container(border=True):
        own_identify = _threshold(
            "Recognise (1:N)", identify, "identify", shared.settings.identify_threshold is not None
        )
    targets = shared.targets
    st.caption(
        f"Measured thresholds aim at {wording.one_in(targets.fmr)} strangers who are let in, and at "
        f"{wording.one_in(targets.fpir)} searches for a stranger that name somebody."
    )
    st.page_link("pages/accuracy.py", label="Stricter or more lenient: Accuracy", icon=":material/query_stats:")
    _save(shared, own_verify, own_identify)


def fixed_only(shared: FaceService) -> None:
    """For a model without measured thresholds: fixed ones."""
    one, many = st.columns(2)
    with one:
        verify = _fixed(shared, "Verify (1:1)", "verify", shared.settings.threshold)
    with many:
        identify = _fixed(shared, "Recognise (1:N)", "identify", shared.settings.identify_threshold)
    _save(shared, verify, identify)


def _threshold(title: str, current: Threshold, key: str, by_environment: bool) -> float | None:
    st.markdown(f"**{title}**: {current.distance:.2f}")
    st.caption(current.explanation)
    if by_environment:
        st.caption("Set in the environment.")
        return None
    kind = st.segmented_control(
        "Kind",
        [MEASURED, FIXED],
        default=FIXED if current.origin == "fixed" else MEASURED,
        required=True,
        format_func=str.capitalize,
        key=f"{key}_kind",
        label_visibility="collapsed",
    )
    if kind == MEASURED:
        return None
    return float(st.number_input("Distance", 0.0, 2.0, round(current.distance, 2), 0.01, key=f"{key}_fixed"))


def _fixed(shared: FaceService, title: str, key: str, by_environment: float | None) -> float | None:
    if by_environment is not None:
        st.markdown(f"**{title}**: {by_environment:.2f}")
        st.caption("Set in the environment.")
        return None
    stored = shared.stored_settings().get(f"{key}_threshold")
    return float(
        st.number_input(title, 0.0, 2.0, DEFAULT_FIXED if stored is None else stored, 0.01, key=f"fixed_{key}")
    )


def _save(shared: FaceService, verify: float | None, identify: float | None) -> None:
    # Not before running again: a toast of a run that ends so is never seen.
    if st.session_state.pop("settings_saved", False):
        st.toast("Saved.", icon=":material/check:")
    if st.button("Save", type="primary", icon=":material/save:"):
        try:
            shared.set_thresholds(verify=verify, identify=identify)
            audit.note(shared, "set", "thresholds")
        except FaceNetError as error:
            components.show_error(error)
        else:
            st.session_state.settings_saved = True
            st.rerun()
