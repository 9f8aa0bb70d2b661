"""The Settings page's models: which one is at work, and another one, tried on the user's own photos first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from facenet_core import wording
from facenet_core.catalogue import DEFAULT_MODEL, CatalogueEntry
from facenet_core.errors import FaceNetError
from facenet_core.flips import Flips
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome, ModelId, Rehearsal
from facenet_core.ui import audit, components, setup
from facenet_core.weights import Installation, installed

CHANGED = "model_changed"
"""What to say on the run after a change, as a key of the session."""


def section(shared: FaceService, model_id: ModelId) -> None:
    """Shows the model at work and lets the user try another one, judge it, change over and go back.

    Args:
        shared: The service.
        model_id: Of the model at work.

    Raises:
        StoreError: If the database can't be read.
    """
    if said := st.session_state.pop(CHANGED, None):
        st.success(said, icon=":material/check_circle:")
    models = installed(shared.settings)
    current = next((found for found in models if found.model == model_id.model), None)
    with st.container(border=True):
        st.markdown(f"**{components.plain(model_id.model)}** is at work: {_about(current, model_id)}.")
        st.caption(components.model_line(model_id))
    if shared.model_is_fixed:
        st.caption("The model is set by FACENET_WEIGHTS or FACENET_MODEL in the environment. Change it there.")
        return
    rehearsal = shared.rehearsal()
    if rehearsal is None:
        _choice(shared, [found for found in models if found.model != model_id.model], current)
    elif rehearsal.running:
        _progress(shared)
    elif rehearsal.complete:
        _judgement(shared, rehearsal)
    else:
        _interrupted(shared, rehearsal)
    if not (rehearsal and rehearsal.running):
        _former(shared, model_id)


def _about(found: Installation | None, model_id: ModelId | None = None) -> str:
    """What a model is, in a line."""
    known = found.known if found else None
    if isinstance(known, CatalogueEntry):
        parts = [f"trained on {known.trained_on}"]
    else:
        parts = ["the one that ships with the project" if known else "a file of your own"]
    if dimensions := known.dimensions if known else model_id.dimensions if model_id else None:
        parts.append(f"{dimensions} numbers per face")
    if found and found.size is not None:
        parts.append(f"{found.size / 1e6:.0f} MB")
    if known and known.measured:
        figures = known.measured
        parts.append(f"{figures.accuracy:.2%} right on LFW View 1")
        parts.append(f"{figures.milliseconds:.0f} ms per face")
    elif isinstance(known, CatalogueEntry):
        parts.append(f"{known.published_lfw:.2%} right on LFW as published")
    return ", ".join(parts)


def _choice(shared: FaceService, others: Sequence[Installation], current: Installation | None) -> None:
    """Offers the other models, and to bring one."""
    offered = {found.model: found for found in others if found.path or found.entry}
    if offered:
        st.write(
            "Another model is tried on your own photos first, beside this one. You see which answers would change, "
            "and nothing changes before you say so."
        )
        names = list(offered)
        chosen = offered[
            st.selectbox(
                "Another model",
                names,
                index=names.index(DEFAULT_MODEL) if DEFAULT_MODEL in names else 0,
                format_func=lambda name: f"{name}: {_about(offered[name])}",
            )
        ]
        if gain := _gain(current, chosen):
            st.caption(gain)
        if chosen.path:
            if st.button("Try it", icon=":material/science:"):
                _try(shared, chosen.model)
        elif chosen.entry:
            st.caption(setup.from_where(chosen.entry))
            if st.button("Fetch and try it", icon=":material/download:") and setup.fetched(shared, chosen.entry):
                _try(shared, chosen.model)
    with st.expander("Bring a file of your own", icon=":material/upload_file:"):
        st.write("A Keras FaceNet weights file (.h5). It is checked, kept, and tried like any other model.")
        if model := setup.brought(shared, "Try this file", ":material/science:"):
            _try(shared, model)


def _gain(current: Installation | None, other: Installation) -> str:
    """What another model brings and costs, where both were measured alike."""
    now = current.known.measured if current and current.known else None
    then = other.known.measured if other.known else None
    if now is None or then is None:
        return ""
    return (
        f"It was right on {then.accuracy:.2%} of the pairs of LFW View 1 (± {then.standard_error:.2%}), this one on "
        f"{now.accuracy:.2%} (± {now.standard_error:.2%}). A face takes it {then.milliseconds:.0f} ms instead of "
        f"{now.milliseconds:.0f} ms."
    )


def _try(shared: FaceService, model: str) -> None:
    try:
        shared.start_rehearsal(model)
    except FaceNetError as error:
        components.show_error(error)
    else:
        st.rerun()


@st.fragment(run_every=1.0)
def _progress(shared: FaceService) -> None:
    """How far the rehearsal is, until it ends."""
    found = shared.rehearsal()
    if found is None or not found.running:
        st.rerun()
    name = components.plain(found.model)
    said = f"Trying {name}: {found.done:,} of {components.count(found.photos, 'photo')}"
    said += f", {found.rate:.1f} a second" if found.rate else ". The model is being loaded"
    st.progress(found.done / max(found.photos, 1), said)
    st.caption("Meanwhile all answers come from the model at work. You can leave this page.")
    if st.button("Stop", icon=":material/stop_circle:"):
        shared.stop_rehearsal()
        st.caption("Stopping after this photo.")


def _interrupted(shared: FaceService, found: Rehearsal) -> None:
    """A rehearsal that did not come to its end."""
    name = components.plain(found.model)
    st.warning(
        f"The trial of {name} ended after {found.done:,} of {components.count(found.photos, 'photo')}. "
        f"{components.plain(found.problem)}",
        icon=":material/pause_circle:",
    )
    with st.container(horizontal=True):
        if st.button("Go on", type="primary", icon=":material/play_arrow:"):
            _try(shared, found.model)
        _discard(shared, "Throw it away")


def _judgement(shared: FaceService, found: Rehearsal) -> None:
    """What would change, and the decision."""
    name = components.plain(found.model)
    st.markdown(f"**{name}** has seen {components.count(found.photos, 'photo')}. What would change:")
    with st.spinner("Comparing the answers"):
        flips = shared.flips()
    st.markdown("\n".join(f"- {components.plain(sentence)}" for sentence in wording.flipped(flips)))
    _tables(flips, found.model)
    _unfound(found.unfound)
    with st.container(horizontal=True):
        if st.button(f"Switch to {name}", type="primary", icon=":material/swap_horiz:"):
            _change(shared, found.model)
        _discard(shared, "Don't switch")


def _tables(flips: Flips, model: str) -> None:
    if flips.flips:
        st.dataframe(
            [
                {
                    "Person": flip.shot.person.name,
                    "Photo": flip.shot.number,
                    "Now": wording.answered(flip.before),
                    f"With {model}": wording.answered(flip.after),
                    "": "worse" if flip.worse else "",
                }
                for flip in flips.flips
            ],
            hide_index=True,
            alt="Photos that would be answered differently",
        )
        st.caption(
            "Each enrolled photo, held against all the others: as a claim to be its person, and in a search. Of "
            "somebody with one photo there is no claim, and nobody is the right name."
        )
    if flips.pair_flips:
        st.dataframe(
            [
                {
                    "Person": pair.first.name,
                    "and": pair.second.name,
                    "Distance now": round(pair.before, 2),
                    f"With {model}": round(pair.after, 2),
                    "": wording.confusable(pair),
                }
                for pair in flips.pair_flips
            ],
            hide_index=True,
            alt="People who would be confusable, or no longer",
        )


def _unfound(outcomes: Sequence[EnrolOutcome]) -> None:
    if not outcomes:
        return
    st.warning(
        f"{components.count(len(outcomes), 'photo')} could not be used and would be left out until enrolled again.",
        icon=":material/block:",
    )
    plain = components.plain
    st.markdown("\n".join(f"- **{plain(o.photo)}** ({plain(o.person)}) {plain(o.reason)}" for o in outcomes))


def _change(shared: FaceService, model: str) -> None:
    try:
        with st.spinner("Switching"):
            shared.cut_over()
            audit.note(shared, "use_model", model)
    except FaceNetError as error:
        components.show_error(error)
    else:
        _say(f"{model} is at work now. You can go back below.")


def _discard(shared: FaceService, label: str) -> None:
    if st.button(label, icon=":material/delete:"):
        _drop(shared.discard_rehearsal)


def _drop(throw_away: Callable[[], None]) -> None:
    try:
        throw_away()
    except FaceNetError as error:
        components.show_error(error)
    else:
        st.rerun()


def _former(shared: FaceService, model_id: ModelId) -> None:
    """The way back."""
    former = shared.former_model()
    if former is None or former[0] == model_id.model:
        return
    model, left = former
    name = components.plain(model)
    with st.container(border=True):
        since = f" {components.count(left, 'photo')} enrolled since will be embedded first." if left else ""
        st.markdown(f"Before, **{name}** was in use. What it knows of your people is kept.{since}")
        with st.container(horizontal=True):
            if st.button(f"Go back to {name}", icon=":material/undo:"):
                _go_back(shared, model, left)
            if st.button("Forget it", icon=":material/delete:"):
                _drop(shared.forget_former_model)


def _go_back(shared: FaceService, model: str, left: int) -> None:
    bar = st.progress(0.0, "Going back")
    try:
        for done, outcome in enumerate(shared.roll_back(), 1):
            bar.progress(min(done / max(left, 1), 1.0), f"{components.plain(outcome.person)}: {done} of {left}")
        audit.note(shared, "use_model", model)
    except FaceNetError as error:
        bar.empty()
        components.show_error(error)
    else:
        _say(f"{model} is at work again.")


def _say(sentence: str) -> None:
    """Says something on the next run of the page: what is shown on this one is gone then."""
    st.session_state[CHANGED] = components.plain(sentence)
    st.rerun()
