"""Recognise (1:N): who is on these photos?"""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import components, inputs, photos, recognition, results, session

service = session.guard("pages/recognize.py")

st.title("Recognise", anchor=False)
st.caption("Finds every face in one photo or many and names the closest enrolled person, or nobody.")

with st.container():  # there even when it is empty: what moves on the page loses the photos dropped on it
    session.outdated_notice(service)
given = inputs.photos(service, "recognize", "Photos")
if not given:
    st.caption(f"Drop photos; the answers appear here. {components.count(len(service.people()), 'person')} enrolled.")
    st.stop()

# What is above the answers is known last, and has its place first.
refused, working, summary, cards = (st.container() for _ in range(4))
page = results.page_of(len(given))
try:
    with working:
        answers, errors = recognition.recognise(service, given, refused, cards, page)
except FaceNetError as error:
    components.show_error(error)
    st.stop()

with summary:
    total = sum(len(a.identifications) for a in answers)
    seconds = sum(a.slim.found.seconds for a in answers)
    named = sum(i.matched for a in answers for i in a.identifications)
    counted = f"{components.count(len(answers), 'photo')}, {components.count(total, 'face')}, {named} named"
    st.subheader(counted, anchor=False)
    if left := len(given) - len(answers) - errors:
        st.warning(f"Stopped: {components.count(left, 'photo')} not looked at.", icon=":material/stop:")
        st.button("Go on", icon=":material/play_arrow:", on_click=photos.go_on)
    if answers:
        st.caption(f"{service.identify_threshold().explanation} Detection and embedding took {seconds:.1f} s.")
        results.downloads(answers)
    results.pager(page, len(answers))
