"""Google Images and Yahoo Images, asked through SerpApi, with a key.

Formats: https://serpapi.com/google-images-api,
https://serpapi.com/yahoo-images-api and
https://serpapi.com/api-status-and-error-codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from facenet_core.errors import SourceError, SourceKeyError, SourceSetupError
from facenet_core.sources.api import Api, ApiAnswer
from facenet_core.sources.fields import items, mapping, number, text, web_address
from facenet_core.sources.licences import Licence, licence
from facenet_core.sources.links import sites
from facenet_core.sources.records import TITLES, FoundImage, RefusedResult, SourceName
from facenet_core.sources.results import FRUITLESS, Result, stream, words
from facenet_core.sources.web import Web

KEYS = "https://serpapi.com/manage-api-key"
"""Where keys are made."""

READ_TIMEOUT = 75.0
"""Seconds for one search: SerpApi answers when the search engine has."""

MAX_PAGES = 100
"""Of Google Images: ``ijn`` goes from 0 to 99."""

YAHOO_PAGE = 60
"""Results of a page of Yahoo: ``b``, the first result's number, is 1, 61, 121 ..."""

CREATIVE_COMMONS = "Creative Commons"
"""What a licence of Google's is called whose address does not tell which one: the search is limited to those."""

NO_FILE = "The search engine names no file that can be fetched."
GOOGLE_NAMES_NONE = "Google names no licence for this picture."
NOT_OWN = (
    "Yahoo names no licences, and neither this picture nor its page is on a site that you have listed in "
    "FACENET_OWN_HOSTS."
)

OWN_HOSTS_NEEDED = (
    "Yahoo names no licences, so only pictures of sites that are yours are taken from it. List those in "
    "FACENET_OWN_HOSTS, such as example.org."
)
"""What to do before Yahoo can be asked."""

_NOTHING_FOUND = re.compile(r"(hasn't|haven't|has not|have not) returned any results", re.IGNORECASE)
_RUN_OUT = re.compile(r"run out of searches", re.IGNORECASE)
_SIZE = re.compile(r"\s*(\d{1,6})\s*[x×]\s*(\d{1,6})\s*")


class SerpApi:
    """What the two search engines have in common.

    Args:
        web: Sends the requests.
        url: Of SerpApi's search.
        key: Of SerpApi.
    """

    name: ClassVar[SourceName]

    def __init__(self, web: Web, url: str, key: str) -> None:
        title, secret = TITLES[self.name], {"api_key": key}
        self._api = Api(web, title, url, self._check, secret_query=secret, read_timeout=READ_TIMEOUT)

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Looks for pictures; see :meth:`facenet_core.sources.records.Source.search`.

        Each page costs a search of the account, so that it ends after
        :data:`results.FRUITLESS` pages in a row of which nothing could be taken.
        """
        return stream(self._pages(words(query)), limit, FRUITLESS)

    def _pages(self, query: str) -> Iterator[list[Result]]:
        for page in range(MAX_PAGES):
            data = self._api.get({"output": "json", **self._params(query, page)})
            found = items(data.get("images_results"))
            yield [self._result(entry) for entry in found]
            # Its address is not followed, as the key goes nowhere that an answer names.
            if not found or not mapping(data.get("serpapi_pagination")).get("next"):
                return

    def _params(self, query: str, page: int) -> dict[str, str | int]:
        raise NotImplementedError

    def _result(self, entry: Mapping[str, Any]) -> Result:
        raise NotImplementedError

    def _check(self, answer: ApiAnswer) -> None:
        """Errors come with any status; that nothing was found is one too, with status 200."""
        message = text(answer.data.get("error"))
        if answer.status in (401, 403):
            raise SourceKeyError(
                f"{self._api.title}: SerpApi refuses the key. It says: {self._api.said(message)} Check "
                f"FACENET_SERPAPI_KEY; yours is at {KEYS}."
            )
        if message and _RUN_OUT.search(message):
            raise self._api.quota_used(why=message)
        if message and answer.status in (200, 400) and not _NOTHING_FOUND.search(message):
            raise SourceError(f"{self._api.title}: SerpApi refuses the search. It says: {self._api.said(message)}")


class Google(SerpApi):
    """Searches Google Images for pictures under a licence of Creative Commons.

    A result is taken if it has ``license_details_url``. SerpApi leaves that out
    on some pages (https://github.com/serpapi/public-roadmap/issues/1140); what is
    there is refused.
    """

    name = "google"

    def _params(self, query: str, page: int) -> dict[str, str | int]:
        # licenses=cl: Creative Commons licences.
        return {"engine": "google_images", "q": query, "ijn": page, "licenses": "cl", "safe": "active", "hl": "en"}

    def _result(self, entry: Mapping[str, Any]) -> Result:
        image_url, page_url = web_address(entry.get("original")), web_address(entry.get("link"))
        if image_url is None or page_url is None:
            return RefusedResult(image_url or "", page_url or "", NO_FILE)
        details = web_address(entry.get("license_details_url"))
        found = licence(CREATIVE_COMMONS, details)
        if details is None or not isinstance(found, Licence):
            return RefusedResult(image_url, page_url, GOOGLE_NAMES_NONE)
        return FoundImage(
            source="google",
            image_url=image_url,
            page_url=page_url,
            title=text(entry.get("title")),
            author=None,
            licence=found.name,
            licence_url=found.url,
            width=number(entry.get("original_width")),
            height=number(entry.get("original_height")),
        )


class Yahoo(SerpApi):
    """Searches Yahoo Images, and takes what is on the user's own sites.

    Yahoo can limit a search to usage rights, but SerpApi documents no field that
    names a result's licence, and a licence that nobody can name can't be kept to.

    Args:
        web: Sends the requests.
        url: Of SerpApi's search.
        key: Of SerpApi.
        own_hosts: Sites that the user has listed as theirs, or as open to them.

    Raises:
        SourceSetupError: If there are none.
    """

    name = "yahoo"

    def __init__(self, web: Web, url: str, key: str, own_hosts: Iterable[str]) -> None:
        super().__init__(web, url, key)
        self._own = frozenset(host.lower() for host in own_hosts)
        if not self._own:
            raise SourceSetupError(OWN_HOSTS_NEEDED)

    def _params(self, query: str, page: int) -> dict[str, str | int]:
        return {"engine": "yahoo_images", "p": query, "b": 1 + page * YAHOO_PAGE}

    def _result(self, entry: Mapping[str, Any]) -> Result:
        image_url, page_url = web_address(entry.get("original")), web_address(entry.get("link"))
        if image_url is None or page_url is None:
            return RefusedResult(image_url or "", page_url or "", NO_FILE)
        if not self._is_own(image_url) and not self._is_own(page_url):
            return RefusedResult(image_url, page_url, NOT_OWN)
        size = _SIZE.fullmatch(text(entry.get("dimensions")) or "")
        return FoundImage(
            source="yahoo",
            image_url=image_url,
            page_url=page_url,
            title=text(entry.get("title")),
            author=None,
            licence=None,
            licence_url=None,
            width=int(size[1]) if size else None,
            height=int(size[2]) if size else None,
        )

    def _is_own(self, url: str) -> bool:
        return not self._own.isdisjoint(sites(url))
