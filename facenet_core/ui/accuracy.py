"""The Accuracy page's parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from facenet_core import wording
from facenet_core.errors import FaceNetError, NoThresholdError
from facenet_core.neighbours import Resemblance, Shot
from facenet_core.service import FaceService
from facenet_core.survey import PAIRS_TO_DRAW, Point, Survey, curve
from facenet_core.types import Person
from facenet_core.ui import audit, charts, components, faces

STRANGERS = (1_000_000, 300_000, 100_000, 30_000, 10_000, 3_000, 1_000, 300, 100)
"""Stops of the slider, from strict to lenient: one stranger in so many is let in."""

FACE, SMALL_FACE = 110, 72
"""Widths of the pictures, in pixels."""

NAMED = 40
"""Names in a list, beyond which it is cut."""


def operating_point(shared: FaceService) -> None:
    """What the thresholds mean for strangers and for true visitors, and a slider to move them."""
    try:
        calibration = shared.calibration()
    except NoThresholdError:
        st.info(
            "Nothing was measured for this model, so nobody can say how often it errs. Its thresholds are those that "
            "you fix on the Settings page.",
            icon=":material/tune:",
        )
        return
    verify, identify = shared.verify_threshold(), shared.identify_threshold()
    one, many = st.columns(2)
    with one.container(border=True):
        st.markdown(f"**Verify (1:1)**: {verify.distance:.2f}")
        fmr, _ = calibration.fmr(verify.distance)
        st.write(wording.trade_off(calibration, fmr if verify.origin == "fixed" else shared.targets.fmr))
        st.caption(wording.turned_away(calibration, verify))
    with many.container(border=True):
        st.markdown(f"**Recognise (1:N)**: {identify.distance:.2f}")
        st.write(wording.search(calibration, len(shared.gallery()), verify, identify))
        st.caption("A search is a comparison with everybody: the more people, the stricter it has to be.")
    with st.container(border=True):
        _slider(shared)


def _slider(shared: FaceService) -> None:
    calibration, current = shared.calibration(), round(1 / shared.targets.fmr)
    by_environment = shared.settings.target_fmr is not None
    stops = sorted({*STRANGERS, current}, reverse=True)
    chosen = st.select_slider(
        "How strict should Verify be? Strict on the left, lenient on the right.",
        stops,
        value=current,
        format_func=lambda n: f"1 in {n:,}",
        key="accuracy_strictness",
        disabled=by_environment,
        help="A stricter threshold lets fewer strangers in and turns more true visitors away.",
    )
    # A target that is kept is kept as it is: 1/3,333 is not quite the rate that somebody has typed.
    fmr = shared.targets.fmr if chosen == current else 1 / chosen
    st.markdown(f"**{wording.trade_off(calibration, fmr)}**")
    threshold = calibration.verify_threshold(fmr=fmr).distance
    st.caption(f"Threshold {threshold:.2f}. {components.plain(wording.rests_on(calibration, fmr))}")
    if by_environment:
        st.caption("Set in the environment, by FACENET_TARGET_FMR.")
    elif shared.verify_threshold().origin == "fixed":
        st.info(
            "A fixed threshold is set, on the Settings page or in the environment. It wins: what is saved here has no "
            "effect until Verify's threshold is measured again.",
            icon=":material/lock:",
        )
    # Not before running again: a toast of a run that ends so is never seen.
    if st.session_state.pop("accuracy_saved", False):
        st.toast("Saved.", icon=":material/check:")
    label, disabled = "Save", by_environment or chosen == current
    if st.button(label, type="primary", icon=":material/save:", disabled=disabled):
        kept = shared.stored_settings().get("target_fpir")
        _change(shared, "target_fmr", lambda: shared.set_targets(fmr=fmr, fpir=kept))


def own_people(shared: FaceService, found: Survey) -> None:
    """What the enrolled people say about the error rates."""
    photos = components.count(found.photos, "photo")
    several = found.people - len(found.single_photo)
    st.caption(f"{components.count(found.people, 'person')}, {photos}; {several:,} with several photos.")
    if found.people < 2 and not len(found.mated):
        st.info(
            "There is nothing to compare yet. With a second person, or a second photo of one, it begins.",
            icon=":material/compare:",
        )
        return
    if found.compared_photos < found.photos:
        st.caption(f"The charts and rates are about {found.compared_photos:,} photos of people drawn at random.")
    shown = st.tabs(["Distances", "Strangers", "Trade-off"]) if found.rates else [st.container()]
    with shown[0]:
        _distances(shared, found)
    if found.rates:
        shipped = curve(shared.shipped_calibration())
        with shown[1]:
            charts.strangers(found, shipped, shared.verify_threshold())
            st.caption(
                "How rare it is that strangers are this close: where the thresholds were measured, and among your "
                "people. The upright strokes are what your people leave possible (95 %)."
            )
        with shown[2]:
            _trade_off(shared, found, shipped)
        _rates(shared, found)


def _distances(shared: FaceService, found: Survey) -> None:
    try:
        charts.histogram(found, shared.verify_threshold(), shared.identify_threshold())
    except NoThresholdError:
        charts.histogram(found, None, None)
    left_out = " Possible duplicates, below, are left out." if found.duplicates else ""
    st.caption(
        f"{components.count(len(found.mated), 'pair')} of photos of one person, {len(found.non_mated):,} of different "
        f"people. The less the two overlap, the better.{left_out}"
    )


def _trade_off(shared: FaceService, found: Survey, shipped: Sequence[Point]) -> None:
    if not any(point.fnmr for point in shipped):
        st.caption("How many true visitors are turned away was not measured for this model.")
        return
    used, at = shared.calibration(), shared.verify_threshold().distance
    fmr, basis = used.fmr(at)
    charts.det(found, shipped, Point(at, fmr, basis, used.fnmr(at)))
    few = "" if found.det else " For a curve of your own there are too few comparisons yet."
    st.caption(f"Every point is a threshold: strict ones on the left, lenient ones on the right.{few}")


def _rates(shared: FaceService, found: Survey) -> None:
    if found.people_pairs < PAIRS_TO_DRAW:
        st.caption("There are too few people yet to say how much strangers look alike here.")
        return
    st.markdown("**How often strangers look this alike**")
    st.caption("Shipped: where the thresholds were measured. Here: every two of your people, held against each other.")
    heads = ("Shipped", "Here", "Here, 95 % sure", "Here it is")
    st.dataframe(
        [
            {
                "Distance": f"{rate.distance:.2f}{' (Verify)' if rate.current else ''}",
                **dict(zip(heads, wording.compared(rate), strict=True)),
            }
            for rate in found.told
        ],
        hide_index=True,
        alt="How often different people are so close: as shipped, and among your people",
    )
    in_use = shared.own_calibration()
    if in_use:
        st.info(
            f"The thresholds are made from {components.plain(in_use.provenance['data'])} "
            f"({in_use.provenance['non_mated']:,} comparisons of different people).",
            icon=":material/groups:",
        )
    elif said := wording.verdict(found):
        moved = f"\n\n{_would_move(shared, found)}" if found.own else f"\n\n{found.own_reason}"
        st.warning(f"**{said}** {wording.departures(found)[-1]}{moved}", icon=":material/balance:")
    else:
        reason = f" {found.own_reason}" if found.own_reason else ""
        st.caption(f"Your people give no reason to doubt the shipped rates.{reason}")
    own = found.own
    with st.container(horizontal=True):
        if in_use and st.button("Go back to the shipped rates", icon=":material/undo:"):
            _change(shared, "calibration", lambda: shared.use_calibration(None))
        if own and in_use and st.button("Measure them anew", icon=":material/refresh:"):
            _change(shared, "calibration", lambda: shared.use_calibration(own))
        if (
            own
            and not in_use
            and wording.verdict(found)
            and st.button("Use my own people's rates", type="primary", icon=":material/groups:")
        ):
            _change(shared, "calibration", lambda: shared.use_calibration(own))


def _would_move(shared: FaceService, found: Survey) -> str:
    if not found.own or shared.verify_threshold().origin == "fixed":
        return ""
    now, then = shared.verify_threshold(), found.own.verify_threshold(fmr=shared.targets.fmr)
    return f"With your own people's rates the Verify threshold would be {then.distance:.2f} instead of " + (
        f"{now.distance:.2f}."
    )


def worth_a_look(shared: FaceService, found: Survey) -> None:
    """People and photos that something may be wrong with."""
    if found.duplicates:
        st.markdown("**One person enrolled twice?**")
        st.caption("So much alike that hardly any two strangers would be. If they are one person, remove one of them.")
        _pairs(shared, found.duplicates, FACE)
    if found.strays:
        st.markdown("**Photos that look like no other of their person**")
        st.caption("Somebody else's, or a poor photo. If so, remove it on the Manage page.")
        _pairs(shared, found.strays, FACE)
    if found.lookalikes:
        st.markdown("**Nearest lookalikes**")
        st.caption("Different people whose photos are closest. More photos of each help to tell them apart.")
        _pairs(shared, found.lookalikes, SMALL_FACE)
    if found.single_photo:
        st.markdown(f"**{components.count(len(found.single_photo), 'person')} with one photo only**")
        st.caption("Another photo, taken on another day, makes their answers safer.")
        st.write(_names(found.single_photo))
    if found.duplicates or found.strays or found.single_photo:
        st.page_link("pages/manage.py", label="Go to Manage", icon=":material/groups:")


def _pairs(shared: FaceService, pairs: Sequence[Resemblance], width: int) -> None:
    with st.grid("auto", min_column_width=2 * width + 60):
        for pair in pairs:
            with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
                with st.container(horizontal=True, horizontal_alignment="center"):
                    for shot in (pair.first, pair.second):
                        faces.picture(shared, shot.template, width, _said(shot))
                st.markdown(_who(pair), text_alignment="center")
                rarity = f" · {pair.one_in} strangers" if pair.one_in else ""
                st.caption(f"distance {pair.distance:.2f}{rarity}", text_alignment="center")


def _who(pair: Resemblance) -> str:
    first, second = pair.first, pair.second
    if first.person.id == second.person.id:
        return f"{components.plain(first.person.name)}, photos {first.number} and {second.number}"
    return f"{components.plain(first.person.name)} and {components.plain(second.person.name)}"


def _said(shot: Shot) -> str:
    return f"Photo {shot.number} of {shot.person.name}"


def _names(people: Sequence[Person]) -> str:
    more = f", and {len(people) - NAMED:,} more" if len(people) > NAMED else ""
    return ", ".join(components.plain(person.name) for person in people[:NAMED]) + more


def _change(shared: FaceService, what: str, change: Callable[[], None]) -> None:
    try:
        change()
        audit.note(shared, "set", what)
    except FaceNetError as error:
        components.show_error(error)
    else:
        st.session_state.accuracy_saved = True
        st.rerun()
