from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import images, pipeline
from facenet_core.errors import ModelError, NotAPhotoError
from facenet_core.pipeline import Source, analyse_photos, analyse_together
from facenet_core.types import Analysis, Detection, Photo
from tests.fakes import BLUE, GREEN, RED, YELLOW, FakeDetector, FakeEmbedder, fake_engine, photo

COLOURS = (RED, GREEN, BLUE, YELLOW)


def of(*colours: tuple[int, int, int], name: str = "us.png") -> Photo:
    return images.decode(photo(*colours), name)


def refused() -> Photo:
    raise NotAPhotoError("b.png", "This file is empty.")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_photos_come_in_order_with_what_one_at_a_time_finds_in_each() -> None:
    engine = fake_engine()
    photos = [of(*COLOURS[: n % 5], name=f"{n}.png") for n in range(23)]
    found = list(analyse_photos(engine, [lambda p=p: p for p in photos]))
    for each, shown in zip(found, photos, strict=True):
        alone = engine.analyse(shown)
        assert isinstance(each, Analysis)
        assert each.photo is shown
        assert (each.prominent, each.model_id) == (alone.prominent, alone.model_id)
        assert [f.detection for f in each.faces] == [f.detection for f in alone.faces]
        for face, expected in zip(each.faces, alone.faces, strict=True):
            np.testing.assert_array_equal(face.embedding, expected.embedding)
            np.testing.assert_array_equal(face.crop, expected.crop)
        assert 0 < each.seconds < 60


def test_no_photos_are_no_answers() -> None:
    assert list(analyse_photos(fake_engine(), [])) == []
    assert analyse_together(fake_engine(), []) == []


def test_a_few_photos_are_embedded_at_once_and_only_the_faces_that_were_asked_for() -> None:
    engine, sizes = fake_engine(), []
    embed = engine.embedder.embed
    engine.embedder.embed = lambda crops: sizes.append(len(crops)) or embed(crops)  # type: ignore[method-assign]
    given = [of(RED, GREEN, BLUE), of(YELLOW), of()]
    found = analyse_together(
        engine, [(lambda: given[0], 3), (lambda: given[1], "prominent"), (lambda: given[2], "all")]
    )
    assert [each.photo for each in found] == given
    assert [[face.embedding.size for face in each.faces] for each in found] == [[0, 0, 4], [4], []]
    expected = engine.analyse(given[0]).faces[2].embedding
    np.testing.assert_array_equal(found[0].faces[2].embedding, expected)
    assert sizes[0] == 2


def test_of_a_few_photos_the_first_that_can_not_be_used_is_the_error() -> None:
    with pytest.raises(NotAPhotoError, match=r"b\.png: This file is empty\."):
        analyse_together(fake_engine(), [(lambda: of(RED), "all"), (refused, "all")])
    assert threads() == []


def test_a_photo_that_can_not_be_used_is_an_answer_in_its_place() -> None:
    given: list[Source] = [lambda: of(RED, name="a.png"), refused, lambda: of(name="c.png")]
    first, second, third = analyse_photos(fake_engine(), given)
    assert isinstance(first, Analysis) and len(first.faces) == 1
    assert isinstance(second, NotAPhotoError) and str(second) == "b.png: This file is empty."
    assert isinstance(third, Analysis) and third.faces == ()


def test_faces_of_several_photos_are_embedded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    plain = FakeEmbedder.embed

    def embed(self: FakeEmbedder, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        together.append(len(crops))
        return plain(self, crops)

    monkeypatch.setattr(FakeEmbedder, "embed", embed)
    list(analyse_photos(fake_engine(), [lambda: of(RED, GREEN)] * 20))
    assert together == [16, 16, 8]


@pytest.mark.parametrize("limit", ["photos", "pixels"])
def test_only_so_many_photos_are_read_ahead(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    shown = of(RED)
    if limit == "photos":
        monkeypatch.setattr(pipeline, "MAX_HELD", 3)
    else:
        monkeypatch.setattr(pipeline, "MAX_HELD_PIXELS", 3 * shown.width * shown.height)
    asked = 0

    def sources() -> Iterator[Source]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield lambda: shown

    for answered, _ in enumerate(analyse_photos(fake_engine(), sources()), 1):
        assert asked <= answered + 3 + pipeline.AHEAD
    assert asked == 100


def test_stopping_early_ends_the_threads_and_reads_no_more() -> None:
    read = 0

    def source() -> Photo:
        nonlocal read
        read += 1
        return of(RED)

    answers = analyse_photos(fake_engine(), [source] * 1000)
    next(answers)
    assert threads()
    answers.close()
    assert not threads()
    assert read <= pipeline.MAX_HELD + pipeline.AHEAD + pipeline.WORKERS


def test_a_model_that_fails_is_an_error_and_ends_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: FakeDetector, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        raise ModelError("the model is gone")

    monkeypatch.setattr(FakeDetector, "detect", fail)
    with pytest.raises(ModelError, match="the model is gone"):
        list(analyse_photos(fake_engine(), [lambda: of(RED)] * 9))
    assert not threads()
