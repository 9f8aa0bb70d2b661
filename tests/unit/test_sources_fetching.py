from __future__ import annotations

import contextlib
import datetime
import logging
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from facenet_core import __version__
from facenet_core.config import Settings
from facenet_core.errors import (
    AddressError,
    CutShortError,
    FetchError,
    FileTooLargeError,
    HttpStatusError,
    NotAPictureError,
    PrivateAddressError,
    RedirectsError,
    RobotsError,
    SourceSetupError,
    TimedOutError,
    UnreachableError,
)
from facenet_core.sources.links import address
from facenet_core.sources.own import Folder
from facenet_core.sources.web import TIME_LIMIT
from tests.fake_time import START, FakeTime
from tests.sources_fixtures import Fetch, fetcher, picture, server, settings, time
from tests.sources_server import Fault, SourcesServer

__all__ = ["fetcher", "server", "settings", "time"]


def redirect(to: str, status: int = 302) -> Fault:
    return Fault(status, {"Location": to})


def test_a_picture_comes_with_its_type_its_address_and_the_time(server: SourcesServer, fetcher: Fetch) -> None:
    got = fetcher().image(f"{server.url}/images/x/1.jpg?size=l#top")
    assert (got.bytes, got.content_type) == (server.images[1], "image/jpeg")
    assert (got.final_url, got.fetched_at) == (f"{server.url}/images/x/1.jpg?size=l", START)


def test_who_asks_says_who_they_are_and_takes_no_cookies(server: SourcesServer, fetcher: Fetch) -> None:
    server.fail("/images", Fault(headers={"Set-Cookie": "id=1"}))
    fetch = fetcher()
    for number in (0, 1):
        fetch.image(server.image_url("x", number))
    for asked in server.asked:
        assert asked.headers["user-agent"] == f"facenet-core/{__version__} (+tests@example.org)"
        assert asked.headers["accept-encoding"] == "identity"
        assert "cookie" not in asked.headers


def test_nothing_is_fetched_without_a_contact(server: SourcesServer, fetcher: Fetch) -> None:
    with pytest.raises(SourceSetupError, match="Set FACENET_CONTACT to"):
        fetcher(contact=None).image(server.image_url("x", 0))
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/a.jpg", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("data:image/png;base64,AAAA", "only http and https"),
        ("a.jpg", "only http and https"),
        ("https://me:secret@example.org/a.jpg", "name or password"),
        ("https:///a.jpg", "names no host"),
        ("https://[::1/a.jpg", "not an address"),
        ("https://example.org:70000/", "a port that there can't be"),
    ],
)
def test_what_is_no_address_of_the_web_is_not_fetched(fetcher: Fetch, url: str, message: str) -> None:
    with pytest.raises(AddressError, match=message) as caught:
        fetcher().image(url)
    assert "secret" not in str(caught.value)


# Private networks.


def test_a_private_host_is_refused_before_anything_is_sent(server: SourcesServer, fetcher: Fetch) -> None:
    fetch = fetcher(allowed_private_hosts=())
    for url in (server.image_url("x", 0), f"http://localhost:{server.port}/images/x/0.jpg"):
        with pytest.raises(PrivateAddressError, match="private network") as caught:
            fetch.image(url)
        assert str(caught.value).startswith(url)
    assert server.asked == []


def test_a_redirect_into_a_private_network_is_not_followed(server: SourcesServer, fetcher: Fetch) -> None:
    with SourcesServer(server.images) as inner:
        server.fail("/images", redirect(inner.image_url("x", 0)))
        with pytest.raises(PrivateAddressError, match=f"^{inner.url}/images/x/0.jpg: "):
            fetcher().image(server.image_url("x", 0))
        assert inner.asked == []


def test_robots_txt_that_leads_into_a_private_network_is_not_followed(server: SourcesServer, fetcher: Fetch) -> None:
    with SourcesServer(server.images) as inner:
        server.fail("/robots.txt", redirect(f"{inner.url}/robots.txt"))
        with pytest.raises(RobotsError, match="can't be read for now"):
            fetcher().image(server.image_url("x", 0))
        assert inner.asked == []


def test_a_name_is_looked_up_once_and_the_connection_made_to_what_was_found(
    server: SourcesServer, fetcher: Fetch
) -> None:
    looked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        looked.append((host, port))
        return ["127.0.0.1"] if len(looked) == 1 else ["10.0.0.1"]

    fetch = fetcher(rebinding, allowed_private_hosts=(f"pictures.example:{server.port}",))
    assert fetch.image(f"http://pictures.example:{server.port}/images/x/0.jpg").bytes == server.images[0]
    assert looked == [("pictures.example", server.port)]
    assert [asked.headers["host"] for asked in server.asked] == [f"pictures.example:{server.port}"] * 2


def test_the_next_of_a_hosts_addresses_is_tried_when_one_does_not_answer(server: SourcesServer, fetcher: Fetch) -> None:
    fetch = fetcher(lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert fetch.image(server.image_url("x", 0)).bytes == server.images[0]


def certificate(folder: Path, host: str) -> Path:
    """A certificate that a host has given itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return path


def test_encryption_is_with_the_name_although_the_connection_is_to_the_address(fetcher: Fetch, tmp_path: Path) -> None:
    path = certificate(tmp_path, "pictures.example")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    names: list[str] = []
    serving.sni_callback = lambda connection, name, context: names.append(name)
    with SourcesServer([picture("red")], tls=serving) as server:
        allowed = {"allowed_private_hosts": (f"pictures.example:{server.port}", f"other.example:{server.port}")}
        fetch = fetcher(lambda host, port: ["127.0.0.1"], ssl.create_default_context(cafile=str(path)), **allowed)
        assert fetch.image(f"https://pictures.example:{server.port}/images/x/0.jpg").bytes == server.images[0]
        with pytest.raises(RobotsError, match="encryption or certificate is not valid"):
            fetch.image(f"https://other.example:{server.port}/images/x/0.jpg")
    assert names == ["pictures.example", "other.example"]


# Redirects.


def test_redirects_are_followed_and_robots_txt_asked_at_each_site(server: SourcesServer, fetcher: Fetch) -> None:
    with SourcesServer(server.images) as other:
        server.fail("/images", redirect("/images/y/0.jpg", 301), redirect(other.image_url("z", 1), 307))
        fetch = fetcher(allowed_private_hosts=(server.host, other.host))
        got = fetch.image(server.image_url("x", 0))
        assert (got.bytes, got.final_url) == (server.images[1], other.image_url("z", 1))
        assert other.paths() == ["/robots.txt", "/images/z/1.jpg"]
    assert server.paths() == ["/robots.txt", "/images/x/0.jpg", "/images/y/0.jpg"]


def test_a_circle_of_redirects_ends(server: SourcesServer, fetcher: Fetch) -> None:
    server.fail("/images", redirect(server.image_url("x", 0)), times=20)
    with pytest.raises(RedirectsError, match="more than 5 times"):
        fetcher().image(server.image_url("x", 0))
    assert len(server.paths("/images")) == 6


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ftp://example.org/a.jpg",
        "http://me:secret@example.org/",
        "http://[::1/",
        "http://xn--/",
        "http:foo",
        "mailto:x",
        "javascript:alert(1)",
        "data:,x",
        "urn:a:b",
    ],
)
def test_a_redirect_to_nowhere_is_an_error(server: SourcesServer, fetcher: Fetch, to: str) -> None:
    server.fail("/images", redirect(to), times=20)
    with pytest.raises((RedirectsError, AddressError)):
        fetcher().image(server.image_url("x", 0))


# robots.txt.


def test_what_robots_txt_disallows_is_not_fetched(server: SourcesServer, fetcher: Fetch) -> None:
    server.robots = "User-agent: *\nDisallow: /\n\nUser-agent: facenet-core\nDisallow: /images/private/\n"
    fetch = fetcher()
    fetch.image(server.image_url("x", 0))
    with pytest.raises(RobotsError, match="asks robots not to fetch"):
        fetch.image(server.image_url("private", 0))
    assert server.paths() == ["/robots.txt", "/images/x/0.jpg"]


def test_rules_are_asked_for_anew_after_a_day(server: SourcesServer, fetcher: Fetch, time: FakeTime) -> None:
    fetch = fetcher()
    fetch.image(server.image_url("x", 0))
    server.robots = "User-agent: *\nDisallow: /"
    time.go_on(23 * 3600)
    fetch.image(server.image_url("x", 1))
    time.go_on(2 * 3600)
    with pytest.raises(RobotsError):
        fetch.image(server.image_url("x", 1))


@pytest.mark.parametrize("fault", [Fault(500), Fault(503), Fault(429), Fault(refuse=True), Fault(gzipped=True)])
def test_a_site_whose_rules_can_not_be_had_is_left_alone_for_now(
    server: SourcesServer, fetcher: Fetch, time: FakeTime, fault: Fault
) -> None:
    server.robots = "User-agent: *\nAllow: /"
    server.fail("/robots.txt", fault, times=2)
    fetch = fetcher()
    for _ in range(2):
        with pytest.raises(RobotsError, match="can't be read for now"):
            fetch.image(server.image_url("x", 0))
    assert server.paths("/images") == []
    time.go_on(3600)
    server.mend()
    assert fetch.image(server.image_url("x", 0))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_site_without_rules_may_be_fetched_from(server: SourcesServer, fetcher: Fetch, status: int) -> None:
    server.fail("/robots.txt", Fault(status))
    assert fetcher().image(server.image_url("x", 0))


def test_robots_txt_is_followed_to_where_it_leads(server: SourcesServer, fetcher: Fetch) -> None:
    server.robots = "User-agent: *\nDisallow: /"
    server.fail("/robots.txt", redirect("/robots.txt"), times=5)
    with pytest.raises(RobotsError, match="asks robots not to fetch"):
        fetcher().image(server.image_url("x", 0))


def test_robots_txt_that_leads_in_a_circle_counts_as_none(server: SourcesServer, fetcher: Fetch) -> None:
    server.fail("/robots.txt", redirect("/robots.txt"), times=6)
    assert fetcher().image(server.image_url("x", 0))


def test_only_the_beginning_of_an_endless_robots_txt_is_read(server: SourcesServer, fetcher: Fetch) -> None:
    server.robots = "User-agent: *\nDisallow: /images/private/\n" + "#" * 2**20 + "\nDisallow: /\n"
    fetch = fetcher()
    assert fetch.image(server.image_url("x", 0))
    with pytest.raises(RobotsError):
        fetch.image(server.image_url("private", 0))


@pytest.mark.parametrize(("said", "kept"), [("3", 3.0), ("100000", 30.0), ("soon", None)])
def test_a_crawl_delay_is_kept_to_within_reason(
    server: SourcesServer, fetcher: Fetch, time: FakeTime, said: str, kept: float | None
) -> None:
    server.robots = f"User-agent: *\nCrawl-delay: {said}\n"
    fetch = fetcher()
    for number in (0, 1):
        fetch.image(server.image_url("x", number))
    assert time.slept == ([kept] if kept else [])


def test_strangers_hosts_are_given_a_second_and_those_of_pictures_a_quarter(settings: Settings, fetcher: Fetch) -> None:
    web = fetcher().web
    assert web.interval(address("https://example.org/a.jpg")) == 1.0
    assert web.interval(address("https://upload.wikimedia.org/a.jpg")) == 0.25
    assert web.interval(address(settings.commons_url)) == 0.0


# What goes wrong, and is tried again.


@pytest.mark.parametrize(
    "fault", [Fault(429), Fault(500), Fault(502), Fault(503), Fault(504), Fault(cut=100), Fault(refuse=True)]
)
def test_what_may_pass_is_tried_again(server: SourcesServer, fetcher: Fetch, time: FakeTime, fault: Fault) -> None:
    server.fail("/images", fault, times=3)
    assert fetcher().image(server.image_url("x", 0)).bytes == server.images[0]
    assert len(time.slept) == 3


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(500), HttpStatusError, "answered 500"),
        (Fault(429), HttpStatusError, "asked too often"),
        (Fault(cut=100), CutShortError, "broke before everything had arrived"),
        (Fault(refuse=True), CutShortError, "broke before everything had arrived"),
    ],
)
def test_what_does_not_pass_is_said_after_four_attempts(
    server: SourcesServer, fetcher: Fetch, fault: Fault, error: type[FetchError], message: str
) -> None:
    server.fail("/images", fault, times=10)
    with pytest.raises(error, match=message) as caught:
        fetcher().image(server.image_url("x", 0) + "?signature=hidden")
    assert "hidden" not in str(caught.value)
    assert len(server.paths("/images")) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 501])
def test_an_answer_that_stays_is_not_asked_for_again(server: SourcesServer, fetcher: Fetch, status: int) -> None:
    server.fail("/images", Fault(status), times=10)
    with pytest.raises(HttpStatusError, match=f"answered {status}, ") as caught:
        fetcher().image(server.image_url("x", 0))
    assert caught.value.status == status
    assert len(server.paths("/images")) == 1


@pytest.mark.parametrize("said", ["40", "Sun, 01 Mar 2026 12:00:40 GMT"])
def test_retry_after_is_waited_for(server: SourcesServer, fetcher: Fetch, time: FakeTime, said: str) -> None:
    server.fail("/images", Fault(429, {"Retry-After": said}))
    fetcher().image(server.image_url("x", 0))
    assert time.slept == [40.0]


def test_a_server_that_asks_for_an_hour_is_left_alone_for_it(
    server: SourcesServer, fetcher: Fetch, time: FakeTime
) -> None:
    server.fail("/images", Fault(503, {"Retry-After": "3600"}))
    fetch = fetcher()
    for _ in range(2):
        with pytest.raises(HttpStatusError, match=r"left alone until 2026-03-01 13:00 UTC") as caught:
            fetch.image(server.image_url("x", 0))
        assert caught.value.until == START + datetime.timedelta(hours=1)
    assert len(server.paths("/images")) == 1
    assert time.slept == []
    time.go_on(3600)
    assert fetch.image(server.image_url("x", 0))


def test_a_server_that_is_not_there_is_named(fetcher: Fetch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RobotsError, match="the server can't be reached"):
            fetcher(allowed_private_hosts=(f"127.0.0.1:{port}",)).image(f"http://127.0.0.1:{port}/a.jpg")


def test_a_host_that_does_not_exist_is_not_asked_again_and_again(fetcher: Fetch) -> None:
    asked: list[str] = []

    def nowhere(host: str, port: int) -> list[str]:
        asked.append(host)
        raise OSError(-2, "Name or service not known")

    fetch = fetcher(nowhere)
    for _ in range(2):
        with pytest.raises(RobotsError, match="there is no such host"):
            fetch.image("https://nowhere.example/a.jpg")
    assert asked == ["nowhere.example"]


def test_a_body_that_drips_is_given_up(server: SourcesServer, fetcher: Fetch, time: FakeTime) -> None:
    large = picture("red").ljust(2**18, b"\0")  # more than is read at once
    server.fail("/images", Fault(body=large, between=lambda: time.go_on(TIME_LIMIT + 1)))
    with pytest.raises(TimedOutError, match="in the time that there was for it"):
        fetcher().image(server.image_url("x", 0))


@pytest.mark.parametrize("bit", [b"x", b" 103 Early Hints\r\n\r\nHTTP/1.1"])
def test_headers_that_drip_are_given_up(fetcher: Fetch, time: FakeTime, bit: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1")
                for _ in range(100):
                    time.go_on(TIME_LIMIT / 10)
                    connection.sendall(bit)

        server = threading.Thread(target=drip, daemon=True)
        server.start()
        web = fetcher(allowed_private_hosts=(host,)).web
        with pytest.raises(TimedOutError, match="in the time that there was for it"):
            web.get(address(f"http://{host}/a.jpg"), limit=100, allowance=web.allowance())
        server.join()


def test_attempts_end_when_the_time_is_spent(server: SourcesServer, fetcher: Fetch, time: FakeTime) -> None:
    server.fail("/images", Fault(500, before=lambda: time.go_on(TIME_LIMIT / 2 - 0.6)), times=10)
    with pytest.raises(HttpStatusError):
        fetcher().image(server.image_url("x", 0))
    assert len(server.paths("/images")) == 2


# What is fetched is a picture, and not too large.


@pytest.mark.parametrize("kind", ["text/html", "application/json", "video/mp4"])
def test_another_type_is_refused_before_it_is_read(server: SourcesServer, fetcher: Fetch, kind: str) -> None:
    server.fail("/images", Fault(content_type=kind))
    with pytest.raises(NotAPictureError, match=f"this is {kind}, not a picture"):
        fetcher().image(server.image_url("x", 0))


@pytest.mark.parametrize("kind", ["image/jpeg; charset=binary", "IMAGE/JPG", "application/octet-stream", ""])
def test_the_first_bytes_decide_what_is_a_picture(server: SourcesServer, fetcher: Fetch, kind: str) -> None:
    server.fail("/images", Fault(content_type=kind, body=picture("red", "PNG")))
    assert fetcher().image(server.image_url("x", 0)).bytes == picture("red", "PNG")
    server.fail("/images", Fault(content_type=kind, body=b"<html>login</html>"))
    with pytest.raises(NotAPictureError, match="not a picture of a known format"):
        fetcher().image(server.image_url("x", 0))
    server.fail("/images", Fault(content_type=kind, body=b""))
    with pytest.raises(NotAPictureError):
        fetcher().image(server.image_url("x", 0))


def test_a_compressed_picture_is_not_unpacked(server: SourcesServer, fetcher: Fetch) -> None:
    server.fail("/images", Fault(body=bytes(10_000_000), gzipped=True))
    with pytest.raises(NotAPictureError, match="it is not unpacked"):
        fetcher().image(server.image_url("x", 0))


def test_too_large_a_picture_is_refused_by_what_it_says_and_by_what_it_is(
    server: SourcesServer, fetcher: Fetch
) -> None:
    fetch = fetcher(max_upload_mb=1)
    server.fail("/images", Fault(headers={}, body=bytes(2**20 + 1)))
    with pytest.raises(FileTooLargeError, match="larger than 1 MB"):
        fetch.image(server.image_url("x", 0))
    exact = picture("red").ljust(2**20, b"\0")
    server.fail("/images", Fault(body=exact))
    assert fetch.image(server.image_url("x", 0)).bytes == exact
    assert len(server.paths("/images")) == 2


def test_an_address_with_a_secret_is_not_logged_with_it(
    server: SourcesServer, fetcher: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    web = fetcher().web
    with caplog.at_level(logging.DEBUG):
        web.get(
            address(f"{server.url}/images/x/0.jpg?a=b"),
            limit=2**20,
            allowance=web.allowance(),
            secret={"k": "hidden"},
        )
    assert server.asked[-1].query == {"a": "b", "k": "hidden"}
    assert "hidden" not in caplog.text
    assert "/images/x/0.jpg: 200" in caplog.text


def test_a_fetcher_closes_what_it_was_given_to_send_with(fetcher: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    with fetcher() as fetch:
        monkeypatch.setattr(fetch.web, "close", lambda: closed.append(True))
        assert not closed
    assert closed


# The user's own folder.


def test_photos_of_a_folder_are_read_from_it(tmp_path: Path, fetcher: Fetch) -> None:
    (tmp_path / "Ünder 100%.jpg").write_bytes(picture("red"))
    (tmp_path / "note.jpg").write_bytes(b"no picture")
    (tmp_path / "large.jpg").write_bytes(picture("red").ljust(2**20 + 1))
    fetch = fetcher(max_upload_mb=1, contact=None)
    large, text, photo = Folder(tmp_path).search("", 10)
    assert fetch.found(photo).bytes == picture("red")
    with pytest.raises(FileTooLargeError):
        fetch.found(large)
    with pytest.raises(NotAPictureError):
        fetch.found(text)
    (tmp_path / "note.jpg").unlink()
    with pytest.raises(UnreachableError, match="can't be read"):
        fetch.found(text)
