"""The sources there are: what each needs, and how to get at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import SecretStr

from facenet_core.config import Settings
from facenet_core.errors import InputError, SourceSetupError
from facenet_core.sources import flickr, pexels, serpapi
from facenet_core.sources.commons import Commons
from facenet_core.sources.fetching import Fetcher
from facenet_core.sources.flickr import Flickr
from facenet_core.sources.own import Folder, UrlList
from facenet_core.sources.pexels import Pexels
from facenet_core.sources.records import TITLES, Source, SourceName
from facenet_core.sources.serpapi import OWN_HOSTS_NEEDED, Google, Yahoo
from facenet_core.sources.web import CONTACT_NEEDED

NAMES: tuple[SourceName, ...] = get_args(SourceName)
"""All sources."""

_KEYS: dict[SourceName, tuple[str, str, Callable[[Settings], SecretStr | None]]] = {
    "flickr": ("FACENET_FLICKR_KEY", flickr.KEYS, lambda s: s.flickr_key),
    "pexels": ("FACENET_PEXELS_KEY", pexels.KEYS, lambda s: s.pexels_key),
    "google": ("FACENET_SERPAPI_KEY", serpapi.KEYS, lambda s: s.serpapi_key),
    "yahoo": ("FACENET_SERPAPI_KEY", serpapi.KEYS, lambda s: s.serpapi_key),
}
"""The variable that holds a source's key, where keys are made, and the key."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a source can be used.

    Attributes:
        name: Which one.
        title: What to call it.
        key: The variable that holds its key; None if it needs none.
        key_is_set: Whether there is one; True if it needs none.
        missing: What to do before it can be used, as a sentence; None if nothing.
    """

    name: SourceName
    title: str
    key: str | None
    key_is_set: bool
    missing: str | None


def readiness(settings: Settings) -> tuple[Readiness, ...]:
    """Says of every source whether it can be used. Nothing is asked of any.

    Args:
        settings: With the keys.
    """
    return tuple(_readiness(name, settings) for name in NAMES)


def source(
    name: str,
    settings: Settings,
    fetcher: Fetcher,
    *,
    urls: Path | tuple[str, ...] | None = None,
    folder: Path | None = None,
) -> Source:
    """Makes the client of a source.

    Args:
        name: One of :data:`NAMES`.
        settings: With the keys, and where the sources are.
        fetcher: Sends the requests; its ``found`` brings what is found.
        urls: For the source ``urls``: a file of addresses, or the addresses.
        folder: For the source ``folder``.

    Raises:
        InputError: If there is no source of that name.
        SourceSetupError: If something that it needs is missing; the message says what to set.
    """
    if name not in NAMES:
        raise InputError(f"There is no source called {name!r}. There are {', '.join(NAMES[:-1])} and {NAMES[-1]}.")
    known = next(known for known in NAMES if known == name)
    missing = _readiness(known, settings).missing
    if missing:
        raise SourceSetupError(missing)
    web, key = fetcher.web, _key(known, settings)
    if known == "commons":
        return Commons(web, settings.commons_url)
    if known == "flickr":
        return Flickr(web, settings.flickr_url, key)
    if known == "pexels":
        return Pexels(web, settings.pexels_url, key)
    if known == "google":
        return Google(web, settings.serpapi_url, key)
    if known == "yahoo":
        return Yahoo(web, settings.serpapi_url, key, settings.own_hosts)
    if known == "urls":
        if urls is None:
            raise SourceSetupError("Say which addresses to fetch: a file with one in each line.")
        return UrlList.read(urls) if isinstance(urls, Path) else UrlList(urls)
    if folder is None:
        raise SourceSetupError("Say which folder to take photos from.")
    return Folder(folder)


def _readiness(name: SourceName, settings: Settings) -> Readiness:
    variable, where, _ = _KEYS.get(name, (None, "", None))
    key_is_set = variable is None or bool(_key(name, settings))
    missing = None
    if not key_is_set:
        missing = f"{TITLES[name]} needs a key: set {variable}. Keys are made at {where}."
    elif name == "yahoo" and not settings.own_hosts:
        missing = OWN_HOSTS_NEEDED
    elif settings.contact is None and name != "folder":
        missing = CONTACT_NEEDED
    return Readiness(name, TITLES[name], variable, key_is_set, missing)


def _key(name: SourceName, settings: Settings) -> str:
    """The key of a source; empty if it needs none or has none."""
    key = _KEYS[name][2](settings) if name in _KEYS else None
    return key.get_secret_value().strip() if key else ""
