"""Who may ask for what: keys with roles, or this machine alone."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from facenet_core.api.problems import Refused
from facenet_core.types import ApiKey, Asker, Role

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""What a server that serves this machine alone is called."""

_BEARER = HTTPBearer(auto_error=False, description="an API key", scheme_name="bearer")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="an API key", scheme_name="header")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        key: Their key; None where no keys are needed.
    """

    key: ApiKey | None

    @property
    def asker(self) -> Asker:
        """The same, for the audit."""
        return Asker("api", self.key.name, self.key.id) if self.key else Asker("api")


class Access:
    """Lets callers in.

    Args:
        check: From a key's text to the key; raises KeyRefusedError.
        required: Whether a key is needed. Without, the server must listen to
            this machine alone; browsers on it are kept from carrying in what
            other sites send.
        rate: Requests that a key, or this machine, may make.
    """

    def __init__(self, check: Callable[[str], ApiKey], required: bool, rate: RateLimitItem) -> None:
        self._check, self._required, self._rate = check, required, rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def admit(self, request: Request, given: str | None, role: Role | None) -> Caller:
        """Who a request is from, if they may make it.

        Args:
            request: The request.
            given: The key in it.
            role: What it takes; None for any key.

        Raises:
            KeyRefusedError: If the key is not good.
            Refused: 401 without a key where one is needed, 403 if it lacks the
                role or a site elsewhere sent the request, 429 if there were too
                many.
        """
        key = self._key(request, given)
        if key and role is not None and not key.allows(role):
            raise Refused(403, "role", f"This key is for {', '.join(key.roles)}; this takes the role {role}.")
        who = key.id if key else "local"
        if not self._limiter.hit(self._rate, who):
            again = self._limiter.get_window_stats(self._rate, who).reset_time
            seconds = max(1, math.ceil(again - time.time()))
            raise Refused(
                429, "rate", f"More than {self._rate} were made with this key.", {"Retry-After": str(seconds)}
            )
        return Caller(key)

    def at_the_door(self, request: Request) -> None:
        """Refuses whoever has no business here, before the body of a request is read.

        Raises:
            KeyRefusedError: If the key is not good.
            Refused: If it lacks a key where one is needed, or came from elsewhere.
        """
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer.strip() if kind.casefold() == "bearer" else request.headers.get("x-api-key")
        self._key(request, given)

    def _key(self, request: Request, given: str | None) -> ApiKey | None:
        key = self._check(given) if given else None
        if key is None and self._required:
            raise Refused(
                401, "no_key", "An API key is needed: `Authorization: Bearer KEY`.", {"WWW-Authenticate": "Bearer"}
            )
        if key is None:
            _refuse_strange(request)
        return key


def needs(role: Role | None) -> Callable[..., Awaitable[Caller]]:
    """What a route depends on that takes a role; None for any key."""

    async def admitted(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        header: Annotated[str | None, Security(_HEADER)],
    ) -> Caller:
        access: Access = request.app.state.context.access
        return access.admit(request, bearer.credentials if bearer else header, role)

    return admitted


def _refuse_strange(request: Request) -> None:
    """Keeps out what a browser on this machine was made to send by a site elsewhere, or by a name that leads here."""
    host = request.headers.get("host", "")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    origin = request.headers.get("origin")
    if name not in LOOPBACK or (origin is not None and urlsplit(origin).netloc != host):
        raise Refused(403, "elsewhere", "Without API keys this server answers programs on its own machine alone.")
