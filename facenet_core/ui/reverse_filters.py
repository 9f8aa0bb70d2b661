"""Which pages count in a search, and how many faces are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from facenet_core.reverse.records import Among, Status
from facenet_core.ui import reverse_links

COUNTS = (10, 20, 50, 100)
USUAL = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen.

    Attributes:
        count: Different faces at most.
        among: Which pages count.
        said: The same in words; empty if all count.
    """

    count: int
    among: Among
    said: str


def chosen(status: Status) -> Filters | None:
    """Lets the user choose; None if the days are none that anything could be fetched on."""
    # A label that changes would close the expander.
    with st.expander("Filters", icon=":material/filter_list:"):
        sources = st.multiselect(
            "Sources",
            sorted(status.images),
            format_func=lambda name: f"{reverse_links.source(name)} ({status.images.get(name, 0):,})",
            placeholder="All sources",
            select_all=False,
            key="reverse_sources",
            persist_state="page",
        )
        since, until, most = st.columns(3)
        first = since.date_input("Fetched from", None, format="YYYY-MM-DD", key="reverse_since", persist_state="page")
        last = until.date_input("Fetched up to", None, format="YYYY-MM-DD", key="reverse_until", persist_state="page")
        count = most.selectbox(
            "Results at most", COUNTS, COUNTS.index(USUAL), key="reverse_count", persist_state="page"
        )
        if first and last and first > last:
            st.error("The first day is after the last one.", icon=":material/error:")
            return None
    among = Among(
        tuple(sources), _midnight(first) if first else None, _midnight(last + timedelta(days=1)) if last else None
    )
    return Filters(count, among, _said(sources, first, last))


def _midnight(day: date) -> datetime:
    """When a day begins here."""
    return datetime.combine(day, time.min).astimezone(UTC)


def _said(sources: list[str], first: date | None, last: date | None) -> str:
    words = [" and ".join(map(reverse_links.source, sources))] if sources else []
    words += [f"fetched from {first:%Y-%m-%d}"] if first else []
    words += [f"{'' if first else 'fetched '}up to {last:%Y-%m-%d}"] if last else []
    return ", ".join(words)
