"""Search: on which photos of the album somebody is, or two people are."""

from __future__ import annotations

import hashlib
from typing import Final

import streamlit as st

from facenet_core.album.records import Found
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Embedding
from facenet_core.ui import album_hits, album_samples, album_sections, audit, components
from facenet_core.ui.album_samples import A, B

BOTH, WITHOUT = "Both in one picture", "A without B"

MODE = "album_mode"
ANSWER = "album_found"
"""The last question with its answer, as a key of the session."""

NUMBERS = (
    "The distance is that of this face alone. **1 in 4,000** is about all faces of the album that are surely the same "
    "person, taken together: one of so many strangers would be as near. A face can be far away by itself, and yet "
    "be one of somebody whose other faces are near."
)
"""What is under each photo."""

SAID: Final = {
    "found": ":green[:material/check_circle: {}]",
    "absent": ":red[:material/person_off: {}]",
}


def section(shared: FaceService) -> None:
    """The question, and its answer."""
    if not album_sections.ready(shared):
        return
    two = bool(st.session_state.get(album_samples.TWO, False))
    album_samples.choose(shared, A, "Photos of person A" if two else "Photos of the person")
    two = st.toggle("Search for two people", key=album_samples.TWO, persist_state="page")
    mode = None
    if two:
        album_samples.choose(shared, B, "Photos of person B")
        mode = st.segmented_control(
            "Which photos?", [BOTH, WITHOUT], default=BOTH, required=True, key=MODE, persist_state="page"
        )
    people = [album_samples.of(shared, person) for person in ((A, B) if two else (A,))]
    if not all(people):
        missing = "of both people" if two else "of the person"
        st.caption(f"Give a photo {missing}: the album's photos of them appear here. Several photos find more.")
        return
    try:
        question, found = _found(shared, people, mode)
    except FaceNetError as error:
        components.show_error(error)
        return
    _answer(shared, question, found, mode)


def _found(shared: FaceService, people: list[list[Embedding]], mode: str | None) -> tuple[str, Found]:
    """Asks once for each question, however often the page runs."""
    asked = "\n".join(
        (
            album_samples.names(album_samples.tray(A)),
            album_samples.names(album_samples.tray(B)) if mode else "",
            str(mode),
            shared.engine.model_id.weights_sha256,
        )
    )
    question = hashlib.sha256(asked.encode()).hexdigest()[:16]
    state = (question, shared.album.revision())
    known: tuple[object, Found] | None = st.session_state.get(ANSWER)
    if known and known[0] == state:
        return question, known[1]
    if mode == WITHOUT:
        found = shared.album.search(people[:1], people[1:])
    else:
        found = shared.album.search(people)
    st.session_state[ANSWER] = (state, found)
    audit.searched(shared, question, found.verdict)
    return question, found


def _answer(shared: FaceService, question: str, found: Found, mode: str | None) -> None:
    st.subheader(SAID[found.verdict].format(sentence(found, mode)), anchor=False)
    album_sections.say_unseen(found.coverage)
    searched = f"{components.count(found.faces, 'face')} searched."
    if found.verdict == "absent":
        st.caption(
            f"{searched} Another photo may find more: sharp, well lit, the face turned to the camera.",
            help=NUMBERS if found.perhaps else None,
        )
        if not found.perhaps:
            return
    else:
        st.caption(
            f"{searched} Under each photo: its distance, and how rare among strangers the person's likeness is.",
            help=NUMBERS,
        )
    marked = (A, B) if mode == BOTH else (None,)
    album_hits.downloads(shared, question, found.hits or found.perhaps, found)
    if found.hits:
        album_hits.grid(shared, f"{question}_found", found.hits, marked, "matched")
    if found.perhaps:
        more = components.count(len(found.perhaps), "more photo" if found.hits else "photo")
        st.subheader(f":orange[:material/help: Perhaps in {more}]", anchor=False)
        st.caption("Look for yourself: some of these may be somebody else.")
        album_hits.grid(shared, f"{question}_perhaps", found.perhaps, marked, "unsure")


def sentence(found: Found, mode: str | None) -> str:
    """The answer in one sentence."""
    both = {BOTH: "both together ", WITHOUT: "A without B "}.get(mode or "", "")
    if found.verdict == "found":
        said = f"Found {both}in {components.count(len(found.hits), 'photo')}"
        return f"{said}, perhaps in {len(found.perhaps):,} more" if found.perhaps else said
    if mode == BOTH:
        return "The two are probably on no photo together"
    if mode == WITHOUT:
        return "Person A is probably on no photo without B"
    return "This person is probably not in this album"
