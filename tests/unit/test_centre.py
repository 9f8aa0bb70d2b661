from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

import facenet_core
from facenet_core.centre import Centre, centre_for, cross_centred, first_half
from facenet_core.types import ModelId

ENTRIES = json.loads((Path(facenet_core.__file__).parent / "centres.json").read_text("utf-8"))["models"]


def model(entry: dict[str, str], dimensions: int = 512) -> ModelId:
    return ModelId(entry["model"], entry["preprocessing"], entry["weights_sha256"], dimensions)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["preprocessing"]))
def test_a_shipped_mean_is_that_of_unit_vectors_and_of_no_single_face(entry: dict[str, str]) -> None:
    found = centre_for(model(entry))
    assert found is not None
    assert found.mean.shape == (512,)
    assert found.mean.dtype == np.float32
    # One face would have length 1; faces with nothing in common, next to 0.
    assert 0.05 < np.linalg.norm(found.mean) < 0.5


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["preprocessing"]))
def test_thresholds_were_measured_with_the_mean_that_ships(entry: dict[str, str]) -> None:
    found = centre_for(model(entry))
    assert found is not None
    thresholds = json.loads((Path(facenet_core.__file__).parent / "thresholds.json").read_text("utf-8"))["models"]
    assert f"{entry['preprocessing']}-{found.id}" in {t["preprocessing"] for t in thresholds}


def test_other_weights_another_crop_and_another_length_have_no_mean() -> None:
    known = model(ENTRIES[0])
    assert centre_for(ModelId(known.model, known.preprocessing, "0" * 64, 512)) is None
    assert centre_for(ModelId(known.model, "another", known.weights_sha256, 512)) is None
    assert centre_for(ModelId(known.model, known.preprocessing, known.weights_sha256, 128)) is None


def test_a_mean_is_named_by_its_content() -> None:
    mean = np.arange(4, dtype=np.float32)
    assert Centre(mean).id == Centre(mean.copy()).id != Centre(mean + 1).id
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(Centre(mean).encoded()), "<f4"), mean)


def test_nobody_has_seen_their_own_mean() -> None:
    person = np.repeat(np.arange(10), 3)
    half = first_half(person)
    assert all(len(set(half[person == p])) == 1 for p in range(10))
    assert half.sum() == 15
    embeddings = np.where(half[:, None], [1.0, 0.0], [0.0, 1.0]).astype(np.float32)
    np.testing.assert_array_equal(cross_centred(embeddings, person), np.where(half[:, None], [1, -1], [-1, 1]))
