"""Dialogs that enrol: one person, or a whole folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

import streamlit as st

from facenet_core.enrolment import person_name
from facenet_core.errors import FaceNetError, InputError, PoorPhotoError
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome, EnrolRequest
from facenet_core.ui import audit, components, inputs, session

TURN = 0.5
"""Seconds for which a folder is enrolled before a click on Cancel can be heard."""


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
        on_click=_enrol_given,
        args=(shared, requests),
    )
    if requests and not person.strip():
        st.caption("Type a name first.")
    components.report(st.session_state.get("add_report", []))
    if poor := st.session_state.get("add_poor"):
        _anyway(poor, "add_anyway", _enrol, shared, poor)


def _anyway(poor: Sequence[EnrolRequest], key: str, action: Callable[..., None], *args: object) -> None:
    """Offers to enrol what was refused for its quality."""
    few = "Enrol anyway" if len(poor) == 1 else f"Enrol {components.count(len(poor), 'photo')} anyway"
    st.button(few, key=key, icon=":material/done_all:", on_click=action, args=args)
    st.caption("People are harder to recognise by a poor photo.")


def _enrol_given(shared: FaceService, requests: Sequence[EnrolRequest]) -> None:
    _enrol(shared, requests)
    st.session_state.add_round = st.session_state.get("add_round", 0) + 1


def _enrol(shared: FaceService, requests: Sequence[EnrolRequest]) -> None:
    outcomes = []
    try:
        for outcome in shared.enrol_many(
            requests, lambda data, name: session.analyse(shared, data, name, for_enrolment=True)
        ):
            audit.enrolled(shared, outcome)
            outcomes.append(outcome)
    except FaceNetError as error:
        outcomes.append(EnrolOutcome("", "", False, error.code, str(error)))
    st.session_state.add_report, st.session_state.add_poor = outcomes, _poor(requests, outcomes)


def _poor(requests: Sequence[EnrolRequest], outcomes: Sequence[EnrolOutcome]) -> list[EnrolRequest]:
    """What was refused for its quality, to be enrolled in spite of it."""
    pairs = zip(requests, outcomes, strict=False)  # an error ends the outcomes early
    return [replace(request, overrule=True) for request, o in pairs if o.code == PoorPhotoError.code]


@st.dialog("Add a folder", width="large", on_dismiss="rerun")
def add_folder(shared: FaceService) -> None:
    """Enrols every photo of a folder; file or sub-folder name = person."""
    if "folder_going" in st.session_state:
        _enrol_folder(shared, st.session_state.folder_going)
    # As one block, in whose place the progress comes: what a page has drawn stays until it is done.
    with st.container():
        _folder_form(shared)


def _folder_form(shared: FaceService) -> None:
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
        if st.button(f"Enrol {components.count(len(requests), 'photo')}", type="primary", icon=":material/group_add:"):
            _begin_folder(requests)
            st.rerun(scope="fragment")
    components.report(st.session_state.get("folder_report", []))
    if poor := st.session_state.get("folder_poor"):
        _anyway(poor, "folder_anyway", _begin_folder, poor)


def _begin_folder(requests: list[EnrolRequest]) -> None:
    st.session_state.folder_going, st.session_state.folder_report = requests, []
    st.session_state.folder_poor = []
    st.session_state.folder_round = st.session_state.get("folder_round", 0) + 1


def _end_folder() -> None:
    if coming := st.session_state.pop("folder_coming", None):
        coming.close()
    if "folder_going" in st.session_state:
        requests = st.session_state.pop("folder_going")
        st.session_state.folder_poor = _poor(requests, st.session_state.folder_report)


def _enrol_folder(shared: FaceService, requests: list[EnrolRequest]) -> NoReturn:
    """Enrols for a while, shows how far it is, and has the dialog run again.

    Streamlit hears a click in a dialog only when the dialog is done, and so
    Cancel only between two turns. What is enrolled by then stays.
    """
    outcomes: list[EnrolOutcome] = st.session_state.folder_report
    bar = st.progress(len(outcomes) / len(requests), f"{len(outcomes)} of {len(requests)}")
    st.button("Cancel", icon=":material/close:", on_click=_end_folder)
    until = time.monotonic() + TURN
    try:
        # The same from turn to turn: what it has read ahead is not lost.
        for outcome in st.session_state.setdefault("folder_coming", shared.enrol_many(requests)):
            audit.enrolled(shared, outcome)
            outcomes.append(outcome)
            shown = components.plain(outcome.photo)
            bar.progress(len(outcomes) / len(requests), f"{shown}: {len(outcomes)} of {len(requests)}")
            if time.monotonic() >= until:
                break
    except FaceNetError as error:
        outcomes.append(EnrolOutcome("", "", False, error.code, str(error)))
        _end_folder()
    if len(outcomes) >= len(requests):
        _end_folder()
    st.rerun(scope="fragment")


def forget_reports() -> None:
    """Empties the reports before a dialog opens again."""
    _end_folder()
    for key in ("add_report", "add_poor", "folder_report", "folder_poor", "folder_going"):
        st.session_state.pop(key, None)
