from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facenet_core.errors import StoreError
from facenet_core.store import EventLog, Events
from facenet_core.types import Asker
from tests.postgres import OpenStore

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)

DOOR = Asker("api", "door", "a1")


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def log(open_again: OpenStore, clock: list[datetime]) -> Events:
    return open_again(now=lambda: clock[0]).events


def test_events_are_kept_newest_first(log: Events) -> None:
    log.note("verify", "match", DOOR, "p1")
    log.note("enrol", "no_face", Asker("command", "ann"))
    last, first = log.latest()
    assert (first.kind, first.outcome, first.door, first.key_id, first.who, first.person_id) == (
        "verify", "match", "api", "a1", "door", "p1"
    )  # fmt: skip
    assert (last.kind, last.door, last.key_id, last.who, last.person_id, last.at) == (
        "enrol", "command", None, "ann", None, NOW
    )  # fmt: skip
    assert log.latest(1) == (last,) and log.latest(before=last.id) == (first,)


def test_old_events_are_dropped(log: Events, clock: list[datetime]) -> None:
    log.note("verify", "match", DOOR)
    clock[0] += timedelta(days=90, minutes=-1)
    log.note("verify", "match", DOOR)
    assert len(log.latest()) == 2
    clock[0] += timedelta(hours=2)
    log.note("verify", "match", DOOR)
    assert [event.at for event in log.latest()] == [clock[0], clock[0] - timedelta(hours=2)]


def test_two_processes_write_to_one_list(log: Events, open_again: OpenStore) -> None:
    other = open_again(now=lambda: NOW).events
    other.note("remove", "removed", DOOR)
    log.note("verify", "match", DOOR)
    assert [event.kind for event in other.latest()] == ["verify", "remove"]


def test_a_file_that_is_no_list_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"hello, this is no database" * 100)
    with pytest.raises(StoreError, match=r"events\.sqlite: the list of events can't be used"):
        EventLog(tmp_path).note("verify", "match", DOOR)


def test_with_no_days_nothing_is_kept_and_what_was_is_dropped(open_again: OpenStore) -> None:
    some = open_again().events
    some.note("verify", "match", DOOR)
    none = open_again(event_days=0).events
    none.note("verify", "match", DOOR)
    assert some.latest() == ()


def test_with_no_days_there_is_no_file_that_is_for_its_owner_alone_otherwise(tmp_path: Path) -> None:
    none, some = EventLog(tmp_path, 0), EventLog(tmp_path)
    none.note("verify", "match", DOOR)
    assert not (tmp_path / "events.sqlite").exists()
    some.note("verify", "match", DOOR)
    assert stat.S_IMODE((tmp_path / "events.sqlite").stat().st_mode) == 0o600
    some.close()


def test_a_list_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "events.sqlite") as old:
        old.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, key_id TEXT, "
            "key_name TEXT, person_id TEXT, outcome TEXT NOT NULL)"
        )
        old.execute(
            "INSERT INTO events (at, kind, key_id, key_name, outcome) VALUES (?, 'verify', 'a1', 'door', 'match')",
            (NOW.isoformat(),),
        )
    old.close()
    for _ in range(2):
        log = EventLog(tmp_path)
        log.note("remove", "removed", Asker("page"))
        first = log.latest()[-1]
        assert (first.at, first.door, first.who, first.key_id) == (NOW, "api", "door", "a1")
        log.close()
