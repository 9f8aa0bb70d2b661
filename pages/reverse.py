"""Reverse search: which public, licensed pages show somebody who looks like this?"""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import (
    components,
    login,
    notices,
    reverse_off,
    reverse_remove,
    reverse_removed,
    reverse_search,
    session,
)

service = session.guard("pages/reverse.py", dialogs=True)

st.title("Reverse search", anchor=False)
st.caption("Finds public, licensed pages that show somebody who looks like this.")
seen = session.shown_state(service)
manager = login.may("manage")

if not service.settings.reverse:
    reverse_off.explained(service.settings)
else:
    # Containers of their own: what moves on a page closes, and loses what was typed in it.
    with st.container():
        notices.report()
    try:
        with st.container():
            reverse_search.section(service)
        if manager and service.state.status == "ready":
            reverse_removed.listed(service)
    except FaceNetError as error:
        components.show_error(error)

if manager and (hit := reverse_remove.opened()):
    reverse_remove.dialog(service, hit)
elif service.state.status != "ready":
    # No longer: running the page again would close what is open on it, and who is enrolled matters little here.
    session.follow(service, seen)
