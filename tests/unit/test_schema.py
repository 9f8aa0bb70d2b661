from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from facenet_core.store import fields, schema
from facenet_core.store.fields import RecordError
from facenet_core.types import ModelId, Template
from tests.unit.store_workers import DETECTION, MODEL, embedding

NOW = datetime(2026, 3, 14, 15, 9, 26, 535897, UTC)
TEMPLATE = Template(
    id="0" * 31 + "1",
    person_id="a" * 32,
    photo_sha256="b" * 64,
    source_sha256="c" * 64,
    source_name="Zoë's photo.jpg",
    detection=DETECTION,
    embedding=embedding("x"),
    model_id=MODEL,
    created_at=NOW,
)


def through_json(record: Any) -> Any:
    return json.loads(json.dumps(record, allow_nan=False))


def test_a_template_survives_the_way_to_its_record_and_back() -> None:
    back = schema.decode_template(through_json(schema.encode_template(TEMPLATE)))
    assert np.array_equal(back.embedding, TEMPLATE.embedding)
    assert back.embedding.dtype == np.float32
    assert replace(back, embedding=TEMPLATE.embedding) == TEMPLATE


def test_numbers_of_numpy_are_stored_too() -> None:
    numbers: Any = {"left": np.float32(1.5), "top": np.int64(2)}
    box = replace(DETECTION.box, **numbers)
    detection = replace(DETECTION, box=box, confidence=np.float64(0.5))
    back = schema.decode_template(through_json(schema.encode_template(replace(TEMPLATE, detection=detection))))
    assert back.detection == detection


def test_an_embedding_is_stored_as_little_endian_float32() -> None:
    one = np.array([0, 1], np.float32)
    assert base64.b64decode(fields.encode_embedding(one, 2)) == b"\0\0\0\0\0\0\x80\x3f"
    assert fields.encode_embedding(one.astype(">f4"), 2) == fields.encode_embedding(one, 2)


def test_an_embedding_from_the_database_cant_be_changed_by_accident() -> None:
    decoded = fields.decode_embedding(fields.encode_embedding(embedding("x"), 8), 8)
    with pytest.raises(ValueError, match="read-only"):
        decoded[0] = 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.ones(7) / np.sqrt(7), r"expected an embedding of shape \(8,\), got \(7,\)"),
        (np.ones((1, 8)) / np.sqrt(8), r"got \(1, 8\)"),
        (np.zeros(8), "length 0 instead of 1"),
        (np.ones(8), "length 2.83 instead of 1"),
        (np.array([np.nan] * 8), "not finite"),
        (np.array([np.inf] + [0] * 7), "not finite"),
        (np.array([3e38] * 8), "instead of 1"),
    ],
)
def test_what_is_no_embedding_is_never_stored(values: Any, sentence: str) -> None:
    wrong = replace(TEMPLATE, embedding=values.astype(np.float32))
    with pytest.raises(ValueError, match=sentence):
        schema.encode_template(wrong)


@pytest.mark.parametrize("field", ["photo_sha256", "source_sha256"])
def test_what_is_no_hash_is_never_stored(field: str) -> None:
    wrong: dict[str, Any] = {field: "../" + "b" * 61}
    with pytest.raises(ValueError, match="64 hex digits"):
        schema.encode_template(replace(TEMPLATE, **wrong))


def test_a_file_name_that_is_no_text_is_stored_as_far_as_it_is() -> None:
    record = schema.encode_template(replace(TEMPLATE, source_name="photo\udcff.jpg"))
    assert record["source_name"] == "photo?.jpg"


def test_times_are_stored_in_utc() -> None:
    in_berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    assert fields.encode_time(in_berlin) == "2026-03-14T15:09:26.535897+00:00"
    assert fields.decode_time("2026-03-14T16:09:26.535897+01:00") == NOW
    assert fields.decode_time("2026-03-14T16:09:26.535897+01:00").tzinfo is UTC


def test_a_time_without_its_zone_is_never_stored() -> None:
    with pytest.raises(ValueError, match="time zone"):
        fields.encode_time(NOW.replace(tzinfo=None))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-14T15:09:26", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_time_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(RecordError, match="no time"):
        fields.decode_time(text)


def spoilt(*path: str | int, value: Any = None) -> Callable[[Any], None]:
    def spoil(record: Any) -> None:
        for step in path[:-1]:
            record = record[step]
        if value is None:
            del record[path[-1]]
        else:
            record[path[-1]] = value

    return spoil


def floats(*values: float) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoilt("id"), "no id"),
        (spoilt("person_id", value=7), "no person_id"),
        (spoilt("source_name"), "no source_name"),
        (spoilt("created_at"), "no created_at"),
        (spoilt("created_at", value="soon"), "no time"),
        (spoilt("photo_sha256", value="../../x"), "hash"),
        (spoilt("source_sha256", value="C" * 64), "hash"),
        (spoilt("model"), "no model"),
        (spoilt("model", "weights_sha256"), "no weights_sha256"),
        (spoilt("model", "dimensions", value="8"), "dimensions"),
        (spoilt("model", "dimensions", value=0), "dimensions"),
        (spoilt("model", "dimensions", value=16), "32 bytes instead of 64"),
        (spoilt("embedding"), "no embedding"),
        (spoilt("embedding", value="%%%%"), "not base64"),
        (spoilt("embedding", value=floats(1, 0, 0)), "12 bytes instead of 32"),
        (spoilt("embedding", value=floats(*[0.5] * 8)), "length 1.41 instead of 1"),
        (spoilt("embedding", value=floats(np.nan, *[0] * 7)), "not finite"),
        (spoilt("embedding", value=floats(np.inf, -np.inf, *[0] * 6)), "not finite"),
        (spoilt("embedding", value=floats(*[3e38] * 8)), "instead of 1"),
        (spoilt("detection"), "no detection"),
        (spoilt("detection", "box"), "no box"),
        (spoilt("detection", "box", value=[1, 2, 3]), "no box"),
        (spoilt("detection", "box", value=[1, 2, 3, "4"]), "no box"),
        (spoilt("detection", "box", value=[1, 2, 3, 10**400]), "no box"),
        (spoilt("detection", "confidence"), "no confidence"),
        (spoilt("detection", "confidence", value=float("nan")), "not finite"),
        (spoilt("detection", "landmarks", 4), "five points"),
        (spoilt("detection", "landmarks", 0, value=[1]), "no points"),
        (spoilt("detection", "landmarks", 0, value=[1, float("inf")]), "not finite"),
    ],
)
def test_a_record_that_was_never_written_like_this_is_refused(spoil: Callable[[Any], None], reason: str) -> None:
    record = through_json(schema.encode_template(TEMPLATE))
    spoil(record)
    with pytest.raises(RecordError, match=reason):
        schema.decode_template(record)


def test_an_embedding_may_be_off_by_rounding() -> None:
    almost = TEMPLATE.embedding * np.float32(1.0009)
    assert np.array_equal(fields.decode_embedding(fields.encode_embedding(almost, 8), 8), almost)


def test_people_come_sorted_by_name_and_their_photos_oldest_first() -> None:
    people = [schema.encode_person(i * 32, name, NOW) for i, name in (("b", "bert"), ("a", "Anna"), ("c", "Cleo"))]
    templates = [
        schema.encode_template(replace(TEMPLATE, id=i, person_id="a" * 32, created_at=NOW + timedelta(seconds=s)))
        for i, s in (("young", 2), ("old", 1), ("young too", 2))
    ]
    decoded = schema.decode_people(people, templates)
    assert [person.name for person in decoded] == ["Anna", "bert", "Cleo"]
    assert [template.id for template in decoded[0].templates] == ["old", "young", "young too"]
    assert decoded[1].templates == ()
    assert decoded[0].created_at == NOW


def test_a_photo_that_belongs_to_nobody_is_damage() -> None:
    with pytest.raises(RecordError, match="belongs to nobody"):
        schema.decode_people([], [schema.encode_template(TEMPLATE)])


def test_ids_are_fresh_and_recognised() -> None:
    ids = {schema.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(schema.is_id(i) for i in ids)
    assert not any(schema.is_id(text) for text in ("", "0" * 31, "0" * 33, "G" * 32, "../" + "0" * 29))


def test_templates_of_several_models_live_side_by_side() -> None:
    other = ModelId("other", "none", "e" * 64, 16)
    template = replace(TEMPLATE, model_id=other, embedding=embedding("x", 16))
    back = schema.decode_template(through_json(schema.encode_template(template)))
    assert back.model_id == other
    assert back.embedding.shape == (16,)


def test_a_template_remembers_in_which_numbers_it_was_computed() -> None:
    template = replace(TEMPLATE, model_id=replace(TEMPLATE.model_id, engine="bfloat16"))
    record = through_json(schema.encode_template(template))
    assert schema.decode_template(record).model_id.engine == "bfloat16"
    del record["model"]["engine"]  # as older programs wrote it
    assert schema.decode_template(record).model_id.engine == "float32"
    record["model"]["engine"] = "steam"
    with pytest.raises(fields.RecordError, match="a model's engine is not known"):
        schema.decode_template(record)
