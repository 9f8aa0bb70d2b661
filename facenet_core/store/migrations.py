"""How a database of an older version becomes one of this version."""

from __future__ import annotations

from collections.abc import Callable

from facenet_core.store import schema
from facenet_core.store.content import Tables
from facenet_core.store.fields import RecordError
from facenet_core.store.shadow import decode_shadows


def _with_shadows(tables: Tables) -> Tables:
    """Version 2 has shadows, and a program of version 1 would keep those of people who are removed."""
    return tables


MIGRATIONS: dict[int, Callable[[Tables], Tables]] = {1: _with_shadows}
"""For each older version, how its tables become those of the next."""


def version_of(tables: Tables) -> int:
    """Return the version of the schema that the tables follow.

    Args:
        tables: All tables.

    Raises:
        RecordError: They don't say.
    """
    record = tables.get("meta", {}).get("schema")
    version = record.get("version") if isinstance(record, dict) else None
    if not isinstance(version, int):
        raise RecordError("it does not say which version of the database it is")
    return version


def migrate(tables: Tables) -> Tables:
    """Bring tables of an older version to this one, step by step.

    Args:
        tables: All tables; they may be changed in place.

    Returns:
        The tables of version :data:`schema.SCHEMA_VERSION`.

    Raises:
        RecordError: There is no way from their version to this one.
    """
    for version in range(version_of(tables), schema.SCHEMA_VERSION):
        if version not in MIGRATIONS:
            raise RecordError(f"its version {version} was never released")
        tables = MIGRATIONS[version](tables)
        tables["meta"]["schema"] = {"version": version + 1}
    return tables


def check(tables: Tables) -> None:
    """Decode everything, to find out whether that is possible.

    Args:
        tables: All tables, of this version or an older one; they may be
            changed in place.

    Raises:
        RecordError: They can't be decoded, or are of a newer version.
    """
    if version_of(tables) > schema.SCHEMA_VERSION:
        raise RecordError("it is of a newer version")
    tables = migrate(tables)
    schema.decode_people(tables.get("people", {}).values(), tables.get("templates", {}).values())
    for record in tables.get("seeds", {}).values():
        schema.decode_seed(record)
    decode_shadows(tables)
