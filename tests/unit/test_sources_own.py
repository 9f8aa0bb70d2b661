from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.config import load_settings
from facenet_core.errors import InputError, SourceSetupError
from facenet_core.sources.catalogue import NAMES, readiness, source
from facenet_core.sources.fetching import Fetcher
from facenet_core.sources.own import LINK, NO_ADDRESS, Folder, UrlList
from facenet_core.sources.records import FoundImage, RefusedResult, local_path


def test_a_list_gives_its_addresses_and_no_licence() -> None:
    lines = [
        "# my site",
        "",
        "https://example.org/a.jpg",
        "  http://example.org/b.jpg\thttps://example.org/b.html ",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://example.org/a.jpg",
        "https://example.org/c.jpg javascript:alert(1)",
    ]
    found = list(UrlList(lines).search("not looked at", 10))
    assert [result.image_url for result in found] == [
        "https://example.org/a.jpg",
        "http://example.org/b.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://example.org/c.jpg",
    ]
    taken = [result for result in found if isinstance(result, FoundImage)]
    assert [result.page_url for result in taken] == [
        "https://example.org/a.jpg",
        "https://example.org/b.html",
        "https://example.org/c.jpg",
    ]
    assert {(result.source, result.licence) for result in taken} == {("urls", None)}
    assert [result.reason for result in found if isinstance(result, RefusedResult)] == [NO_ADDRESS] * 2
    assert len(list(UrlList(lines).search("", 1))) == 1


def test_a_file_of_addresses_is_read_or_said_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes("\ufeffhttps://example.org/a.jpg\r\nhttps://example.org/b.jpg".encode())
    assert len(list(UrlList.read(file).search("", 10))) == 2
    monkeypatch.setattr("facenet_core.sources.own.MAX_LIST", 10)
    with pytest.raises(SourceSetupError, match=r"list\.txt: this list of addresses is larger"):
        UrlList.read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SourceSetupError, match="not text in UTF-8"):
        UrlList.read(file)
    with pytest.raises(SourceSetupError, match="can't be read"):
        UrlList.read(tmp_path / "gone.txt")


def test_a_folder_gives_its_photos_by_name(tmp_path: Path) -> None:
    for name in ("b.JPG", "a b%.png", "sub/c.heic", ".hidden/d.jpg", ".e.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.JPG")
    found = list(Folder(tmp_path).search("", 10))
    assert [type(result) for result in found] == [FoundImage, FoundImage, RefusedResult, FoundImage]
    photos = [result for result in found if isinstance(result, FoundImage)]
    assert [photo.title for photo in photos] == ["a b%.png", "b.JPG", "sub/c.heic"]
    assert [local_path(photo.image_url) for photo in photos] == [tmp_path / str(photo.title) for photo in photos]
    assert {(photo.source, photo.licence) for photo in photos} == {("folder", None)}
    assert [result.reason for result in found if isinstance(result, RefusedResult)] == [LINK]


def test_a_name_that_is_not_valid_text_leads_back_to_its_file(tmp_path: Path) -> None:
    path = tmp_path / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    try:
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no such name")
    (found,) = Folder(tmp_path).search("", 10)
    found.image_url.encode("ascii")
    assert local_path(found.image_url) == path
    assert found.title == "caf?.jpg"


def test_only_a_file_of_this_machine_is_a_path() -> None:
    assert local_path("https://example.org/a.jpg") is None
    assert local_path("file://server/share/a.jpg") is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceSetupError, match="gone: there is no such folder"):
        Folder(tmp_path / "gone").search("", 10)


def test_what_each_source_needs_is_said_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = {entry.name: entry for entry in readiness(load_settings())}
    assert tuple(by_name) == NAMES == ("commons", "flickr", "pexels", "google", "yahoo", "urls", "folder")
    assert [name for name, entry in by_name.items() if entry.missing is None] == ["folder"]
    assert by_name["flickr"].missing == (
        "Flickr needs a key: set FACENET_FLICKR_KEY. Keys are made at https://www.flickr.com/services/apps/create/."
    )
    assert "FACENET_CONTACT" in str(by_name["commons"].missing)
    monkeypatch.setenv("FACENET_CONTACT", "me@example.org")
    monkeypatch.setenv("PEXELS_API_KEY", "a")
    monkeypatch.setenv("SERPAPI_API_KEY", " ")
    by_name = {entry.name: entry for entry in readiness(load_settings(flickr_key="b"))}
    ready = [name for name, entry in by_name.items() if entry.missing is None]
    assert ready == ["commons", "flickr", "pexels", "urls", "folder"]
    assert [entry.key_is_set for entry in by_name.values()] == [True, True, True, False, False, True, True]
    by_name = {entry.name: entry for entry in readiness(load_settings(serpapi_key="c"))}
    assert by_name["google"].missing is None
    assert "FACENET_OWN_HOSTS" in str(by_name["yahoo"].missing)


def test_a_source_that_lacks_something_is_not_made(tmp_path: Path) -> None:
    settings = load_settings()
    with Fetcher(settings) as fetcher:
        with pytest.raises(InputError, match=r"There is no source called 'bing'\. There are commons, flickr,"):
            source("bing", settings, fetcher)
        with pytest.raises(SourceSetupError, match="needs a key: set FACENET_PEXELS_KEY"):
            source("pexels", settings, fetcher)
        with pytest.raises(SourceSetupError, match="Say which folder"):
            source("folder", settings, fetcher)
        assert source("folder", settings, fetcher, folder=tmp_path).name == "folder"
        with pytest.raises(SourceSetupError, match="Set FACENET_CONTACT"):
            source("urls", settings, fetcher, urls=("https://example.org/a.jpg",))
        settings = load_settings(contact="https://example.org/about")
        with pytest.raises(SourceSetupError, match="Say which addresses"):
            source("urls", settings, fetcher)
        listed = source("urls", settings, fetcher, urls=("https://example.org/a.jpg",))
        assert len(list(listed.search("", 5))) == 1
