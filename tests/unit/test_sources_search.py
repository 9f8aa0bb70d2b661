"""The clients of the sources, against a server that answers as their documentation says."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import UTC, datetime

import pytest

from facenet_core.config import Settings
from facenet_core.errors import (
    CutShortError,
    InputError,
    SourceAnswerError,
    SourceError,
    SourceKeyError,
    SourceQuotaError,
    SourceSetupError,
    UnreachableError,
)
from facenet_core.sources.catalogue import source
from facenet_core.sources.fetching import Fetcher
from facenet_core.sources.licences import NO_LICENCE
from facenet_core.sources.records import FoundImage, RefusedResult
from facenet_core.sources.results import Result, stream
from facenet_core.sources.serpapi import GOOGLE_NAMES_NONE, NOT_OWN
from tests.fake_time import START, FakeTime
from tests.sources_fixtures import Fetch, fetcher, server, settings, time
from tests.sources_server import KEYS, Fault, SourcesServer

__all__ = ["fetcher", "server", "settings", "time"]

WEB = ["commons", "flickr", "pexels", "google", "yahoo"]
PATHS = {"commons": "/w/api.php", "flickr": "/services/rest/", "pexels": "/v1/search"}


def path(name: str) -> str:
    return PATHS.get(name, "/search.json")


@pytest.fixture
def search(settings: Settings, fetcher: Fetch):
    """Searches a source to the end, or to a limit."""
    one: list[Fetcher] = []

    def run(name: str, limit: int = 10_000, query: str = "Ada  Lovelace ", **changes: object) -> list[Result]:
        given = settings.model_copy(update=changes)
        one.append(fetcher(**changes))
        return list(source(name, given, one[-1]).search(query, limit))

    return run


def json_fault(data: object, status: int = 200, **headers: str) -> Fault:
    kind = "application/json"
    return Fault(status, {n.replace("_", "-"): v for n, v in headers.items()}, json.dumps(data).encode(), kind)


# What every source has in common.


@pytest.mark.parametrize("name", WEB)
@pytest.mark.parametrize("count", [0, 1, 161])
def test_every_result_comes_once_and_in_order_through_all_pages(
    server: SourcesServer, search, name: str, count: int
) -> None:
    server.results = count
    found = search(name)
    assert [result.image_url.partition("?")[0] for result in found] == [server.image_url(name, n) for n in range(count)]
    assert all(isinstance(result, FoundImage) and result.source == name for result in found)
    assert all(result.licence for result in found if name != "yahoo")


@pytest.mark.parametrize("name", WEB)
def test_no_more_is_asked_for_than_is_wanted(server: SourcesServer, search, name: str) -> None:
    server.results = 1_000
    assert search(name, 0) == []
    assert server.asked == []
    assert len(search(name, 3)) == 3
    assert len(server.paths(path(name))) <= 2


@pytest.mark.parametrize("name", ["commons", "flickr", "google", "yahoo"])
def test_what_has_no_licence_is_refused_with_the_reason_and_not_counted(
    server: SourcesServer, search, name: str
) -> None:
    server.unlicensed = {1, 3}
    found = search(name, 4)
    refused = [result for result in found if isinstance(result, RefusedResult)]
    assert [r.image_url for r in refused] == [server.image_url(name, n) for n in (1, 3)]
    reason = {"google": GOOGLE_NAMES_NONE, "yahoo": NOT_OWN}.get(name, NO_LICENCE)
    assert Counter(r.reason for r in refused) == {reason: 2}
    assert all(r.page_url for r in refused)
    assert len(found) == 6


@pytest.mark.parametrize("name", WEB)
def test_the_words_are_asked_for_as_they_are(server: SourcesServer, search, name: str) -> None:
    search(name, 1, "  Ada   & Lovelace=1#x ")
    parameter = {"commons": "gsrsearch", "flickr": "text", "pexels": "query", "google": "q", "yahoo": "p"}[name]
    assert server.asked[-1].query[parameter].removeprefix("filetype:bitmap ") == "Ada & Lovelace=1#x"


@pytest.mark.parametrize("name", WEB)
def test_a_search_for_nothing_is_refused(search, name: str) -> None:
    with pytest.raises(InputError, match="at least one word"):
        search(name, 5, "  ")


@pytest.mark.parametrize("name", WEB)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(429),
        Fault(500),
        Fault(503, {"Retry-After": "2"}),
        Fault(cut=20),
        Fault(refuse=True),
        Fault(body=b"<html>error</html>", content_type="text/html"),
        Fault(body=b'["a list"]'),
        Fault(body=b"\x1f\x8b\x08cut", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_what_may_pass_is_asked_again(server: SourcesServer, search, time: FakeTime, name: str, fault: Fault) -> None:
    server.fail(path(name), fault, times=2)
    assert len(search(name)) == 7
    assert len(time.slept) == 2


@pytest.mark.parametrize("name", WEB)
@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(429), SourceQuotaError, "as much as it allows. Try again later"),
        (Fault(500), SourceAnswerError, r"out of order for now \(status 500\)"),
        (Fault(418), SourceAnswerError, "status 418"),
        (Fault(cut=20), CutShortError, "the connection broke"),
        (Fault(body=b"<html>"), SourceAnswerError, "something that is not JSON"),
        (Fault(body=b"[]"), SourceAnswerError, "another form than documented"),
        (Fault(body=b"{}", headers={"Content-Encoding": "br"}), SourceAnswerError, "the encoding br"),
    ],
)
def test_what_does_not_pass_is_said_with_the_sources_name(
    server: SourcesServer, search, name: str, fault: Fault, error: type[SourceError], message: str
) -> None:
    server.fail(path(name), fault, times=20)
    with pytest.raises(error, match=message) as caught:
        search(name)
    title = {"commons": "Wikimedia Commons", "google": "Google Images", "yahoo": "Yahoo Images"}
    assert str(caught.value).startswith(f"{title.get(name, name.capitalize())}: ")


@pytest.mark.parametrize("name", WEB)
def test_a_source_that_asks_for_an_hour_is_not_asked_meanwhile(
    server: SourcesServer, settings: Settings, fetcher: Fetch, time: FakeTime, name: str
) -> None:
    server.fail(path(name), Fault(429, {"Retry-After": "3600"}), times=20)
    client = source(name, settings, fetcher())
    for _ in range(2):
        with pytest.raises(SourceQuotaError, match="Try again after 2026-03-01 13:00 UTC") as caught:
            list(client.search("Ada", 5))
        assert caught.value.until == START.replace(hour=13)
    assert len(server.asked) == 1
    assert time.slept == []


@pytest.mark.parametrize("name", ["pexels"])
def test_answers_come_compressed_and_bombs_are_not_unpacked(server: SourcesServer, search, name: str) -> None:
    server.fail(path(name), Fault(gzipped=True))
    assert len(search(name)) == 7
    assert all(asked.headers["accept-encoding"] == "gzip" for asked in server.asked)
    server.fail(path(name), Fault(body=b" " * (17 * 2**20), gzipped=True))
    with pytest.raises(SourceAnswerError, match="more than 16 MB"):
        search(name)


@pytest.mark.parametrize("name", ["flickr", "pexels", "google", "yahoo"])
@pytest.mark.parametrize("fault", [Fault(), Fault(500), Fault(403), Fault(cut=20), Fault(body=b"{}")])
def test_keys_are_in_no_log_and_in_no_message(
    server: SourcesServer, search, caplog: pytest.LogCaptureFixture, name: str, fault: Fault
) -> None:
    server.fail(path(name), fault, times=20)
    with caplog.at_level(logging.DEBUG):
        try:
            search(name)
        except SourceError as error:
            caplog.records.append(logging.makeLogRecord({"msg": str(error)}))
            told = f"{caplog.text} {error} {error.__cause__} {error.__context__}"
        else:
            told = caplog.text
    assert server.asked
    assert not any(key in told for key in KEYS.values())


@pytest.mark.parametrize("name", ["flickr", "pexels", "google", "yahoo"])
def test_a_key_does_not_travel_unencrypted_to_strangers(search, name: str) -> None:
    field = {"flickr": "flickr_url", "pexels": "pexels_url"}.get(name, "serpapi_url")
    with pytest.raises(SourceSetupError, match="its key could be read on the way"):
        search(name, **{field: "http://example.org/api"})


@pytest.mark.parametrize("name", WEB)
def test_a_source_that_can_not_be_reached_is_named(search, name: str) -> None:
    field = {"google": "serpapi_url", "yahoo": "serpapi_url"}.get(name, f"{name}_url")
    closed = {field: "http://127.0.0.1:9/api", "allowed_private_hosts": ("127.0.0.1:9",)}
    with pytest.raises(UnreachableError, match=r"^[A-Z][\w ]+: the server can't be reached"):
        search(name, **closed)


@pytest.mark.parametrize("name", WEB)
def test_results_of_another_form_than_documented_do_not_stop_it(server: SourcesServer, search, name: str) -> None:
    entries = [{}, {"original": 5}, "text", None, {"original": "x-raw-image:///a", "link": []}, {"imageinfo": ["a"]}]
    data = {
        "commons": {"query": {"pages": entries}, "batchcomplete": True},
        "flickr": {"stat": "ok", "photos": {"page": 1, "pages": "many", "photo": entries}},
        "pexels": {"photos": entries},
    }.get(name, {"images_results": entries})
    good = [Fault()] if name == "flickr" else []
    server.fail(path(name), *good, json_fault(data))
    found = search(name)
    assert found
    assert all(isinstance(result, RefusedResult) and result.image_url == "" for result in found)


# Each for itself.


def test_commons_gives_author_licence_and_a_copy_of_a_size_that_it_hands_out(server: SourcesServer, search) -> None:
    first, *_, fifth = search("commons", 5)
    assert first == FoundImage(
        source="commons",
        image_url=server.image_url("commons", 0),
        page_url="https://commons.wikimedia.org/wiki/File:Somebody_0.jpg",
        title="Somebody 0.jpg",
        author="Ann & Co.",
        licence="CC BY-SA 4.0",
        licence_url="https://creativecommons.org/licenses/by-sa/4.0",
        width=4_000,
        height=3_000,
    )
    assert (fifth.licence, fifth.licence_url) == ("Public domain", None)
    asked = server.asked[0].query
    assert (asked["iiurlwidth"], asked["maxlag"], asked["gsrnamespace"]) == ("1280", "5", "6")


@pytest.mark.parametrize(
    ("code", "status"),
    [("maxlag", 200), ("maxlag", 503), ("ratelimited", 429), ("internal_api_error_DBQueryError", 200)],
)
def test_commons_is_given_time_when_it_lags(
    server: SourcesServer, search, time: FakeTime, code: str, status: int
) -> None:
    # https://www.mediawiki.org/wiki/Manual:Maxlag_parameter
    error = {"error": {"code": code, "info": "Waiting for 10.64.48.23: 6.5 seconds lagged.", "lag": 6.5}}
    server.fail("/w/api.php", json_fault(error, status, Retry_After="5"))
    assert len(search("commons")) == 7
    assert time.slept == [5.0]
    server.fail("/w/api.php", json_fault(error), times=10)
    with pytest.raises(SourceQuotaError, match=r"It says: Waiting for 10\.64\.48\.23"):
        search("commons")


def test_commons_says_what_it_does_not_like(server: SourcesServer, search) -> None:
    server.fail("/w/api.php", json_fault({"error": {"code": "badvalue", "info": "Unrecognized value"}}))
    with pytest.raises(SourceError, match=r"Wikimedia Commons: it refuses the search. It says: Unrecognized value\."):
        search("commons")
    assert len(server.asked) == 1


def test_commons_goes_on_with_nothing_but_new_pages(server: SourcesServer, search) -> None:
    same = {"continue": {"gsroffset": 50, "continue": "gsroffset||"}, "batchcomplete": True}
    server.fail("/w/api.php", json_fault(same), times=20)
    assert search("commons") == []
    assert len(server.asked) == 2


def test_flickr_asks_for_licensed_and_safe_photos_only(server: SourcesServer, search) -> None:
    first, second, *_ = search("flickr", 16)
    assert first == FoundImage(
        source="flickr",
        image_url=server.image_url("flickr", 0),
        page_url="https://www.flickr.com/photos/12345678@N00/5000/",
        title="Somebody 0",
        author="Bea",
        licence="CC BY-NC-SA 2.0",
        licence_url="https://creativecommons.org/licenses/by-nc-sa/2.0/",
        width=1_024,
        height=768,
    )
    assert second.licence == "CC BY-NC 2.0"
    licences, asked = (request.query for request in server.asked)
    assert licences["method"] == "flickr.photos.licenses.getInfo"
    assert asked["license"] == "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"
    assert (asked["safe_search"], asked["per_page"], asked["media"]) == ("1", "500", "photos")
    assert {"license", "owner_name", "url_l", "url_o"} <= set(asked["extras"].split(","))


def test_flickr_gives_four_thousand_at_most(server: SourcesServer, search) -> None:
    server.results = 1_234_567
    assert len(search("flickr")) == 4_000
    assert len(server.asked) == 1 + 8


def test_flickrs_counts_are_numbers_or_strings(server: SourcesServer, search) -> None:
    for server.totals_as_strings in (True, False):
        server.results = 501
        assert [search("flickr")[-1].width, len(server.asked)] == [1_024, 3]
        server.asked.clear()


def test_flickr_ends_when_pages_stay_empty(server: SourcesServer, search) -> None:
    empty = json_fault({"stat": "ok", "photos": {"page": 1, "pages": "8", "total": "4000", "photo": []}})
    server.fail("/services/rest/", Fault(), *[empty] * 8)
    assert search("flickr") == []
    assert len(server.asked) == 1 + 3


def test_flickr_takes_the_original_of_a_small_photo(server: SourcesServer, search) -> None:
    photo = {
        "id": "1",
        "owner": "2@N00",
        "license": 4,
        "url_o": "https://live.staticflickr.com/1/1_o.jpg",
        "width_o": "640",
        "height_o": 480,
        "url_m": "https://live.staticflickr.com/1/1_m.jpg",
    }
    server.fail("/services/rest/", Fault(), json_fault({"stat": "ok", "photos": {"pages": 1, "photo": [photo]}}))
    (found,) = search("flickr")
    assert (found.image_url, found.width, found.height) == (photo["url_o"], 640, 480)
    assert (found.title, found.author, found.licence) == (None, None, "CC BY 2.0")


@pytest.mark.parametrize("code", [0, 10, 105, "105"])
def test_flickr_is_asked_again_when_it_is_out_of_order(server: SourcesServer, search, code: object) -> None:
    fail = json_fault({"stat": "fail", "code": code, "message": "Service currently unavailable"})
    server.fail("/services/rest/", fail, Fault(), fail)
    assert len(search("flickr")) == 7


def test_flickr_says_what_it_does_not_like(server: SourcesServer, search) -> None:
    server.fail("/services/rest/", json_fault({"stat": "fail", "code": 1, "message": "Too many tags"}))
    with pytest.raises(SourceError, match=r"^Flickr refuses the search\. It says: Too many tags\.$"):
        search("flickr")
    server.fail("/services/rest/", json_fault({"stat": "ok", "licenses": {"license": [{"id": 0}]}}))
    with pytest.raises(SourceAnswerError, match="no list of licences"):
        search("flickr")


def test_pexels_names_photographer_and_licence(server: SourcesServer, search) -> None:
    first = search("pexels", 1)[0]
    assert first == FoundImage(
        source="pexels",
        image_url=f"{server.image_url('pexels', 0)}?auto=compress&cs=tinysrgb&dpr=2&h=650&w=940",
        page_url="https://www.pexels.com/photo/somebody-2000000/",
        title="Somebody, number 0",
        author="Cem",
        licence="Pexels licence",
        licence_url="https://www.pexels.com/license/",
        width=3_024,
        height=4_032,
    )
    assert server.asked[0].headers["authorization"] == KEYS["pexels"]
    assert server.asked[0].query == {"query": "Ada Lovelace", "per_page": "80", "page": "1"}


def test_pexels_is_not_asked_when_its_month_is_used_up(server: SourcesServer, search) -> None:
    server.results = 200
    reset = int(datetime(2026, 3, 20, tzinfo=UTC).timestamp())
    server.fail("/v1/search", Fault(headers={"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": str(reset)}))
    with pytest.raises(SourceQuotaError, match="Try again after 2026-03-20 00:00 UTC") as caught:
        search("pexels")
    assert caught.value.until == datetime(2026, 3, 20, tzinfo=UTC)
    assert len(server.asked) == 1


def test_google_is_asked_for_creative_commons_and_safe_pictures(server: SourcesServer, search) -> None:
    first, second, *_ = search("google")
    assert first == FoundImage(
        source="google",
        image_url=server.image_url("google", 0),
        page_url="https://news.example/0",
        title="Somebody 0",
        author=None,
        licence="CC BY 2.0",
        licence_url="https://creativecommons.org/licenses/by/2.0/",
        width=1_200,
        height=800,
    )
    assert second.licence == "CC BY 4.0"
    asked = server.asked[0].query
    assert (asked["engine"], asked["licenses"], asked["safe"]) == ("google_images", "cl", "active")


def test_googles_licence_page_of_another_site_is_kept_as_it_is(server: SourcesServer, search) -> None:
    entry = {
        "original": "https://a.example/1.jpg",
        "link": "https://a.example/1",
        "license_details_url": "https://a.example/l",
    }
    server.fail("/search.json", json_fault({"images_results": [entry]}))
    (found,) = search("google")
    assert (found.licence, found.licence_url) == ("Creative Commons", "https://a.example/l")


def test_google_is_not_paid_for_pages_of_which_nothing_can_be_taken(server: SourcesServer, search) -> None:
    server.results, server.unlicensed = 5_000, set(range(100, 5_000))
    found = search("google")
    assert sum(isinstance(result, FoundImage) for result in found) == 100
    assert len(server.asked) == 4


def test_yahoos_pictures_are_taken_from_the_users_own_sites_alone(server: SourcesServer, search) -> None:
    server.unlicensed = {0, 1, 2}
    found = search("yahoo")
    assert [type(result) for result in found] == [RefusedResult] * 3 + [FoundImage] * 4
    assert (found[3].page_url, found[3].licence, found[3].width) == ("https://www.example.org/3", None, 1_200)
    server.own_page_host = "notexample.org"
    assert all(isinstance(result, RefusedResult) for result in search("yahoo"))
    assert all(isinstance(result, FoundImage) for result in search("yahoo", own_hosts=("127.0.0.1",)))
    with pytest.raises(SourceSetupError, match="List those in FACENET_OWN_HOSTS"):
        search("yahoo", own_hosts=())


@pytest.mark.parametrize("name", ["google", "yahoo"])
def test_serpapi_tells_used_up_from_throttled_and_from_nothing_found(
    server: SourcesServer, search, time: FakeTime, name: str
) -> None:
    # https://serpapi.com/api-status-and-error-codes
    server.fail("/search.json", json_fault({"error": "Your account has run out of searches."}, 429))
    with pytest.raises(SourceQuotaError, match="It says: Your account has run out of searches"):
        search(name)
    assert (len(server.asked), time.slept) == (1, [])
    server.fail("/search.json", json_fault({"error": "You are exceeding the hourly throughput limit."}, 429))
    assert len(search(name)) == 7
    server.fail("/search.json", json_fault({"error": f"{name} hasn't returned any results for this query."}))
    assert search(name) == []
    server.fail("/search.json", json_fault({"error": "Unsupported `zz` location."}, 400))
    with pytest.raises(SourceError, match=r"SerpApi refuses the search\. It says: Unsupported `zz` location"):
        search(name)


@pytest.mark.parametrize(
    ("name", "field", "variable"),
    [
        ("flickr", "flickr_key", "FACENET_FLICKR_KEY"),
        ("pexels", "pexels_key", "FACENET_PEXELS_KEY"),
        ("google", "serpapi_key", "FACENET_SERPAPI_KEY"),
        ("yahoo", "serpapi_key", "FACENET_SERPAPI_KEY"),
    ],
)
def test_a_key_that_is_refused_is_said_with_where_to_get_one(
    search, settings: Settings, name: str, field: str, variable: str
) -> None:
    wrong = type(settings.flickr_key)("wrong")
    with pytest.raises(SourceKeyError, match=rf"refuses the key.*Check {variable}; .*https://"):
        search(name, **{field: wrong})
    with pytest.raises(SourceKeyError, match="characters in it that no key has"):
        search(name, **{field: type(settings.flickr_key)("ключ")})


def test_what_the_source_says_never_repeats_the_key(server: SourcesServer, search) -> None:
    echo = {"stat": "fail", "code": 99, "message": f"Bad: {KEYS['flickr']}"}
    server.fail("/services/rest/", json_fault(echo))
    with pytest.raises(SourceError, match=r"Bad: \*\*\*\."):
        search("flickr")


def found(url: str) -> FoundImage:
    return FoundImage("urls", url, url, None, None, None, None, None, None)


def test_a_picture_that_comes_on_two_pages_is_one() -> None:
    pages = [[found("a"), found("b")], [found("b"), found("c")]]
    assert [result.image_url for result in stream(pages, 10)] == ["a", "b", "c"]
    assert [result.image_url for result in stream(pages, 2)] == ["a", "b"]
    assert [result.image_url for result in stream([*pages, pages[0], pages[1], [found("d")]], 10, 2)] == ["a", "b", "c"]
