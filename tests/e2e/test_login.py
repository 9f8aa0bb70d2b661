"""Logging in with OpenID Connect, against a provider on this machine."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.api.conftest import serving
from tests.e2e.conftest import ROOT, App

pytestmark = pytest.mark.browser

SEARCHED = ["Verify", "Recognise", "Album", "Reverse search"]
"""What whoever may verify and identify is offered."""


class Provider:
    """Vouches for whoever it is told to, without asking."""

    def __init__(self) -> None:
        self.email = ""
        self.url = ""
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self._nonces: dict[str, str] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.keys),
            ]
        )

    async def describe(self, request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(self, request: Request) -> RedirectResponse:
        code = secrets.token_hex(8)
        self._nonces[code] = request.query_params.get("nonce", "")
        back = urlencode({"code": code, "state": request.query_params["state"]})
        return RedirectResponse(f"{request.query_params['redirect_uri']}?{back}")

    async def token(self, request: Request) -> JSONResponse:
        code = str((await request.form())["code"])
        now = int(time.time())
        claims = {"iss": self.url, "aud": "faces", "sub": self.email, "iat": now, "exp": now + 600}
        claims |= {"nonce": self._nonces.pop(code), "email": self.email, "email_verified": True}
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self._key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    async def keys(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    with serving(made.app) as made.url:
        yield made


@pytest.fixture
def guarded(tmp_path: Path, provider: Provider) -> Iterator[App]:
    """The app, which asks people to log in."""
    running = App({"FACENET_DB": str(tmp_path / "db")}, log=tmp_path / "app.log")
    plain = {name: value for name, value in os.environ.items() if "FACENET" not in name}
    file = tmp_path / "secrets.toml"
    command = (sys.executable, "-m", "streamlit", "run", str(ROOT / "asgi.py"), "--secrets.files", str(file))
    running.start(command, plain)
    file.write_text(
        f"""
[auth]
redirect_uri = "{running.url}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "faces"
client_secret = "x"
server_metadata_url = "{provider.url}/.well-known/openid-configuration"

[roles]
"ann@example.org" = ["manage"]
"porter@example.org" = ["verify", "identify"]
"""
    )
    yield running
    running.stop()


def log_in(page: Page, provider: Provider, email: str) -> None:
    provider.email = email
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize(
    ("email", "pages"),
    [
        ("ann@example.org", [*SEARCHED, "Manage", "Accuracy", "Metrics", "Settings"]),
        ("porter@example.org", SEARCHED),
    ],
)
def test_people_log_in_and_see_what_is_theirs(
    guarded: App, provider: Provider, open_page: Callable[..., Page], email: str, pages: list[str]
) -> None:
    page = open_page(f"{guarded.url}/manage")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_text("Grace Hopper")).to_have_count(0)
    log_in(page, provider, email)
    expect(page.get_by_role("heading", name="Verify", level=1)).to_be_visible()
    links = page.get_by_test_id("stTopNavLink")
    expect(links).to_have_text([re.compile(f"{name}$") for name in pages])
    page.goto(f"{guarded.url}/manage")
    if "Manage" in pages:
        expect(page.get_by_text("Grace Hopper", exact=True)).to_be_visible()
    else:
        expect(page.get_by_text("may not open this page.")).to_be_visible()
        expect(page.get_by_text("Grace Hopper")).to_have_count(0)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
