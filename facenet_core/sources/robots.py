"""What sites ask of robots: robots.txt by RFC 9309, read with Protego."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from protego import Protego

from facenet_core.errors import FetchError, PrivateAddressError, RobotsError

NAME = "facenet-core"
"""The name that rules for this program alone would be written under."""

MAX_BYTES = 512 * 2**10
"""Bytes that are read of a robots.txt; the rest is ignored (RFC 9309, 2.5: 500 KiB at least)."""

MAX_REDIRECTS = 5
"""How often it may lead elsewhere; further on, it counts as not there (RFC 9309, 2.3.1.2)."""

KEPT = 24 * 3600.0
"""Seconds that the rules of a site are kept (RFC 9309, 2.4)."""

KEPT_WITHOUT = 300.0
"""Seconds after which a site whose rules could not be had is asked for them again."""

MAX_DELAY = 30.0
"""Seconds of the longest Crawl-delay that is kept to; a longer one is taken for this."""

MAX_SITES = 2_000
"""Sites whose rules are kept at once."""

TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class RobotsFile:
    """What came of asking for a robots.txt.

    Attributes:
        status: Of HTTP; 404 where it led in a circle.
        content: At most :data:`MAX_BYTES` of it.
    """

    status: int
    content: bytes


@dataclass(slots=True)
class _Site:
    lock: threading.Lock = field(default_factory=threading.Lock)
    rules: Protego | None = None
    trouble: str | None = None
    until: float = float("-inf")


class Robots:
    """Knows the rules of the sites that were asked.

    Args:
        get: Fetches the robots.txt at an address, without more than its
            :data:`MAX_BYTES` first bytes.
        clock: Seconds that only grow.
    """

    def __init__(self, get: Callable[[httpx.URL], RobotsFile], clock: Callable[[], float]) -> None:
        self._get = get
        self._clock = clock
        self._lock = threading.Lock()
        self._sites: OrderedDict[str, _Site] = OrderedDict()

    def check(self, url: httpx.URL, shown: str) -> float:
        """Asks whether an address may be fetched.

        Args:
            url: The address.
            shown: How to name it in a message.

        Returns:
            The site's Crawl-delay in seconds, :data:`MAX_DELAY` at most; 0 if it names none.

        Raises:
            RobotsError: If the site asks not to, or its rules can't be had for now.
            PrivateAddressError: If the site is in a private network.
        """
        site = self._site(f"{url.scheme}://{url.netloc.decode('ascii')}")
        with site.lock:
            if self._clock() >= site.until:
                self._read(site, url, shown)
            rules, trouble = site.rules, site.trouble
        if trouble is not None:
            raise RobotsError(
                shown,
                f"the site's robots.txt can't be read for now ({trouble}), so nothing is fetched from it. "
                "Try again in some minutes.",
            )
        if rules is None:
            return 0.0
        if not rules.can_fetch(str(url), NAME):
            raise RobotsError(shown, "the site's robots.txt asks robots not to fetch this.")
        return min(max(rules.crawl_delay(NAME) or 0.0, 0.0), MAX_DELAY)

    def _site(self, origin: str) -> _Site:
        with self._lock:
            site = self._sites.setdefault(origin, _Site())
            self._sites.move_to_end(origin)
            if len(self._sites) > MAX_SITES:
                self._sites.popitem(last=False)
            return site

    def _read(self, site: _Site, url: httpx.URL, shown: str) -> None:
        site.rules, site.trouble = None, None
        try:
            found = self._get(url.copy_with(raw_path=b"/robots.txt", fragment=None))
        except PrivateAddressError as error:
            raise PrivateAddressError(shown, error.reason) from error
        except FetchError as error:
            site.trouble = error.reason.rstrip(".")
        else:
            # Departs from RFC 9309 for 429 alone, by which it would be allowed to go on: who is asked too
            # often is not to be asked more.
            if found.status >= 500 or found.status == TOO_MANY_REQUESTS:
                site.trouble = f"the server answered {found.status}"
            elif found.status < 300:
                site.rules = Protego.parse(found.content.decode("utf-8-sig", errors="replace"))
        site.until = self._clock() + (KEPT if site.trouble is None else KEPT_WITHOUT)
