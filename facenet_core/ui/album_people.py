"""The people of the album as cards: faces that were grouped, named and corrected."""

from __future__ import annotations

import streamlit as st

from facenet_core.album.records import Group
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.ui import (
    album_group,
    album_questions,
    album_sections,
    album_tiles,
    audit,
    components,
    login,
    notices,
)

PAGE = 24
"""People that are shown at once."""

PICKED = "album_people_picked"
"""The numbers of the groups that are selected, as a key of the session."""


def section(shared: FaceService) -> None:
    """Cards of people, and what can be said of them."""
    if not album_sections.ready(shared):
        return
    manager = login.may("manage")
    with st.skeleton(height=120):
        groups, waiting = shared.album.people.all(), shared.album.people.ungrouped()
    album_sections.say_unseen(shared.album.coverage())
    picked = _picked(groups)
    if waiting and manager:
        _to_group(shared, waiting)
    elif not groups:
        st.info("The faces of the album are not grouped yet." if waiting else "Nobody is on two photos or more.")
    if not groups:
        return
    named = sum(group.name is not None for group in groups)
    clear, blurred = _parted(shared, groups)
    st.caption(f"{components.count(len(clear), 'person')} on two photos or more, {named:,} named")
    if manager:
        _corrections(shared, groups, picked)
    if blurred and st.toggle(
        f"Show {components.count(len(blurred), 'group')} of blurred or tiny faces too",
        key="album_blurred",
        persist_state="page",
    ):
        clear += blurred
    groups = clear
    pages = max(-(-len(groups) // PAGE), 1)
    slot = st.container()
    page = st.pagination(pages, key=f"album_people_{pages}", persist_state="page") if pages > 1 else 1
    shown = groups[(page - 1) * PAGE : page * PAGE]
    best = {face.id: face for face in shared.album.faces(group.faces[0] for group in shown)}
    with slot, st.grid("auto", min_column_width=150):
        for place, group in enumerate(shown, (page - 1) * PAGE + 1):
            alt = f"Person {place}: the best face of {album_group.called(group)}"
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                album_tiles.face(shared, best.get(group.faces[0]), alt)
                _card(group, picked, manager)


def _parted(shared: FaceService, groups: tuple[Group, ...]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Those that have a name or a face that can be made out, and the others: people in the background, mostly."""
    clear = {face.id for face in shared.album.faces(group.faces[0] for group in groups) if face.clear}
    shown = tuple(group for group in groups if group.name or group.faces[0] in clear)
    return shown, tuple(group for group in groups if not group.name and group.faces[0] not in clear)


def _card(group: Group, picked: set[int], manager: bool) -> None:
    name = f"**{components.plain(group.name)}**" if group.name else f":gray[{album_group.UNKNOWN}]"
    st.markdown(name, text_alignment="center")
    st.caption(components.count(group.photos, "photo"), text_alignment="center")
    st.button(
        "Open",
        key=f"album_group_{group.number}",
        icon=":material/face:",
        width="stretch",
        on_click=album_group.show,
        args=(group,),
    )
    if manager:
        album_tiles.select(picked, group.number, f"album_person_{group.number}")


def _to_group(shared: FaceService, waiting: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        begun = st.button("Group the faces", type="primary", icon=":material/group_work:")
        st.caption(f"{components.count(waiting, 'face')} not grouped yet", width="content")
    if begun:
        try:
            with st.spinner("Grouping the faces", show_time=True):
                shared.album.people.group()
            audit.note(shared, "album_group", "grouped")
        except FaceNetError as error:
            notices.say(str(error), error=True)
        st.rerun()


def _corrections(shared: FaceService, groups: tuple[Group, ...], picked: set[int]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"These {len(picked)} are one person" if len(picked) > 1 else "These are one person",
            icon=":material/join:",
            disabled=len(picked) < 2,
            help="Select the cards of one person first." if len(picked) < 2 else None,
            on_click=_merge,
            args=(shared, picked),
        )
        album_questions.button(shared)
        album_group.undo_button(shared)
        with st.popover("Group again", icon=":material/refresh:"):
            st.write(
                "Looks at all faces anew. What you have said holds: names, who is one person, and who is not. "
                "Groups that nobody has said anything about may change."
            )
            again = st.button("Group all faces again", icon=":material/group_work:")
    if again:
        try:
            with st.spinner("Grouping all faces", show_time=True):
                shared.album.people.group(anew=True)
            audit.note(shared, "album_group", "regrouped")
            notices.say("All faces were grouped again.")
        except FaceNetError as error:
            notices.say(str(error), error=True)
        st.rerun()


def _merge(shared: FaceService, picked: set[int]) -> None:
    try:
        shared.album.people.merge(sorted(picked))
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    audit.note(shared, "album_merge", "merged")
    notices.say(f"{len(picked)} groups are one person now.")
    picked.clear()


def _picked(groups: tuple[Group, ...]) -> set[int]:
    """The selection, without groups that are no longer there."""
    picked: set[int] = st.session_state.setdefault(PICKED, set())
    picked.intersection_update(group.number for group in groups)
    return picked
