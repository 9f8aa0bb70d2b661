"""Recognises photos on a page: answers as they come, how far it is, and a way to stop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.ui import audit, components, photos, results
from facenet_core.ui.inputs import Given


def recognise(
    shared: FaceService, given: Sequence[Given], refused: DeltaGenerator, cards: DeltaGenerator, page: int
) -> tuple[list[results.Answer], int]:
    """Looks at photos one after another.

    Args:
        shared: The service.
        given: The photos.
        refused: Where it is said which of them can't be used.
        cards: Where the answers of the page are shown.
        page: Which page of the answers, from 0.

    Returns:
        The answers, and how many photos could not be used. Fewer than were given
        if the user has stopped it.

    Raises:
        FaceNetError: If there is no model, threshold or database.
    """
    if shared.state.status in ("idle", "loading"):
        # The page runs again when the model is there. A run that waits for it would keep the line above from counting.
        st.progress(0.0, "Waiting for the model")
        st.stop()
    answers: list[results.Answer] = []
    errors, began, stopped, shown = 0, time.monotonic(), photos.stopped(given), results.on_page(page)
    progress = st.empty()
    with progress.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, f"0 of {components.count(len(given), 'photo')}")
        if len(given) > 1 and not stopped:
            st.button("Stop", icon=":material/stop_circle:", on_click=photos.stop, args=(given,))
    try:
        with closing(photos.analyse(shared, given, known_only=stopped)) as coming:
            for found in coming:
                if isinstance(found, FaceNetError):
                    errors += 1
                    with refused:
                        components.show_error(found)
                else:
                    answers.append(results.Answer(found, shared.identify(found.found)))
                    audit.identified(shared, found.found.photo.sha256, answers[-1].identifications)
                    if len(answers) - 1 in shown:
                        with cards:
                            results.show(shared, answers[-1])
                done = len(answers) + errors
                rate = done / max(time.monotonic() - began, 1e-3)
                said = f"{done:,} of {components.count(len(given), 'photo')}, {rate:.1f} a second"
                bar.progress(done / len(given), said)
    finally:
        progress.empty()
    return answers, errors
