"""The database: people, their photos and embeddings, in files that survive a crash."""

from __future__ import annotations

from facenet_core.store.archive import Archive, ImportMode, ImportPreview, open_archive, write_archive
from facenet_core.store.importing import ImportOutcome
from facenet_core.store.names import clean_name, name_key
from facenet_core.store.photos import PhotoFiles
from facenet_core.store.repository import NewTemplate, Repository
from facenet_core.store.schema import JSON, Seed

__all__ = [
    "JSON",
    "Archive",
    "ImportMode",
    "ImportOutcome",
    "ImportPreview",
    "NewTemplate",
    "PhotoFiles",
    "Repository",
    "Seed",
    "clean_name",
    "name_key",
    "open_archive",
    "write_archive",
]
