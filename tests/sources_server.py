"""A loopback server that answers as the sources of pictures do, from their documentation.

One server is every source at once, and the host of their pictures::

    with SourcesServer([jpeg, other_jpeg], results=500) as server:
        settings = load_settings(**server.settings())
        with Fetcher(settings) as fetcher:
            for result in source("flickr", settings, fetcher).search("somebody", 500):
                fetcher.found(result)

Result number n of any source shows picture ``n % len(images)``.
"""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEYS = {"flickr": "flickr-key-1a2b", "pexels": "pexels-key-3c4d", "serpapi": "serpapi-key-5e6f"}
"""The keys that the server takes."""

# https://www.flickr.com/services/api/flickr.photos.licenses.getInfo.html, as answered in June 2025.
FLICKR_LICENCES = {
    0: ("All Rights Reserved", "https://www.flickrhelp.com/hc/en-us/articles/10710266545556"),
    1: ("CC BY-NC-SA 2.0", "https://creativecommons.org/licenses/by-nc-sa/2.0/"),
    2: ("CC BY-NC 2.0", "https://creativecommons.org/licenses/by-nc/2.0/"),
    3: ("CC BY-NC-ND 2.0", "https://creativecommons.org/licenses/by-nc-nd/2.0/"),
    4: ("CC BY 2.0", "https://creativecommons.org/licenses/by/2.0/"),
    5: ("CC BY-SA 2.0", "https://creativecommons.org/licenses/by-sa/2.0/"),
    6: ("CC BY-ND 2.0", "https://creativecommons.org/licenses/by-nd/2.0/"),
    7: ("No known copyright restrictions", "https://www.flickr.com/commons/usage/"),
    8: ("United States Government Work", "https://www.usa.gov/government-copyright"),
    9: ("Public Domain Dedication (CC0)", "https://creativecommons.org/publicdomain/zero/1.0/"),
    10: ("Public Domain Mark", "https://creativecommons.org/publicdomain/mark/1.0/"),
    11: ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    12: ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    13: ("CC BY-ND 4.0", "https://creativecommons.org/licenses/by-nd/4.0/"),
    14: ("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    15: ("CC BY-NC-SA 4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
    16: ("CC BY-NC-ND 4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
}

Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request, instead of its answer or on top of it.

    Attributes:
        status: Answer with this instead; 200 leaves the answer as it is.
        headers: Beyond the usual ones, such as ``Retry-After``.
        body: Answer with this instead.
        content_type: Say that it is this.
        cut: Send only so many bytes of what was announced, and hang up.
        gzipped: Compress it, and say so.
        refuse: Hang up without an answer.
        before: Called before the answer, such as to let a clock go on.
        between: Called between the halves of the body.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str | None = None
    cut: int | None = None
    gzipped: bool = False
    refuse: bool = False
    before: Callable[[], object] = lambda: None
    between: Callable[[], object] | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it came: path, parameters with one value each, headers in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class SourcesServer:
    """Wikimedia Commons, Flickr, Pexels and SerpApi on one port of this machine.

    Args:
        images: What the pictures are.
        results: How many results every search has, in each source.
        tls: Speak https with this certificate.

    Attributes:
        asked: All requests, in their order.
        robots: The content of robots.txt; None answers 404.
        unlicensed: Numbers of results that come without a licence.
        totals_as_strings: Send counts as strings, as Flickr at times does.
        own_page_host: Host of the pages that Yahoo's results are on.
    """

    def __init__(self, images: Sequence[bytes], results: int = 500, tls: ssl.SSLContext | None = None) -> None:
        self.images = list(images)
        self.results = results
        self.asked: list[Asked] = []
        self.robots: str | None = None
        self.unlicensed: set[int] = set()
        self.totals_as_strings = True
        self.own_page_host = "www.example.org"
        self._faults: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port = self._http.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> SourcesServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def settings(self) -> dict[str, object]:
        """Settings under which the sources are looked for here."""
        return {
            "contact": "tests@example.org",
            "flickr_key": KEYS["flickr"],
            "pexels_key": KEYS["pexels"],
            "serpapi_key": KEYS["serpapi"],
            "commons_url": f"{self.url}/w/api.php",
            "flickr_url": f"{self.url}/services/rest/",
            "pexels_url": f"{self.url}/v1/search",
            "serpapi_url": f"{self.url}/search.json",
            "own_hosts": ("example.org",),
            "allowed_private_hosts": (self.host,),
        }

    def fail(self, path: str, *faults: Fault, times: int = 1) -> None:
        """Has the next requests whose path begins so go wrong, one after the other."""
        with self._lock:
            self._faults.setdefault(path, []).extend([*faults] * times)

    def mend(self) -> None:
        """Has nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def paths(self, prefix: str = "/") -> list[str]:
        """What was asked for, of what begins so."""
        return [asked.path for asked in self.asked if asked.path.startswith(prefix)]

    def image_url(self, source: str, number: int) -> str:
        return f"{self.url}/images/{source}/{number}.jpg"

    # The rest is what the handler asks.

    def fault(self, path: str) -> Fault:
        with self._lock:
            for prefix, waiting in self._faults.items():
                if path.startswith(prefix) and waiting:
                    return waiting.pop(0)
        return Fault()

    def answer(self, asked: Asked) -> tuple[int, str, bytes, dict[str, str]]:
        """Status, content type, body, and further headers."""
        if asked.path == "/robots.txt":
            found = self.robots is not None
            return 200 if found else 404, "text/plain", (self.robots or "").encode(), {}
        if asked.path.startswith("/images/"):
            number = int(asked.path.rpartition("/")[2].partition(".")[0])
            return 200, "image/jpeg", self.images[number % len(self.images)], {}
        ask = {
            "/w/api.php": self._commons,
            "/services/rest/": self._flickr,
            "/v1/search": self._pexels,
            "/search.json": self._serpapi,
        }.get(asked.path)
        if ask is None:
            return 404, "text/html", b"<h1>Not Found</h1>", {}
        status, data, headers = ask(asked)
        return status, "application/json; charset=utf-8", json.dumps(data).encode(), headers

    def _count(self, number: int) -> int | str:
        return str(number) if self.totals_as_strings else number

    def _commons(self, asked: Asked) -> tuple[int, Json, dict[str, str]]:
        """https://www.mediawiki.org/wiki/API:Query with generator=search and prop=imageinfo, formatversion=2.

        Half of a page's files have their imageinfo in one answer and half in the
        next, as it happens when there is much of it (API:Continue).
        """
        query = asked.query
        assert (query["action"], query["format"], query["formatversion"]) == ("query", "json", "2")
        if "facenet-core" not in asked.headers.get("user-agent", ""):
            return 403, {}, {}
        start, size = int(query.get("gsroffset", 0)), int(query["gsrlimit"])
        numbers = list(range(start, min(start + size, self.results)))
        if not numbers:
            return 200, {"batchcomplete": True}, {}
        half = numbers[0] + (len(numbers) + 1) // 2
        second = "iicontinue" in query
        pages = [self._commons_page(n, with_info=(n >= half) == second) for n in reversed(numbers)]
        data: Json = {"query": {"pages": pages}}
        if not second and len(numbers) > 1:
            data["continue"] = {"gsroffset": start, "iicontinue": f"File {half}.jpg|2020", "continue": "gsroffset||"}
            if start == 0:
                del data["continue"]["gsroffset"]
            return 200, data, {}
        data["batchcomplete"] = True
        if numbers[-1] + 1 < self.results:
            data["continue"] = {"gsroffset": numbers[-1] + 1, "continue": "gsroffset||"}
        return 200, data, {}

    def _commons_page(self, number: int, *, with_info: bool) -> Json:
        # https://www.mediawiki.org/wiki/Extension:CommonsMetadata for the fields of extmetadata.
        page: Json = {"pageid": 9_000 - number, "ns": 6, "title": f"File:Somebody {number}.jpg", "index": number + 1}
        if not with_info:
            return page
        licence: Json = {
            "LicenseShortName": {"value": "CC BY-SA 4.0", "source": "commons-desc-page", "hidden": ""},
            "UsageTerms": {"value": "Creative Commons Attribution-Share Alike 4.0", "source": "commons-desc-page"},
            "LicenseUrl": {"value": "https://creativecommons.org/licenses/by-sa/4.0", "source": "commons-desc-page"},
        }
        if number % 5 == 4:
            licence = {"LicenseShortName": {"value": "Public domain", "source": "commons-desc-page", "hidden": ""}}
        artist = '<a href="//commons.wikimedia.org/wiki/User:Ann" title="User:Ann">Ann &amp; Co.</a>'
        info: Json = {
            "size": 2_345_678,
            "width": 4_000,
            "height": 3_000,
            "thumburl": self.image_url("commons", number),
            "thumbwidth": 1_280,
            "thumbheight": 960,
            "url": f"{self.url}/images/commons/original/{number}.jpg",
            "descriptionurl": f"https://commons.wikimedia.org/wiki/File:Somebody_{number}.jpg",
            "descriptionshorturl": f"https://commons.wikimedia.org/w/index.php?curid={9_000 - number}",
            "mime": "image/jpeg",
            "mediatype": "BITMAP",
            "extmetadata": {} if number in self.unlicensed else {**licence, "Artist": {"value": artist}},
        }
        return {**page, "imagerepository": "local", "imageinfo": [info]}

    def _flickr(self, asked: Asked) -> tuple[int, Json, dict[str, str]]:
        """https://www.flickr.com/services/api/response.json.html"""
        query = asked.query
        assert (query["format"], query["nojsoncallback"]) == ("json", "1")
        if query.get("api_key") != KEYS["flickr"]:
            return 200, {"stat": "fail", "code": 100, "message": "Invalid API Key (Key has invalid format)"}, {}
        if query["method"] == "flickr.photos.licenses.getInfo":
            listed = [{"id": number, "name": n, "url": u} for number, (n, u) in FLICKR_LICENCES.items()]
            return 200, {"licenses": {"license": listed}, "stat": "ok"}, {}
        assert query["method"] == "flickr.photos.search"
        if not query.get("text"):
            return 200, {"stat": "fail", "code": 3, "message": "Parameterless searches have been disabled."}, {}
        page, size = int(query["page"]), min(int(query["per_page"]), 500)
        within = min(self.results, 4_000)
        numbers = range((page - 1) * size, min(page * size, within))
        photos = {
            "page": page,
            "pages": self._count(-(-self.results // size)),
            "perpage": size,
            "total": self._count(self.results),
            "photo": [self._flickr_photo(number, query["license"].split(",")) for number in numbers],
        }
        return 200, {"photos": photos, "stat": "ok"}, {}

    def _flickr_photo(self, number: int, licences: list[str]) -> Json:
        # Extras: license, owner_name, url_l ...; sizes come as numbers or strings.
        return {
            "id": str(5_000 + number),
            "owner": "12345678@N00",
            "secret": "0123456789",
            "server": "65535",
            "farm": 66,
            "title": f"Somebody {number}",
            "ispublic": 1,
            "isfriend": 0,
            "isfamily": 0,
            "license": "0" if number in self.unlicensed else licences[number % len(licences)],
            "ownername": "Bea",
            "url_l": self.image_url("flickr", number),
            "height_l": self._count(768),
            "width_l": self._count(1_024),
        }

    def _pexels(self, asked: Asked) -> tuple[int, Json, dict[str, str]]:
        """https://www.pexels.com/api/documentation/#photos-search"""
        if asked.headers.get("authorization") != KEYS["pexels"]:
            return 401, {"status": 401, "code": "Unauthorized"}, {}
        query, page = asked.query, int(asked.query["page"])
        size = min(int(query["per_page"]), 80)
        numbers = range((page - 1) * size, min(page * size, self.results))
        data: Json = {
            "total_results": self.results,
            "page": page,
            "per_page": size,
            "photos": [self._pexels_photo(number) for number in numbers],
        }
        if page * size < self.results:
            # An address that must not be followed with a key.
            data["next_page"] = f"http://elsewhere.example/v1/search?page={page + 1}&per_page={size}"
        headers = {"X-Ratelimit-Limit": "20000", "X-Ratelimit-Remaining": "19684", "X-Ratelimit-Reset": "1590529646"}
        return 200, data, headers

    def _pexels_photo(self, number: int) -> Json:
        return {
            "id": 2_000_000 + number,
            "width": 3_024,
            "height": 4_032,
            "url": f"https://www.pexels.com/photo/somebody-{2_000_000 + number}/",
            "photographer": "Cem",
            "photographer_url": "https://www.pexels.com/@cem",
            "photographer_id": 680_589,
            "avg_color": "#978E82",
            "src": {
                "original": f"{self.url}/images/pexels/original/{number}.jpg",
                "large2x": self.image_url("pexels", number) + "?auto=compress&cs=tinysrgb&dpr=2&h=650&w=940",
                "large": self.image_url("pexels", number) + "?auto=compress&cs=tinysrgb&h=650&w=940",
            },
            "liked": False,
            "alt": f"Somebody, number {number}",
        }

    def _serpapi(self, asked: Asked) -> tuple[int, Json, dict[str, str]]:
        """https://serpapi.com/search-api, https://serpapi.com/api-status-and-error-codes"""
        query = asked.query
        if query.get("api_key") != KEYS["serpapi"]:
            message = "Invalid API key. Your API key should be here: https://serpapi.com/manage-api-key"
            return 401, {"error": message}, {}
        metadata = {"id": "652df1922ff421fd3f782994", "status": "Success"}
        google = query["engine"] == "google_images"
        size = 100 if google else 60
        start = int(query["ijn"]) * size if google else int(query["b"]) - 1
        numbers = range(start, min(start + size, self.results))
        if not numbers:
            engine = "Google" if google else "Yahoo! Images"
            nothing = {"search_metadata": metadata, "error": f"{engine} hasn't returned any results for this query."}
            return 200, nothing, {}
        entry = self._google_image if google else self._yahoo_image
        data: Json = {"search_metadata": metadata, "images_results": [entry(number) for number in numbers]}
        if numbers[-1] + 1 < self.results:
            data["serpapi_pagination"] = {"current": 1, "next": "http://elsewhere.example/search.json?page=next"}
        return 200, data, {}

    def _google_image(self, number: int) -> Json:
        # https://serpapi.com/google-images-api: license_details_url comes when licenses= is asked for.
        entry: Json = {
            "position": number + 1,
            "thumbnail": f"https://serpapi.com/searches/652df/images/{number}.jpeg",
            "license_details_url": f"https://creativecommons.org/licenses/by/{'4.0' if number % 2 else '2.0'}/",
            "original": self.image_url("google", number),
            "original_width": 1_200,
            "original_height": 800,
            "title": f"Somebody {number}",
            "link": f"https://news.example/{number}",
            "source": "news.example",
            "is_product": False,
        }
        if number in self.unlicensed:
            del entry["license_details_url"]
        return entry

    def _yahoo_image(self, number: int) -> Json:
        # https://serpapi.com/yahoo-images-api: no field for a licence.
        host = "stranger.example" if number in self.unlicensed else self.own_page_host
        return {
            "position": number + 1,
            "thumbnail": f"https://tse1.mm.bing.net/th?id=OIP.{number}",
            "link": f"https://{host}/{number}",
            "title": f"Somebody {number}",
            "original": self.image_url("yahoo", number),
            "source": host,
            "dimensions": "1200x800",
        }


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


def _handler(server: SourcesServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = Asked(parts.path, query, {name.lower(): value for name, value in self.headers.items()})
            server.asked.append(asked)
            fault = server.fault(asked.path)
            fault.before()
            if fault.refuse:
                self.close_connection = True
                return
            if fault.status == 200:
                status, kind, body, headers = server.answer(asked)
            else:
                status, kind, body, headers = fault.status, "text/html", b"", {}
            self._send(status, fault.content_type or kind, body if fault.body is None else fault.body, headers, fault)

        def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str], fault: Fault) -> None:
            headers = {**headers, **fault.headers}
            if fault.gzipped:
                body = gzip.compress(body)
                headers["Content-Encoding"] = "gzip"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if fault.between:
                half = len(body) // 2
                self.wfile.write(body[:half])
                self.wfile.flush()
                fault.between()
                self.wfile.write(body[half:])
            else:
                self.wfile.write(body[: fault.cut])
            if fault.cut is not None:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    return Handler
