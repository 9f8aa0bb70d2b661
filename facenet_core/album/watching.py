"""Waits until something changes in an album's folders."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from types import TracebackType

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

from facenet_core.album.records import shown
from facenet_core.album.scanning import is_photo
from facenet_core.errors import StoreError

logger = logging.getLogger(__name__)

SETTLED = 2.0
"""Seconds without a change after which the change is over: a photo that is being copied changes all the time."""

LONGEST = 60.0
"""Seconds after which a change that does not end is looked at all the same."""

LOOK = 10.0
"""Seconds between two looks at which folders there are: disks come and go, and users add folders."""

ANYWAY = 900.0
"""Seconds after which it is time to look, also without a sign: network folders give none."""

_CHANGES = frozenset({"created", "modified", "moved", "deleted", "closed"})
"""What happens to files: that one was opened or read is no change."""

_MOVES = frozenset({"created", "moved", "deleted"})
"""What happens to folders: they are modified by whatever happens to any file in them."""


class Watcher:
    """Listens to folder trees while it is entered, also to those that come meanwhile.

    Args:
        folders: Says which; asked again and again.
    """

    def __init__(self, folders: Callable[[], Iterable[Path]]) -> None:
        self._folders = folders
        self._changed = threading.Event()
        self._handler = _Handler(self._changed)
        self._observer = Observer()
        self._heard: dict[Path, tuple[tuple[int, int], ObservedWatch | None]] = {}

    def __enter__(self) -> Watcher:
        self._observer.start()
        self._listen()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._observer.stop()
        self._observer.join()

    def wait(self, longest: float | None = None) -> bool:
        """Waits for a change to be over, for a folder to come, or for a while.

        Args:
            longest: Seconds; None for :data:`ANYWAY`.

        Returns:
            Whether there was a sign of a change.
        """
        end = monotonic() + (ANYWAY if longest is None else longest)
        while not self._changed.wait(max(min(LOOK, end - monotonic()), 0.0)):
            if self._listen():
                return True
            if monotonic() >= end:
                return False
        end = monotonic() + LONGEST
        changed = True
        while changed and monotonic() < end:
            self._changed.clear()
            changed = self._changed.wait(SETTLED)
        return True

    def _listen(self) -> bool:
        """Listens to the folders as they are now; whether one has come, or another disk is in its place."""
        try:
            there = {path: found for path in self._folders() if (found := _identity(path))}
        except StoreError as error:
            logger.warning("which folders there are can't be told now: %s", error)
            return False
        for path, (before, watch) in list(self._heard.items()):
            if there.get(path) != before:
                del self._heard[path]
                if watch:
                    self._observer.unschedule(watch)
        come = there.keys() - self._heard.keys()
        for path in come:
            self._heard[path] = there[path], self._watch(path)
        return bool(come)

    def _watch(self, path: Path) -> ObservedWatch | None:
        try:
            return self._observer.schedule(self._handler, str(path), recursive=True)
        except OSError as error:  # it went again, or the system has no more watches to give
            logger.warning("%s gives no sign of changes (%s): look every %g s", shown(str(path)), error, ANYWAY)
            return None


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Notes a change of a photo, or of which folders there are."""
        if event.is_directory:
            changed = event.event_type in _MOVES
        else:
            paths = (os.fsencode(path) for path in (event.src_path, event.dest_path))
            changed = event.event_type in _CHANGES and any(is_photo(path.rpartition(b"/")[2]) for path in paths)
        if changed:
            self._changed.set()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which folder is at a path; None if there is none. A disk that is mounted there is another one."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if path.is_dir() else None
