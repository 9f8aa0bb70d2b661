"""What came of a click, said by the page's next run."""

from __future__ import annotations

import streamlit as st

from facenet_core.ui import components

SAID = "notice"
"""``error`` or ``done`` with a sentence, as a key of the session."""


def say(text: str, *, error: bool = False) -> None:
    """Has the next run say something, which may quote names."""
    st.session_state[SAID] = ("error" if error else "done", text)


def report() -> None:
    """Says it."""
    kind, text = st.session_state.pop(SAID, (None, ""))
    if kind == "error":
        components.show_error(text)
    elif kind:
        st.success(components.plain(text), icon=":material/check_circle:")
