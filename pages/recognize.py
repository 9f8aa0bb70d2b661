"""Recognise (1:N): who is on these photos?"""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError, InputError
from facenet_core.ui import components, inputs, results, session

service = session.guard("pages/recognize.py")

st.title("Recognise", anchor=False)
st.caption("Finds every face in one photo or many and names the closest enrolled person, or nobody.")

with st.container():  # there even when it is empty: what moves on the page loses the photos dropped on it
    session.outdated_notice(service)
given = inputs.photos(service, "recognize", "Photos")
if not given:
    st.caption(f"Drop photos; the answers appear here. {components.count(len(service.people()), 'person')} enrolled.")
    st.stop()

bar = st.progress(0.0, "Waiting for the model")
answers, refused = [], []
try:
    for done, photo in enumerate(given):
        bar.progress(done / len(given), f"{components.plain(photo.name)}: photo {done + 1} of {len(given)}")
        try:
            slim = session.analyse_slim(service, photo.data, photo.name)
        except InputError as error:
            refused.append(error)
        else:
            answers.append(results.Answer(slim, service.identify(slim.found)))
    bar.empty()
except FaceNetError as error:
    bar.empty()
    components.show_error(error)
    st.stop()

for error in refused:
    components.show_error(error)

total = sum(len(a.identifications) for a in answers)
seconds = sum(a.slim.found.seconds for a in answers)
named = sum(i.matched for a in answers for i in a.identifications)
summary = f"{components.count(len(answers), 'photo')}, {components.count(total, 'face')}, {named} named"
st.subheader(summary, anchor=False)
if answers:
    st.caption(f"{service.identify_threshold().explanation} Detection and embedding took {seconds:.1f} s.")
    results.downloads(answers)
for index, answer in enumerate(answers):
    results.show(service, answer, index)
