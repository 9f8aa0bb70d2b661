"""Waits until something changes in an album's folders."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

SETTLED = 2.0
"""Seconds without a change after which the change is over: a photo that is being copied changes all the time."""

ANYWAY = 900.0
"""Seconds after which it is time to look, also without a sign: network folders give none."""


class Watcher:
    """Listens to folder trees while it is entered.

    Args:
        folders: The folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._changed = threading.Event()
        self._observer = Observer()
        handler = _Handler(self._changed)
        for folder in folders:
            if folder.is_dir():
                self._observer.schedule(handler, str(folder), recursive=True)

    def __enter__(self) -> Watcher:
        self._observer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._observer.stop()
        self._observer.join()

    def wait(self) -> None:
        """Waits for a change to be over, or for a while."""
        changed = self._changed.wait(ANYWAY)
        while changed:
            self._changed.clear()
            changed = self._changed.wait(SETTLED)


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Notes a change; that a file was opened or read is none."""
        if event.event_type in ("created", "modified", "moved", "deleted", "closed"):
            self._changed.set()
