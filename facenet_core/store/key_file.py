"""The keys of the API in a file of this machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from facenet_core.errors import DatabaseWriteError, StoreError
from facenet_core.store.files import FILE_MODE, make_folder, put
from facenet_core.store.keys import Entry, Keys
from facenet_core.types import ROLES, ApiKey

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another program that changes the keys."""


class KeyStore(Keys):
    """Keeps keys in ``<folder>/keys.json``.

    Args:
        folder: The folder of the database, created with the first key.
        now: The clock, UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(now)
        self._path = folder / "keys.json"
        self._read: tuple[tuple[int, int, int], dict[str, Entry]] | None = None

    def entries(self) -> dict[str, Entry]:
        """The keys with their hashes, by their ids.

        Raises:
            StoreError: If they can't be read.
        """
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
    def changing(self) -> Iterator[dict[str, Entry]]:
        """Reads the keys and writes them back, with others kept out.

        Raises:
            StoreError: If they can't be read or written.
        """
        try:
            make_folder(self._path.parent)
            with FileLock(f"{self._path}.lock", timeout=LOCK_TIMEOUT, mode=FILE_MODE):
                keys = dict(self.entries())
                yield keys
                content = {"keys": [_encoded(key, kept) for key, kept in keys.values()]}
                put(self._path, json.dumps(content, indent=1).encode())
        except Timeout as error:
            raise StoreError(f"{self._path}: another program has been changing the API keys for too long.") from error
        except OSError as error:
            raise DatabaseWriteError(
                f"{self._path}: the API keys could not be written ({error.strerror}). Nothing was changed."
            ) from error


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
