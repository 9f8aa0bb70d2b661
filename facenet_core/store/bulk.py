"""Many rows: asked for in pieces, and read as fast as drivers give them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

T = TypeVar("T")

SEVERAL = 500
"""Numbers in one statement."""


def pieces(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many numbers as fit into one statement."""
    for start in range(0, len(ids), SEVERAL):
        yield ids[start : start + SEVERAL]


def tuples(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Rows without SQLAlchemy's own around them, for hundreds of thousands.

    From PostgreSQL they come in binary form, which SQLAlchemy does not ask for:
    embeddings as text take twice as long.

    Args:
        connection: To read with.
        query: What is asked for; of values it holds whole numbers alone.
    """
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # for mypy: it is connected
    cursor = driver.cursor(binary=True) if connection.dialect.name == "postgresql" else driver.cursor()
    try:
        found: list[tuple[Any, ...]] = cursor.execute(statement).fetchall()
        return found
    finally:
        cursor.close()
