"""A work that one process does at a time, kept by the server: until the connection ends, which is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

Begun = Callable[[Callable[[Connection], None]], AbstractContextManager[Connection]]
"""Lends a connection on which something was begun."""


class Turn:
    """A lock of the server's, from the first time that it is asked for. Thread-safe.

    Args:
        begun: Lends connections.
        name: Of the lock.
    """

    def __init__(self, begun: Begun, name: str) -> None:
        self._begun, self._name = begun, {"name": name}
        self._lock, self._stack = threading.Lock(), ExitStack()
        self._connection: Connection | None = None
        self._got = False

    def __enter__(self) -> Turn:
        """Nothing is locked yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Lets others have it."""
        with self._lock, self._stack:
            if self._got and self._connection is not None:
                try:
                    self._connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), self._name)
                except DBAPIError:
                    self._connection.invalidate()  # it ends with the connection, if that has not broken already

    def held(self) -> bool:
        """Whether it is held, by a new connection if the last one broke; False once somebody else has it.

        Raises:
            StoreError: If the server does not answer.
        """
        with self._lock:
            if self._connection is not None:
                if not self._got or self._answers(self._connection):
                    return self._got
                self._connection = None
                self._stack.close()
            self._connection = self._stack.enter_context(self._begun(self._take))
            return self._got

    def _answers(self, connection: Connection) -> bool:
        try:
            connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return False
        return True

    def _take(self, connection: Connection) -> None:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        got = connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:name))"), self._name)
        self._got = bool(got.scalar_one())
