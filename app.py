"""The app: page config, navigation, access gate. Run with ``streamlit run app.py``."""

from __future__ import annotations

import streamlit as st

from facenet_core.ui import login, session

# A Material icon here would be fetched from its maker's server by every visitor's browser.
st.set_page_config(page_title="FaceNet", page_icon=str(session.ICON), layout="centered")
PAGES = {
    "pages/verify.py": ("Verify", ":material/how_to_reg:"),
    "pages/recognize.py": ("Recognise", ":material/person_search:"),
    "pages/album.py": ("Album", ":material/photo_library:"),
    "pages/reverse.py": ("Reverse search", ":material/travel_explore:"),
    "pages/manage.py": ("Manage", ":material/groups:"),
    "pages/accuracy.py": ("Accuracy", ":material/query_stats:"),
    "pages/metrics.py": ("Metrics", ":material/monitoring:"),
    "pages/settings.py": ("Settings", ":material/tune:"),
}
allowed = login.allowed()
page = st.navigation(
    [
        st.Page(path, title=title, icon=icon, default=not n, visibility="visible" if path in allowed else "hidden")
        for n, (path, (title, icon)) in enumerate(PAGES.items())
    ],
    position="top",
)
session.enter()
page.run()
