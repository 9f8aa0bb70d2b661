"""The keys of the API: hashed, named, with roles and an end."""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from facenet_core.errors import DatabaseWriteError, KeyRefusedError, SettingError, StoreError, UnknownKeyError
from facenet_core.store.files import FILE_MODE, make_folder, put
from facenet_core.types import ROLES, ApiKey, Role

PREFIX = "fnk"
"""Begins every key, so that a search for leaked ones finds it."""

_FORM = re.compile(rf"{PREFIX}_(?P<id>[0-9a-f]{{12}})_(?P<secret>[A-Za-z0-9_-]{{43}})")

MAX_NAME = 100
"""Longest name, in characters."""

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another program that changes the keys."""

_NOBODY = "0" * 64


class KeyStore:
    """Keeps keys in ``<folder>/keys.json``. Thread-safe, for several processes.

    Of a secret only its SHA-256 is kept: 256 random bits can't be guessed, so a
    slow hash, which is made for passwords, would gain nothing.

    Args:
        folder: The folder of the database, created with the first key.
        now: The clock, UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = folder / "keys.json"
        self._now = now
        self._read: tuple[tuple[int, int, int], dict[str, tuple[ApiKey, str]]] | None = None

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
        with self._changing() as keys:
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
        return tuple(sorted((key for key, _ in self._keys().values()), key=lambda key: (key.created_at, key.id)))

    def revoke(self, reference: str) -> ApiKey:
        """Ends a key at once and for good.

        Args:
            reference: Its id, or its name.

        Raises:
            UnknownKeyError: If no key that is in use is called that.
            StoreError: If it can't be written.
        """
        with self._changing() as keys:
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
        key, kept = self._keys().get(form["id"] if form else "", (None, _NOBODY))
        same = hmac.compare_digest(_hash(form["secret"] if form else ""), kept)
        if key is None or not same:
            raise KeyRefusedError("This API key is not known.")
        state = key.state(self._now())
        if state == "revoked":
            raise KeyRefusedError("This API key was revoked.")
        if state == "expired":
            raise KeyRefusedError("This API key has expired.")
        return key

    def _keys(self) -> dict[str, tuple[ApiKey, str]]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                stamp = status.st_mtime_ns, status.st_ino, status.st_size
                if self._read is None or self._read[0] != stamp:
                    self._read = stamp, {entry["id"]: _decoded(entry) for entry in json.load(file)["keys"]}
                return self._read[1]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{self._path}: the API keys can't be read ({error}), so no key is accepted. Put the file back from a "
                "copy, or delete it and make new keys with `keys create`."
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, tuple[ApiKey, str]]]:
        """Reads the keys and writes them back, with others kept out."""
        try:
            make_folder(self._path.parent)
            with FileLock(f"{self._path}.lock", timeout=LOCK_TIMEOUT, mode=FILE_MODE):
                keys = dict(self._keys())
                yield keys
                content = {"keys": [_encoded(key, kept) for key, kept in keys.values()]}
                put(self._path, json.dumps(content, indent=1).encode())
        except Timeout as error:
            raise StoreError(f"{self._path}: another program has been changing the API keys for too long.") from error
        except OSError as error:
            raise DatabaseWriteError(
                f"{self._path}: the API keys could not be written ({error.strerror}). Nothing was changed."
            ) from error


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _encoded(key: ApiKey, kept: str) -> dict[str, Any]:
    fields = asdict(key) | {"sha256": kept}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def _decoded(entry: dict[str, Any]) -> tuple[ApiKey, str]:
    created, expires, revoked = (_moment(entry[name]) for name in ("created_at", "expires_at", "revoked_at"))
    kept, roles = entry["sha256"], tuple(entry["roles"])
    if created is None or not re.fullmatch("[0-9a-f]{64}", kept) or not set(roles) <= set(ROLES):
        raise ValueError("an entry is not one of ours")
    return ApiKey(str(entry["id"]), str(entry["name"]), roles, created, expires, revoked), kept


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time is without a zone")
    return moment


def _not(unknown: Sequence[str]) -> str:
    return f", not {', '.join(map(repr, unknown))}" if unknown else ""
