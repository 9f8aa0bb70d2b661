"""Templates of a model that is not in use, as records, and back.

::

    shadows              <slot>         setting, model
    candidate, previous  <template id>  photo_sha256, detection, embedding
                                        or photo_sha256, code, reason

A slot holds templates of one model, which ``shadows`` names once for all of
them. ``candidate`` is being rehearsed; ``previous`` was in use before. What a
record does not say is as in the template of the same id and photo; one that
fits none is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, get_args

from facenet_core.store import schema
from facenet_core.store.content import Tables
from facenet_core.store.fields import RecordError
from facenet_core.store.schema import Record, decode_engine
from facenet_core.types import ModelChoice, ModelId, Shadow, Template, Unfound

Slot = Literal["candidate", "previous"]

SLOTS: tuple[Slot, ...] = get_args(Slot)

HEADS = "shadows"
"""The table that says which model a slot holds templates of."""


def encode_choice(of: ModelChoice) -> dict[str, Any]:
    """Return the record that says which model a slot holds templates of.

    Args:
        of: The model.
    """
    return {"setting": of.setting, "model": asdict(of.model_id)}


def encode_shadow(template: Template) -> dict[str, Any]:
    """Return the record of a template of a model that is not in use.

    Args:
        template: The template.

    Raises:
        ValueError: Its embedding is not a unit vector of its model's length.
    """
    face = schema.encode_face(template)
    return shadow_of({"photo_sha256": template.photo_sha256, **face})


def shadow_of(template: Record) -> dict[str, Any]:
    """Return the part of a template's record that a shadow keeps.

    Args:
        template: The record.
    """
    return {field: template[field] for field in ("photo_sha256", "detection", "embedding")}


def encode_unfound(template: Template, why: Unfound) -> dict[str, Any]:
    """Return the record of a photo that a model has no template of.

    Args:
        template: The template in use.
        why: The reason.
    """
    return {"photo_sha256": template.photo_sha256, **asdict(why)}


def decode_choice(record: Record) -> ModelChoice:
    """Return the model that a slot holds templates of.

    Args:
        record: Its record.

    Raises:
        RecordError: It can't be decoded.
    """
    setting, model = record.get("setting"), record.get("model")
    if not isinstance(setting, str) or not isinstance(model, dict):
        raise RecordError("a shadow has no model")
    try:
        model_id = ModelId(**model)
    except TypeError as error:
        raise RecordError("a shadow's model is none") from error
    decode_engine(model)
    texts = (model_id.model, model_id.preprocessing, model_id.weights_sha256)
    if not all(isinstance(text, str) for text in texts) or not isinstance(model_id.dimensions, int):
        raise RecordError("a shadow's model is none")
    return ModelChoice(setting, model_id)


def decode_shadows(tables: Tables) -> dict[Slot, Shadow]:
    """Return the shadows that there are.

    Args:
        tables: All tables.

    Raises:
        RecordError: A record can't be decoded.
    """
    heads, templates = tables.get(HEADS, {}), tables.get("templates", {})
    return {slot: _decode(heads[slot], tables.get(slot, {}), templates) for slot in SLOTS if slot in heads}


def _decode(head: Record, rows: Mapping[str, Record], templates: Mapping[str, Record]) -> Shadow:
    of = decode_choice(head)
    found, unfound = {}, {}
    for key, row in rows.items():
        template = templates.get(key)
        if template is None or template.get("photo_sha256") != row.get("photo_sha256"):
            continue
        if "code" in row:
            unfound[key] = Unfound(str(row["code"]), str(row.get("reason")))
        else:
            found[key] = schema.decode_template({**template, **row, "model": head["model"]})
    return Shadow(of, found, unfound)
