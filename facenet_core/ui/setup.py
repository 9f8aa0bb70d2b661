"""Screens that stand in for a page while something it needs is missing."""

from __future__ import annotations

import streamlit as st

from facenet_core.catalogue import CATALOGUE, DEFAULT_MODEL, PUBLISHED_MB, CatalogueEntry, shipped_model
from facenet_core.download import fetch
from facenet_core.errors import DatabaseDamagedError, FaceNetError
from facenet_core.loading import LoadState
from facenet_core.service import FaceService
from facenet_core.ui import audit, components
from facenet_core.weights import adopt, installed


@st.fragment(run_every=1.0)
def loading(shared: FaceService, then_rerun: bool) -> None:
    """A line that tells how long the model has been loading, until it is there.

    Args:
        shared: The service.
        then_rerun: Whether the page is run again then.
    """
    state = shared.state
    if state.status in ("idle", "loading"):
        st.caption(
            f":material/hourglass_top: {state.message} Loading the face model: {state.seconds:.0f} s. "
            "You can go on; an answer waits until it is there."
        )
    elif state.status == "enrolling":
        st.caption(":material/hourglass_top: Enrolling the photos of the images folder.")
    elif then_rerun:
        st.rerun()


def no_model(shared: FaceService, state: LoadState) -> None:
    """Says why there is no model, and offers the one that ships, to fetch one, or to bring one."""
    st.header("There is no face model", anchor=False)
    components.show_error(state.message)
    if shared.model_is_fixed:
        st.write("FACENET_WEIGHTS or FACENET_MODEL in the environment chooses the model, whatever is chosen here.")
    st.write(
        "Faces are compared by a neural network, whose weights are a file. Put that file back, or go on with another "
        "one; after that everything works without a network."
    )
    ships = shipped_model().id
    there = {found.model for found in installed(shared.settings) if found.path}
    if ships in there and shared.model_setting.model not in (None, ships):
        with st.container(border=True):
            st.subheader("Use the small one that ships", anchor=False)
            if st.button(f"Use {ships}", icon=":material/check:"):
                _use(shared, ships)
    with st.container(border=True):
        st.subheader("Fetch a public one", anchor=False)
        entry = st.selectbox(
            "Model",
            CATALOGUE,
            index=next(i for i, e in enumerate(CATALOGUE) if e.id == DEFAULT_MODEL),
            format_func=lambda e: (
                f"{e.id} · {e.dimensions} numbers per face · trained on {e.trained_on} · LFW {e.published_lfw:.2%}"
            ),
        )
        st.caption(from_where(entry))
        if st.button("Fetch the model", type="primary", icon=":material/download:"):
            if fetched(shared, entry):
                _use(shared, entry.id)
    with st.container(border=True):
        st.subheader("Or bring a file", anchor=False)
        st.write("A Keras FaceNet weights file (.h5), for example one you fetched on another machine.")
        if model := brought(shared, "Use this file", ":material/check:"):
            _use(shared, model)
        st.caption(
            "On the server's own disk, start with `FACENET_WEIGHTS=/path/to/file.h5`, or run "
            "`python -m facenet_core weights fetch --from FILE`."
        )


def fetched(shared: FaceService, entry: CatalogueEntry) -> bool:
    """Fetches a public model and shows how far that is, or why it failed; whether it is installed now."""
    bar = st.progress(0.0, f"Fetching {entry.id}")

    def progress(done: int, total: int | None) -> None:
        part = done / total if total else 0.0
        bar.progress(min(part, 1.0), f"Fetching {entry.id}: {done / 2**20:.0f} MB of {(total or 0) / 2**20:.0f} MB")

    try:
        fetch(entry.id, shared.settings.models_dir, progress=progress)
    except FaceNetError as error:
        bar.empty()
        components.show_error(error)
        return False
    return True


def from_where(entry: CatalogueEntry) -> str:
    """What fetching a public model means."""
    return f"From {entry.url}, about {PUBLISHED_MB} MB. Its checksum is verified before it is used."


def brought(shared: FaceService, label: str, icon: str) -> str | None:
    """Takes a weights file, checks it and keeps it under a name of our own.

    Args:
        shared: The service.
        label: Of the button that takes it.
        icon: Of that button.

    Returns:
        The model's id on the run in which it is taken; None on others, and if
        it is refused, with the reason on the page.
    """
    uploaded = st.file_uploader("Weights file", type=["h5", "hdf5"], max_upload_size=200)
    if not uploaded or not st.button(label, icon=icon):
        return None
    try:
        with st.spinner("Checking the file"):
            return adopt(uploaded.getvalue(), shared.settings.models_dir)
    except FaceNetError as error:
        components.show_error(error)
        return None


def _use(shared: FaceService, model: str) -> None:
    try:
        shared.choose_model(model)
        audit.note(shared, "use_model", model)
    except FaceNetError as error:
        components.show_error(error)
    else:
        st.rerun()


def damaged_database(shared: FaceService, error: DatabaseDamagedError) -> None:
    """Says what is wrong and offers the last good backup; changes nothing by itself."""
    st.header("The database can't be read", anchor=False)
    components.show_error(error)
    if error.backup is None:
        st.write("If you have an exported archive, move the damaged file away, start again and import the archive.")
        return
    st.write(
        "The backup holds everything up to the change before the last one. The damaged file is kept beside it under "
        "another name."
    )
    if st.button("Restore the last good backup", type="primary", icon=":material/settings_backup_restore:"):
        try:
            shared.repository.restore_backup()
            audit.note(shared, "restore", "restored")
        except FaceNetError as failure:
            components.show_error(failure)
        else:
            st.rerun()
