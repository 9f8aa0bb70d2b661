"""A PostgreSQL server, or several of which one takes writes: reaching it, and waiting for another to take over."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from facenet_core.errors import SettingError, StoreError

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
"""How long one server may take to answer."""

RETRY_SECONDS = 30.0
"""How long to go on trying before a call fails: a replica is promoted within seconds once somebody decides so."""

RETRY_WAIT = 0.25
"""Seconds between two tries: a server that was just started refuses connections at once."""

LOCK_SECONDS = 30
"""How long to wait for another writer; an enrolment takes milliseconds."""

_DEFAULTS = {
    # Of several servers the one that takes writes; a replica alone is of no use to this program.
    "target_session_attrs": "read-write",
    "application_name": "facenet",
    # A server that lost its power does not say goodbye; without these, nobody would notice for hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "connect_timeout": str(CONNECT_SECONDS),
}

_SESSION = {
    "timezone": "UTC",
    "lock_timeout": f"{LOCK_SECONDS}s",
    # The same from the other side: a program that is gone must not keep the others waiting.
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_HOPELESS = re.compile(
    r"authentication|password|pg_hba\.conf|does not exist|not permitted|permission denied|certificate|unknown ca"
    r"|does not support SSL"
)
"""In the messages of servers that answer, and will not answer otherwise in a moment; a server that dies while TLS is
agreed on is none of them ("SSL SYSCALL error: Connection reset by peer"). With messages in another language it is found
out later."""

_MALFORMED = (
    "FACENET_DATABASE_URL is not an address that PostgreSQL's client understands. It looks like "
    "postgresql://user:password@host:5432/name; write special characters of a password as %40 and so on."
)


class Server:
    """Where a database is. Thread-safe.

    Args:
        dsn: Of libpq, such as ``postgresql://user@one:5432,two:5432/faces``
            (https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.1).
            Unless it says otherwise, the server that takes writes is meant.
        search_path: Where tables are looked for.

    Attributes:
        place: For messages: no password in it.

    Raises:
        SettingError: If it is none.
    """

    def __init__(self, dsn: str, search_path: str) -> None:
        try:
            known = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            # Not as its cause: the message of a malformed address may hold the password.
            raise SettingError(_MALFORMED) from (None if "@" in str(error) else error)
        if not _plausible(known):
            raise SettingError(_MALFORMED)
        session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
        options = f"{session} -c search_path={search_path} {known.get('options') or ''}".strip()
        self._conninfo = make_conninfo("", **{**_DEFAULTS, **known, "options": options})
        self.place = f"PostgreSQL at {_hosts(known)}"
        self._lock = threading.Lock()
        self._down_since: float | None = None

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A new connection; while no server answers, for up to :data:`RETRY_SECONDS` since it was noticed.

        Raises:
            StoreError: If no server lets us in.
        """
        while True:
            try:
                connection = psycopg.connect(self._conninfo)
            except psycopg.OperationalError as error:
                self._wait(error)
            else:
                self._down_since = None
                return connection

    def _wait(self, error: psycopg.OperationalError) -> None:
        """Waits for the next try, or raises if there is to be none."""
        if _HOPELESS.search(str(error)):
            self._down_since = None  # it answers
            raise StoreError(f"{self.place} refuses this program: {_words(error)}.") from error
        with self._lock:
            now = time.monotonic()
            if self._down_since is None:
                self._down_since = now
                logger.warning("%s does not let us in; trying again: %s", self.place, _words(error))
            down = now - self._down_since
        if down >= RETRY_SECONDS:
            state = "takes no changes" if "read-only" in str(error) else "does not answer"
            raise StoreError(
                f"{self.place} {state} ({_words(error)}). Nothing was changed. Start it again, or let a replica take "
                "over; this program goes on by itself then."
            ) from error
        time.sleep(RETRY_WAIT)


def _plausible(known: Mapping[str, object]) -> bool:
    """Whether hosts and ports may be shown: a password with an ``@`` or a ``/`` in it may have ended up there."""
    hosts = f"{known.get('host') or ''}{known.get('hostaddr') or ''}"
    return "@" not in hosts and re.fullmatch(r"[0-9,]*", str(known.get("port") or "")) is not None


def _hosts(known: Mapping[str, object]) -> str:
    hosts = str(known.get("host") or known.get("hostaddr") or "localhost").split(",")
    ports = str(known.get("port") or "5432").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    return ", ".join(host if port == "5432" else f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))


def _words(error: psycopg.Error) -> str:
    """What a server said, without the address that we know."""
    first = str(error).strip().splitlines()[0]
    return re.sub(r"^.*failed: (FATAL: +)?", "", first).rstrip(".")
