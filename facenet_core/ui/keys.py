"""The Settings page's API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import ROLES, ApiKey, Role
from facenet_core.ui import audit, components

MADE = "key_made"
"""The session's key for a secret that is being shown."""

ENDS = {"in 30 days": 30, "in a year": 365, "never": None}

ABOUT = {
    "verify": "claims (1:1), comparisons, detection",
    "identify": "searches (1:N)",
    "enrol": "adding people and photos",
    "manage": "everything",
}


def section(shared: FaceService) -> None:
    """Lists the keys, makes and revokes them."""
    st.write(
        "Other programs ask over the REST API. On this machine they need no key; from elsewhere they do. A key is for "
        "what its roles say, and only its hash is kept."
    )
    if MADE in st.session_state:
        with st.container(border=True):
            st.success("This key is shown once. Copy it now.", icon=":material/key:")
            st.code(st.session_state[MADE], language=None)
            st.button("I have copied it", icon=":material/check:", on_click=st.session_state.pop, args=(MADE,))
    now = datetime.now(UTC)
    keys = [key for key in shared.keys.all() if key.state(now) != "revoked"]
    for key in keys:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{components.plain(key.name)}** · {', '.join(key.roles)} · {_until(key, now)}")
            st.button(
                "Revoke", key=f"revoke_{key.id}", icon=":material/block:", on_click=_revoke, args=(shared, key.id)
            )
    if not keys:
        st.caption("There are no keys.")
    if st.button("Make a key", icon=":material/add:"):
        make(shared)


@st.dialog("Make a key")
def make(shared: FaceService) -> None:
    """Asks for a name, roles and an end."""
    name = st.text_input("What is it for?", placeholder="front door", max_chars=100)
    default: list[Role] = ["verify"]
    roles = st.pills("It may be used for", ROLES, selection_mode="multi", default=default)
    for role in roles:
        st.caption(f"{role}: {ABOUT[role]}")
    end = st.selectbox("It ends", list(ENDS))
    if st.button("Make it", type="primary"):
        days = ENDS[end]
        expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
        try:
            key, st.session_state[MADE] = shared.keys.create(name, roles, expires)
            audit.note(shared, "create_key", key.id)
        except FaceNetError as error:
            components.show_error(error)
            return
        st.rerun()


def _revoke(shared: FaceService, key_id: str) -> None:
    try:
        key = shared.keys.revoke(key_id)
        audit.note(shared, "revoke_key", key.id)
        st.toast(f"Revoked: {components.plain(key.name)}", icon=":material/block:")
    except FaceNetError as error:
        st.toast(components.plain(str(error)), icon=":material/error:")


def _until(key: ApiKey, now: datetime) -> str:
    if key.state(now) == "expired":
        return ":orange[expired]"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "without an end"
