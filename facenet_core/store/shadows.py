"""Templates of a model that is not in use: made beside those in use, and put in their place in one step."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from tinydb.table import Document

from facenet_core.store.database import Database, document, keys
from facenet_core.store.rules import check_choice
from facenet_core.store.shadow import (
    SLOTS,
    Slot,
    decode_choice,
    decode_shadows,
    encode_choice,
    encode_shadow,
    encode_unfound,
    shadow_of,
)
from facenet_core.types import ModelChoice, Shadow, Template, Unfound


class Shadows:
    """The shadows of a database: see :class:`~facenet_core.store.parts.ShadowSlots`.

    What belongs to a photo goes with it: ``Database.writing`` sees to that.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = threading.Lock()
        self._read: tuple[str, dict[Slot, Shadow]] | None = None

    def get(self, slot: Slot) -> Shadow | None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._reading:
            # Before the content: a commit between the two makes the next call read again.
            revision = self._database.storage.revision()
            if self._read is None or not revision or self._read[0] != revision:
                with self._database.reading() as tables:
                    self._read = revision, decode_shadows(tables or {})
            return self._read[1].get(slot)

    def begin(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._database.writing():
            held = next((s for s in (slot, *SLOTS) if self._of(s) == of), None)
            kept = [row for row in self._database.shadows[held] if "code" not in row] if held else []
            self._fill(slot, of, kept)
            if not self._is_chosen():
                self._choose(in_use.setting)

    def add(
        self, slot: Slot, of: ModelChoice, found: Iterable[Template], unfound: Sequence[tuple[Template, Unfound]]
    ) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        records = {template.id: encode_shadow(template) for template in found}
        records |= {template.id: encode_unfound(template, why) for template, why in unfound}
        with self._database.writing():
            check_choice(self._of(slot), of)
            table = self._database.shadows[slot]
            enrolled = {str(record.doc_id): record["photo_sha256"] for record in self._database.templates}
            rows = {str(row.doc_id): row for row in table}
            rows |= {
                key: document(record, key)
                for key, record in records.items()
                if enrolled.get(key) == record["photo_sha256"]
            }
            self._fill(slot, of, rows.values())

    def discard(self, slot: Slot) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._database.writing():
            self._empty(slot)

    def swap(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> bool:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        database = self._database
        with database.writing():
            check_choice(self._of(slot), of)
            rows = {str(row.doc_id): row for row in database.shadows[slot]}
            model, former = asdict(of.model_id), asdict(in_use.model_id)
            fresh, displaced = {}, []
            for record in database.templates:
                key = str(record.doc_id)
                if record["model"] == model:
                    continue
                row = rows.get(key)
                if row is None or row["photo_sha256"] != record["photo_sha256"]:
                    return False
                if "code" in row:
                    continue
                if record["model"] == former:
                    displaced.append(document(shadow_of(record), key))
                fresh[key] = {**shadow_of(row), "model": model}
            database.templates.update(lambda record: record.update(fresh[record["id"]]), doc_ids=keys(*fresh))
            for held in SLOTS:
                if (other := self._of(held)) and other.model_id == of.model_id:
                    self._empty(held)
            if of.model_id != in_use.model_id:
                self._fill("previous", in_use, displaced)
            self._choose(of.setting)
            return True

    def _of(self, slot: Slot) -> ModelChoice | None:
        record = self._database.shadow_heads.get(doc_id=keys(slot)[0])
        return decode_choice(record) if isinstance(record, Document) else None

    def _fill(self, slot: Slot, of: ModelChoice, rows: Iterable[Document]) -> None:
        table, rows = self._database.shadows[slot], list(rows)
        table.truncate()
        table.insert_multiple(rows)
        self._database.shadow_heads.upsert(document(encode_choice(of), slot))

    def _empty(self, slot: Slot) -> None:
        self._database.shadows[slot].truncate()
        if self._of(slot):
            self._database.shadow_heads.remove(doc_ids=keys(slot))

    def _is_chosen(self) -> bool:
        record = self._database.settings.get(doc_id=keys("model")[0])
        return isinstance(record, Document) and record.get("value") is not None

    def _choose(self, setting: str) -> None:
        self._database.settings.upsert(document({"value": setting}, "model"))
