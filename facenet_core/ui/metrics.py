"""The Metrics page: what was asked since the start, and by whom."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from facenet_core.service import FaceService
from facenet_core.types import Door
from facenet_core.ui import components

OUTCOME = {"match": "match", "inconclusive": "can't tell", "no_match": "no match"}

DOORS: dict[Door, str] = {"api": "API", "page": "pages", "command": "commands", "images": "images folder"}

EVENTS = 50
"""Events that are shown."""


def overview(shared: FaceService) -> None:
    """The database and the model in numbers."""
    people = shared.people()
    photos = sum(len(person.templates) for person in people)
    one, two, three = st.columns(3)
    one.metric("People", f"{len(people):,}", border=True)
    two.metric("Photos", f"{photos:,}", border=True)
    three.metric("Model ready after", f"{shared.state.seconds:.1f} s", border=True)


def requests(shared: FaceService) -> None:
    """How often each route was asked, how it answered and how long it took."""
    rows = shared.monitor.rows("facenet_requests_total")
    if not rows:
        st.caption("Nothing was asked over the API since the start, or it is served by another process.")
        return
    asked: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for (method, route, status), count in rows.items():
        asked[f"{method} {route}"] += int(count)
        refused[f"{method} {route}"] += int(count) * (int(status) >= 400)
    seconds, counts = (shared.monitor.rows(f"facenet_request_seconds_{part}") for part in ("sum", "count"))
    table = [
        {
            "Route": name,
            "Requests": total,
            "Refused": refused[name],
            "Mean, ms": round(1000 * seconds[(name.split()[1],)] / max(counts[(name.split()[1],)], 1)),
        }
        for name, total in asked.most_common()
    ]
    st.dataframe(table, hide_index=True, alt="Requests by route")


def decisions(shared: FaceService) -> None:
    """What decisions came to."""
    rows = shared.monitor.rows("facenet_decisions_total")
    failed = sum(shared.monitor.rows("facenet_not_acquired_total").values())
    if not rows and not failed:
        st.caption("Nothing was decided since the start.")
        return
    table = [
        {"Question": kind, "Answer": OUTCOME[outcome], "Times": int(count)}
        for (kind, outcome), count in sorted(rows.items())
    ]
    st.dataframe(table, hide_index=True, alt="Decisions by answer")
    st.caption(f"{components.count(int(failed), 'photo')} that came over the API could not be used.")


def events(shared: FaceService) -> None:
    """Who asked for what, the latest first."""
    found = shared.audit.latest(EVENTS)
    if not found:
        st.caption("Nothing was asked for yet.")
        return
    names = {person.id: person.name for person in shared.people()}
    table = [
        {
            "When (UTC)": f"{event.at:%Y-%m-%d %H:%M:%S}",
            "Where": DOORS[event.door],
            "By": event.who or "",
            "What": event.kind.replace("_", " ").capitalize(),
            "Who": names.get(event.person_id or "", "removed" if event.person_id else ""),
            "Outcome": event.outcome,
        }
        for event in found
    ]
    st.dataframe(table, hide_index=True, alt="The latest events")
