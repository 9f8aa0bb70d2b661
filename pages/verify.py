"""Verify (1:1): is this the person they say they are?"""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import audit, components, faces, inputs, session

service = session.guard("pages/verify.py")

st.title("Verify", anchor=False)
st.caption("Checks a claimed identity: one photo against the photos of one enrolled person.")

people = service.people()
if not people:
    st.info(
        "Nobody is enrolled yet. Add the first person on the Manage page."
        if service.state.status == "ready"
        else "Nobody is enrolled yet. The photos of the images folder are on their way.",
        icon=":material/group_add:",
    )
    st.page_link("pages/manage.py", label="Go to Manage", icon=":material/groups:")
    st.stop()

who, how_many = st.columns([3, 1], vertical_alignment="bottom")
# Streamlit compares what was chosen between runs: names can be, people with their embeddings can't.
by_name = {person.name: person for person in people}
chosen = who.selectbox(
    "Who do they say they are?", list(by_name), index=None, placeholder="Choose a person", key="verify_claim"
)
claimed = by_name.get(chosen)
if claimed:
    how_many.caption(f"{components.count(len(claimed.templates), 'photo')} enrolled")
try:
    given = inputs.probe(service, "verify")
except FaceNetError as error:
    components.show_error(error)
    st.stop()

if not (claimed and given):
    st.caption("Choose a person and give a photo; the answer appears here.")
    st.stop()

answer = st.container(border=True)
below = st.container()
try:
    with answer.skeleton():
        analysis = session.analyse(service, given.data, given.name, "prominent")
    with below:
        threshold = faces.threshold_setting(service)
        details = st.container()
    with answer:
        number = inputs.which_face(analysis, f"verify_face_{analysis.photo.sha256}")
        if number and number != analysis.prominent + 1:
            analysis = session.analyse(service, given.data, given.name, number)
        result = service.verify(analysis, claimed.id, face=number, threshold=threshold)
        probed = f"{analysis.photo.sha256} {number or analysis.prominent + 1}"
        audit.decided(service, "verify", probed, result.outcome, claimed.id)
        best = result.candidate
        pictures, words = st.columns([1, 1], vertical_alignment="center")
        with pictures, st.container(horizontal=True, horizontal_alignment="center"):
            components.crop(result.probe, "probe", f"Probe: the face in {given.name}")
            faces.picture(
                service,
                best.template,
                components.CROP_WIDTH,
                f"Enrolled photo {best.photo_number} of {best.person.name}",
                f"photo {best.photo_number}",
            )
        with words:
            components.verdict(result.outcome)
            components.distance_scale(best.distance, result.threshold)
            st.markdown(components.rarity(result.one_in, best.person.name))
            st.caption(faces.carried_by(result))
            st.caption(result.threshold.explanation)
        if not result.matched:
            components.advice(result.probe)
    with details:
        components.details(analysis, result.probe)
except FaceNetError as error:
    with answer:
        components.show_error(error)
