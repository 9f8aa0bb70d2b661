"""The app: page config, navigation, access gate. Run with ``streamlit run app.py``."""

from __future__ import annotations

import streamlit as st

from facenet_core.ui import session

# A Material icon here would be fetched from its maker's server by every visitor's browser.
st.set_page_config(page_title="FaceNet", page_icon=str(session.ICON), layout="centered")
page = st.navigation(
    [
        st.Page("pages/verify.py", title="Verify", icon=":material/how_to_reg:", default=True),
        st.Page("pages/recognize.py", title="Recognise", icon=":material/person_search:"),
        st.Page("pages/manage.py", title="Manage", icon=":material/groups:"),
        st.Page("pages/accuracy.py", title="Accuracy", icon=":material/query_stats:"),
        st.Page("pages/settings.py", title="Settings", icon=":material/tune:"),
    ],
    position="top",
)
session.enter()
page.run()
