"""Who may open which page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from facenet_core.service import FaceService
from facenet_core.ui import login
from tests.fakes import GREEN, RED, photo
from tests.ui.conftest import Serve, ServeInstalled
from tests.ui.people import enrol
from tests.ui.visitor import ROOT, Visitor

EVERY = ["accuracy", "album", "manage", "metrics", "recognize", "reverse", "settings", "verify"]

LogIn = Callable[..., None]


class User(dict[str, Any]):
    """What st.user is."""

    @property
    def is_logged_in(self) -> bool:
        return bool(self)


@pytest.fixture
def logged_in(monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """Sets up a login, and somebody who has gone through it, or nobody."""

    def log_in(roles: dict[str, Any], **claims: Any) -> None:
        secrets = {"auth": {"client_id": "faces"}, "roles": roles}
        monkeypatch.setattr(login, "_secrets", lambda section: secrets[section])
        monkeypatch.setattr(st, "user", User(claims))

    return log_in


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other machines can reach the server."""
    plain = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: "0.0.0.0" if key == "server.address" else plain(key))


def open_to(visitor: Visitor) -> list[str]:
    """The pages that can be seen."""
    return [page for page in EVERY if visitor.open(page).title]


def offered(visitor: Visitor) -> list[str]:
    (navigation,) = [m.navigation for m in visitor.messages if m.HasField("navigation")][-1:]
    return [page.page_name for page in navigation.app_pages if not page.is_hidden]


@pytest.mark.usefixtures("service")
def test_on_this_machine_everybody_sees_every_page() -> None:
    assert open_to(Visitor()) == EVERY


@pytest.mark.usefixtures("service", "reachable")
def test_from_elsewhere_nobody_sees_anything_without_a_login() -> None:
    visitor = Visitor()
    assert open_to(visitor) == []
    assert "nothing asks who they are" in visitor.text


@pytest.mark.usefixtures("reachable")
def test_something_in_front_may_ask_instead(serve: Serve) -> None:
    serve(pages_open=True)
    assert open_to(Visitor()) == EVERY


@pytest.mark.usefixtures("service", "reachable")
def test_whoever_has_not_logged_in_is_asked_to(logged_in: LogIn) -> None:
    logged_in({"ann@example.org": ["manage"]})
    visitor = Visitor()
    assert open_to(visitor) == []
    assert visitor.has("button", "Log in")


@pytest.mark.usefixtures("service", "reachable")
@pytest.mark.parametrize(
    ("roles", "pages"),
    [
        (["manage"], EVERY),
        ("verify", ["verify"]),
        (["identify", "verify"], ["album", "recognize", "reverse", "verify"]),
        (["enrol"], ["manage"]),
        (["root"], []),
    ],
)
def test_people_see_the_pages_of_their_roles(logged_in: LogIn, roles: object, pages: list[str]) -> None:
    logged_in({"Ann@example.org": roles}, email="ann@Example.org")
    visitor = Visitor()
    assert open_to(visitor) == pages
    if not pages:
        assert "may not open this page" in visitor.text


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "claims", [{"email": "eve@example.org"}, {"email": "ann@example.org", "email_verified": False}]
)
def test_people_without_a_role_see_nothing(logged_in: LogIn, claims: dict[str, Any]) -> None:
    logged_in({"ann@example.org": ["manage"]}, **claims)
    visitor = Visitor()
    assert open_to(visitor) == []
    assert visitor.has("button", "Log out")


def test_pages_that_are_not_for_somebody_are_not_offered(service: FaceService, logged_in: LogIn) -> None:
    logged_in({"ann@example.org": ["verify", "identify"]}, email="ann@example.org")
    assert offered(Visitor().open("verify")) == ["Verify", "Recognise", "Album", "Reverse search"]


def test_whoever_may_only_enrol_adds_people_and_sees_nobody(service: FaceService, logged_in: LogIn) -> None:
    enrol(service, "Ann", RED)
    logged_in({"eve@example.org": ["enrol"]}, email="eve@example.org")
    visitor = Visitor().open("manage")
    assert visitor.has("button", "Add a person") and visitor.has("button", "Add a folder")
    assert not any(visitor.has("button", label) for label in ("Open", "Export", "Import"))
    assert "Ann" not in visitor.text
    visitor.click("Add a person").fill("Name", "Bob").upload("Drop photos here", ("bob.png", photo(GREEN)))
    visitor.click("Enrol 1 photo")
    assert [person.name for person in service.people()] == ["Ann", "Bob"]
    (event,) = service.audit.latest()
    assert (event.door, event.who, event.kind, event.outcome) == ("page", "eve@example.org", "enrol", "enrolled")
    service.audit.close()


def test_only_a_manager_is_offered_another_model(serve_installed: ServeInstalled, logged_in: LogIn) -> None:
    logged_in({"ann@example.org": ["verify"]}, email="ann@example.org")
    serve_installed()
    visitor = Visitor().open("verify")
    assert any("There is no model at work" in error for error in visitor.errors)
    assert [button.label for button in visitor.button] == []


def test_every_page_takes_a_role() -> None:
    assert {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")} == login.TAKES.keys()
