"""Dialogs that enrol: one person, or a whole folder."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from facenet_core.enrolment import person_name
from facenet_core.errors import FaceNetError, InputError
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome, EnrolRequest
from facenet_core.ui import components, inputs, session


@st.dialog("Add a person", width="medium", on_dismiss="rerun")
def add_person(shared: FaceService, name: str = "") -> None:
    """Enrols one or several photos of one person.

    Args:
        shared: The service.
        name: Of an enrolled person, to add photos to them.
    """
    # A new key empties the uploader after each enrolment.
    key = f"add_{st.session_state.get('add_round', 0)}"
    person = name or st.text_input("Name", key=f"{key}_name", placeholder="First and last name")
    if name:
        st.markdown(f"For **{components.plain(name)}**")
    given = inputs.photos(shared, key, "Photos")
    requests, refused = [], 0
    for index, photo in enumerate(given):
        try:
            analysis = session.analyse(shared, photo.data, photo.name, for_enrolment=True)
        except InputError as error:
            components.show_error(error)
            refused += 1
            continue
        except FaceNetError as error:
            components.show_error(error)
            return
        face = inputs.which_face(analysis, f"{key}_face_{index}_{analysis.photo.sha256}")
        requests.append(EnrolRequest(person, photo.name, photo.data, face))
    st.button(
        f"Enrol {components.count(len(requests), 'photo')}" if requests else "Enrol",
        type="primary",
        icon=":material/person_add:",
        disabled=not (person.strip() and requests),
        on_click=_enrol,
        args=(shared, requests),
    )
    if requests and not person.strip():
        st.caption("Type a name first.")
    components.report(st.session_state.get("add_report", []))


def _enrol(shared: FaceService, requests: Iterable[EnrolRequest]) -> None:
    outcomes = []
    try:
        for outcome in shared.enrol_many(
            requests, lambda data, name: session.analyse(shared, data, name, for_enrolment=True)
        ):
            outcomes.append(outcome)
    except FaceNetError as error:
        outcomes.append(EnrolOutcome("", "", False, error.code, str(error)))
    st.session_state.add_report = outcomes
    st.session_state.add_round = st.session_state.get("add_round", 0) + 1


@st.dialog("Add a folder", width="large", on_dismiss="rerun")
def add_folder(shared: FaceService) -> None:
    """Enrols every photo of a folder; file or sub-folder name = person."""
    st.caption(
        "Photos in a sub-folder show the person it is named after; others the person their file is named after. "
        "Check the names before you enrol."
    )
    key = f"folder_{st.session_state.get('folder_round', 0)}"
    uploaded = st.file_uploader(
        "Drop a folder here",
        type=inputs.SUFFIXES,
        accept_multiple_files="directory",
        key=key,
        max_upload_size=shared.settings.max_upload_mb,
    )
    if uploaded:
        table = st.data_editor(
            [{"Photo": u.name, "Person": person_name(u.name)} for u in uploaded],
            disabled=["Photo"],
            hide_index=True,
            key=f"{key}_names",
            alt="The person each photo will be enrolled for",
        )
        requests = [
            EnrolRequest(row["Person"] or "", u.name, u.getvalue()) for row, u in zip(table, uploaded, strict=True)
        ]
        label = f"Enrol {components.count(len(requests), 'photo')}"
        if st.button(label, type="primary", icon=":material/group_add:", key=f"{key}_go"):
            _enrol_folder(shared, requests)
    components.report(st.session_state.get("folder_report", []))


def _enrol_folder(shared: FaceService, requests: list[EnrolRequest]) -> None:
    """Enrols with progress. A click on Cancel ends the script; what is done stays done."""
    bar = st.progress(0.0, "Starting")
    st.button("Cancel", key="folder_cancel")
    st.session_state.folder_report = outcomes = []
    try:
        for outcome in shared.enrol_many(requests):
            outcomes.append(outcome)
            shown = components.plain(outcome.photo)
            bar.progress(len(outcomes) / len(requests), f"{shown}: {len(outcomes)} of {len(requests)}")
    except FaceNetError as error:
        outcomes.append(EnrolOutcome("", "", False, error.code, str(error)))
    st.session_state.folder_round = st.session_state.get("folder_round", 0) + 1
    st.rerun(scope="fragment")


def forget_reports() -> None:
    """Empties the reports before a dialog opens again."""
    st.session_state.pop("add_report", None)
    st.session_state.pop("folder_report", None)
