"""Who may open which page: this machine alone, or people who have logged in (OIDC)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from facenet_core.api.exposure import loopback
from facenet_core.service import FaceService
from facenet_core.types import ROLES, Asker, Role
from facenet_core.ui import components

TAKES: dict[str, Role] = {
    "pages/verify.py": "verify",
    "pages/recognize.py": "identify",
    "pages/album.py": "identify",
    "pages/reverse.py": "identify",
    "pages/manage.py": "enrol",
    "pages/accuracy.py": "manage",
    "pages/metrics.py": "manage",
    "pages/settings.py": "manage",
}
"""The role that each page takes; ``manage`` includes the others. With ``enrol`` alone Manage adds people, no more;
with ``identify`` alone Album and Reverse search are searched, and nothing in them is changed."""


def admit(shared: FaceService, page: str) -> None:
    """Lets through whoever may see a page; for others the page ends here.

    With ``[auth]`` in Streamlit's secrets people log in, and ``[roles]`` beside
    it says what each may do. Without, this machine alone is served, unless
    ``FACENET_PAGES_OPEN`` says that something in front asks who they are.

    Args:
        shared: The service.
        page: The page's own file, such as ``pages/verify.py``.
    """
    if not configured():
        if not shared.settings.pages_open and not loopback(st.get_option("server.address")):
            st.error(
                "This server can be reached from other machines, and nothing asks who they are. Set up a login "
                "(README, Who may open the pages), serve this machine alone, or say with FACENET_PAGES_OPEN=true that "
                "something in front of it asks.",
                icon=":material/lock:",
            )
            st.stop()
        return
    if not st.user.is_logged_in:
        st.header("Log in", anchor=False)
        st.write("Faces are personal data: say who you are first.")
        st.button("Log in", icon=":material/login:", type="primary", on_click=st.login)
        st.stop()
    if page not in allowed():
        st.error(f"{components.plain(_email())} may not open this page.", icon=":material/lock:")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
        st.stop()


def allowed() -> frozenset[str]:
    """The pages for whoever looks: all where nobody logs in."""
    if not configured() or not st.user.is_logged_in:
        return frozenset(TAKES)
    granted = roles()
    return frozenset(page for page, role in TAKES.items() if "manage" in granted or role in granted)


def may(role: Role) -> bool:
    """Whether whoever looks has a role: everybody has all where nobody logs in."""
    granted = roles() if configured() else ROLES
    return role in granted or "manage" in granted


def roles() -> tuple[Role, ...]:
    """The roles of whoever has logged in; none for an address that its provider has not verified."""
    if st.user.get("email_verified") is False:
        return ()
    given = {str(email).casefold(): names for email, names in _secrets("roles").items()}.get(_email().casefold(), ())
    names = (given,) if isinstance(given, str) else tuple(given)
    return tuple(role for role in ROLES if role in names)


def asker() -> Asker:
    """Whoever looks, for the audit."""
    return Asker("page", _email() or None if configured() and st.user.is_logged_in else None)


def configured() -> bool:
    """Whether people log in."""
    return bool(_secrets("auth"))


def _email() -> str:
    return str(st.user.get("email") or "")


def _secrets(section: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = st.secrets.get(section, {})
    except StreamlitSecretNotFoundError:
        return {}
    return found
