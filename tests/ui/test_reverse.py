"""The Reverse search page, on public pictures whose people are colours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from facenet_core import shipped
from facenet_core.reverse.records import Page
from facenet_core.service import FaceService
from facenet_core.ui import reverse_links
from tests.fakes import BLUE, DARK_RED, GREEN, RED, photo
from tests.public_pictures import Pictures
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED
from tests.ui.test_album import looker, told
from tests.ui.visitor import Visitor

DROP = "Drop a photo here"
ORANGE, PINK, CYAN = (220, 90, 30), (220, 30, 220), (20, 235, 235)
"""0.35 and 1.14 from red: the same person, and somebody alike. Nobody else is within 1.1 of cyan."""

NASTY = "**Ann** [x](javascript:alert(1)) :red[!]"


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)


@pytest.fixture
def service(serve: Serve) -> Iterator[FaceService]:
    shared = serve(reverse=True)
    yield shared
    shared.reverse.close()
    shared.audit.close()


@pytest.fixture
def indexed(service: FaceService) -> FaceService:
    """Two pages with the same red face, one of another picture of it, one of somebody alike, one of several people."""
    commons, own = Pictures(), Pictures("urls")
    commons.put("ann.png", photo(RED), title=NASTY)
    commons.put("orange.png", photo(ORANGE, mark=1), page_url="javascript:alert(1)", licence_url="data:text/html,x")
    commons.put("pink.png", photo(PINK, mark=2), author=None)
    commons.put("crowd.png", photo(BLUE, GREEN, mark=3))
    own.put("copy.png", photo(DARK_RED, mark=4), author=None, licence=None, licence_url=None)
    for source in (commons, own):
        source.crawled_by(service.reverse)
    return service


def test_it_is_off_and_says_what_to_know_before_it_is_turned_on(serve: Serve) -> None:
    serve()
    visitor = Visitor().open("reverse")
    for said in ("Art. 5(1)(e)", "GDPR, Art. 9", "740 ILCS 14", "A licence is not consent", "not", "legal advice"):
        assert said in visitor.text
    assert "FACENET_REVERSE=true" in visitor.code[0].value
    assert not visitor.file_uploader


def test_an_empty_index_says_how_it_is_filled(service: FaceService, visitor: Visitor) -> None:
    visitor.open("reverse")
    assert "reverse crawl QUERY --source commons" in visitor.code[0].value
    assert "reverse index" in visitor.code[0].value
    assert not visitor.file_uploader
    waiting = Pictures()
    waiting.put("ann.png", photo(RED))
    list(service.reverse.crawl(waiting, waiting, "x", 9))
    assert "1 picture fetched, none looked at yet" in Visitor().open("reverse").text


def search(visitor: Visitor) -> Visitor:
    return visitor.open("reverse").upload(DROP, ("probe.png", photo(RED, mark=20)))


def boxed(visitor: Visitor) -> list[str]:
    return [name.removesuffix(", with the face boxed") for name in visitor.pictures if "boxed" in name]


def test_somebody_is_found_with_the_pages_that_show_them(indexed: FaceService, visitor: Visitor) -> None:
    search(visitor)
    assert "Probably the same person: 2 pictures" in visitor.text
    assert "5 different faces searched. With 5 indexed faces, a threshold of" in visitor.text
    assert "A likeness is no proof" in visitor.text
    assert boxed(visitor) == [NASTY, "orange.png"]
    assert "100 %** :small[· distance 0.00" in visitor.text and "97 %" in visitor.text
    raw = "\n".join(visitor.raw)
    assert NASTY in visitor.text and NASTY not in raw
    assert "[CC BY\\-SA 4\\.0](<https://example.org/by-sa>)" in raw
    assert "(<javascript" not in raw and "(<data" not in raw
    assert [link.proto.url for link in visitor.get("link_button")] == ["https://commons.example.org/wiki/ann.png"]
    assert "The same picture, saved again" in visitor.text and "no licence named" in visitor.text
    visitor.fill("Show 1 picture that looks similar, most likely of somebody else", True, "toggle")
    assert boxed(visitor)[-1] == "pink.png"
    assert "author not named" in visitor.text


def test_results_are_filtered_without_looking_at_the_photo_again(
    indexed: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(visitor)
    monkeypatch.setattr(indexed, "analyse", pytest.fail)
    visitor.fill("Sources", ["urls"], "multiselect").fill("Results at most", 10, "selectbox")
    assert "Only own list counted." in visitor.text
    assert boxed(visitor) == ["copy.png"]
    today = datetime.now(UTC).astimezone().date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)
    visitor.fill("Sources", [], "multiselect").fill("Fetched from", tomorrow, "date_input")
    assert "No face that looks like this" in visitor.text
    visitor.fill("Fetched up to", yesterday, "date_input")
    assert visitor.errors == ["The first day is after the last one."]
    visitor.fill("Fetched from", yesterday, "date_input").fill("Fetched up to", today, "date_input")
    assert boxed(visitor) == [NASTY, "orange.png"]
    before = told(indexed)
    assert {kind for kind, _ in before} == {"reverse_search"}
    visitor.run().fill("Fetched up to", tomorrow, "date_input").fill("Fetched up to", today, "date_input")
    assert len(told(indexed)) == len(before) + 1


def test_pages_and_people_are_removed_and_the_removal_is_taken_back(indexed: FaceService, visitor: Visitor) -> None:
    search(visitor).click("Remove")
    assert visitor.dialog == "Remove from the index"
    assert "What is kept**: its address on the removal list" in visitor.text
    visitor.click("Remove this page")
    assert "The page is gone, with 1 picture, and won't be taken in again." in visitor.text
    assert boxed(visitor) == ["copy.png", "orange.png"]
    visitor.click("Remove").fill("What is to go?", "This person", "radio")
    assert "**2 faces**, copies included" in visitor.text
    visitor.click("Remove this person")
    assert "This person is gone, with 2 faces" in visitor.text
    assert "No likely match" in visitor.text
    visitor.click("Take off").click("Keep").click("Take off").click("Yes, take off")
    assert "It is off the removal list" in visitor.text
    assert [entry.kind for entry in indexed.reverse.removals()] == ["url"]
    assert told(indexed) == [
        ("reverse_search", "found"),
        ("reverse_remove", "page"),
        ("reverse_remove", "person"),
        ("reverse_search", "absent"),
        ("reverse_take_off", "person"),
    ]


def test_one_of_several_faces_is_chosen_and_whoever_may_only_look_removes_nothing(
    indexed: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker(monkeypatch)
    visitor.open("reverse").upload(DROP, ("both.png", photo(CYAN, BLUE)))
    visitor.choose("2 faces were found. Which one?", 1)
    assert "No likely match" in visitor.text
    visitor.choose("2 faces were found. Which one?", 2)
    assert "Probably the same person: 1 picture" in visitor.text
    assert "ask somebody with the role manage" in visitor.text
    assert not visitor.has("button", "Remove") and "Removal list" not in visitor.text


def test_a_photo_without_a_face_is_refused(indexed: FaceService, visitor: Visitor) -> None:
    visitor.open("reverse").upload(DROP, ("*none*.png", photo()))
    assert [error.split(":")[0] for error in visitor.errors] == ["*none*.png"]


def test_what_another_process_removes_goes_within_a_minute(
    indexed: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(visitor)
    indexed.reverse.remove_host("example.org")
    assert "can't be read" in visitor.run().text  # no thumbnail is there any more
    monkeypatch.setattr("facenet_core.ui.reverse_memory.FRESH", 0.0)
    assert "There are no pictures here yet" in visitor.run().text


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://example.org/a_(b)[c]?q=1&r=%20#x", "https://example.org/a_%28b%29%5Bc%5D?q=1&r=%20#x"),
        ("http://example.org/`$<b>\\ é", "http://example.org/%60%24%3Cb%3E%5C%20%C3%A9"),
        ("javascript:alert(1)", None),
        ("file:///home/ann/x.png", None),
        ("https:///x", None),
        ("http://[::1", None),
        (None, None),
    ],
)
def test_only_web_addresses_are_linked(url: str | None, address: str | None) -> None:
    assert reverse_links.web(url) == address
    assert ("](" in reverse_links.linked("x", url)) == (address is not None)


def test_a_file_of_an_own_folder_is_called_by_its_name_alone() -> None:
    fetched = datetime.now(UTC) - timedelta(days=1)
    page = Page(
        "folder", "file:///home/ann/my%20cat.png", "file:///home/ann/my%20cat.png", None, None, None, None, fetched
    )
    assert reverse_links.title(page) == "my cat.png"
    assert "own folder" in reverse_links.credit(page)
