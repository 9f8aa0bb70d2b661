"""People, photos, keys and events in PostgreSQL with pgvector, for any number of programs on any number of hosts."""

from __future__ import annotations

from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.events import EventTable
from facenet_core.store.postgres.keys import KeyTable
from facenet_core.store.postgres.repository import PostgresRepository

__all__ = ["EventTable", "KeyTable", "PeopleDatabase", "PostgresRepository"]
