"""Which hosts may be connected to: those on the public internet.

An address in a result is a stranger's. It must not make this machine ask
others of its own network on the stranger's behalf (server-side request forgery,
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

from facenet_core.errors import PrivateAddressError, UnreachableError

Resolve = Callable[[str, int], Sequence[str]]
"""Gives every IP address of a host's name; raises OSError if there is none."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""The only addresses of IPv6 that have been handed out for the public internet (IANA, IPv6 Address Space).

Outside of it lie those that carry an IPv4 address, mapped (``::ffff:0:0/96``) or
translated (NAT64, ``64:ff9b::/96`` and ``64:ff9b:1::/48``), and site-local ones.
"""

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments, RFC 6890; Python counts parts of it as global
            "192.88.99.0/24",  # relays of 6to4, withdrawn by RFC 7526
            "2002::/16",  # 6to4: carries an IPv4 address
            "2001::/32",  # Teredo: carries an IPv4 address
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to one host on the public internet.

    Args:
        address: IPv4 or IPv6, as text.

    Raises:
        ValueError: If it is no IP address.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6 and parsed not in _GLOBAL_UNICAST:
        return False
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _NOT_PUBLIC)


def resolve(host: str, port: int) -> list[str]:
    """Asks the system for every address of a host.

    Raises:
        OSError: If there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a part of the name is empty or too long
        raise OSError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Addresses:
    """Looks hosts up and refuses those that are not public.

    Args:
        allowed: ``host:port`` of each that may be private; as they stand in an
            address, an IPv6 address in brackets.
        resolve: Looks a name up.
    """

    def __init__(self, allowed: Iterable[str] = (), resolve: Resolve = resolve) -> None:
        self._allowed = frozenset(name.lower() for name in allowed)
        self._resolve = resolve

    def allows_private(self, host: str, port: int) -> bool:
        """Whether the user has said that this host may be a private one."""
        return f"[{host}]:{port}" in self._allowed if ":" in host else f"{host.lower()}:{port}" in self._allowed

    def of(self, host: str, port: int) -> list[str]:
        """The addresses to connect to. It is these, and not the name, that a connection must be made to.

        One private address among public ones refuses the host: which of them is
        taken would otherwise be the answering server's choice.

        Args:
            host: A name, or an IP address without brackets.
            port: Of TCP.

        Raises:
            PrivateAddressError: If it has an address that is not public.
            UnreachableError: If it has none.
        """
        try:
            found = self._resolve(host, port)
        except OSError as error:
            raise UnreachableError(host, f"there is no such host ({error.strerror or error}).") from error
        if not found:
            raise UnreachableError(host, "there is no such host.")
        if not self.allows_private(host, port) and not all(map(is_public, found)):
            raise PrivateAddressError(
                host,
                "this host is in a private network, and is not fetched from. If it is yours, list "
                f"{f'[{host}]' if ':' in host else host}:{port} in FACENET_ALLOWED_PRIVATE_HOSTS.",
            )
        return list(found)
