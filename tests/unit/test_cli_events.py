from __future__ import annotations

import getpass

import pytest

from tests.cli_runner import Cli
from tests.fakes import DARK_RED, GREEN, RED


def told(cli: Cli) -> list[tuple[str, str | None]]:
    """What was done with what outcome, the first first."""
    return [(event["kind"], event["outcome"]) for event in reversed(cli("events", "--json").data["events"])]


def test_what_was_asked_and_changed_is_listed(cli: Cli) -> None:
    assert cli("events").lines == ["Nothing was asked for yet."]
    cli.enrol({"Ann": [RED, DARK_RED]})
    ann = cli("people", "list", "--json").data["people"][0]["id"]
    red, green = cli.photo("r.png", RED, mark=1), cli.photo("g.png", GREEN, RED)
    cli("enroll", "Ann", cli.photo("none.png"))
    cli("compare", red, green)
    cli("verify", green, "--claim", "Ann")
    cli("identify", green)
    cli("verify", red, "--claim", "Nobody")
    cli("people", "rename", "Ann", "Anne")
    cli("people", "export", cli.folder / "people.zip")
    cli("settings", "set", "target-fmr", "0.01")
    cli("people", "remove", "Anne", "--photo", "1", "--yes")
    assert "Anne" in cli("events").out
    cli("people", "remove", "Anne", "--yes")
    assert told(cli) == [
        ("enrol", "enrolled"), ("enrol", "enrolled"), ("enrol", "no_face"), ("compare", "no_match"),
        ("verify", "no_match"), ("identify", "no_match"), ("identify", "match"), ("rename", "renamed"),
        ("export", "1"), ("set", "target_fmr"), ("remove_photo", "removed"), ("remove", "removed"),
    ]  # fmt: skip
    events = cli("events", "--json").data["events"]
    assert {event["door"] for event in events} == {"command"}
    assert {event["person_id"] for event in events} == {ann, None}
    said = cli("events").out
    assert "Ann" not in said and "(removed)" in said
    assert [e["id"] for e in cli("events", "--limit", 2, "--before", events[0]["id"], "--json").data["events"]] == [
        event["id"] for event in events[1:3]
    ]


def test_it_says_who_was_at_the_terminal_if_they_have_a_name(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    cli.enrol({"Ann": [RED]})

    def nameless() -> str:
        raise KeyError(1000)

    monkeypatch.setattr(getpass, "getuser", nameless)
    cli.enrol({"Bob": [GREEN]})
    assert [event["who"] for event in cli("events", "--json").data["events"]] == [None, "grace"]


def test_a_command_answers_even_where_nothing_can_be_noted(cli: Cli) -> None:
    cli.enrol({"Ann": [RED]})
    for file in (cli.folder / "db").glob("events.sqlite*"):
        file.unlink()
    (cli.folder / "db" / "events.sqlite").mkdir()
    assert cli("verify", cli.photo("r.png", RED, mark=1), "--claim", "Ann").code == 0


def test_nothing_is_kept_where_the_settings_say_so(cli: Cli) -> None:
    cli.environment(EVENTS_DAYS=0)
    cli.enrol({"Ann": [RED]})
    assert not (cli.folder / "db" / "events.sqlite").exists()
