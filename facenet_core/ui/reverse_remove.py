"""Taking a page or a person out of the reverse index, for good."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.reverse.records import Hit
from facenet_core.service import FaceService
from facenet_core.ui import audit, components, notices, reverse_links, reverse_memory, reverse_pictures

OPENED = "reverse_opened"
"""The face whose removal was asked for just now, as a key of the session."""

WIDTH = 96
"""Pixels of the picture."""

PAGE, PERSON = "This page", "This person"


def button(hit: Hit) -> None:
    """Asks what is to be removed."""
    st.button(
        "Remove",
        key=f"reverse_remove_{hit.face}",
        icon=":material/delete:",
        type="tertiary",
        on_click=lambda: st.session_state.update({OPENED: hit}),
    )


def opened() -> Hit | None:
    """The face whose removal was asked for just now."""
    found: Hit | None = st.session_state.pop(OPENED, None)
    return found


@st.dialog("Remove from the index", on_dismiss="rerun")
def dialog(shared: FaceService, hit: Hit) -> None:
    """Says what goes and what is kept, before it happens."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        reverse_pictures.boxed(shared, hit, "The face on this picture", WIDTH)
        what = st.radio("What is to go?", [PAGE, PERSON], key=f"reverse_what_{hit.face}", width="stretch")
    try:
        if what == PAGE:
            _page(shared, hit)
        else:
            _person(shared, hit)
    except FaceNetError as error:
        components.show_error(error)


def _page(shared: FaceService, hit: Hit) -> None:
    pages = {page.page_url: page for page in hit.pages}
    url = next(iter(pages))
    if len(pages) > 1:
        url = st.selectbox(
            f"Which of the {len(pages)} pages that show this picture?",
            list(pages),
            format_func=lambda each: f"{reverse_links.title(pages[each])} ({reverse_links.source(pages[each].source)})",
            key=f"reverse_which_{hit.face}",
        )
    st.markdown(f"{reverse_links.linked(url, url)}  \n{reverse_links.credit(pages[url])}")
    st.markdown(
        "- **What goes**, at once: the page with every picture on it, and faces that no other page shows.\n"
        "- **What is kept**: its address on the removal list, so that it is not taken in again."
    )
    if len(pages) > 1:
        st.caption("Copies on other pages stay. To be rid of them all, remove the person.")
    if st.button("Remove this page", type="primary", icon=":material/delete:"):
        _done(shared, "page", lambda: _told(shared.reverse.remove_url(url), "picture", "The page is gone"))


def _person(shared: FaceService, hit: Hit) -> None:
    faces = shared.reverse.alike(hit)
    st.markdown(
        f"- **What goes**, at once: **{components.count(faces, 'face')}**, copies included: all that are so similar to "
        "this one that they are probably the same person's, so perhaps somebody else's too. Their places on thumbnails "
        "are blanked; other people on the same pictures stay.\n"
        "- **What is kept**, on the removal list: a small picture of this face, and what the model makes of it. "
        "Without them nobody would know whom not to take in again."
    )
    if st.button("Remove this person", type="primary", icon=":material/delete:"):
        _done(shared, "person", lambda: _told(shared.reverse.remove_hit(hit), "face", "This person is gone"))


def _done(shared: FaceService, what: str, remove: Callable[[], str]) -> None:
    said = remove()
    audit.note(shared, "reverse_remove", what)
    reverse_memory.forget()
    notices.say(said)
    st.rerun()


def _told(dropped: int, noun: str, gone: str) -> str:
    return f"{gone}, with {components.count(dropped, noun)}, and won't be taken in again."
