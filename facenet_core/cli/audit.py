"""What commands note for the audit."""

from __future__ import annotations

import getpass

from facenet_core.types import Asker


def asker() -> Asker:
    """Whoever is at the terminal, by their name on this machine."""
    try:
        return Asker("command", getpass.getuser())
    except (KeyError, OSError):  # a user id without a name, as in containers
        return Asker("command")
