"""All photos of the album, page by page."""

from __future__ import annotations

import streamlit as st

from facenet_core.service import FaceService
from facenet_core.ui import album_photo, album_sections, album_tiles, components

PAGE = 60
"""Photos that are shown at once."""


def section(shared: FaceService) -> None:
    """The photos in the order of their files."""
    counts = shared.album.counts()
    if not counts["photos"]:
        album_sections.ready(shared)
        return
    photos, faces = components.count(counts["photos"], "photo"), components.count(counts["faces"], "face")
    st.caption(f"{photos} with {faces}, in the order of their files")
    pages = -(-counts["photos"] // PAGE)
    slot = st.container()
    page = st.pagination(pages, key=f"album_photos_{pages}", persist_state="page") if pages > 1 else 1
    with slot, st.grid("auto", min_column_width=130):
        for photo in shared.album.listed(PAGE, (page - 1) * PAGE):
            with st.container(gap="xxsmall"):
                album_tiles.photo(shared, photo)
                album_photo.button(photo, f"photo_{photo.id}", label=components.plain(photo.name))
