"""Addresses as they are written: what can be fetched from, and what a message may say of it."""

from __future__ import annotations

import httpx

from facenet_core.errors import AddressError


def address(url: str) -> httpx.URL:
    """Reads an address.

    Raises:
        AddressError: If it can't be fetched from.
    """
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # raises if it is no international name, although it begins as one does
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise AddressError(url[:200].partition("?")[0], "this is not an address.") from error
    if parsed.scheme not in ("http", "https"):
        raise AddressError(shown(parsed), "only http and https addresses are fetched from.")
    if not host:
        raise AddressError(shown(parsed), "this address names no host.")
    if not 0 < port(parsed) < 2**16:
        raise AddressError(shown(parsed), "this address names a port that there can't be.")
    if parsed.userinfo:
        raise AddressError(shown(parsed), "an address with a name or password in it is not fetched from.")
    return parsed.copy_with(fragment=None)


def shown(url: httpx.URL) -> str:
    """An address as it may stand in messages and logs: without what may be a secret."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def port(url: httpx.URL) -> int:
    """The port that an address leads to, whether it names one or not."""
    return (443 if url.scheme == "https" else 80) if url.port is None else url.port


def site(url: str) -> str:
    """The host of a web address as it is compared: ASCII, lower case, no dot at its end; empty if there is none."""
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError):
        return ""
    return parsed.raw_host.decode("ascii").lower().rstrip(".") if parsed.scheme in ("http", "https") else ""


def sites(url: str) -> list[str]:
    """The host of a web address and those above it: ``www.example.org``, ``example.org``, ``org``."""
    labels = name.split(".") if (name := site(url)) else []
    return [".".join(labels[first:]) for first in range(len(labels))]


def same(url: str) -> str:
    """An address as it is compared with others: one for all ways to write it.

    http and https count as one; the host is as :func:`site` gives it, and there
    is no default port, no fragment, and no space around it.
    """
    name = site(url)
    if not name:
        return url.strip()
    parsed = httpx.URL(url.strip())
    place = f"[{name}]" if ":" in name else name
    return f"https://{place}{'' if parsed.port is None else f':{parsed.port}'}{parsed.raw_path.decode('ascii')}"
