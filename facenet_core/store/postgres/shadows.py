"""Templates of a model that is not in use, in PostgreSQL."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from facenet_core.store.postgres import rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.tables import settings, shadow_heads, shadows, templates
from facenet_core.store.rules import check_choice
from facenet_core.store.shadow import SLOTS, Slot
from facenet_core.types import ModelChoice, Shadow, Template, Unfound

_DISPLACED = "displaced"
"""A slot that exists within one transaction only."""

_FACE = ("detection", "embedding", "vector")
"""The columns that depend on the model."""


class ShadowTable:
    """The shadows of a database: see :class:`~facenet_core.store.parts.ShadowSlots`.

    What belongs to a photo goes with it: the tables refer to each other.

    Args:
        database: The database.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._reading = threading.Lock()
        self._read: tuple[str, dict[str, Shadow]] | None = None

    def get(self, slot: Slot) -> Shadow | None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._reading:
            if self._read is None or self._read[0] != self._database.revision():
                self._read = self._database.read(self._all)
            return self._read[1].get(slot)

    def begin(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._database.changing() as connection:
            key = rows.model_key(connection, of.model_id)
            held = next((each for each in (slot, *SLOTS) if _of(connection, each) == of), None)
            if held == slot:
                connection.execute(delete(shadows).where(shadows.c.slot == slot, shadows.c.code.is_not(None)))
            else:
                connection.execute(delete(shadows).where(shadows.c.slot == slot))
            if held and held != slot:
                kept = select(literal(slot), shadows.c.template_id, *shadows.c[_FACE])
                kept = kept.where(shadows.c.slot == held, shadows.c.code.is_(None))
                connection.execute(insert(shadows).from_select(["slot", "template_id", *_FACE], kept))
            _name(connection, slot, of.setting, key)
            chosen = connection.scalar(select(settings.c.value).where(settings.c.name == "model"))
            if chosen is None:
                rows.save_settings(connection, {"model": in_use.setting})

    def add(
        self, slot: Slot, of: ModelChoice, found: Iterable[Template], unfound: Sequence[tuple[Template, Unfound]]
    ) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        none = dict.fromkeys((*_FACE, "code", "reason"))
        records = {template.id: (template, none | rows.face_values(template)) for template in found}
        records |= {t.id: (t, none | {"code": why.code, "reason": rows.readable(why.reason)}) for t, why in unfound}
        with self._database.changing() as connection:
            check_choice(_of(connection, slot), of)
            columns = templates.c["id", "photo_sha256"]
            enrolled = connection.execute(select(*columns).where(templates.c.id.in_(list(records)))).all()
            photos = {each.id: each.photo_sha256 for each in enrolled}
            fitting = [
                {"slot": slot, "template_id": key, **values}
                for key, (template, values) in records.items()
                if photos.get(key) == template.photo_sha256
            ]
            if fitting:
                added = insert(shadows)
                fresh = {name: added.excluded[name] for name in none}
                added = added.on_conflict_do_update(index_elements=["slot", "template_id"], set_=fresh)
                connection.execute(added, fitting)

    def discard(self, slot: Slot) -> None:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._database.changing() as connection:
            _empty(connection, slot)

    def swap(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> bool:
        """See :class:`~facenet_core.store.parts.ShadowSlots`."""
        with self._database.changing() as connection:
            check_choice(_of(connection, slot), of)
            model, former = (rows.model_key(connection, each.model_id) for each in (of, in_use))
            own = (shadows.c.slot == slot) & (shadows.c.template_id == templates.c.id)
            foreign = templates.c.model != model
            unknown = select(templates.c.id).where(foreign, ~select(shadows.c.slot).where(own).exists())
            if connection.execute(unknown.limit(1)).first():
                return False
            usable = own & shadows.c.code.is_(None)
            displaced = select(literal(_DISPLACED), templates.c.id, *templates.c[_FACE]).select_from(templates)
            displaced = displaced.join(shadows, usable).where(foreign, templates.c.model == former)
            connection.execute(insert(shadows).from_select(["slot", "template_id", *_FACE], displaced))
            fresh = {name: shadows.c[name] for name in _FACE}
            # Drawn by the server: a number of ours would be the same for all.
            stamp = func.hashtextextended(templates.c.id, literal(secrets.randbits(63)))
            swapped = update(templates).where(foreign, usable).values(**fresh, model=model, stamp=stamp)
            connection.execute(swapped)
            for held in SLOTS:
                if (other := _of(connection, held)) and other.model_id == of.model_id:
                    _empty(connection, held)
            if of.model_id != in_use.model_id:
                _empty(connection, "previous")
                moved = update(shadows).where(shadows.c.slot == _DISPLACED).values(slot="previous")
                connection.execute(moved)
                _name(connection, "previous", in_use.setting, former)
            rows.save_settings(connection, {"model": of.setting})
            return True

    def _all(self, connection: Connection) -> tuple[str, dict[str, Shadow]]:
        revision = self._database.seen(connection)
        return revision, {slot: self._shadow(connection, slot, of) for slot in SLOTS if (of := _of(connection, slot))}

    def _shadow(self, connection: Connection, slot: Slot, of: ModelChoice) -> Shadow:
        both = select(templates, *(shadows.c[name].label(f"shadow_{name}") for name in (*_FACE, "code", "reason")))
        both = both.join(shadows, shadows.c.template_id == templates.c.id).where(shadows.c.slot == slot)
        every = connection.execute(both).all()
        unfound = {each.id: Unfound(each.shadow_code, each.shadow_reason) for each in every if each.shadow_code}
        found = [
            rows.Row(
                each.id,
                each.person_id,
                each.photo_sha256,
                each.source_sha256,
                each.source_name,
                each.created_at,
                0,
                each.shadow_detection,
                each.shadow_embedding,
                each.place,
                each.stamp,
            )
            for each in every
            if not each.shadow_code
        ]
        made = rows.decoded(found, {0: of.model_id}, self._database.place)
        return Shadow(of, {template.id: template for template in made}, unfound)


def _of(connection: Connection, slot: Slot) -> ModelChoice | None:
    head = connection.execute(select(shadow_heads).where(shadow_heads.c.slot == slot)).first()
    return ModelChoice(head.setting, rows.model_ids(connection)[head.model]) if head else None


def _name(connection: Connection, slot: Slot, setting: str, model: int) -> None:
    head = {"setting": setting, "model": model}
    named = insert(shadow_heads).values(slot=slot, **head)
    connection.execute(named.on_conflict_do_update(index_elements=["slot"], set_=head))


def _empty(connection: Connection, slot: Slot) -> None:
    connection.execute(delete(shadows).where(shadows.c.slot == slot))
    connection.execute(delete(shadow_heads).where(shadow_heads.c.slot == slot))
