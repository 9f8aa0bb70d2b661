"""The service behind the pages, and what every page run begins with."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from facenet_core.catalogue import shipped_model
from facenet_core.errors import DatabaseDamagedError, FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Wanted
from facenet_core.ui import components, keras_state, login, setup

ICON = Path(__file__).parent / "icon.png"
"""The browser tab's icon."""

THROUGH_APP = "_through_app"
"""Set by app.py for the one page run that follows it."""

SETTINGS = "pages/settings.py"
"""Where another model is chosen."""

REMEMBERED = 1800.0
"""Seconds that a session remembers what was found on a photo. For "30m" Streamlit would import pandas, before the first
page is drawn."""

DEEP_LINK = "_deep_link"
"""The page that a deep link asked for, while app.py has its turn first."""


@st.cache_resource(show_spinner=False)
def service() -> FaceService:
    """The one service of this process; its engine loads in the background."""
    shared = FaceService(around_load=keras_state.settled)
    shared.start()
    return shared


def enter() -> None:
    """Lets the page run that follows through :func:`guard`; called by app.py alone.

    A deep link that came past app.py goes on to its page from here.
    """
    if linked := st.session_state.pop(DEEP_LINK, None):
        st.switch_page(linked)
    keras_state.page_begun.set()
    st.session_state[THROUGH_APP] = True


def guard(page: str, *, dialogs: bool = False) -> FaceService:
    """First line of every page: sends a deep link through app.py, and shows what is missing.

    In a fresh process Streamlit runs a file of ``pages/`` on a deep link without
    app.py, and so past its navigation and any access gate.

    Args:
        page: The page's own file, such as ``pages/verify.py``.
        dialogs: Whether it opens dialogs. Running the page again, as others
            are once the model is there, would close them: see :func:`follow`.

    Returns:
        The service, with a readable database and a model that is there or on
        its way. Otherwise the page does not go on.
    """
    if not st.session_state.pop(THROUGH_APP, False):
        st.session_state[DEEP_LINK] = page
        st.switch_page("app.py")
    try:
        shared = service()
        login.admit(shared, page)
        shared.people()
    except DatabaseDamagedError as error:
        if login.may("manage"):
            setup.damaged_database(shared, error)
        else:
            components.show_error(error)
        st.stop()
    except FaceNetError as error:
        components.show_error(error)
        st.stop()
    state = shared.state
    if state.status in ("no_weights", "failed"):
        if login.may("manage"):
            setup.no_model(shared, state)
        else:
            components.show_error("There is no model at work. Whoever has the role manage can set one up here.")
        st.stop()
    # Always there, so that nothing below moves, and loses what was typed or dropped, when it empties.
    with st.container():
        if state.status != "ready":
            setup.loading(shared, then_rerun=not dialogs)
        else:
            _model_at_work(shared, page)
    return shared


def _model_at_work(shared: FaceService, page: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/neurology: Model: {components.plain(shared.model_name)}", width="content")
        if shared.model_name == shipped_model().id and page != SETTINGS and not shared.model_is_fixed:
            st.page_link(SETTINGS, label="A larger one is right more often", icon=":material/arrow_forward:")


def shown_state(shared: FaceService) -> tuple[str, str]:
    """What a page is made from: the revision of the database, and how far the model is."""
    return shared.repository.revision(), shared.state.status


@st.fragment(run_every=3.0)
def follow(shared: FaceService, seen: tuple[str, str]) -> None:
    """Runs the page again when the model is there, or when anybody has changed the database.

    Args:
        shared: The service.
        seen: :func:`shown_state` when the page was made.
    """
    if shown_state(shared) != seen:
        st.rerun()


def analyse(
    shared: FaceService, data: bytes, name: str, wanted: Wanted = "all", *, for_enrolment: bool = False
) -> Analysis:
    """A photo's faces, the wanted ones embedded, remembered for this session.

    Raises:
        InputError: If the photo can't be used.
        ModelError: If there is no model.
    """
    return _analysed(shared, data, name, shared.engine.model_id.weights_sha256, wanted, for_enrolment)


@st.cache_resource(scope="session", max_entries=8, ttl=REMEMBERED, show_spinner=False)
def _analysed(
    _shared: FaceService, data: bytes, name: str, weights: str, wanted: Wanted, for_enrolment: bool
) -> Analysis:
    """Keyed on the photo's bytes; ``weights`` is part of the key, so another model starts anew."""
    if for_enrolment:
        return _shared.prepare_enrolment(data, name)
    return _shared.analyse(_shared.photo(data, name), wanted)


def outdated_notice(shared: FaceService) -> None:
    """Says that some templates are of another model, and offers to renew them."""
    for reason in st.session_state.pop("not_renewed", ()):
        components.show_error(reason)
    if shared.state.status != "ready" or not login.may("manage"):
        return
    outdated = shared.outdated()
    if not outdated:
        return
    st.warning(
        f"{len(outdated)} of the enrolled photos were embedded by another model and can't be compared with this one.",
        icon=":material/sync_problem:",
    )
    if st.button("Renew them from their photos", icon=":material/sync:"):
        bar, refused = st.progress(0.0, "Renewing"), []
        try:
            for done, outcome in enumerate(shared.renew(), 1):
                bar.progress(done / len(outdated), f"{components.plain(outcome.person)}: {done} of {len(outdated)}")
                if not outcome.accepted:
                    refused.append(f"{outcome.person}, {outcome.photo}: {outcome.reason}")
        except FaceNetError as error:
            components.show_error(error)
            return
        st.session_state.not_renewed = refused
        st.rerun()
