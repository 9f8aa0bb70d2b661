from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from facenet_core import catalogue, download
from facenet_core.download import fetch
from facenet_core.errors import DownloadError, InputError

MODEL = "20180408-102900"
CONTENT = bytes(range(256)) * 400
"""What the tests' server publishes; larger than one network buffer."""

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A loopback HTTP server that answers with a script and notes what it was asked.

    Each request takes the next of ``answers``; the last one is repeated.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = [whole]
        self.requests: list[dict[str, str]] = []
        self.sent: list[int] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append({"path": self.path, **dict(self.headers)})
                answer = server.answers[0] if len(server.answers) == 1 else server.answers.pop(0)
                server.sent.append(0)
                self.place = len(server.sent) - 1
                answer(self)

            def body(self, data: bytes) -> None:
                server.sent[self.place] += len(data)  # first: whoever has received it may look at once
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/file.h5"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def _head(handler, status: int, length: int | None, **headers: str) -> None:
    handler.send_response(status)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def _start(handler) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    return int(found[1]) if found else 0


def whole(handler) -> None:
    """Knows no ranges."""
    _head(handler, 200, len(CONTENT))
    handler.body(CONTENT)


def ranged(handler, etag: str = '"v1"', until: int | None = None) -> None:
    """Honours Range and If-Range; may close the connection before the end."""
    start = _start(handler)
    if handler.headers.get("If-Range", etag) != etag:
        start = 0
    rest = CONTENT[start:]
    if start:
        _head(handler, 206, len(rest), ETag=etag, Content_Range=f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    else:
        _head(handler, 200, len(rest), ETag=etag)
    handler.body(CONTENT[start:until])
    handler.close_connection = True


def cut_at(end: int, etag: str = '"v1"') -> Answer:
    return lambda handler: ranged(handler, etag, end)


def status(code: int) -> Answer:
    return lambda handler: _head(handler, code, 0)


def redirect(to: str) -> Answer:
    return lambda handler: _head(handler, 302, 0, Location=to)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, published in the catalogue in place of the real one."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    started = Server()
    fake = replace(catalogue.entry(MODEL), url=started.url, sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(catalogue, "CATALOGUE", (fake,))
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    yield started
    started.close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def part_of(models: Path) -> Path:
    return models / f"{MODEL}-weights.h5.part"


def assert_nothing_installed(models: Path) -> None:
    assert not (models / f"{MODEL}-weights.h5").exists()


def refusal(models: Path, source: str | Path | None = None) -> str:
    """The sentence with which a fetch ends."""
    with pytest.raises(DownloadError) as caught:
        fetch(MODEL, models, source)
    assert_nothing_installed(models)
    return str(caught.value)


def test_a_model_is_fetched_with_progress(server, models):
    seen: list[tuple[int, int | None]] = []
    path = fetch(MODEL, models, progress=lambda done, total: seen.append((done, total)))
    assert path == models / f"{MODEL}-weights.h5"
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert not part_of(models).exists()
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_progress_goes_on_when_the_length_is_not_told(server, models):
    def without_length(handler) -> None:
        _head(handler, 200, None)
        handler.body(CONTENT)

    server.answers = [without_length]
    seen: list[tuple[int, int | None]] = []
    fetch(MODEL, models, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(CONTENT), None)


def test_an_installed_model_is_not_fetched_again(server, models):
    first = fetch(MODEL, models)
    before = first.stat().st_mtime_ns
    assert fetch(MODEL, models) == first
    assert len(server.requests) == 1
    assert first.stat().st_mtime_ns == before


@pytest.mark.skipif(os.name != "posix", reason="folders are read-only in another way here")
def test_an_installed_model_needs_no_right_to_write(server, models):
    fetch(MODEL, models)
    for path in models.glob("*.lock"):
        path.unlink()
    models.chmod(0o500)
    try:
        assert fetch(MODEL, models).read_bytes() == CONTENT
    finally:
        models.chmod(0o700)
    assert list(models.glob("*.lock")) == []


def test_a_damaged_file_is_replaced(server, models):
    models.mkdir()
    (models / f"{MODEL}-weights.h5").write_bytes(CONTENT[:-1])
    assert fetch(MODEL, models).read_bytes() == CONTENT


def test_an_unknown_model_is_not_looked_for(server, models):
    with pytest.raises(InputError, match=MODEL):
        fetch("nonsense", models)
    assert server.requests == []
    assert not models.exists()


def test_only_the_missing_bytes_come_after_a_cut(server, models):
    server.answers = [cut_at(60_000), cut_at(90_000), ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [None, "bytes=60000-", "bytes=90000-"]
    assert [r.get("If-Range") for r in server.requests] == [None, '"v1"', '"v1"']
    assert server.sent == [60_000, 30_000, len(CONTENT) - 90_000]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(server, models):
    server.answers = [cut_at(60_000, '"old"'), ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert server.sent == [60_000, len(CONTENT)]


def test_a_weak_etag_is_not_trusted_for_resuming(server, models):
    server.answers = [cut_at(60_000, 'W/"v1"'), ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert "If-Range" not in server.requests[1]


def test_a_server_without_ranges_sends_everything_again(server, models):
    server.answers = [cut_at(60_000), whole]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert server.sent == [60_000, len(CONTENT)]


def test_a_connection_that_keeps_breaking_is_given_up_and_resumed_by_the_next_fetch(server, models):
    server.answers = [cut_at(10_000), cut_at(20_000), cut_at(30_000), cut_at(40_000), ranged]
    message = refusal(models)
    assert "cut 4 times" in message
    assert "--from" in message
    assert part_of(models).read_bytes() == CONTENT[:40_000]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert server.requests[-1]["Range"] == "bytes=40000-"
    assert server.sent[-1] == len(CONTENT) - 40_000


def test_what_an_earlier_fetch_left_is_not_trusted_blindly(server, models):
    models.mkdir()
    part_of(models).write_bytes(b"x" * 50_000)
    server.answers = [ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == ["bytes=50000-", None]


def test_a_leftover_longer_than_the_file_starts_again(server, models):
    models.mkdir()
    part_of(models).write_bytes(b"x" * (len(CONTENT) + 1))
    server.answers = [status(416), ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert [r.get("Range") for r in server.requests] == [f"bytes={len(CONTENT) + 1}-", None]


def test_another_range_than_asked_for_is_not_appended(server, models):
    def wrong(handler) -> None:
        _head(handler, 206, 10, Content_Range=f"bytes 0-9/{len(CONTENT)}")
        handler.body(CONTENT[:10])

    server.answers = [cut_at(60_000), wrong, ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert "Range" not in server.requests[2]


def test_a_file_of_another_hash_is_refused_and_removed(server, models):
    def other(handler) -> None:
        _head(handler, 200, 5)
        handler.body(b"other")

    server.answers = [other]
    message = refusal(models)
    assert hashlib.sha256(b"other").hexdigest() in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert "FACENET_WEIGHTS" in message
    assert not part_of(models).exists()


@pytest.mark.parametrize(("code", "words"), [(404, "there is no such file"), (403, "403"), (500, "500"), (503, "503")])
def test_a_server_that_refuses_is_quoted_with_advice(server, models, code, words):
    server.answers = [status(code)]
    message = refusal(models)
    assert message.startswith(server.url)
    for part in (words, "--from URL", "--from FILE"):
        assert part in message
    assert len(server.requests) == 1


def test_redirects_are_followed_with_the_range(server, models):
    server.answers = [redirect("/a"), cut_at(60_000), redirect("/b"), ranged]
    assert fetch(MODEL, models).read_bytes() == CONTENT
    assert [r["path"] for r in server.requests] == ["/file.h5", "/a", "/file.h5", "/b"]
    assert server.requests[3]["Range"] == "bytes=60000-"


def test_a_circle_of_redirects_ends(server, models):
    server.answers = [redirect("/file.h5")]
    assert "circle" in refusal(models)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_a_redirect_leads_to_http_alone(server, models, to):
    server.answers = [redirect(to)]
    assert "only http and https" in refusal(models)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file.h5", "file:///etc/hostname", "data://x"])
def test_other_kinds_of_address_are_refused(server, models, url):
    assert "only http and https" in refusal(models, url)


def test_nonsense_is_not_an_address(server, models):
    assert "not an address" in refusal(models, "http://[::1/file")


def test_a_mirror_is_as_good_as_the_original(server, models):
    path = fetch(MODEL, models, server.url.replace("file.h5", "mirror.h5"))
    assert path.read_bytes() == CONTENT
    assert server.requests[0]["path"] == "/mirror.h5"


def test_a_password_in_the_address_is_not_repeated(server, models):
    server.answers = [status(404)]
    message = refusal(models, server.url.replace("http://", "http://me:secret@") + "?signature=hidden")
    assert "secret" not in message
    assert "hidden" not in message
    assert server.url in message


def test_too_large_a_file_is_refused_before_it_is_read(server, models, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENT) - 1)
    seen: list[object] = []
    with pytest.raises(DownloadError, match="larger than"):
        fetch(MODEL, models, progress=lambda *args: seen.append(args))
    assert seen == []
    assert_nothing_installed(models)
    assert not part_of(models).exists()


def test_a_body_that_goes_on_and_on_is_refused(server, models, monkeypatch):
    def long(handler) -> None:
        _head(handler, 200, None)
        with contextlib.suppress(OSError):  # the client hangs up
            for _ in range(100):
                handler.body(CONTENT)
        handler.close_connection = True

    monkeypatch.setattr(download, "MAX_BYTES", 3 * len(CONTENT))
    server.answers = [long]
    assert "larger than" in refusal(models)
    assert not part_of(models).exists()


def test_a_server_that_is_not_there_is_named(server, models):
    server.close()
    message = refusal(models)
    assert message.startswith(server.url)
    assert "can't be reached" in message
    assert "--from" in message


def test_a_server_that_stays_silent_is_given_up(server, models, monkeypatch):
    release = threading.Event()
    server.answers = [lambda handler: release.wait(10)]
    monkeypatch.setattr(download, "TIMEOUT", httpx.Timeout(0.1))
    try:
        assert "no answer in time" in refusal(models)
    finally:
        release.set()


def test_encryption_that_fails_is_said_to_fail(server, models):
    message = refusal(models, server.url.replace("http://", "https://"))
    assert "encryption or certificate is not valid" in message


def test_cancelling_keeps_what_has_arrived(server, models):
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int | None) -> None:
        if done:
            raise Cancelled

    server.answers = [ranged]
    with pytest.raises(Cancelled):
        fetch(MODEL, models, progress=cancel)
    assert_nothing_installed(models)
    kept = part_of(models).read_bytes()
    assert kept
    assert CONTENT.startswith(kept)
    assert fetch(MODEL, models).read_bytes() == CONTENT


def test_a_local_file_is_copied_not_moved(server, models, tmp_path):
    source = tmp_path / "from usb.h5"
    source.write_bytes(CONTENT)
    for given in (source, str(source)):
        path = fetch(MODEL, models, given)
        assert path.read_bytes() == CONTENT
        assert source.read_bytes() == CONTENT
        path.unlink()
    assert server.requests == []
    assert not part_of(models).exists()


def test_a_local_file_of_another_hash_is_refused(server, models, tmp_path):
    source = tmp_path / "recompressed.h5"
    source.write_bytes(b"recompressed")
    message = refusal(models, source)
    assert message.startswith(str(source))
    assert hashlib.sha256(b"recompressed").hexdigest() in message
    assert "FACENET_WEIGHTS" in message
    assert source.read_bytes() == b"recompressed"
    assert not part_of(models).exists()


def test_a_local_file_that_is_missing_or_too_large_is_named(server, models, tmp_path, monkeypatch):
    assert f"{tmp_path / 'gone.h5'}: there is no such file" in refusal(models, tmp_path / "gone.h5")
    assert "there is no such file" in refusal(models, tmp_path)
    large = tmp_path / "large.h5"
    large.write_bytes(CONTENT)
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENT) - 1)
    assert f"{large}: this is larger" in refusal(models, large)


def test_a_partial_file_given_as_the_source_survives(server, models):
    models.mkdir()
    part_of(models).write_bytes(CONTENT[:1000])
    assert "Nothing was installed" in refusal(models, part_of(models))
    assert part_of(models).read_bytes() == CONTENT[:1000]


def test_a_models_folder_that_can_not_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert str(tmp_path / "file") in refusal(tmp_path / "file" / "models")


def test_two_fetches_at_once_do_the_work_once(server, models, monkeypatch):
    arrived, release, at_the_lock = threading.Event(), threading.Event(), threading.Semaphore(0)

    def lock(path: Path) -> FileLock:
        at_the_lock.release()
        return FileLock(path)

    def slow(handler) -> None:
        _head(handler, 200, len(CONTENT))
        handler.body(CONTENT[:1000])
        arrived.set()
        release.wait(10)
        handler.body(CONTENT[1000:])

    monkeypatch.setattr(download, "FileLock", lock)
    server.answers = [slow]
    results: list[Path] = []
    threads = [threading.Thread(target=lambda: results.append(fetch(MODEL, models))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert arrived.wait(10)
    assert all(at_the_lock.acquire(timeout=10) for _ in threads)
    release.set()
    for thread in threads:
        thread.join(10)
    assert [path.read_bytes() for path in results] == [CONTENT, CONTENT]
    assert len(server.requests) == 1


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a disk that is full")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", folder], check=True)


@pytest.mark.parametrize("local", [False, True], ids=["download", "local file"])
def test_a_full_disk_is_said_and_left_clean(server, tiny_disk, tmp_path, local):
    source = tmp_path / "source.h5"
    source.write_bytes(CONTENT)
    message = refusal(tiny_disk, source if local else None)
    assert "no space left" in message
    assert not part_of(tiny_disk).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_by_any_system(server, models):
    models.mkdir()
    part_of(models).symlink_to("/dev/full")
    message = refusal(models)
    assert "no space left" in message
    assert not part_of(models).is_symlink()
