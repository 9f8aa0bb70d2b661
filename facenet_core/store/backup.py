"""What is kept beside the database file: the commit before the last one, and the file as older programs left it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from facenet_core.errors import StoreError
from facenet_core.store.content import Tables, deserialise
from facenet_core.store.files import discard, flush_folder, link, put, stage, write_error

logger = logging.getLogger(__name__)


class Backups:
    """Keeps the backup and the copies of one database file.

    Whoever calls keeps other writers out, except for :meth:`usable`.

    Args:
        database: The file.
        check: Says with a ``ValueError`` why tables that could be read can't be
            used all the same.

    Attributes:
        path: The backup, ``<file>.bak``.
    """

    def __init__(self, database: Path, check: Callable[[Tables], object] | None) -> None:
        self._database, self._check = database, check
        self.path = database.with_name(f"{database.name}.bak")

    def usable(self) -> Path | None:
        """Return the backup if it is there and in order."""
        try:
            self._good()
        except (OSError, ValueError):
            return None
        return self.path

    def keep(self, old: Path) -> None:
        """Put a file in the place of the backup.

        Args:
            old: The file, which is gone from there afterwards. If that fails,
                the backup is out of date, and the log says so.
        """
        try:
            old.replace(self.path)
        except OSError:
            logger.warning("%s could not be replaced and is out of date", self.path, exc_info=True)

    def renew(self) -> None:
        """Make the backup equal to the file: what was removed from one is gone from both.

        A copy, not a link: whatever damages the file in place must not reach it.
        """
        try:
            put(self.path, self._database.read_bytes())
        except OSError:
            logger.warning("%s could not be renewed and is out of date", self.path, exc_info=True)

    def restore(self) -> Path | None:
        """Put the backup in the place of a damaged file, in one step.

        Returns:
            Where the damaged file is now, ``facenet.json.damaged-<UTC time>``;
            None if there was no file.

        Raises:
            StoreError: There is no backup, or it is damaged too; nothing was
                changed.
            DatabaseWriteError: It could not be written; nothing was changed.
        """
        path = self._database
        aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            content = self._good()
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path}: there is no usable backup. Nothing was changed.") from error
        new = None
        try:
            new = stage(path, content)
            existed = path.exists()
            if existed:
                link(path, aside)
            new.replace(path)
            flush_folder(path.parent)
        except OSError as error:
            raise write_error(path, error) from error
        finally:
            if new:
                discard(new)
        logger.warning("restored the database from its backup")
        return aside if existed else None

    def keep_copy(self, suffix: str) -> None:
        """Keep the file, as it is, under another name.

        Args:
            suffix: What to append to the file's name.

        Raises:
            DatabaseWriteError: The copy could not be written.
        """
        path = self._database.with_name(f"{self._database.name}.{suffix}")
        try:
            put(path, self._database.read_bytes())
        except OSError as error:
            raise write_error(path, error) from error

    def remove_copies(self) -> None:
        """Delete what :meth:`keep_copy` has kept: who is removed must not live on there.

        Raises:
            DatabaseWriteError: A copy could not be deleted.
        """
        for path in self._database.parent.glob(f"{self._database.name}.v[0-9]*"):
            try:
                path.unlink()
            except OSError as error:
                raise write_error(path, error) from error

    def _good(self) -> bytes:
        content = self.path.read_bytes()
        tables = deserialise(content)
        if self._check:
            self._check(tables)
        return content
