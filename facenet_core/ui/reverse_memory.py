"""What the reverse index said a moment ago: a page runs often, and what it asks costs more the larger the index is."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

from facenet_core.service import FaceService

T = TypeVar("T")

SAID = "reverse_memory"
"""Answers by question, with when they were given, as a key of the session."""

FRESH = 60.0
"""Seconds for which an answer is good: what other sessions and processes take in or remove shows that late at most."""


def recalled(shared: FaceService, question: Hashable, ask: Callable[[], T]) -> T:
    """The answer to a question, asked again when it is not fresh any more, or of another model.

    Args:
        shared: The service.
        question: What tells it from others.
        ask: Asks it.
    """
    said: dict[Hashable, tuple[float, Any]] = st.session_state.setdefault(SAID, {})
    now = time.monotonic()
    for old in [key for key, (at, _) in said.items() if now - at >= FRESH]:
        del said[old]
    key = question, shared.engine.model_id
    if key not in said:
        said[key] = now, ask()
    answer: T = said[key][1]
    return answer


def forget() -> None:
    """Has everything asked again: something was removed."""
    st.session_state.pop(SAID, None)
