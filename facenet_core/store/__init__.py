"""The database: people, their photos and embeddings, in files that survive a crash or in PostgreSQL."""

from __future__ import annotations

from facenet_core.store.archive import Archive, ImportMode, ImportPreview, open_archive, write_archive
from facenet_core.store.arrival import ImportOutcome
from facenet_core.store.event import Event
from facenet_core.store.events import EventLog
from facenet_core.store.key_file import KeyStore
from facenet_core.store.keys import Keys
from facenet_core.store.moving import Moved, Place, move
from facenet_core.store.names import clean_name, name_key
from facenet_core.store.opening import Store, open_store
from facenet_core.store.parts import Events
from facenet_core.store.photos import PhotoFiles
from facenet_core.store.protocol import PeopleRepository
from facenet_core.store.repository import Repository
from facenet_core.store.schema import JSON, Seed
from facenet_core.store.shadow import Slot
from facenet_core.store.shadows import Shadows
from facenet_core.types import NewTemplate

__all__ = [
    "JSON",
    "Archive",
    "Event",
    "EventLog",
    "Events",
    "ImportMode",
    "ImportOutcome",
    "ImportPreview",
    "KeyStore",
    "Keys",
    "Moved",
    "NewTemplate",
    "PeopleRepository",
    "PhotoFiles",
    "Place",
    "Repository",
    "Seed",
    "Shadows",
    "Slot",
    "Store",
    "clean_name",
    "move",
    "name_key",
    "open_archive",
    "open_store",
    "write_archive",
]
