"""The removal list: what was removed from the reverse index, and does not come back."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.reverse.records import Removal
from facenet_core.service import FaceService
from facenet_core.ui import audit, components, notices, reverse_links, reverse_memory

CONFIRM = "reverse_confirm"
"""The entry that is to be taken off, once that is confirmed, as a key of the session."""

PAGE = 10
"""Entries that are shown at once."""

ICONS = {"url": ":material/link_off:", "host": ":material/public_off:", "face": ":material/face_retouching_off:"}


def listed(shared: FaceService) -> None:
    """The list, for managers, at the foot of the page."""
    with st.expander("Removal list", icon=":material/block:"):
        entries = shared.reverse.removals()
        if not entries:
            st.caption("Empty. Pages and people that are removed stand here, and are not taken in again.")
            return
        st.caption(f"{len(entries):,} removed. What stands here is not taken in again.")
        pages = -(-len(entries) // PAGE)
        slot = st.container()
        page = st.pagination(pages, key="reverse_removed_page", persist_state="page") if pages > 1 else 1
        with slot:
            for entry in entries[(page - 1) * PAGE : page * PAGE]:
                _entry(shared, entry)


def _entry(shared: FaceService, entry: Removal) -> None:
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(gap="xxsmall", width="stretch"):
                st.markdown(f"{ICONS[entry.kind]} {_name(entry)}")
                noun = "face" if entry.kind == "face" else "picture"
                when = f"{entry.at.astimezone():%d %b %Y, %H:%M}".lstrip("0")
                st.caption(f"{when} · {components.count(entry.dropped, noun)} dropped")
            if st.session_state.get(CONFIRM) != entry.id:
                st.button(
                    "Take off",
                    key=f"reverse_off_{entry.id}",
                    icon=":material/undo:",
                    type="tertiary",
                    on_click=lambda: st.session_state.update({CONFIRM: entry.id}),
                )
        if st.session_state.get(CONFIRM) == entry.id:
            st.warning(
                "Forget this removal? The next crawl may take it in again. What was dropped does not come back by "
                "itself.",
                icon=":material/warning:",
            )
            with st.container(horizontal=True):
                st.button("Yes, take off", type="primary", on_click=_taken_off, args=(shared, entry))
                st.button("Keep", on_click=lambda: st.session_state.pop(CONFIRM, None))


def _name(entry: Removal) -> str:
    if entry.kind == "face":
        return f"**A person** (entry {entry.id})"
    url = entry.url or ""
    return f"**{components.plain(url if reverse_links.web(url) else url.rsplit('/', 1)[-1])}**"


def _taken_off(shared: FaceService, entry: Removal) -> None:
    st.session_state.pop(CONFIRM, None)
    try:
        shared.reverse.take_off(entry.id)
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    audit.note(shared, "reverse_take_off", {"face": "person", "url": "page"}.get(entry.kind, entry.kind))
    reverse_memory.forget()
    notices.say("It is off the removal list. The next crawl may take it in again.")
