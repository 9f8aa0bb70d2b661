"""One photo of the album, large, with everybody on it."""

from __future__ import annotations

import streamlit as st

from facenet_core.album.packing import in_album
from facenet_core.album.records import AlbumFace, AlbumPhoto
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.ui import album_samples, album_sections, album_tiles, components, notices
from facenet_core.ui.album_samples import A, B

OPENED = "album_photo"
"""The photo that was opened just now, as a key of the session."""

DONE = "album_photo_done"
"""Set when the dialog has done its work and is to close."""

LONG_SIDE = 1400
"""Pixels of the photo, as it is shown."""

MOST = 24
"""Faces that are shown one by one."""

NEW, ANOTHER, SECOND = "New search", "One more sample", "As person B"


def button(photo: AlbumPhoto, key: str, faces: tuple[int, ...] = (), label: str = "Open") -> None:
    """Opens a photo.

    Args:
        photo: The photo.
        key: What tells this button from others.
        faces: Those that are what was looked for.
        label: What it says.
    """
    st.button(
        label,
        key=f"album_open_{key}",
        icon=":material/open_in_full:",
        type="tertiary",
        on_click=lambda: st.session_state.update({OPENED: (photo.id, faces)}),
    )


def opened() -> tuple[int, tuple[int, ...]] | None:
    """The photo that was opened just now, and the faces that were looked for."""
    found: tuple[int, tuple[int, ...]] | None = st.session_state.pop(OPENED, None)
    return found


@st.dialog("Photo", width="large", on_dismiss="rerun")
def details(shared: FaceService, photo_id: int, wanted: tuple[int, ...] = ()) -> None:
    """A photo with its faces, each of which can be searched for.

    Args:
        shared: The service.
        photo_id: The number of the photo.
        wanted: Faces that are what was looked for.
    """
    if st.session_state.pop(DONE, False):
        st.rerun()
    try:
        photo = shared.album.photo(photo_id)
        faces = shared.album.faces_on(photo)
        marks = [
            album_tiles.boxed(photo, face.box, number, "matched" if face.id in wanted else "neutral")
            for number, face in enumerate(faces, 1)
        ]
        st.image(
            album_tiles.large(shared, photo, marks, LONG_SIDE),
            width="stretch",
            alt=f"{photo.name} with {components.count(len(faces), 'numbered face')}",
        )
    except FaceNetError as error:
        components.show_error(error)
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        where = in_album(photo.paths, [folder.path for folder in shared.album.folders()])
        copies = f" · in {len(photo.paths)} files" if len(photo.paths) > 1 else ""
        st.caption(f"{components.plain(where)} · {photo.width:,} × {photo.height:,} pixels{copies}", width="content")
        st.download_button(
            "Download the original",
            lambda: shared.album.original(photo),
            photo.name,
            key=f"album_original_{photo.id}",
            icon=":material/download:",
            on_click="ignore",
        )
    if not faces:
        st.info("No face was found in this photo.", icon=":material/face_retouching_off:")
        return
    _faces(shared, photo, faces)


def _faces(shared: FaceService, photo: AlbumPhoto, faces: tuple[AlbumFace, ...]) -> None:
    use = NEW
    if album_samples.tray(A):
        use = st.segmented_control(
            "A face that you choose becomes", [NEW, ANOTHER, SECOND], default=NEW, required=True, key="album_use"
        )
    with st.grid("auto", min_column_width=150):
        for number, face in enumerate(faces[:MOST], 1):
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                album_tiles.face(shared, face, f"Face {number} of {photo.name}", 96)
                st.button(
                    f"Search for {number}",
                    key=f"album_face_{face.id}",
                    icon=":material/person_search:",
                    help="Search for this person",
                    width="stretch",
                    on_click=_take,
                    args=(shared, face, f"Face {number} of {photo.name}", use),
                )
    if len(faces) > MOST:
        st.caption(f"The first {MOST} of {len(faces)} faces, from left to right.")


def _take(shared: FaceService, face: AlbumFace, name: str, use: str) -> None:
    """Makes a face a sample, and goes to the search."""
    try:
        sample = album_samples.of_face(shared, face, name)
    except FaceNetError as error:
        notices.say(str(error), error=True)
    else:
        if use == NEW:
            album_samples.only(A, sample)
        elif use == ANOTHER:
            album_samples.put(A, sample)
        else:
            album_samples.put(B, sample)
            st.session_state[album_samples.TWO] = True
        album_sections.go(album_sections.SEARCH)
    st.session_state[DONE] = True
