"""Removals from the reverse index on the command line."""

from __future__ import annotations

import pytest

from facenet_core import shipped
from tests.cli_runner import Cli
from tests.fakes import BLUE, MEASURED, MODEL, OTHER_MODEL, RED


@pytest.fixture(autouse=True)
def measured(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
    cli.environment(REVERSE=True, THRESHOLD=None)


@pytest.fixture
def taken_in(cli: Cli) -> Cli:
    cli.photo("pictures/a.png", RED)
    cli.photo("pictures/b.png", BLUE)
    assert cli("reverse", "crawl", "--folder", cli.folder / "pictures").code == 0
    assert cli("reverse", "index").code == 0
    return cli


@pytest.mark.parametrize("nothing", [[""], ["--host", ""], ["--host", " "], [" "]])
def test_nothing_is_not_everything(taken_in: Cli, nothing: list[str]) -> None:
    refused = taken_in("reverse", "remove", *nothing, "--yes")
    assert refused.code == 2
    assert "Give" in refused.err
    assert taken_in("reverse", "status", "--json").data["photos"] == 2


def test_it_is_said_when_nothing_matched(cli: Cli) -> None:
    removed = cli("reverse", "remove", "--host", "https://pictures.example/x", "--yes")
    assert removed.lines == ["Nothing from there is in the index; it is on the removal list, and will not be taken in."]
    removed = cli("reverse", "remove", "--photo", cli.photo("a.png", RED), "--yes")
    assert removed.lines == [
        "Nobody who looks like this is in the index; it is on the removal list, and will not be taken in."
    ]
    assert [each["url"] for each in cli("reverse", "removals", "--json").data["removals"]] == [None, "pictures.example"]


def test_the_host_is_named_before_all_of_it_goes(cli: Cli) -> None:
    cli.types("n\n")
    asked = cli("reverse", "remove", "--host", "https://Pictures.example/a.html")
    assert "everything of pictures.example and the sites below it" in asked.out + asked.err
    assert cli("reverse", "removals", "--json").data["removals"] == []


def test_what_is_kept_can_be_removed_while_it_is_off(taken_in: Cli) -> None:
    taken_in.environment(REVERSE=False)
    removed = taken_in("reverse", "remove", "--photo", taken_in.photo("a.png", RED), "--yes")
    assert removed.lines == ["Dropped 1 face, and put it on the removal list."]
    assert len(taken_in("reverse", "removals", "--json").data["removals"]) == 1
    assert taken_in("reverse", "status", "--json").data["faces"] == 1
    assert taken_in("reverse", "allow", 1).code == 0
    assert taken_in("reverse", "search", taken_in.photo("b.png", BLUE)).code == 2


def test_status_says_what_another_model_makes_of_the_list(taken_in: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken_in("reverse", "remove", "--photo", taken_in.photo("a.png", RED), "--yes").code == 0
    assert not any("measured" in line or "Entry" in line for line in taken_in("reverse", "status").lines)
    monkeypatch.setattr(shipped, "_measured", dict)
    monkeypatch.setattr("facenet_core.reverse.removing.sampled", lambda found: None)
    taken_in.model_id = OTHER_MODEL
    *_, entry, unmeasured = taken_in("reverse", "status").lines
    assert "Entry 1 of the removal list" in entry
    assert "reverse allow 1" in entry
    assert "Nothing was measured for this model" in unmeasured
