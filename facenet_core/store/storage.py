"""One JSON file that TinyDB reads and writes through: atomic, locked, checked."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from filelock import FileLock, Timeout
from tinydb.storages import Storage

from facenet_core.errors import DatabaseDamagedError, StoreError
from facenet_core.store.backup import Backups
from facenet_core.store.content import HEADER_LENGTH, Tables, deserialise, serialise, values
from facenet_core.store.files import (
    FILE_MODE,
    TEMPORARY_SUFFIX,
    discard,
    flush_folder,
    link,
    make_folder,
    stage,
    temporary_name,
    write_error,
)

LOCK_TIMEOUT = 30.0
"""Seconds. Far above the longest honest write (under one second at 10,000 templates)."""

_LOCK_POLL = 0.01
"""Seconds between two tries for the lock: about as long as a small commit takes."""


@dataclass(slots=True)
class _View:
    """The tables as one thread sees them during a transaction or a snapshot."""

    tables: Tables | None
    content: bytes | None
    writable: bool
    changed: bool = False
    failed: bool = False


class AtomicJSONStorage(Storage):
    """Keeps TinyDB's tables in ``<folder>/facenet.json``.

    The file is replaced as a whole, never edited: a reader needs no lock and
    sees one commit or the next. Writers take a lock around reading, changing
    and writing, in :meth:`transaction`. The commit before the last one stays
    beside the file as ``facenet.json.bak``.

    Args:
        folder: The folder of the database, created by the first transaction.
        check: Called with tables that could be read, to say with a
            ``ValueError`` why they can't be used all the same. A backup is
            offered only if it passes.
        lock_timeout: Seconds to wait for another writer.

    Attributes:
        path: The database file.
        backups: What is kept beside it.
    """

    def __init__(
        self, folder: Path, *, check: Callable[[Tables], object] | None = None, lock_timeout: float = LOCK_TIMEOUT
    ) -> None:
        self.path = folder / "facenet.json"
        self.backups = Backups(self.path, check)
        self._lock_timeout = lock_timeout
        self._mutex = threading.RLock()
        self._file_lock = FileLock(folder / "facenet.json.lock", mode=FILE_MODE)
        self._local = threading.local()

    def read(self) -> Tables | None:
        """Return the tables: this thread's transaction or snapshot, else the file's.

        Raises:
            DatabaseDamagedError: The file is not what was written.
            StoreError: The file can't be read.
        """
        view = self._view
        return view.tables if view else self._parse(self._content())

    def write(self, data: Tables) -> None:
        """Replace the tables in this thread's transaction.

        Args:
            data: All tables.

        Raises:
            RuntimeError: There is no transaction. What is read before the lock
                is taken may be old, so writing it back would undo the work of
                others.
        """
        view = self._view
        if view is None or not view.writable:
            raise RuntimeError("the database is written in a transaction only")
        view.tables = data
        view.changed = True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep all other writers out, in this process and in others. Re-entrant.

        Raises:
            StoreError: Somebody else kept writing for too long.
            DatabaseWriteError: The lock file can't be created.
        """
        # The lock on the file would do, but it is polled; threads of this process wake up at once.
        if not self._mutex.acquire(timeout=self._lock_timeout):
            self._raise_busy()
        try:
            try:
                make_folder(self.path.parent)
                self._file_lock.acquire(timeout=self._lock_timeout, poll_interval=_LOCK_POLL)
            except Timeout:
                self._raise_busy()
            except OSError as error:
                raise write_error(self.path, error) from error
            try:
                yield
            finally:
                self._file_lock.release()
        finally:
            self._mutex.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Read the file once, and write it once if the block changed anything.

        An exception leaves the file as it was. One transaction within another
        of the same thread is part of it, and takes it down when it fails.

        Raises:
            DatabaseDamagedError: The file is not what was written.
            DatabaseWriteError: The file could not be written.
            StoreError: The file can't be read, or others kept it locked.
            RuntimeError: Begun inside a snapshot, or the block went on after a
                transaction within it had failed.
        """
        outer = self._view
        if outer is None:
            with self.lock():
                self._sweep()
                content = self._content()
                tables = self._parse(content)
                before = values(tables)
                with self._seeing(_View(tables, content, writable=True)) as view:
                    yield
                    if view.failed:
                        raise RuntimeError("a part of this transaction failed; nothing was written")
                    if view.changed and view.tables is not None:
                        self._commit(view.content, serialise(view.tables, before))
            return
        if not outer.writable:
            raise RuntimeError("a snapshot can't be written")
        try:
            yield
        except BaseException:
            outer.failed = True
            raise

    @contextmanager
    def snapshot(self) -> Iterator[Tables | None]:
        """Read the file once for everything in the block, without the lock.

        Yields:
            The tables, all of one commit, not to be changed; None before the
            first commit.

        Raises:
            DatabaseDamagedError: The file is not what was written.
            StoreError: The file can't be read.
        """
        if self._view:
            yield self._view.tables
            return
        with self._seeing(_View(self._parse(self._content()), None, writable=False)) as view:
            yield view.tables

    def revision(self) -> str:
        """Return a token that changes whenever anybody commits; empty before the first commit.

        Next to what the file system says, it holds the content's checksum: two
        commits within one tick of the clock may look alike otherwise.

        Raises:
            StoreError: The file can't be read.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                header = file.read(HEADER_LENGTH)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise self._unreadable(error) from error
        return f"{status.st_mtime_ns}-{status.st_ino}-{status.st_size}-{hashlib.sha256(header).hexdigest()[:16]}"

    def damaged(self, reason: str) -> DatabaseDamagedError:
        """Return the exception for a file that can't be used.

        Args:
            reason: Why, in a few words.
        """
        return DatabaseDamagedError(self.path, reason, self.backups.usable())

    @property
    def _view(self) -> _View | None:
        view: _View | None = getattr(self._local, "view", None)
        return view

    @contextmanager
    def _seeing(self, view: _View) -> Iterator[_View]:
        self._local.view = view
        try:
            yield view
        finally:
            self._local.view = None

    def _content(self) -> bytes | None:
        try:
            try:
                return self.path.read_bytes()
            except FileNotFoundError:
                if not self.backups.path.exists():
                    return None
            # Two first commits may have come between looking for the file and for its backup.
            return self.path.read_bytes()
        except FileNotFoundError:
            raise self.damaged("the file is missing") from None
        except OSError as error:
            raise self._unreadable(error) from error

    def _parse(self, content: bytes | None) -> Tables | None:
        if content is None:
            return None
        try:
            return deserialise(content)
        except ValueError as error:
            raise self.damaged(str(error)) from error

    def _commit(self, before: bytes | None, after: bytes) -> None:
        if after == before:
            return
        new = old = None
        try:
            new = stage(self.path, after)
            if before is not None:
                old = temporary_name(self.path)
                link(self.path, old)
            new.replace(self.path)
            try:
                flush_folder(self.path.parent)
            except OSError:
                # The disk does not promise to keep the new file: nobody may be told that it is there.
                if old:
                    old.replace(self.path)
                else:
                    self.path.unlink()
                raise
            if old:
                self.backups.keep(old)
        except OSError as error:
            raise write_error(self.path, error) from error
        finally:
            for temporary in (new, old):
                if temporary:
                    discard(temporary)

    def _sweep(self) -> None:
        for path in self.path.parent.glob(f"{self.path.name}.*{TEMPORARY_SUFFIX}"):
            discard(path)

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.path}: the database can't be read ({error.strerror}). Check the file and its folder, and try again."
        )

    def _raise_busy(self) -> NoReturn:
        raise StoreError(
            f"{self.path}: another program has been writing to the database for {self._lock_timeout:g} seconds. "
            "Nothing was changed. Wait until it has finished, or end it, and try again."
        )
