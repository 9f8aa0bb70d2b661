"""Manage: enrol people, look after them, move them to another machine."""

from __future__ import annotations

import streamlit as st

from facenet_core.ui import adding, components, faces, login, moving, people, session

service = session.guard("pages/manage.py", dialogs=True)

st.title("Manage", anchor=False)
seen = session.shown_state(service)
everybody = service.people()
faces.forget_removed(everybody)
manager = login.may("manage")

with st.container(horizontal=True):
    add = st.button("Add a person", type="primary", icon=":material/person_add:")
    folder = st.button("Add a folder", icon=":material/create_new_folder:")
    export = manager and st.button("Export", icon=":material/download:")
    bring = manager and st.button("Import", icon=":material/upload:")

session.outdated_notice(service)

opened = None
if not manager:
    st.caption("You may add people and photos. To see and change who is enrolled takes the role manage.")
elif everybody:
    photos = sum(len(p.templates) for p in everybody)
    sought = st.text_input("Search", placeholder="Search by name", label_visibility="collapsed", key="manage_search")
    found = tuple(p for p in everybody if sought.casefold().strip() in p.name.casefold())
    st.caption(f"{components.count(len(everybody), 'person')}, {components.count(photos, 'photo')}")
    if found:
        opened = people.gallery(service, found)
    else:
        st.caption(f"Nobody is called {components.plain(sought)}.")
else:
    st.info(
        "Nobody is enrolled yet. Add a person with one or several photos, or a whole folder of them.",
        icon=":material/group_add:",
    )

if add:
    adding.forget_reports()
    adding.add_person(service)
elif folder:
    adding.forget_reports()
    adding.add_folder(service)
elif export:
    moving.export(service)
elif bring:
    st.session_state.pop("import_done", None)
    moving.import_people(service)
elif "add_for" in st.session_state:
    adding.forget_reports()
    adding.add_person(service, st.session_state.pop("add_for"))
elif opened:
    people.details(service, opened)
else:
    # Not beside a dialog: running the page again would close it.
    session.follow(service, seen)
