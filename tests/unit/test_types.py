from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from facenet_core import types
from facenet_core.types import Basis, Box, OneIn, Photo

VALUES = [value for value in vars(types).values() if dataclasses.is_dataclass(value)]


@pytest.mark.parametrize(
    ("strangers", "basis", "text"),
    [
        (4_123.4, "measured", "about 1 in 4,000"),
        (1_500.1, "measured", "about 1 in 2,000"),
        (999.6, "measured", "about 1 in 1,000"),
        (96.0, "measured", "about 1 in 100"),
        (37.0, "measured", "about 1 in 40"),
        (2.0, "measured", "about 1 in 2"),
        (1.0, "measured", "about 1 in 1"),
        (119_760.5, "bound", "fewer than 1 in 100,000"),
        (1_000_000.0, "bound", "fewer than 1 in 1,000,000"),
    ],
)
def test_a_rarity_is_told_with_one_digit(strangers: float, basis: Basis, text: str) -> None:
    assert str(OneIn(strangers, basis)) == text


def test_a_photo_knows_its_size() -> None:
    photo = Photo("wide.png", np.zeros((40, 90, 3), np.uint8), "0" * 64)
    assert (photo.width, photo.height) == (90, 40)


def test_a_box_knows_its_size() -> None:
    box = Box(10.5, 20, 30.5, 60)
    assert (box.width, box.height) == (20, 40)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_no_value_can_be_changed_by_mistake(value: type) -> None:
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_every_attribute_of_a_value_is_explained(value: type) -> None:
    if value in (Box, types.Landmarks):  # their one line says it
        return
    listed = (value.__doc__ or "").partition("Attributes:")[2]
    assert [f.name for f in dataclasses.fields(value) if f"{f.name}:" not in listed] == []
