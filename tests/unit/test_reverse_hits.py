"""Removing somebody whom a search of the reverse index has found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from facenet_core import images
from facenet_core.config import Settings
from facenet_core.errors import ReverseError
from facenet_core.reverse.blanking import sample_of_thumbnail
from facenet_core.reverse.index import ReverseIndex
from facenet_core.reverse.records import Hit
from facenet_core.thresholds import Targets
from facenet_core.types import Box, Detection
from tests.fakes import BLUE, DARK_RED, MEASURED, RED, fake_engine, landmarks, photo
from tests.public_pictures import Pictures

ORANGE = (220, 90, 30)
"""0.35 from red: another picture of the same person."""


@pytest.fixture
def index(settings: Settings) -> Iterator[ReverseIndex]:
    engine = fake_engine()
    found = ReverseIndex(
        settings.model_copy(update={"reverse": True}), lambda: engine, lambda: MEASURED, lambda: Targets(1e-3, 1e-2)
    )
    web = Pictures()
    for number, colours in enumerate([(RED,), (DARK_RED,), (ORANGE, BLUE), (BLUE,)]):
        web.put(f"{number}.png", photo(*colours, mark=number))
    web.crawled_by(found)
    yield found
    found.close()


def hits(index: ReverseIndex, *colours: tuple[int, int, int]) -> tuple[Hit, ...]:
    (face,) = fake_engine().analyse(images.decode(photo(*colours), "probe")).faces
    return index.search(face.embedding).hits


def test_whoever_was_found_is_removed_with_copies_and_barred(index: ReverseIndex) -> None:
    first, *_ = hits(index, RED)
    assert index.alike(first) == 3
    assert index.remove_hit(first) == 3
    assert hits(index, RED) == ()
    assert len(hits(index, BLUE)) == 1
    again = Pictures()
    again.put("new.png", photo(RED, mark=9))
    again.crawled_by(index)
    assert hits(index, RED) == ()


def test_the_limit_says_who_goes(index: ReverseIndex) -> None:
    first, *_ = hits(index, RED)
    assert index.alike(first, 0.2) == 2
    assert index.remove_hit(first, 0.2) == 2
    assert len(hits(index, RED)) == 1


def test_what_has_gone_meanwhile_is_not_removed_again(index: ReverseIndex) -> None:
    first, *_ = hits(index, RED)
    index.remove_hit(first)
    for gone in (index.alike, index.remove_hit):
        with pytest.raises(ReverseError, match="no longer in the index"):
            gone(first)
    assert len(index.removals()) == 1


def test_another_model_knows_a_tiny_face_by_what_was_kept_of_it() -> None:
    pixels = np.full((270, 360, 3), 255, np.uint8)
    pixels[100:112, 200:212] = RED
    box = Box(2000.0, 1000.0, 2120.0, 1120.0)
    sample = sample_of_thumbnail(images.thumbnail(pixels, 360), Detection(box, landmarks(box), 0.99), (3600, 2700))
    grown = images.decode(sample, "sample")
    assert max(grown.width, grown.height) == 480
    red = (np.abs(grown.pixels.astype(int) - RED).max(axis=2) < 40).mean()
    assert 0.04 < red < 0.2
