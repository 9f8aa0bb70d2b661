"""Wikimedia Commons, or another MediaWiki with the same metadata. No key is needed.

Formats: https://www.mediawiki.org/wiki/API:Search (as a generator),
https://www.mediawiki.org/wiki/API:Imageinfo,
https://www.mediawiki.org/wiki/API:Continue,
https://www.mediawiki.org/wiki/API:Errors_and_warnings,
https://www.mediawiki.org/wiki/Manual:Maxlag_parameter and
https://www.mediawiki.org/wiki/Extension:CommonsMetadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from facenet_core.errors import SourceError
from facenet_core.sources.api import Api, ApiAnswer
from facenet_core.sources.fields import items, mapping, number, plain, text, web_address
from facenet_core.sources.licences import licence
from facenet_core.sources.records import TITLES, FoundImage, RefusedResult
from facenet_core.sources.results import Result, stream, words
from facenet_core.sources.web import Web

NAME_SPACE = 6
"""Files (https://www.mediawiki.org/wiki/Help:Namespaces)."""

PER_PAGE = 50
"""Results of one request: no more than MediaWiki scales pictures for at once (ApiQueryImageInfo::TRANSFORM_LIMIT)."""

MAX_RESULTS = 10_000
"""How far a search can be read (https://www.mediawiki.org/wiki/Help:CirrusSearch)."""

WIDTH = 1_280
"""Pixels of the copy that is fetched.

One of the widths that Wikimedia hands out copies in; it answers others with an
error (https://www.mediawiki.org/wiki/Common_thumbnail_sizes). Faces are looked
for at this size by default. A file that is narrower is fetched itself.
"""

MAX_LAG = 5
"""Seconds by which a database may lag behind for a request to be answered, as the manual advises."""

NOT_A_PHOTO = "This file of the wiki is not a picture made of pixels."
NO_FILE = "The wiki names no file for this result."

_BUSY = {"maxlag", "ratelimited", "readonly"}
"""Codes of errors that pass; so do those of its own faults, which begin with internal_api_error."""


class Commons:
    """Searches the wiki's files.

    Args:
        web: Sends the requests.
        url: The wiki's ``api.php``.
    """

    name = "commons"

    def __init__(self, web: Web, url: str) -> None:
        self._api = Api(web, TITLES["commons"], url, self._check)

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Looks for pictures; see :meth:`facenet_core.sources.records.Source.search`."""
        return stream(self._pages(words(query), limit), limit)

    def _pages(self, query: str, limit: int) -> Iterator[list[Result]]:
        params: dict[str, str | int] = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "maxlag": MAX_LAG,
            "generator": "search",
            "gsrnamespace": NAME_SPACE,
            "gsrsearch": f"filetype:bitmap {query}",
            "gsrlimit": max(1, min(PER_PAGE, limit)),
            "prop": "imageinfo",
            "iiprop": "url|size|mime|mediatype|extmetadata",
            "iiurlwidth": WIDTH,
            "iiextmetadatafilter": "LicenseShortName|UsageTerms|LicenseUrl|Artist",
            "iiextmetadatalanguage": "en",
        }
        further: Mapping[str, Any] = {}
        batch: dict[object, Mapping[str, Any]] = {}
        while True:
            data = self._api.get(params | {name: str(value) for name, value in further.items()})
            for page in items(mapping(data.get("query")).get("pages")):
                # What a page has may come in several answers, until "batchcomplete" says that it is all there.
                known = batch.get(page.get("pageid"), {})
                batch[page.get("pageid")] = {**known, **page}
            onward = mapping(data.get("continue"))
            if data.get("batchcomplete") or not onward:
                yield [_result(page) for page in sorted(batch.values(), key=_rank)]
                batch = {}
            if not onward or onward == further or (number(onward.get("gsroffset")) or 0) >= MAX_RESULTS:
                return
            further = onward

    def _check(self, answer: ApiAnswer) -> None:
        """Errors come with status 200."""
        error = mapping(answer.data.get("error"))
        if not error:
            return
        code = text(error.get("code")) or "unknown"
        if code in _BUSY or code.startswith("internal_api_error"):
            raise self._api.busy(answer, text(error.get("info")))
        raise SourceError(f"{self._api.title}: it refuses the search. It says: {self._api.said(error.get('info'))}")


def _rank(page: Mapping[str, Any]) -> int:
    """Its place in the search; the pages themselves come in another order."""
    return number(page.get("index")) or 0


def _result(page: Mapping[str, Any]) -> Result:
    info = next(iter(items(page.get("imageinfo"))), {})
    image_url = web_address(info.get("thumburl")) or web_address(info.get("url"))
    page_url = web_address(info.get("descriptionurl"))
    if image_url is None or page_url is None:
        return RefusedResult(image_url or "", page_url or "", NO_FILE)
    if info.get("mediatype", "BITMAP") != "BITMAP" or not str(info.get("mime", "image/")).startswith("image/"):
        return RefusedResult(image_url, page_url, NOT_A_PHOTO)
    metadata = {name: mapping(field).get("value") for name, field in mapping(info.get("extmetadata")).items()}
    found = licence(
        plain(metadata.get("LicenseShortName")) or plain(metadata.get("UsageTerms")),
        web_address(metadata.get("LicenseUrl")),
    )
    if isinstance(found, str):
        return RefusedResult(image_url, page_url, found)
    return FoundImage(
        source="commons",
        image_url=image_url,
        page_url=page_url,
        title=(text(page.get("title")) or "").removeprefix("File:") or None,
        author=plain(metadata.get("Artist")),
        licence=found.name,
        licence_url=found.url,
        width=number(info.get("width")),
        height=number(info.get("height")),
    )
