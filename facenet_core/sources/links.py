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
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise AddressError(url[:200].partition("?")[0], "this is not an address.") from error
    if parsed.scheme not in ("http", "https"):
        raise AddressError(shown(parsed), "only http and https addresses are fetched from.")
    if not parsed.host:
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
