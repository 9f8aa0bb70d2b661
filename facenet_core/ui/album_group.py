"""One of the people of the album: their faces, their name, and who is not them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from facenet_core.album.records import AlbumFace, Group
from facenet_core.album.said import Kind
from facenet_core.errors import AlbumError, FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome
from facenet_core.ui import album_photo, album_samples, album_sections, album_tiles, audit, components, login, notices

SHOWN = "album_group"
"""The number of the group that is shown, with its faces, as a key of the session."""

PICKED = "album_faces_picked"
"""The numbers of the faces that are selected, as a key of the session."""

REPORT = "album_name_report"
"""What became of the photos of whoever was named, as a key of the session."""

PAGE = 48
"""Faces that are shown at once."""

UNKNOWN = "Unknown"

UNDONE: dict[Kind, str] = {
    "same": "a merge",
    "apart": "a split",
    "named": "a name",
    "sure": "that a group is one person",
    "differ": "that two groups are different people",
}


def opened() -> bool:
    """Whether one of the people is shown, in the place of the cards."""
    return SHOWN in st.session_state


def show(group: Group | None) -> None:
    """Shows one of the people, or the cards again; for the click on a button."""
    for key in (SHOWN, PICKED, REPORT):
        st.session_state.pop(key, None)
    if group is not None:
        st.session_state[SHOWN] = (group.number, group.faces)


def current(shared: FaceService, number: int, faces: Iterable[int]) -> Group:
    """The group that most of some faces are in now: of a group that was split the larger part keeps the number.

    Args:
        shared: The service.
        number: The number that it had.
        faces: Its faces.

    Raises:
        AlbumError: If there is none any more.
    """
    held = set(faces)
    try:
        group = shared.album.people.get(number)
    except AlbumError:
        group = None
    if group and 2 * len(held.intersection(group.faces)) > len(held):
        return group
    found = max(shared.album.people.all(1), key=lambda each: len(held.intersection(each.faces)), default=None)
    if found is None or not held.intersection(found.faces):
        raise AlbumError("These faces are no longer in the album.")
    return found


def called(group: Group) -> str:
    """What a group is called."""
    return group.name or UNKNOWN


def section(shared: FaceService) -> None:
    """The group that is shown."""
    st.button("All people", icon=":material/arrow_back:", type="tertiary", on_click=show, args=(None,))
    if not album_sections.ready(shared):
        return
    try:
        group = current(shared, *st.session_state[SHOWN])
    except AlbumError as error:
        show(None)
        components.show_error(error)
        return
    st.session_state[SHOWN] = (group.number, group.faces)
    st.subheader(components.plain(called(group)), anchor=False)
    st.caption(f"{components.count(len(group.faces), 'face')} on {components.count(group.photos, 'photo')}")
    manager = login.may("manage")
    if manager:
        _name(shared, group)
    picked = _picked(group)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Search for this person",
            icon=":material/person_search:",
            on_click=_search,
            args=(shared, group),
        )
        if manager:
            st.button(
                f"Not this person ({len(picked)})" if picked else "Not this person",
                icon=":material/person_remove:",
                disabled=not picked,
                help=None if picked else "Select the faces that are somebody else first.",
                on_click=_split,
                args=(shared, group, picked),
            )
            undo_button(shared)
    _faces(shared, group, picked if manager else None)


def undo_button(shared: FaceService, then: Callable[[FaceService, Kind], None] | None = None) -> None:
    """Takes back the last correction.

    Args:
        shared: The service.
        then: Is told what it was.
    """
    last = shared.album.people.last_said()
    st.button(
        "Undo the last correction",
        icon=":material/undo:",
        type="tertiary",
        disabled=last is None,
        help=f"Takes back {UNDONE[last]}." if last else "Nothing was corrected yet.",
        on_click=_undo,
        args=(shared, then),
    )


def _faces(shared: FaceService, group: Group, picked: set[int] | None) -> None:
    pages = -(-len(group.faces) // PAGE)
    slot = st.container()
    page = st.pagination(pages, key=f"album_group_page_{pages}") if pages > 1 else 1
    shown = shared.album.faces(group.faces[(page - 1) * PAGE : page * PAGE])
    with slot, st.grid("auto", min_column_width=130):
        for number, face in enumerate(shown, (page - 1) * PAGE + 1):
            with st.container(border=True, horizontal_alignment="center", gap="xxsmall"):
                album_tiles.face(shared, face, f"Face {number} of {called(group)}")
                if picked is not None:
                    album_tiles.select(picked, face.id, f"album_member_{face.id}")
                _photo(shared, face)


def _photo(shared: FaceService, face: AlbumFace) -> None:
    try:
        photo = shared.album.photo(face.photo)
    except AlbumError:
        st.caption("photo gone")
    else:
        album_photo.button(photo, f"member_{face.id}", (face.id,), "Photo")


def _name(shared: FaceService, group: Group) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name", group.name or "", placeholder="First and last name", key=f"album_called_{group.number}"
        )
        given = st.button("Save the name", icon=":material/badge:")
    st.caption("Whoever has a name is enrolled with their best photos: Verify and Recognise know them then.")
    if given:
        try:
            with st.spinner("Enrolling the best photos"):
                outcomes = shared.album.people.name(group.number, name)
            st.session_state[REPORT] = outcomes
            named = current(shared, group.number, group.faces)
            for outcome in outcomes:
                audit.enrolled(shared, outcome)
            audit.note(shared, "album_name", "named", named.person)
            notices.say(f"This is {name.strip()} now.")
        except FaceNetError as error:
            notices.say(str(error), error=True)
        st.rerun()
    report: tuple[EnrolOutcome, ...] | None = st.session_state.get(REPORT)
    if report is not None:
        if report:
            components.report(report)
        else:
            st.warning("The name is kept. No face is clear enough to be enrolled.", icon=":material/block:")


def _search(shared: FaceService, group: Group) -> None:
    try:
        album_samples.only(album_samples.A, album_samples.of_group(shared, group))
        album_sections.go(album_sections.SEARCH)
    except FaceNetError as error:
        notices.say(str(error), error=True)


def _split(shared: FaceService, group: Group, picked: set[int]) -> None:
    try:
        shared.album.people.split(group.number, sorted(picked))
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    st.session_state[SHOWN] = (group.number, tuple(face for face in group.faces if face not in picked))
    audit.note(shared, "album_split", "split", group.person)
    notices.say(f"{components.count(len(picked), 'face')} taken out: somebody else.")
    picked.clear()


def _undo(shared: FaceService, then: Callable[[FaceService, Kind], None] | None) -> None:
    try:
        kind = shared.album.people.undo()
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    if kind is None:
        notices.say("There is nothing to take back.")
        return
    audit.note(shared, "album_undo", kind)
    if then:
        then(shared, kind)
    notices.say(f"Taken back: {UNDONE[kind]}.")


def _picked(group: Group) -> set[int]:
    picked: set[int] = st.session_state.setdefault(PICKED, set())
    picked.intersection_update(group.faces)
    return picked
