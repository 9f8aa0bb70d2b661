"""The folders of the album: added, indexed, removed, and what in them can't be used."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import streamlit as st

from facenet_core.album.packing import in_album
from facenet_core.album.records import UNDER_WAY, Folder, Refused, Run, shown
from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.table import cell
from facenet_core.ui import album_tiles, audit, components, login, notices

ADDED = "album_path"
CONFIRM = "album_confirm"
"""The folder whose removal is to be confirmed, as a key of the session."""

EVERY = 1.0
"""Seconds between two looks at how far a run is."""

MOST = 1_000
"""Files that can't be used that are shown; all of them are in the table to download."""


def section(shared: FaceService) -> None:
    """The folders, with what a manager can do to them."""
    manager = login.may("manage")
    seen = _seen(shared)  # before anything is drawn: what changes meanwhile has the page run again
    folders, (busy, state) = shared.album.folders(), seen
    ending = busy and state in ("pausing", "grouping")  # by itself, or as it was asked to
    if manager:
        _add(shared)
    elif not folders:
        st.info("No folder was added yet. To add one takes the role manage.", icon=":material/folder_off:")
    for folder in folders:
        _folder(shared, folder, manager, _wait(ending) if busy else None)
    if folders:
        if not ending:
            _index(shared, manager, busy)
        _follow(shared, seen)
        if manager:
            _refused(shared)


def _add(shared: FaceService) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("A folder on this machine", placeholder="/home/me/Pictures", key=ADDED)
        st.button("Add", type="primary", icon=":material/create_new_folder:", on_click=_added, args=(shared,))
    st.caption("With everything below it. Photos are only read: nothing in the folder is moved, changed or deleted.")


def _added(shared: FaceService) -> None:
    path = st.session_state[ADDED].strip()
    if not path:
        notices.say("Type the path of a folder first.", error=True)
        return
    try:
        folder = shared.album.add(Path(path))
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    audit.note(shared, "album_add", "added")
    notices.say(f"{shown(str(folder.path))} was added. Have it indexed now.")
    st.session_state[ADDED] = ""


def _folder(shared: FaceService, folder: Folder, manager: bool, wait: str | None) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(gap="xxsmall", width="stretch"):
                path = shown(str(folder.path)) if manager else shown(folder.path.name)
                st.markdown(f":material/folder: **{components.plain(path)}**")
                st.caption(_counted(folder))
            if manager and st.session_state.get(CONFIRM) != folder.id:
                st.button(
                    "Remove",
                    key=f"album_remove_{folder.id}",
                    icon=":material/delete:",
                    type="tertiary",
                    disabled=wait is not None,
                    help=wait,
                    on_click=lambda: st.session_state.update({CONFIRM: folder.id}),
                )
        if manager and st.session_state.get(CONFIRM) == folder.id:
            st.warning(
                "Take this folder out of the album, with all that is known of its faces? The photos stay as they are.",
                icon=":material/warning:",
            )
            with st.container(horizontal=True):
                st.button(
                    "Yes, remove",
                    type="primary",
                    icon=":material/delete:",
                    on_click=_removed,
                    args=(shared, folder),
                )
                st.button("Keep", on_click=lambda: st.session_state.pop(CONFIRM, None))


def _counted(folder: Folder) -> str:
    if not folder.photos and not folder.refused:
        return "Not indexed yet"
    unusable = f", {components.count(folder.refused, 'file')} that can't be used" if folder.refused else ""
    return f"{components.count(folder.photos, 'photo')}{unusable}"


def _removed(shared: FaceService, folder: Folder) -> None:
    st.session_state.pop(CONFIRM, None)
    try:
        shared.album.remove(folder.path)
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    album_tiles.forget()
    audit.note(shared, "album_remove", "removed")
    notices.say(f"{shown(str(folder.path))} is no longer in the album. Its photos stay as they are.")


def _index(shared: FaceService, manager: bool, busy: bool) -> None:
    """Buttons to begin, to pause, to go on."""
    if not manager:
        return
    run = shared.album.run()
    with st.container(horizontal=True, vertical_alignment="center"):
        if busy:
            st.button("Pause", icon=":material/pause:", on_click=_pause, args=(shared,))
            return
        label, icon = _begin(shared, run)
        st.button(label, type="primary", icon=icon, on_click=_start, args=(shared, False))
        if run is not None:
            st.button(
                "Read every file again",
                icon=":material/refresh:",
                type="tertiary",
                help="Compares each file's content with what is known: for files that were changed in secret.",
                on_click=_start,
                args=(shared, True),
            )


def _begin(shared: FaceService, run: Run | None) -> tuple[str, str]:
    """What a run would do, and its icon."""
    if run is not None and run.state == "paused":
        return "Go on", ":material/play_arrow:"
    if shared.album.counts()["files"] or shared.album.counts()["refused"]:
        return "Look for new photos", ":material/image_search:"
    return "Index", ":material/document_scanner:"


def _start(shared: FaceService, again: bool) -> None:
    shared.album.start_index(again=again)
    audit.note(shared, "album_index", "started")


def _pause(shared: FaceService) -> None:
    try:
        shared.album.pause_index()
    except FaceNetError as error:
        notices.say(str(error), error=True)


def _wait(ending: bool) -> str:
    """What there is to do before a folder can be removed."""
    return "Wait for the end of the indexing." if ending else "Pause the indexing first."


def _seen(shared: FaceService) -> tuple[bool, str | None]:
    """Whether a run is under way, here or in another process, and what it does."""
    going, run = shared.album.indexing, shared.album.run()
    return going or (run is not None and run.state in UNDER_WAY), run.state if run else None


@st.fragment(run_every=EVERY)
def _follow(shared: FaceService, seen: tuple[bool, str | None]) -> None:
    """How far a run is, by itself; the page runs again when one begins or ends."""
    now = _seen(shared)
    if now != seen:
        st.rerun()
    run = shared.album.run()
    if not run or (now[0] and run.state not in UNDER_WAY):
        if now[0]:
            waiting = shared.state.status in ("idle", "loading")
            st.progress(0.0, "Waiting for the model" if waiting else "Looking through the folders")
        return
    if run.state == "scanning":
        st.progress(0.0, "Looking through the folders")
    elif run.state == "grouping":
        st.progress(1.0, "Grouping the faces into people")
    elif run.state in ("indexing", "pausing", "paused"):
        st.progress(min(run.done / run.total, 1.0) if run.total else 0.0, _said(run))
    elif run.state == "failed":
        components.show_error(run.problem or "The last run failed.")
    else:
        ended = f"{run.told_at.astimezone():%d %b %Y, %H:%M}"
        st.caption(f":material/check: Up to date: {components.count(run.done, 'file')} looked at, {ended}")


def _said(run: Run) -> str:
    text = f"{run.done:,} of {components.count(run.total, 'file')}"
    if run.state == "pausing":
        return f"Pausing after the photo that it is at: {text}"
    if run.state == "paused":
        return f"Paused: {text}"
    if not run.done:
        return text
    left = f", {duration(run.remaining)} left" if run.remaining is not None else ""
    return f"{text}, {run.rate:.1f} a second{left}"


def duration(seconds: float) -> str:
    """Roughly how long: ``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _refused(shared: FaceService) -> None:
    refused = shared.album.refused()
    if not refused:
        return
    st.subheader(components.count(len(refused), "file") + " can't be used", anchor=False)
    roots = [folder.path for folder in shared.album.folders()]
    st.dataframe(
        [{"File": in_album((each.path,), roots), "Reason": each.reason} for each in refused[:MOST]],
        hide_index=True,
        alt="Files that can't be used, and why",
    )
    if len(refused) > MOST:
        st.caption(f"The first {MOST:,}; all of them are in the table to download.")
    st.download_button(
        "CSV", lambda: _csv(refused), "refused.csv", "text/csv", icon=":material/table:", on_click="ignore"
    )


def _csv(refused: tuple[Refused, ...]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("file", "code", "reason"))
    rows.writerows((cell(shown(str(each.path))), each.code, cell(each.reason)) for each in refused)
    return text.getvalue()
