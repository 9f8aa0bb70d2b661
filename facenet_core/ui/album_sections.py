"""The sections of the Album page: which one is shown, and what there is to say above it."""

from __future__ import annotations

import streamlit as st

from facenet_core.album.records import Coverage
from facenet_core.service import FaceService

SEARCH, PEOPLE, PHOTOS, FOLDERS = "Search", "People", "Photos", "Folders"
ICONS = {
    SEARCH: ":material/person_search:",
    PEOPLE: ":material/groups:",
    PHOTOS: ":material/photo_library:",
    FOLDERS: ":material/folder:",
}

SHOWN = "album_section"
"""The section that is shown, as a key of the session."""


def chosen(shared: FaceService) -> str:
    """The section that is shown: the folders while there is nothing else to see."""
    # As state, not as a default: Streamlit takes one of the two, and buttons elsewhere set it.
    st.session_state.setdefault(SHOWN, SEARCH if shared.album.counts()["photos"] else FOLDERS)
    found = st.segmented_control(
        "Section",
        list(ICONS),
        required=True,
        format_func=lambda section: f"{ICONS[section]} {section}",
        key=SHOWN,
        label_visibility="collapsed",
        persist_state="session",
    )
    return found or SEARCH  # there is always one: it is required


def go(section: str) -> None:
    """Shows a section from the next run on; for the click on a button."""
    st.session_state[SHOWN] = section


def ready(shared: FaceService) -> bool:
    """Whether the album has photos and the model is there; says what to do first if not."""
    if not shared.album.counts()["photos"]:
        st.info("There are no photos here yet. Add a folder, and have it indexed.", icon=":material/create_new_folder:")
        st.button("Go to Folders", icon=ICONS[FOLDERS], on_click=go, args=(FOLDERS,))
        return False
    if shared.state.status in ("idle", "loading"):
        st.progress(0.0, "Waiting for the model")
        return False
    return True


def say_unseen(coverage: Coverage) -> None:
    """Says how many photos the model has not looked at, if there are any."""
    if coverage.sentence:
        st.warning(coverage.sentence, icon=":material/visibility_off:")
