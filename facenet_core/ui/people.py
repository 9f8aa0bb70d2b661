"""The gallery of enrolled people, and the dialog of one person."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError, UnknownPersonError
from facenet_core.service import FaceService
from facenet_core.types import Person
from facenet_core.ui import audit, components, faces

PAGE = 24
"""People on one page of the gallery."""


def gallery(shared: FaceService, people: tuple[Person, ...]) -> str | None:
    """Cards of people, page by page.

    Returns:
        The id of the person whose card was opened just now.
    """
    pages = max(1, -(-len(people) // PAGE))
    slot = st.container()
    page = st.pagination(pages, key="manage_page") if pages > 1 else 1
    with slot, st.grid("auto", min_column_width=150):
        opened = [p.id for p in people[(page - 1) * PAGE : page * PAGE] if _card(shared, p)]
    return opened[0] if opened else None


def _card(shared: FaceService, person: Person) -> bool:
    with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
        faces.picture(shared, person.templates[0], 120, f"Photo 1 of {person.name}")
        st.markdown(f"**{components.plain(person.name)}**", text_alignment="center")
        photos = components.count(len(person.templates), "photo")
        st.caption(f"{photos} · {person.created_at.day} {person.created_at:%b %Y}", text_alignment="center")
        return st.button("Open", key=f"open_{person.id}", icon=":material/edit:", width="stretch", on_click=_forget)


def _forget() -> None:
    """What the dialog said about the person before."""
    st.session_state.pop("person_error", None)
    st.session_state.pop("person_confirm", None)


@st.dialog("Person", width="medium", on_dismiss="rerun")
def details(shared: FaceService, person_id: str) -> None:
    """One person: photos, name, removal."""
    try:
        person = shared.repository.person(person_id)
    except UnknownPersonError:
        st.success("Removed, with all photos and templates.", icon=":material/check_circle:")
        return
    except FaceNetError as error:
        components.show_error(error)
        return
    st.subheader(components.plain(person.name), anchor=False)
    if "person_error" in st.session_state:
        components.show_error(st.session_state.pop("person_error"))
    _photos(shared, person)
    if st.button("Add photos", icon=":material/add_a_photo:"):
        st.session_state.add_for = person.name
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", person.name, key=f"name_{person.id}")
        st.button("Rename", icon=":material/edit:", on_click=_rename, args=(shared, person))
    if st.session_state.get("person_confirm") == person.id:
        photos = components.count(len(person.templates), "photo")
        st.warning(
            f"Remove {components.plain(person.name)} and {photos}? This can't be undone.", icon=":material/warning:"
        )
        with st.container(horizontal=True):
            st.button("Yes, remove", type="primary", on_click=_remove, args=(shared, person), icon=":material/delete:")
            st.button("Keep", on_click=lambda: st.session_state.pop("person_confirm", None))
    else:
        st.button(
            "Remove this person",
            icon=":material/delete:",
            on_click=lambda: st.session_state.update(person_confirm=person.id),
        )


def _photos(shared: FaceService, person: Person) -> None:
    with st.grid("auto", min_column_width=130):
        for number, template in enumerate(person.templates, 1):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                faces.picture(shared, template, 110, f"Photo {number} of {person.name}")
                st.caption(components.plain(template.source_name), text_alignment="center")
                st.button(
                    "Remove",
                    key=f"remove_{template.id}",
                    icon=":material/delete:",
                    disabled=len(person.templates) == 1,
                    help="The only photo goes with the person." if len(person.templates) == 1 else None,
                    on_click=_remove_photo,
                    args=(shared, person, template.id),
                    width="stretch",
                )


def _rename(shared: FaceService, person: Person) -> None:
    try:
        shared.repository.rename(person.id, st.session_state[f"name_{person.id}"])
        audit.note(shared, "rename", "renamed", person.id)
    except FaceNetError as error:
        st.session_state.person_error = str(error)


def _remove(shared: FaceService, person: Person) -> None:
    try:
        shared.repository.remove_person(person.id)
        audit.note(shared, "remove", "removed", person.id)
    except FaceNetError as error:
        st.session_state.person_error = str(error)
    st.session_state.pop("person_confirm", None)


def _remove_photo(shared: FaceService, person: Person, template_id: str) -> None:
    try:
        shared.repository.remove_template(person.id, template_id)
        audit.note(shared, "remove_photo", "removed", person.id)
    except FaceNetError as error:
        st.session_state.person_error = str(error)
