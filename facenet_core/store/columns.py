"""Columns that the tables of albums and of the reverse index share, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine, UserDefinedType

from facenet_core.errors import StoreError

Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers the rows of an INTEGER primary key alone."""


class _PgVector(UserDefinedType[str]):
    """pgvector's ``vector``: float32 of any length (https://github.com/pgvector/pgvector, "Vector Type")."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector"


class Numbers(TypeDecorator[NDArray[np.float32]]):
    """An array of float32: little-endian bytes in SQLite, a ``vector`` in PostgreSQL, the same to the last bit."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What a database calls it."""
        return dialect.type_descriptor(_PgVector() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: NDArray[np.float32] | None, dialect: Dialect) -> Any:
        """As a database takes it."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return written(value)
        return value.astype("<f4").tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> NDArray[np.float32] | None:
        """As it comes from a database."""
        if value is None:
            return None
        if isinstance(value, str):
            return np.array(value[1:-1].split(","), np.float32)
        return np.frombuffer(value, "<f4").astype(np.float32, copy=False)


def written(vector: NDArray[np.float32], digits: int = 9) -> str:
    """A vector as the text that pgvector takes.

    Args:
        vector: Shape ``(d,)``, float32.
        digits: Of each number: nine are float32 to the last bit, six are more
            than half precision keeps.
    """
    return f"[{','.join(f'{number:.{digits}g}' for number in vector.tolist())}]"


def matrix(values: Sequence[bytes], dimensions: int, dialect: str) -> NDArray[np.float32]:
    """Many :class:`Numbers` at once, as :func:`~facenet_core.store.bulk.tuples` reads them.

    Args:
        values: What the driver gave. PostgreSQL's begin with four bytes of their
            own (pgvector's ``vector_send``: the length, and two that are zero)
            and are big-endian.
        dimensions: The length of each.
        dialect: SQLAlchemy's name of the database.

    Returns:
        Shape ``(n, d)``, float32.

    Raises:
        StoreError: If one has another length.
    """
    header, kind = (4, ">f4") if dialect == "postgresql" else (0, "<f4")
    if any(len(value) != header + 4 * dimensions for value in values):
        raise StoreError("The database is damaged: an embedding has another length than its model's.")
    whole = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), header + 4 * dimensions)
    return np.ascontiguousarray(whole[:, header:]).view(kind).astype(np.float32, copy=False)


def id_column() -> Column[int]:
    """The number of a row."""
    return Column("id", Number, Identity(), primary_key=True)


def reference(name: str, table: str, *, cascade: bool = True, primary_key: bool = False) -> Column[int]:
    """A column that refers to a row, and with ``cascade`` goes with it."""
    key = ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, Number, key, primary_key=primary_key, autoincrement=False, nullable=False)


def models_table(metadata: MetaData) -> Table:
    """The models that have embedded anything; see :mod:`facenet_core.store.models`."""
    return Table(
        "models",
        metadata,
        id_column(),
        Column("model", Text, nullable=False),
        Column("preprocessing", Text, nullable=False),
        Column("weights", Text, nullable=False),
        Column("dimensions", Integer, nullable=False),
        UniqueConstraint("model", "preprocessing", "weights"),
    )


def after(table: Table, statement: str, dialect: str | None = None) -> None:
    """Runs a statement once a table is made, in one database or in any."""

    def run(_: Table, connection: Connection, **__: Any) -> None:
        if dialect in (None, connection.dialect.name):
            connection.execute(text(statement))

    event.listen(table, "after_create", run)
