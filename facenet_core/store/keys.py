"""The keys of the API: hashed, named, with roles and an end."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from facenet_core.errors import KeyRefusedError, SettingError, UnknownKeyError
from facenet_core.types import ROLES, ApiKey, Role

Entry = tuple[ApiKey, str]
"""A key, and the SHA-256 of its secret as 64 hex digits."""

PREFIX = "fnk"
"""Begins every key, so that a search for leaked ones finds it."""

_FORM = re.compile(rf"{PREFIX}_(?P<id>[0-9a-f]{{12}})_(?P<secret>[A-Za-z0-9_-]{{43}})")

MAX_NAME = 100
"""Longest name, in characters."""

_NOBODY = "0" * 64


class Keys(ABC):
    """The keys of the API, wherever they are kept. Thread-safe, for several processes.

    Of a secret only its SHA-256 is kept: 256 random bits can't be guessed, so a
    slow hash, which is made for passwords, would gain nothing.

    Args:
        now: The clock, UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def create(self, name: str, roles: Collection[Role], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        """Makes a key.

        Args:
            name: What it is for; no other key in use may have it.
            roles: What it may be used for.
            expires_at: From when on it is refused, UTC; None for never.

        Returns:
            The key, and the text to hand out, which nothing can show again.

        Raises:
            SettingError: If the name is empty, long or taken, there are no
                roles, or it would have expired already.
            StoreError: If it can't be written.
        """
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise SettingError(f"A key needs a name of 1 to {MAX_NAME} characters that says what it is for.")
        unknown = sorted(set(roles) - set(ROLES))
        if unknown or not roles:
            raise SettingError(f"A key needs one or more of the roles {', '.join(ROLES)}{_not(unknown)}.")
        now = self._now().replace(microsecond=0)
        if expires_at is not None and expires_at <= now:
            raise SettingError("A key must end in the future.")
        with self.changing() as keys:
            if any(key.name == name and key.state(now) == "active" for key, _ in keys.values()):
                raise SettingError(f"There is a key called {name} already. Revoke it first, or choose another name.")
            key = ApiKey(secrets.token_hex(6), name, tuple(r for r in ROLES if r in roles), now, expires_at)
            secret = secrets.token_urlsafe(32)
            keys[key.id] = key, _hash(secret)
        return key, f"{PREFIX}_{key.id}_{secret}"

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first, those that are refused too.

        Raises:
            StoreError: If they can't be read.
        """
        return tuple(sorted((key for key, _ in self.entries().values()), key=lambda key: (key.created_at, key.id)))

    def revoke(self, reference: str) -> ApiKey:
        """Ends a key at once and for good.

        Args:
            reference: Its id, or its name.

        Raises:
            UnknownKeyError: If no key that is in use is called that.
            StoreError: If it can't be written.
        """
        with self.changing() as keys:
            found = [key for key, _ in keys.values() if reference in (key.id, key.name) and not key.revoked_at]
            if not found:
                raise UnknownKeyError(f"There is no key called {reference} that could be revoked.")
            key = replace(found[-1], revoked_at=self._now().replace(microsecond=0))
            keys[key.id] = key, keys[key.id][1]
        return key

    def check(self, given: str) -> ApiKey:
        """Says whose key a text is. Takes the same time whether a key of that id exists or not.

        Raises:
            KeyRefusedError: If it is none, or it has expired or was revoked.
            StoreError: If the keys can't be read.
        """
        form = _FORM.fullmatch(given)
        key, kept = self.entries().get(form["id"] if form else "", (None, _NOBODY))
        same = hmac.compare_digest(_hash(form["secret"] if form else ""), kept)
        if key is None or not same:
            raise KeyRefusedError("This API key is not known.")
        state = key.state(self._now())
        if state == "revoked":
            raise KeyRefusedError("This API key was revoked.")
        if state == "expired":
            raise KeyRefusedError("This API key has expired.")
        return key

    @abstractmethod
    def entries(self) -> dict[str, Entry]:
        """The keys with their hashes, by their ids.

        Raises:
            StoreError: If they can't be read.
        """

    @abstractmethod
    def changing(self) -> AbstractContextManager[dict[str, Entry]]:
        """Lends the keys to be changed, and keeps what was made of them, with others kept out.

        Raises:
            StoreError: If they can't be read or written.
        """


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _not(unknown: Sequence[str]) -> str:
    return f", not {', '.join(map(repr, unknown))}" if unknown else ""
