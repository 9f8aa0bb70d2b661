from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facenet_core.errors import StoreError
from facenet_core.store import EventLog
from facenet_core.store.events import KEPT

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> list[datetime]:
    return [NOW]


@pytest.fixture
def log(tmp_path: Path, clock: list[datetime]) -> Iterator[EventLog]:
    made = EventLog(tmp_path / "db", lambda: clock[0])
    yield made
    made.close()


def test_events_are_kept_newest_first(log: EventLog, tmp_path: Path) -> None:
    log.note("verify", "match", key=("a1", "door"), person_id="p1")
    log.note("enrol", "no_face")
    last, first = log.latest()
    assert (first.kind, first.outcome, first.key_id, first.key_name, first.person_id) == (
        "verify", "match", "a1", "door", "p1"
    )  # fmt: skip
    assert (last.kind, last.key_name, last.person_id, last.at) == ("enrol", None, None, NOW)
    assert log.latest(1) == (last,) and log.latest(before=last.id) == (first,)
    assert stat.S_IMODE((tmp_path / "db" / "events.sqlite").stat().st_mode) == 0o600


def test_old_events_are_dropped(log: EventLog, clock: list[datetime]) -> None:
    log.note("verify", "match")
    clock[0] += KEPT - timedelta(minutes=1)
    log.note("verify", "match")
    assert len(log.latest()) == 2
    clock[0] += timedelta(hours=2)
    log.note("verify", "match")
    assert [event.at for event in log.latest()] == [clock[0], clock[0] - timedelta(hours=2)]


def test_two_processes_write_to_one_list(log: EventLog, tmp_path: Path) -> None:
    other = EventLog(tmp_path / "db")
    other.note("remove", "removed")
    log.note("verify", "match")
    assert [event.kind for event in other.latest()] == ["verify", "remove"]
    other.close()


def test_a_file_that_is_no_list_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"hello, this is no database" * 100)
    with pytest.raises(StoreError, match=r"events\.sqlite: the list of events can't be used"):
        EventLog(tmp_path).note("verify", "match")
