"""Flickr, with a key.

Formats: https://www.flickr.com/services/api/flickr.photos.search.html,
https://www.flickr.com/services/api/flickr.photos.licenses.getInfo.html,
https://www.flickr.com/services/api/response.json.html and
https://www.flickr.com/services/api/misc.urls.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from facenet_core.errors import SourceError, SourceKeyError
from facenet_core.sources.api import Api, ApiAnswer
from facenet_core.sources.fields import items, mapping, number, text, web_address
from facenet_core.sources.licences import NO_LICENCE, Licence, licence
from facenet_core.sources.patience import TryAgain
from facenet_core.sources.records import TITLES, FoundImage, RefusedResult
from facenet_core.sources.results import FRUITLESS, Result, stream, words
from facenet_core.sources.web import Web

KEYS = "https://www.flickr.com/services/apps/create/"
"""Where keys are made."""

PER_PAGE = 500
"""Results of one request: the most."""

MAX_RESULTS = 4_000
"""Flickr gives no more of any search; further pages repeat what was there."""

SIZES = ("l", "o", "c", "z", "m")
"""Which copy is fetched, the first that there is: 1,024 px, the original, 800, 640, 500 px on the longest side.

A photo without one of 1,024 px is smaller than that.
"""

PAGES = "https://www.flickr.com/photos"
"""Where the page of a photo is: below it, the owner's id and the photo's."""

SAFE = 1
"""``safe_search``: nothing that is moderate or restricted."""

NO_FILE = "Flickr names no file for this photo."

_BAD_KEY = 100
_OUT_OF_ORDER = {0, 10, 105, 106}
"""Codes of errors that pass: the service, the search, or an operation is not available for now."""


class Flickr:
    """Searches Flickr's photos under a licence.

    Args:
        web: Sends the requests.
        url: Of the interface.
        key: Of the interface.
    """

    name = "flickr"

    def __init__(self, web: Web, url: str, key: str) -> None:
        self._api = Api(web, TITLES["flickr"], url, self._check, secret_query={"api_key": key})

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Looks for photos; see :meth:`facenet_core.sources.records.Source.search`."""
        return stream(self._pages(words(query)), limit, FRUITLESS)

    def _pages(self, query: str) -> Iterator[list[Result]]:
        licences = self._licences()
        for page in range(1, MAX_RESULTS // PER_PAGE + 1):
            data = self._call(
                "flickr.photos.search",
                text=query,
                license=",".join(licences),
                extras=",".join(["license", "owner_name", *(f"url_{size}" for size in SIZES)]),
                sort="relevance",
                media="photos",
                content_types=0,
                safe_search=SAFE,
                per_page=PER_PAGE,
                page=page,
            )
            photos = mapping(data.get("photos"))
            yield [_result(photo, licences) for photo in items(photos.get("photo"))]
            if page >= (number(photos.get("pages")) or 0):
                return

    def _licences(self) -> dict[str, Licence]:
        """The licences that photos are searched under, by Flickr's id.

        Asked of Flickr, because the list grows: in June 2025 it had 17, of which
        0 is "All Rights Reserved", 1 to 6 are those of Creative Commons 2.0, 7
        "No known copyright restrictions", 8 "United States Government Work", 9
        CC0, 10 the Public Domain Mark, and 11 to 16 those of Creative Commons 4.0.
        """
        listed = items(mapping(self._call("flickr.photos.licenses.getInfo").get("licenses")).get("license"))
        known: dict[str, Licence] = {}
        for entry in listed:
            found = licence(text(entry.get("name")), web_address(entry.get("url")))
            number_ = number(entry.get("id"))
            if number_ is not None and isinstance(found, Licence):
                known[str(number_)] = found
        if not known:
            raise self._api.nonsense("no list of licences")
        return known

    def _call(self, method: str, **params: str | int) -> Mapping[str, Any]:
        return self._api.get({"method": method, "format": "json", "nojsoncallback": 1, **params})

    def _check(self, answer: ApiAnswer) -> None:
        """Errors come with status 200, as ``{"stat": "fail", "code": 100, "message": ...}``."""
        stat = answer.data.get("stat")
        if answer.status != 200 or stat == "ok":
            return
        if stat != "fail":
            raise self._api.nonsense("JSON of another form than documented")
        code = number(answer.data.get("code"))
        message = self._api.said(answer.data.get("message"))
        if code == _BAD_KEY:
            raise SourceKeyError(
                f"Flickr refuses the key. It says: {message} Check FACENET_FLICKR_KEY; keys are made at {KEYS}."
            )
        error = SourceError(f"Flickr refuses the search. It says: {message}")
        raise TryAgain(error) if code in _OUT_OF_ORDER else error


def _result(photo: Mapping[str, Any], licences: Mapping[str, Licence]) -> Result:
    size = next((s for s in SIZES if web_address(photo.get(f"url_{s}"))), None)
    image_url = web_address(photo.get(f"url_{size}"))
    owner, id_ = text(photo.get("owner")), text(photo.get("id"))
    page_url = f"{PAGES}/{quote(owner, safe='@')}/{quote(id_, safe='')}/" if owner and id_ else ""
    if image_url is None or not page_url:
        return RefusedResult(image_url or "", page_url, NO_FILE)
    found = licences.get(str(number(photo.get("license"))))
    if found is None:
        return RefusedResult(image_url, page_url, NO_LICENCE)
    return FoundImage(
        source="flickr",
        image_url=image_url,
        page_url=page_url,
        title=text(photo.get("title")),
        author=text(photo.get("ownername")),
        licence=found.name,
        licence_url=found.url,
        width=number(photo.get(f"width_{size}")),
        height=number(photo.get(f"height_{size}")),
    )
