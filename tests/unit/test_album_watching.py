from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
    FileClosedEvent,
    FileClosedNoWriteEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
)

from facenet_core.album import watching
from facenet_core.album.watching import Watcher
from facenet_core.errors import StoreError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SETTLED", 0.01)
    monkeypatch.setattr(watching, "LOOK", 0.01)
    monkeypatch.setattr(watching, "ANYWAY", 10.0)


def test_a_photo_that_comes_ends_the_waiting(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with Watcher(lambda: [tmp_path, tmp_path / "none"]) as watcher:
        (tmp_path / "deep" / "a.jpg").write_bytes(b"photo")
        assert watcher.wait()
        assert not watcher._changed.is_set(), "the change was taken for over"


def test_it_looks_now_and_then_without_a_sign(tmp_path: Path) -> None:
    with Watcher(lambda: [tmp_path]) as watcher:
        assert not watcher.wait(0.01)


def test_folders_that_come_end_the_waiting_and_are_listened_to(tmp_path: Path) -> None:
    added, mounted = tmp_path / "added", tmp_path / "mounted"
    folders = [mounted]
    with Watcher(lambda: folders) as watcher:
        for folder in (mounted, added):
            folder.mkdir()
            folders.append(folder)
            assert watcher.wait()
            (folder / "a.jpg").write_bytes(b"photo")
            assert watcher.wait()


def test_a_folder_that_was_away_is_listened_to_again(tmp_path: Path) -> None:
    folder, other = tmp_path / "photos", tmp_path / "other disk"
    folder.mkdir()
    other.mkdir()
    with Watcher(lambda: [folder]) as watcher:
        folder.rename(tmp_path / "away")
        assert not watcher.wait(0.01)
        other.rename(folder)
        assert watcher.wait()
        (folder / "a.jpg").write_bytes(b"photo")
        assert watcher.wait()


def test_a_database_that_does_not_answer_for_once_ends_nothing(tmp_path: Path) -> None:
    answers: Iterator[bool] = iter([True, False])

    def folders() -> list[Path]:
        if not next(answers, True):
            raise StoreError("The database does not answer.")
        return [tmp_path]

    with Watcher(folders) as watcher:
        assert not watcher.wait(0.03)
        (tmp_path / "a.jpg").write_bytes(b"photo")
        assert watcher.wait()


def test_a_folder_that_the_system_will_not_watch_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Watcher(list) as watcher:

        def refusing(*given: object, **more: object) -> object:
            raise OSError(28, "inotify watch limit reached")

        monkeypatch.setattr(watcher._observer, "schedule", refusing)
        monkeypatch.setattr(watcher, "_folders", lambda: [tmp_path])
        assert watcher.wait()
        assert not watcher.wait(0.03)
    assert caplog.text.count("inotify watch limit reached") == 1


class Restless(threading.Event):
    """A file that is written all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waited += 1
        assert self.waited < 1000, "it waits for ever"
        return True


def test_a_file_that_is_written_all_the_time_does_not_keep_it_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr(watching, "monotonic", lambda: float(next(clock)))
    watcher = Watcher(list)
    watcher._changed = Restless()
    assert watcher.wait()
    assert watcher._changed.waited > 10


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (FileModifiedEvent("/x/a.jpg"), True),
        (FileClosedEvent(b"/x/caf\xe9.PNG"), True),
        (FileDeletedEvent("/x/a.jpg"), True),
        (FileMovedEvent("/x/a.jpg.part", "/x/a.jpg"), True),
        (FileMovedEvent("/x/a.jpg", "/trash/a"), True),
        (DirCreatedEvent("/x/trip"), True),
        (DirDeletedEvent("/x/trip"), True),
        (FileModifiedEvent("/x/notes.txt"), False),
        (FileMovedEvent("/x/a.tmp", "/x/a.part"), False),
        (FileModifiedEvent("/x/._a.jpg"), False),
        (FileOpenedEvent("/x/a.jpg"), False),
        (FileClosedNoWriteEvent("/x/a.jpg"), False),
        (DirModifiedEvent("/x"), False),
    ],
)
def test_only_photos_and_folders_count(event: FileSystemEvent, counts: bool) -> None:
    watcher = Watcher(list)
    watcher._handler.dispatch(event)
    assert watcher._changed.is_set() is counts
