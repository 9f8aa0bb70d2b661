"""One request to the web: in its host's turn, within limits, its errors told apart."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from facenet_core import __version__
from facenet_core.config import Settings
from facenet_core.errors import (
    CutShortError,
    FileTooLargeError,
    HttpStatusError,
    PrivateAddressError,
    RedirectsError,
    SourceError,
    SourceSetupError,
    TimedOutError,
    UnreachableError,
)
from facenet_core.sources import patience
from facenet_core.sources.addresses import Addresses, Resolve, resolve
from facenet_core.sources.links import address, port, shown
from facenet_core.sources.network import DEADLINE, QUERY, CheckedTransport
from facenet_core.sources.patience import Allowance, Answer, LeftAloneError, Patience, TryAgain, Turns, retry_after
from facenet_core.sources.robots import NAME

logger = logging.getLogger(__name__)

TIME_LIMIT = 120.0
"""Seconds for one picture or one page of results, with all attempts, without the wait for its host's turn."""

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 20.0
"""Seconds until a connection stands; seconds without a further byte."""

CONTACT_NEEDED = (
    "Set FACENET_CONTACT to your e-mail address or web page: whoever fetches from others' sites has to say whom they "
    "can turn to."
)
"""What to do before anything can be fetched."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that lead elsewhere (RFC 9110, 15.4)."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What a server answered.

    Attributes:
        url: The address that was asked.
        status: Of HTTP.
        headers: Their names in any case.
        content: The body as it was sent, perhaps compressed; empty where it was not wanted.
    """

    url: httpx.URL
    status: int
    headers: httpx.Headers
    content: bytes

    def next(self) -> httpx.URL:
        """Where a redirect leads.

        Raises:
            RedirectsError: If it leads to something that is not an address.
            AddressError: If that can't be fetched from.
        """
        try:
            return address(str(self.url.join(self.headers.get("Location", ""))))
        except (httpx.InvalidURL, ValueError) as error:
            raise RedirectsError(shown(self.url), "it leads to something that is not an address.") from error


class Web:
    """Sends requests, one at a time to each host. Safe to use from several threads.

    Args:
        settings: Contact, and hosts that may be private.
        clock: Seconds that only grow.
        now: The time in UTC.
        sleep: Waits for seconds.
        random: Chance, for the length of pauses.
        resolve: Looks a host's addresses up.
        tls: Which certificates are trusted; by default the usual ones.

    Attributes:
        clock: Seconds that only grow.
        now: The time in UTC.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._has_contact = settings.contact is not None
        self.clock, self.now = clock, now
        self._addresses = Addresses(settings.allowed_private_hosts, resolve)
        self._patience = Patience(sleep, random or Random())  # noqa: S311 - no secret depends on it
        self._turns = Turns(clock, sleep)
        self._headers = {
            "User-Agent": f"{NAME}/{__version__} (+{settings.contact})",
            "Accept": "*/*",
            "Connection": "keep-alive",
        }
        # No httpx.Client: it reads where redirects lead, and fails at what is not an address.
        self._transport = CheckedTransport(self._addresses, clock, tls)

    def close(self) -> None:
        """Closes all connections."""
        self._transport.close()

    def allowance(self, seconds: float = TIME_LIMIT) -> Allowance:
        """Time for one thing with all its attempts."""
        return Allowance(seconds, self.clock)

    def persist(self, attempt: Callable[[], Answer], allowance: Allowance, attempts: int | None = None) -> Answer:
        """Calls until it succeeds, with pauses.

        Args:
            attempt: Raises :class:`TryAgain` if another may succeed.
            allowance: No further attempt is made when it is spent.
            attempts: How many at most; :data:`patience.ATTEMPTS` by default.

        Raises:
            SourceError: The last attempt's error.
        """
        return self._patience.persist(attempt, allowance, attempts or patience.ATTEMPTS)

    def get(
        self,
        url: httpx.URL,
        *,
        limit: int,
        allowance: Allowance,
        headers: Mapping[str, str] | None = None,
        secret: Mapping[str, str] | None = None,
        interval: float | None = None,
        wanted: Callable[[WebAnswer], bool] = lambda answer: True,
        cut: bool = False,
        name: str | None = None,
        read_timeout: float = READ_TIMEOUT,
    ) -> WebAnswer:
        """Asks once, in the host's turn. Redirects are not followed, and robots.txt is not asked.

        Args:
            url: The address.
            limit: Bytes of the longest body.
            allowance: The time that is left for it.
            headers: Beyond the usual ones.
            secret: Parameters of the query that no log and no message may show.
            interval: Seconds before the next request to this host.
            wanted: Told the answer before its body is read; False leaves it unread.
            cut: Read the first ``limit`` bytes of a longer body, instead of refusing it.
            name: What to call the address in messages; by default itself.
            read_timeout: Seconds without a further byte after which it is given up.

        Raises:
            SourceSetupError: If no contact is set.
            TryAgain: If it fails in a way that may pass; a Retry-After has been taken to heart.
            FetchError: If it fails for good.
        """
        if not self._has_contact:
            raise SourceSetupError(CONTACT_NEEDED)
        name = name or shown(url)
        host = f"{url.host}:{port(url)}"
        asked = httpx.Request("GET", url, headers=self._headers | dict(headers or {}), extensions={QUERY: secret or {}})
        pause = self.interval(url) if interval is None else interval
        try:
            with self._turns.turn(host, pause), allowance.spending() as deadline, self._told_apart(name, deadline):
                answer = self._exchange(asked, name, limit, wanted, cut, deadline, read_timeout)
                if answer.status in PASSING:
                    self._turns.hold(host, self.waits(answer))
        except LeftAloneError as error:
            raise self._left_alone(name, error.seconds, httpx.codes.TOO_MANY_REQUESTS) from error
        return answer

    def passing(self, answer: WebAnswer, error: SourceError) -> SourceError | TryAgain:
        """What to raise for a status that may pass, by how long the server asks to wait.

        Args:
            answer: With such a status.
            error: What to raise in the end.
        """
        waits = self.waits(answer)
        if waits <= patience.MAX_WAIT:
            return TryAgain(error, waits)
        if isinstance(error, HttpStatusError):
            return self._left_alone(error.url, waits, answer.status)
        return error

    def waits(self, answer: WebAnswer) -> float:
        """Seconds that the server asks to wait; 0 if it says nothing of it."""
        return retry_after(answer.headers.get("Retry-After"), self.now()) or 0.0

    def later(self, seconds: float) -> datetime:
        """The time in some seconds; a year from now at most, whatever a server says."""
        return self.now() + timedelta(seconds=min(seconds, 366 * 86_400.0))

    def may_have_secrets(self, url: httpx.URL) -> bool:
        """Whether a key may be sent there: encrypted, or to a host that the user has listed as theirs."""
        return url.scheme == "https" or self._addresses.allows_private(url.host, port(url))

    def interval(self, url: httpx.URL) -> float:
        """Seconds between two requests to the host of an address."""
        if self._addresses.allows_private(url.host, port(url)):
            return 0.0  # the user's own server
        return patience.INTERVALS.get(url.host, patience.INTERVAL)

    def _exchange(
        self,
        asked: httpx.Request,
        name: str,
        limit: int,
        wanted: Callable[[WebAnswer], bool],
        cut: bool,
        deadline: float,
        read_timeout: float,
    ) -> WebAnswer:
        left = max(deadline - self.clock(), 0.001)
        timeout = httpx.Timeout(min(read_timeout, left), connect=min(CONNECT_TIMEOUT, left))
        asked.extensions.update({"timeout": timeout.as_dict(), DEADLINE: deadline})
        with closing(self._transport.handle_request(asked)) as got:
            logger.info("%s: %d", shown(asked.url), got.status_code)
            answer = WebAnswer(asked.url, got.status_code, got.headers, b"")
            if not wanted(answer):
                return answer
            size = got.headers.get("Content-Length", "")
            told = int(size) if size.isascii() and size.isdigit() else None
            if told is not None and told > limit and not cut:
                raise FileTooLargeError(name, f"it is larger than {limit / 2**20:g} MB.")
            content = bytearray()
            for chunk in got.iter_raw():
                content += chunk
                if len(content) > limit:
                    if cut:
                        break
                    raise FileTooLargeError(name, f"it is larger than {limit / 2**20:g} MB.")
            return WebAnswer(asked.url, got.status_code, got.headers, bytes(content[:limit]))

    def _left_alone(self, name: str, seconds: float, status: int) -> HttpStatusError:
        until = self.later(seconds)
        reason = f"the server asks to be left alone until {until:%Y-%m-%d %H:%M} UTC."
        return HttpStatusError(name, reason, status, until)

    @contextmanager
    def _told_apart(self, name: str, deadline: float) -> Iterator[None]:
        """Turns what goes wrong on the line into this program's errors."""
        try:
            yield
        except (PrivateAddressError, UnreachableError) as error:  # of the connection, which knows the host alone
            raise type(error)(name, error.reason) from error
        except httpx.TimeoutException as error:
            if self.clock() >= deadline:
                raise TimedOutError(name, "it did not arrive in the time that there was for it.") from error
            raise TryAgain(TimedOutError(name, "the server gave no answer in time.")) from error
        except (httpx.ReadError, httpx.RemoteProtocolError) as error:
            raise TryAgain(CutShortError(name, "the connection broke before everything had arrived.")) from error
        except httpx.TransportError as error:
            if "[SSL" in str(error):
                raise UnreachableError(name, "its encryption or certificate is not valid.") from error
            raise TryAgain(UnreachableError(name, "the server can't be reached.")) from error
