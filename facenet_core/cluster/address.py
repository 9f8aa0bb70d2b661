"""Where a cluster is, and whether it may be talked to like that."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from facenet_core.errors import ClusterError

LOCAL = "local"
"""Workers on this machine, started for the one command and ended with it."""

PORT = 8786
"""A Dask scheduler's, if the address names none."""


def checked(address: str) -> str:
    """The address of a cluster, complete and safe to connect to.

    Whoever can reach a scheduler can run any code on it, on its workers and on
    whoever connects, and what travels is photos of faces. So an address that is
    neither on this machine nor in a private network has to be ``tls://``.

    Args:
        address: ``local``, ``tcp://HOST[:PORT]`` or ``tls://HOST[:PORT]``.

    Raises:
        ClusterError: If it is none of these, if there is no such machine, or if
            it is not safe.
    """
    if address == LOCAL:
        return LOCAL
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme not in ("tcp", "tls") or parts.path not in ("", "/") or parts.username is not None:
        raise ClusterError(
            f"{address!r} is not the address of a cluster. Give `local`, or that of a Dask scheduler, such as "
            f"tcp://127.0.0.1:{PORT} or tls://scheduler.example:{PORT}."
        )
    whole = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if parts.scheme == "tcp" and not all(map(_near, _numbers(host, whole))):
        raise ClusterError(
            f"{whole} is neither on this machine nor in a private network, and with tcp:// anybody on the way can read "
            "the photos and exchange what is sent. Use tls://, or a tunnel whose end is on this machine."
        )
    return whole


def _numbers(host: str, whole: str) -> set[str]:
    """Every IP address of a host."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise ClusterError(f"The cluster at {whole} can't be found: there is no machine called {host}.") from error


def _near(number: str) -> bool:
    """Whether an IP address is of this machine or a private network (RFC 1918, 4193, link-local)."""
    found = ipaddress.ip_address(number.partition("%")[0])
    return (found.is_private or found.is_link_local) and not found.is_unspecified
