"""Dialogs that move everybody to another machine: export and import."""

from __future__ import annotations

import io

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService, ImportMode, open_archive
from facenet_core.ui import audit, components

MERGE: ImportMode = "merge"
REPLACE: ImportMode = "replace"


@st.dialog("Export", on_dismiss="rerun")
def export(shared: FaceService) -> None:
    """Everybody in one file."""
    people = shared.people()
    photos = sum(len(p.templates) for p in people)
    st.write(
        f"One file with {components.count(len(people), 'person')} and {components.count(photos, 'photo')}: names, "
        "templates, photos."
    )
    st.warning(
        "The file holds biometric data and is not encrypted. Keep it where you would keep the people's passports.",
        icon=":material/lock_open:",
    )
    # Once the download has begun, nothing could be said about why it fails.
    stored = shared.repository.photos.all()
    if lost := [p.name for p in people if any(t.photo_sha256 not in stored for t in p.templates)]:
        components.show_error(
            f"Photos are missing on the disk, of {', '.join(lost)}. Open them and remove what is marked as missing; "
            "an archive without it would not be complete."
        )
    st.download_button(
        "Download the archive",
        lambda: _archive(shared),
        "people.facenet.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
        disabled=not people or bool(lost),
    )


@st.dialog("Import", width="medium", on_dismiss="rerun")
def import_people(shared: FaceService) -> None:
    """Brings people in from an archive, after a preview."""
    if "import_done" in st.session_state:
        st.success(st.session_state.import_done, icon=":material/check_circle:")
        return
    uploaded = st.file_uploader("An archive made by Export", type=["zip"], key="import_file")
    mode: ImportMode = st.segmented_control(
        "How",
        [MERGE, REPLACE],
        default=MERGE,
        required=True,
        format_func=lambda m: "Merge into what is here" if m == MERGE else "Replace everything here",
        key="import_mode",
    )
    if not uploaded:
        return
    try:
        archive = open_archive(io.BytesIO(uploaded.getvalue()))
        preview = shared.preview_import(archive, mode)
        st.markdown(
            f"- {components.count(preview.added_people, 'new person')}\n"
            f"- {components.count(preview.added_photos, 'new photo')}\n"
            f"- {components.count(preview.skipped_photos, 'photo')} already here\n"
            f"- {components.count(preview.removed_people, 'person')} removed from here"
        )
        if preview.foreign_photos:
            st.info(
                f"{components.count(preview.foreign_photos, 'photo')} came from another model: the templates are "
                "made anew from the photos.",
                icon=":material/sync:",
            )
        sure = mode == MERGE or st.checkbox("Remove everybody who is here now and put the archive's people in place")
        if st.button("Import", type="primary", icon=":material/upload:", disabled=not sure):
            with st.spinner("Importing"):
                outcome = shared.import_people(archive, mode)
                audit.note(shared, "import", mode)
                refused = [o for o in shared.renew() if not o.accepted]
            st.session_state.import_done = (
                f"Imported {components.count(outcome.added_people, 'person')} and "
                f"{components.count(outcome.added_photos, 'photo')}."
                + (f" {components.count(len(refused), 'photo')} could not be renewed." if refused else "")
            )
            st.rerun(scope="fragment")
    except FaceNetError as error:
        components.show_error(error)


def _archive(shared: FaceService) -> bytes:
    target = io.BytesIO()
    audit.note(shared, "export", str(shared.export(target)))
    return target.getvalue()
