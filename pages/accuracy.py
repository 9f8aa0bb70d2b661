"""Accuracy: how far the answers can be trusted, by the enrolled people themselves."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import accuracy, components, session

service = session.guard("pages/accuracy.py")

st.title("Accuracy", anchor=False)
st.caption("How far the answers can be trusted, and what your own people say about it.")

session.outdated_notice(service)
slot = st.container()
try:
    with slot.skeleton():
        found = service.survey()
except FaceNetError as error:
    components.show_error(error)
    st.stop()

st.subheader("How sure are the answers?", anchor=False)
try:
    accuracy.operating_point(service)
except FaceNetError as error:
    components.show_error(error)

st.subheader("Your people", anchor=False)
if not found.people:
    st.info("Nobody is enrolled yet. Add the first person on the Manage page.", icon=":material/group_add:")
    st.page_link("pages/manage.py", label="Go to Manage", icon=":material/groups:")
    st.stop()
try:
    accuracy.own_people(service, found)
except FaceNetError as error:
    components.show_error(error)

st.subheader("Worth a look", anchor=False)
accuracy.worth_a_look(service, found)
