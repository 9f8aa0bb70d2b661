"""The photos that a search found: looked through, selected, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryFile

import streamlit as st

from facenet_core.album.packing import pack, parts
from facenet_core.album.records import Found, Hit
from facenet_core.drawing import Style
from facenet_core.service import FaceService
from facenet_core.types import OneIn
from facenet_core.ui import album_photo, album_tiles

PART, PART_MB = 100, 500
"""Photos in one archive at most, and their megabytes together: what a browser is given is held in memory."""

PARTS = "album_parts"
"""An answer, and the parts in which its photos are downloaded, as a key of the session."""

PAGE = 40
"""Photos that are shown at once."""

PICKED = "album_picked"
"""The numbers of the photos that are selected, and the question that found them, as a key of the session."""

SAME = 1e-3
"""Up to this distance a face is one of the samples."""

RAREST = 1_000_000
"""Beyond, a number of strangers says nothing more."""


def grid(shared: FaceService, key: str, hits: Sequence[Hit], marked: Sequence[str | None], style: Style) -> None:
    """Photos page by page, the faces boxed.

    Args:
        shared: The service.
        key: What tells this grid from others.
        hits: The photos.
        marked: What the face of each person is called on them.
        style: How it is boxed.
    """
    pages = -(-len(hits) // PAGE)
    slot = st.container()
    page = st.pagination(pages, key=f"album_page_{key}", persist_state="page") if pages > 1 else 1
    with slot, st.grid("auto", min_column_width=150):
        for hit in hits[(page - 1) * PAGE : page * PAGE]:
            _tile(shared, hit, marked, style)


def downloads(shared: FaceService, question: str, all_of_them: Sequence[Hit], found: Found) -> None:
    """The photos as files: all of them, or those that are selected."""
    picked = _picked(question)
    chosen = [hit for hit in (*found.hits, *found.perhaps) if hit.photo.id in picked]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        several = _parts(found, all_of_them)
        part = 1
        if len(several) > 1:
            part = st.selectbox(
                "Download",
                range(1, len(several) + 1),
                format_func=lambda n: _part(n, several),
                key=f"album_part_{question}",
                width=220,
            )
        these = several[part - 1]
        which = "all" if len(several) == 1 else "these"
        _download(shared, f"Download {which} {len(these):,}" if len(these) > 1 else "Download it", "all", these)
        fit = next(parts(chosen, PART, PART_MB * 10**6), ())
        if chosen:
            _download(shared, f"Download {len(fit):,} selected", "selected", fit)
            st.button("Clear selection", icon=":material/deselect:", type="tertiary", on_click=picked.clear)
    if len(fit) < len(chosen):
        limit = f"{PART} photos or {PART_MB} MB"
        st.caption(f"A download holds {limit} at most: the best of the {len(chosen):,} that are selected.")


def _parts(found: Found, photos: Sequence[Hit]) -> tuple[tuple[Hit, ...], ...]:
    """The photos of an answer in parts. Their files are looked at once, however often the page runs."""
    known: tuple[Found, tuple[tuple[Hit, ...], ...]] | None = st.session_state.get(PARTS)
    if known is None or known[0] is not found:
        st.session_state[PARTS] = known = (found, tuple(parts(photos, PART, PART_MB * 10**6)))
    return known[1]


def _part(number: int, several: Sequence[Sequence[Hit]]) -> str:
    before, own, photos = sum(map(len, several[: number - 1])), len(several[number - 1]), sum(map(len, several))
    if own == 1:
        return f"Photo {before + 1:,} of {photos:,}"
    return f"Photos {before + 1:,} to {before + own:,} of {photos:,}"


def _download(shared: FaceService, label: str, key: str, hits: Sequence[Hit]) -> None:
    st.download_button(
        label,
        lambda: _zipped(shared, hits),
        "album.zip",
        "application/zip",
        key=f"album_zip_{key}",
        icon=":material/folder_zip:",
        on_click="ignore",
    )


def _picked(question: str) -> set[int]:
    """The selection of this question; another begins with none."""
    known: tuple[str, set[int]] | None = st.session_state.get(PICKED)
    if known is None or known[0] != question:
        st.session_state[PICKED] = known = (question, set())
    return known[1]


def _tile(shared: FaceService, hit: Hit, marked: Sequence[str | None], style: Style) -> None:
    picked: set[int] = st.session_state[PICKED][1]
    boxes = zip(hit.faces, marked, strict=True)
    marks = [album_tiles.boxed(hit.photo, face.box, number, style) for face, number in boxes]

    with st.container(gap="xxsmall"):
        album_tiles.photo(shared, hit.photo, marks, f"{hit.photo.name} with the face boxed")
        st.caption(f"**{hit.distance:.2f}** · {'a sample itself' if hit.distance < SAME else strangers(hit)}")
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            album_tiles.select(picked, hit.photo.id, f"album_pick_{hit.photo.id}")
            album_photo.button(hit.photo, f"hit_{hit.photo.id}", tuple(face.id for face in hit.faces))


def strangers(hit: Hit) -> str:
    """How rare such a likeness is, of a face with all that are surely the same person: ``1 in 4,000``."""
    one_in = OneIn(min(hit.strangers, RAREST), "bound" if hit.strangers >= RAREST else "estimated")
    return str(one_in).removeprefix("about ").replace("fewer than", "under")


def _zipped(shared: FaceService, hits: Sequence[Hit]) -> bytes:
    with TemporaryFile() as target:
        pack(shared.album, hits, target)
        target.seek(0)
        content: bytes = target.read()
    return content
