"""Crawls and index runs of the command line: what they say, also of what ended early."""

from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.cli import reverse_crawl
from facenet_core.reverse import crawling
from facenet_core.reverse.indexing import ReverseIndexer
from facenet_core.reverse.records import Taken
from facenet_core.sources.fetching import Fetcher
from facenet_core.sources.records import Fetched, FoundImage
from tests.cli_runner import Cli
from tests.fakes import BLUE, GREEN, RED


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    cli = Cli(tmp_path, capsys, monkeypatch)
    cli.environment(REVERSE="true", CONTACT="tests@example.org")
    for name, colour in (("a", RED), ("b", GREEN), ("c", BLUE)):
        cli.photo(f"photos/{name}.png", colour)
    return cli


def crawl(cli: Cli) -> list[object]:
    return ["reverse", "crawl", "--folder", cli.folder / "photos"]


def event(cli: Cli) -> tuple[str, str]:
    latest = cli("events", "--json").data["events"][0]
    return latest["kind"], latest["outcome"]


def test_all_of_a_folder_is_taken_and_a_limit_lets_the_next_crawl_go_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverse_crawl, "LIMIT", 1)
    (one,) = cli(*crawl(cli), "--limit", 1, "--json").data["sources"]
    assert one == {"source": "folder", "fetched": 1, "known": 0, "refused": 0, "limited": True}
    assert "folder: the limit is reached. The same command goes on from there." in cli(*crawl(cli), "--limit", 1).lines
    (rest,) = cli(*crawl(cli), "--json").data["sources"]
    assert rest == {"source": "folder", "fetched": 1, "known": 2, "refused": 0, "limited": False}
    assert event(cli) == ("reverse_crawl", "done")


def test_a_crawl_that_ends_because_too_many_wait_says_what_came_of_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawling, "WAITING", 2)
    answer = cli(*crawl(cli), "--json")
    assert (answer.code, answer.data["ended"]["code"]) == (2, "reverse")
    assert answer.data["sources"][0]["fetched"] == 2
    assert event(cli) == ("reverse_crawl", "failed")
    answer = cli(*crawl(cli), "--json")
    assert (answer.code, answer.error["code"]) == (2, "reverse")  # nothing came of it


def test_a_crawl_that_is_interrupted_says_what_came_of_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Fetcher.found

    def interrupted(fetcher: Fetcher, image: FoundImage) -> Fetched:
        if image.image_url.endswith("c.png"):
            raise KeyboardInterrupt
        return found(fetcher, image)

    monkeypatch.setattr(Fetcher, "found", interrupted)
    answer = cli(*crawl(cli))
    assert (answer.code, answer.lines[0]) == (130, "Fetched 2 pictures; 0 were known, 0 refused.")
    assert answer.lines[-1] == "Interrupted."
    assert event(cli) == ("reverse_crawl", "failed")


def test_a_source_that_needs_a_query_does_not_keep_the_others_from_being_asked(cli: Cli) -> None:
    answer = cli(*crawl(cli), "--source", "commons", "--json")
    assert answer.code == 2
    assert answer.data["failed"] == [{"source": "commons", "reason": "Give at least one word to look for."}]
    assert {each["source"]: each["fetched"] for each in answer.data["sources"]} == {"commons": 0, "folder": 3}
    assert event(cli) == ("reverse_crawl", "failed")
    assert cli(*crawl(cli), "--source", "flickr", "--source", "commons").code == 3


def test_an_index_run_that_is_interrupted_says_what_came_of_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli(*crawl(cli))
    keep, taken = ReverseIndexer._keep, []

    def interrupted(*args: object) -> Taken:
        if taken:
            raise KeyboardInterrupt
        taken.append(keep(*args))  # type: ignore[arg-type]
        return taken[0]

    with monkeypatch.context() as patch:
        patch.setattr(ReverseIndexer, "_keep", interrupted)
        answer = cli("reverse", "index", "--json")
    assert (answer.code, answer.data["photos"], answer.data["faces"]) == (130, 1, 1)
    assert answer.data["ended"] == {"code": "interrupted", "message": "Interrupted."}
    assert event(cli) == ("reverse_index", "failed")
    assert cli("reverse", "index", "--json").data["photos"] == 2
    assert event(cli) == ("reverse_index", "done")


def test_a_source_that_there_is_not_is_a_mistake_and_not_nobody(cli: Cli) -> None:
    answer = cli("reverse", "search", cli.folder / "photos" / "a.png", "--source", "comons", "--json")
    assert (answer.code, answer.error["code"]) == (2, "usage")
