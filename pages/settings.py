"""Settings: thresholds and model, for everybody who uses this database."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError, NoThresholdError
from facenet_core.ui import components, keys, models, options, session

service = session.guard("pages/settings.py")

st.title("Settings", anchor=False)
st.caption("Stored with the database: they hold for every page and for the command line.")

session.outdated_notice(service)
slot = st.container()
try:
    with slot.skeleton():
        model_id = service.engine.model_id
except FaceNetError as error:
    components.show_error(error)
    st.stop()

st.subheader("Thresholds", anchor=False)
st.write(
    "Two photos match when their distance is at most the threshold. The measured ones come from comparisons of "
    "different people with this model; a fixed one is yours alone to justify."
)
try:
    options.thresholds(service)
except NoThresholdError as error:
    st.warning(components.plain(str(error)), icon=":material/tune:")
    options.fixed_only(service)
except FaceNetError as error:
    components.show_error(error)

st.subheader("Model", anchor=False)
try:
    models.section(service, model_id)
except FaceNetError as error:
    components.show_error(error)

st.subheader("API keys", anchor=False)
try:
    keys.section(service)
except FaceNetError as error:
    components.show_error(error)
