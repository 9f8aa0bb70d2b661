"""Fetches pictures from the web with restraint."""

from __future__ import annotations

from types import TracebackType

import httpx

from facenet_core import formats
from facenet_core.config import Settings
from facenet_core.errors import (
    FileTooLargeError,
    HttpStatusError,
    NotAPictureError,
    PrivateAddressError,
    RedirectsError,
    UnreachableError,
)
from facenet_core.sources import robots
from facenet_core.sources.links import address, shown
from facenet_core.sources.patience import Allowance
from facenet_core.sources.records import Fetched, FoundImage, local_path
from facenet_core.sources.robots import Robots, RobotsFile
from facenet_core.sources.web import PASSING, REDIRECTS, Web, WebAnswer

ROBOTS_TIME_LIMIT = 20.0
"""Seconds for a robots.txt, with all attempts."""

ROBOTS_ATTEMPTS = 2
"""How often a robots.txt is asked for at most."""

MAX_REDIRECTS = 5
"""How often a picture's address may lead elsewhere."""

_OTHER_TYPES = ("application/octet-stream", "binary/octet-stream", "")
"""Content types other than ``image/...`` under which servers hand out pictures; the first bytes decide."""


class Fetcher:
    """Polite HTTP for APIs and pictures. Safe to use from several threads; close it, or use it with ``with``.

    Args:
        settings: The size limit, and those of the web.
        web: Sends the requests, and is closed with this; made from the settings by default.

    Attributes:
        web: Sends its requests; the APIs' clients use it too.
    """

    def __init__(self, settings: Settings, web: Web | None = None) -> None:
        self.web = web or Web(settings)
        self._max_bytes = settings.max_upload_mb * 2**20
        self._robots = Robots(self._robots_file, self.web.clock)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self.web.close()

    def found(self, image: FoundImage) -> Fetched:
        """Brings a result's picture: from the web, or from the user's own folder.

        Raises:
            SourceSetupError: If no contact is set and it is on the web.
            FetchError: If it can't be had; as from :meth:`image`.
        """
        path = local_path(image.image_url) if image.source == "folder" else None
        if path is None:
            return self.image(image.image_url)
        try:
            with path.open("rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            raise UnreachableError(str(path), f"this file can't be read ({error.strerror or error}).") from error
        if len(data) > self._max_bytes:
            raise FileTooLargeError(str(path), f"it is larger than {self._max_bytes / 2**20:g} MB.")
        if formats.format_of(data) is None:
            raise NotAPictureError(str(path), "this is not a picture of a known format.")
        return Fetched(data, "", image.image_url, self.web.now())

    def image(self, url: str) -> Fetched:
        """Fetches a picture.

        robots.txt is asked at every address that it leads to.

        Args:
            url: http or https.

        Raises:
            SourceSetupError: If no contact is set.
            AddressError: If that is no address to fetch from.
            RobotsError: If the site asks not to.
            PrivateAddressError: If it leads into a private network.
            RedirectsError: If it leads elsewhere more than :data:`MAX_REDIRECTS` times.
            FileTooLargeError: If it has more bytes than ``FACENET_MAX_UPLOAD_MB`` allows.
            NotAPictureError: If it is something else.
            FetchError: If it can't be had after :data:`patience.ATTEMPTS` attempts:
                no connection, too slow, cut short, or a status that is an error.
        """
        first = target = address(url)
        allowance = self.web.allowance()
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._hop(target, allowance)
            if answer.status not in REDIRECTS:
                return Fetched(answer.content, _kind(answer), str(target), self.web.now())
            target = answer.next()
        raise RedirectsError(shown(first), f"it leads to another address more than {MAX_REDIRECTS} times.")

    def _hop(self, url: httpx.URL, allowance: Allowance) -> WebAnswer:
        delay = self._robots.check(url, shown(url))
        interval = max(self.web.interval(url), delay)
        return self.web.persist(lambda: self._attempt(url, interval, allowance), allowance)

    def _attempt(self, url: httpx.URL, interval: float, allowance: Allowance) -> WebAnswer:
        """One attempt at a picture, or where it leads."""
        name = shown(url)

        def wanted(answer: WebAnswer) -> bool:
            if answer.status == httpx.codes.OK:
                _check_head(name, answer)
            return answer.status == httpx.codes.OK

        # A body that is compressed on the way could be far larger than it looks.
        headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
        answer = self.web.get(
            url, limit=self._max_bytes, allowance=allowance, headers=headers, interval=interval, wanted=wanted
        )
        if answer.status in PASSING:
            raise self.web.passing(answer, _status_error(name, answer.status))
        if answer.status != httpx.codes.OK and answer.status not in REDIRECTS:
            raise _status_error(name, answer.status)
        if answer.status == httpx.codes.OK and formats.format_of(answer.content) is None:
            raise NotAPictureError(name, "what came is not a picture of a known format.")
        return answer

    def _robots_file(self, url: httpx.URL) -> RobotsFile:
        allowance = self.web.allowance(ROBOTS_TIME_LIMIT)
        for hop in range(robots.MAX_REDIRECTS + 1):
            try:
                answer = self._robots_hop(url, allowance)
            except PrivateAddressError as error:
                if hop == 0:
                    raise
                raise UnreachableError(shown(url), error.reason) from error
            if answer.status not in REDIRECTS:
                if answer.status == httpx.codes.OK and _is_packed(answer):
                    raise HttpStatusError(
                        shown(url), "it is compressed on the way, which was not asked for.", answer.status
                    )
                return RobotsFile(answer.status, answer.content)
            url = answer.next()
        return RobotsFile(httpx.codes.NOT_FOUND, b"")

    def _robots_hop(self, url: httpx.URL, allowance: Allowance) -> WebAnswer:
        def attempt() -> WebAnswer:
            return self.web.get(
                url,
                limit=robots.MAX_BYTES,
                allowance=allowance,
                headers={"Accept": "text/plain", "Accept-Encoding": "identity"},
                cut=True,
            )

        return self.web.persist(attempt, allowance, ROBOTS_ATTEMPTS)


def _kind(answer: WebAnswer) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _check_head(name: str, answer: WebAnswer) -> None:
    kind = _kind(answer)
    if not kind.startswith("image/") and kind not in _OTHER_TYPES:
        raise NotAPictureError(name, f"this is {kind}, not a picture.")
    if _is_packed(answer):
        raise NotAPictureError(name, "it is compressed on the way, which was not asked for; it is not unpacked.")


def _is_packed(answer: WebAnswer) -> bool:
    return str(answer.headers.get("Content-Encoding", "identity")).strip().lower() != "identity"


def _status_error(name: str, status: int) -> HttpStatusError:
    """The error for a status that is one.

    Args:
        name: The address, as it may be shown.
        status: Of HTTP.
    """
    meaning = {
        401: "it asks for a login",
        403: "it may not be fetched",
        404: "there is no such file",
        410: "it was removed",
        429: "it has been asked too often",
    }
    known = meaning.get(status) or httpx.codes.get_reason_phrase(status) or "unknown"
    return HttpStatusError(name, f"the server answered {status}, {known}.", status)
