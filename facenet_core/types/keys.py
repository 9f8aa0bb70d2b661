"""Who asks, and for what they may ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["verify", "identify", "enrol", "manage"]
"""What a key is for: claims (1:1), searches (1:N), adding people and photos, and everything else."""

ROLES: tuple[Role, ...] = ("verify", "identify", "enrol", "manage")

Door = Literal["api", "page", "command", "images"]
"""Where a question came in: the REST API, a page, the command line; or the photos of the images folder."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked for something, for the audit.

    Attributes:
        door: Where.
        name: What their key is called, the address they logged in with, or
            their name on this machine; None where nobody had to say.
        key_id: Id of their key of the API.
    """

    door: Door
    name: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the API, without its secret, which is not kept.

    Attributes:
        id: Its public part, 12 hex digits.
        name: What it is for, in words.
        roles: What it may be used for; ``manage`` includes the others.
        created_at: UTC.
        expires_at: From when on it is refused, UTC; None for never.
        revoked_at: When it was revoked, UTC; None if it was not.
    """

    id: str
    name: str
    roles: tuple[Role, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def allows(self, role: Role) -> bool:
        """Whether it may be used for that."""
        return role in self.roles or "manage" in self.roles

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        """Whether it is good at a moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"
