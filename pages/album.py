"""Album: folders of photos, searched for a person and grouped into people."""

from __future__ import annotations

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.ui import (
    album_folders,
    album_group,
    album_people,
    album_photo,
    album_photos,
    album_questions,
    album_search,
    album_sections,
    components,
    notices,
    session,
)

service = session.guard("pages/album.py", dialogs=True)

st.title("Album", anchor=False)
st.caption("Finds somebody on all photos of a folder, and shows who is on them.")
seen = session.shown_state(service)

try:
    section = album_sections.chosen(service)
    notices.report()
    if section == album_sections.SEARCH:
        album_search.section(service)
    elif section == album_sections.PEOPLE and album_group.opened():
        album_group.section(service)
    elif section == album_sections.PEOPLE and album_questions.opened():
        album_questions.section(service)
    elif section == album_sections.PEOPLE:
        album_people.section(service)
    elif section == album_sections.PHOTOS:
        album_photos.section(service)
    else:
        album_folders.section(service)
except FaceNetError as error:
    components.show_error(error)

if opened := album_photo.opened():
    album_photo.details(service, *opened)
else:
    # Not beside a dialog: running the page again would close it.
    session.follow(service, seen)
