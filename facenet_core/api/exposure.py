"""Who can reach the server, and whether it needs keys for that."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

from facenet_core.errors import SettingError
from facenet_core.service import FaceService


def keys_required(service: FaceService, host: str | None, always: bool = False) -> bool:
    """Whether callers need keys.

    Args:
        service: Whose keys.
        host: The address to listen on; None for all of them.
        always: Even if this machine alone is served.

    Raises:
        SettingError: If they do and there are none: the server must not start
            open to the world, nor with doors that nobody can open.
    """
    if not always and loopback(host):
        return False
    if not any(key.state(datetime.now(UTC)) == "active" for key in service.keys.all()):
        raise SettingError(
            f"On {host or 'all addresses'} the API asks for keys, and there are none yet. Make one first: "
            "`python -m facenet_core keys create NAME --role manage`."
        )
    return True


def loopback(host: str | None) -> bool:
    """Whether an address is reached from this machine alone."""
    if not host:
        return False
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
