"""Metrics: what is asked, and by whom."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import components, metrics, session

service = session.guard("pages/metrics.py")

st.title("Metrics", anchor=False)
st.caption("What was asked since the start, and who asked for what.")
try:
    metrics.overview(service)
    st.subheader("Requests", anchor=False)
    metrics.requests(service)
    st.subheader("Decisions", anchor=False)
    metrics.decisions(service)
    st.subheader("Events", anchor=False)
    metrics.events(service)
except FaceNetError as error:
    components.show_error(error)
