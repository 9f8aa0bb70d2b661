"""Reverse search: whose face on which public page looks like this one?"""

from __future__ import annotations

import streamlit as st

from facenet_core.reverse.records import FLOOR, Hit, Matches, Status
from facenet_core.service import FaceService
from facenet_core.types import Outcome
from facenet_core.ui import (
    audit,
    components,
    login,
    reverse_filters,
    reverse_links,
    reverse_memory,
    reverse_probe,
    reverse_tiles,
)
from facenet_core.ui.reverse_filters import Filters
from facenet_core.ui.reverse_probe import Probe

ALIKE = "reverse_alike"
"""Whether look-alikes are shown, as a key of the session."""


def section(shared: FaceService) -> None:
    """The question, and its answer.

    Raises:
        FaceNetError: If the photo can't be used, or the index can't be searched.
    """
    if shared.state.status in ("idle", "loading"):
        st.progress(0.0, "Waiting for the model")
        return
    status = reverse_memory.recalled(shared, "status", shared.reverse.status)
    if not status.faces:
        _empty(status)
        return
    with st.container():  # of one place, whatever is in it: the filters below stay open
        probe = reverse_probe.given(shared)
    filters = reverse_filters.chosen(status)
    if probe is None:
        st.caption("Give a photo: public pages that show a face like it appear here.")
        _stock(shared, status)
    elif filters is not None:
        _answer(shared, probe, filters, _found(shared, probe, filters))


def _found(shared: FaceService, probe: Probe, filters: Filters) -> Matches:
    """Asks once for each question, however often the page runs; it is noted once, however often it is asked."""
    question = probe.key, filters.count, filters.among
    found = reverse_memory.recalled(
        shared, question, lambda: shared.reverse.search(probe.face.embedding, filters.count, filters.among)
    )
    outcomes = {hit.outcome for hit in found.hits}
    verdict = "found" if "match" in outcomes else "unsure" if "inconclusive" in outcomes else "absent"
    audit.searched(shared, f"{probe.key} {filters}", verdict, "reverse_search")
    return found


def _answer(shared: FaceService, probe: Probe, filters: Filters, found: Matches) -> None:
    likely, unsure, alike = (_of(found, outcome) for outcome in ("match", "inconclusive", "no_match"))
    with st.container(border=True):
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            reverse_probe.shown(probe)
            with st.container(width="stretch"):
                st.subheader(_headline(likely, unsure, alike), anchor=False)
        st.caption(_searched(found, filters))
        if not likely:
            components.advice(probe.face)
    if found.hits:
        _honestly(found)
    if likely:
        reverse_tiles.grid(shared, likely)
    if unsure:
        if likely:
            st.subheader(f":orange[:material/help: Can't tell: {_pictures(unsure)}]", anchor=False)
        st.caption("Near the threshold: some of these may be the same person, some somebody else. Look for yourself.")
        reverse_tiles.grid(shared, unsure)
    looks = "looks" if len(alike) == 1 else "look"
    if alike and st.toggle(
        f"Show {_pictures(alike)} that {looks} similar, most likely of somebody else", key=ALIKE, persist_state="page"
    ):
        st.caption(
            "Beyond the threshold: other people, as a rule. The first of them may be the same person all the same, at "
            "another age, turned away or blurred."
        )
        reverse_tiles.grid(shared, alike)
    if found.hits and not login.may("manage"):
        st.caption(
            ":material/block: Whoever does not want to be found here can be removed: ask somebody with the role manage."
        )


def _headline(likely: list[Hit], unsure: list[Hit], alike: list[Hit]) -> str:
    if likely:
        return f":green[:material/check_circle: Probably the same person: {_pictures(likely)}]"
    if unsure:
        return f":orange[:material/help: Can't tell: {_pictures(unsure)}]"
    if alike:
        return ":red[:material/person_off: No likely match]"
    return ":red[:material/person_off: No face that looks like this]"


def _searched(found: Matches, filters: Filters) -> str:
    where = f" Only {components.plain(filters.said)} counted." if filters.said else ""
    if found.threshold is None:
        why = "Nothing was measured for this model: it can't tell."
    else:
        why = found.threshold.explanation
    return f"{components.count(found.searched, 'different face')} searched.{where} {why}"


def _honestly(found: Matches) -> None:
    """What a likeness is worth, and what its figures mean."""
    st.info(
        "**A likeness is no proof.** The more faces are searched, the more strangers look alike. Open the page and "
        "look for yourself before you believe that it is the same person.",
        icon=":material/groups:",
    )
    with st.expander("What the figures mean", icon=":material/info:"):
        st.markdown(
            f"- **Per cent** is the scale that older face searches show: (cosine + 1) ÷ 2 × 100. It is *not* a "
            f"probability: two strangers are at 50 % on average. Below {FLOOR:.0f} % nothing is shown.\n"
            "- **Distance** is the same likeness as the other pages measure it, from 0 to 2; smaller is more similar.\n"
            "- **1 in 4,000** says how many strangers you would meet until one looks this similar. In an index of "
            "40,000 people, ten such strangers are to be expected.\n"
            f"- **Probably the same person** and **can't tell** follow {_rule(found)}. It does not know about twins, "
            "siblings and lookalikes."
        )


def _rule(found: Matches) -> str:
    if found.threshold is None:
        return "no threshold, as none was measured for this model"
    if found.threshold.origin == "fixed":
        return "the distance that was set, however many faces the index has"
    return "a threshold that grows stricter with the number of faces in the index"


def _empty(status: Status) -> None:
    """What to do first."""
    if status.waiting:
        st.info(
            f"{components.count(status.waiting, 'picture')} fetched, none looked at yet. Have them indexed:",
            icon=":material/document_scanner:",
        )
        st.code("python -m facenet_core reverse index", language="bash", wrap_lines=True)
        return
    if status.lost:
        _not_seen(status)
        return
    st.info("There are no pictures here yet. Fetch some, and have them indexed:", icon=":material/travel_explore:")
    st.code(
        "python -m facenet_core reverse crawl QUERY --source commons\npython -m facenet_core reverse index",
        language="bash",
        wrap_lines=True,
    )
    st.caption(
        "QUERY is what you would type into the source's own search. Only pictures whose licence the source names are "
        "fetched. Ask whether you may before you do: docs/reverse.md, *What the law may ask of you*."
    )


def _stock(shared: FaceService, status: Status) -> None:
    """What there is."""
    places = ", ".join(f"{reverse_links.source(name)} {count:,}" for name, count in sorted(status.images.items()))
    oldest = f"; the oldest from {status.oldest.astimezone():%d %b %Y}" if status.oldest else ""
    st.caption(
        f":material/database: {components.count(status.faces, 'different face')} on "
        f"{components.count(status.photos, 'picture')} ({components.plain(places)}){oldest}. "
        f"Each is dropped {components.count(shared.settings.reverse_days, 'day')} after it was fetched."
    )
    if status.waiting:
        st.caption(
            f":material/hourglass_top: {components.count(status.waiting, 'more picture')} wait: `python -m "
            "facenet_core reverse index`"
        )
    _not_seen(status)


def _not_seen(status: Status) -> None:
    if status.lost:
        st.caption(
            f":material/sync_problem: {components.count(status.lost, 'picture')} that another model has seen must be "
            "fetched again before this one can search them (docs/reverse.md)."
        )


def _of(found: Matches, outcome: Outcome) -> list[Hit]:
    return [hit for hit in found.hits if hit.outcome == outcome]


def _pictures(hits: list[Hit]) -> str:
    return components.count(len(hits), "picture")
