"""Pexels, with a key. All its pictures are under one licence.

Formats: https://www.pexels.com/api/documentation/; the licence:
https://www.pexels.com/license/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from facenet_core.errors import SourceKeyError
from facenet_core.sources.api import Api, ApiAnswer
from facenet_core.sources.fields import items, mapping, number, text, web_address
from facenet_core.sources.licences import PEXELS
from facenet_core.sources.records import TITLES, FoundImage, RefusedResult
from facenet_core.sources.results import FRUITLESS, Result, stream, words
from facenet_core.sources.web import Web

KEYS = "https://www.pexels.com/api/new/"
"""Where keys are made."""

PER_PAGE = 80
"""Results of one request: the most."""

COPIES = ("large2x", "large", "original")
"""Which copy is fetched, the first that there is: ``large2x`` fits into 1,880 x 1,300 px."""

NO_FILE = "Pexels names no file for this photo."


class Pexels:
    """Searches Pexels' photos.

    Args:
        web: Sends the requests.
        url: Of the search.
        key: Of the interface.
    """

    name = "pexels"

    def __init__(self, web: Web, url: str, key: str) -> None:
        self._api = Api(web, TITLES["pexels"], url, self._check, secret_headers={"Authorization": key})
        self._web = web
        self._used_up: datetime | None = None

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Looks for photos; see :meth:`facenet_core.sources.records.Source.search`."""
        return stream(self._pages(words(query)), limit, FRUITLESS)

    def _pages(self, query: str) -> Iterator[list[Result]]:
        page = 1
        while True:
            if self._used_up and self._web.now() < self._used_up:
                raise self._api.quota_used(self._used_up)
            data = self._api.get({"query": query, "per_page": PER_PAGE, "page": page})
            yield [_result(photo) for photo in items(data.get("photos"))]
            # Its address is not followed: the next page is where the documentation has it, and the key goes nowhere
            # that an answer names.
            if not data.get("next_page"):
                return
            page += 1

    def _check(self, answer: ApiAnswer) -> None:
        if answer.status in (401, 403):
            raise SourceKeyError(f"Pexels refuses the key. Check FACENET_PEXELS_KEY; keys are made at {KEYS}.")
        if answer.status == 200:
            # How much is left of the month is told with each answer but those of status 429.
            left, reset = (number(answer.headers.get(f"X-Ratelimit-{name}")) for name in ("Remaining", "Reset"))
            self._used_up = _moment(reset) if left == 0 and reset is not None else None
        if answer.status == 429 and self._used_up:
            raise self._api.quota_used(self._used_up)


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _result(photo: Mapping[str, Any]) -> Result:
    copies = mapping(photo.get("src"))
    image_url = next(filter(None, (web_address(copies.get(copy)) for copy in COPIES)), None)
    page_url = web_address(photo.get("url"))
    if image_url is None or page_url is None:
        return RefusedResult(image_url or "", page_url or "", NO_FILE)
    return FoundImage(
        source="pexels",
        image_url=image_url,
        page_url=page_url,
        title=text(photo.get("alt")),
        author=text(photo.get("photographer")),
        licence=PEXELS.name,
        licence_url=PEXELS.url,
        width=number(photo.get("width")),
        height=number(photo.get("height")),
    )
