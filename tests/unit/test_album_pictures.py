"""Small pictures of an album: written whole or not at all, and made again when they are damaged."""

from __future__ import annotations

import errno
import io
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenet_core import images
from facenet_core.album.pictures import Drawn, Pictures
from facenet_core.config import Settings
from facenet_core.errors import StoreError
from tests.albums import Scene
from tests.fakes import RED

KEY = "0b94703d5cb70ca2"

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "without its last byte": lambda whole: whole[:-1],
    "zeros at the end": lambda whole: whole[: len(whole) // 2].ljust(len(whole), b"\0"),
    "zeros": lambda whole: bytes(len(whole)),
    "zeros within": lambda whole: bytes(len(whole) - 2) + whole[-2:],
}


def drawn(seed: int) -> Drawn:
    """Other pictures for another seed."""
    some = np.random.default_rng(seed).integers(0, 255, (2, 90, 120, 3), dtype=np.uint8)
    return Drawn(images.thumbnail(some[0], 120), (images.thumbnail(some[1], 60),))


@pytest.fixture
def scene(settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(settings, tmp_path / "photos")
    with closing(scene):
        yield scene


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_pictures_are_made_again(scene: Scene, damage: str) -> None:
    scene.put("a.png", RED)
    scene.index()
    photo = scene.photo("a.png")
    (face,) = scene.album.faces_on(photo)
    whole = scene.album.thumbnail(photo), scene.album.crop(face)
    for path in (scene.settings.db / "album" / "pictures").rglob("*.jpg"):
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert scene.album.thumbnail(photo) == whole[0]
    for path in (scene.settings.db / "album" / "pictures").rglob("*.jpg"):
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert scene.album.crop(face) == whole[1]
    for picture in whole:
        Image.open(io.BytesIO(picture)).load()


def test_what_can_t_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, before = Pictures(tmp_path), drawn(1)
    pictures.put(KEY, [7], before)

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left"):
        pictures.put(KEY, [7], drawn(2))
    assert (pictures.thumbnail(KEY), pictures.crop(KEY, 7)) == (before.thumbnail, before.crops[0])
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_nobody_sees_a_picture_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, before, after = Pictures(tmp_path), drawn(1), drawn(2)
    pictures.put(KEY, [7], before)
    write, seen = Path.write_bytes, []

    def watched(path: Path, content: bytes) -> int:
        write(path, content[:10])
        seen.append((pictures.thumbnail(KEY), pictures.crop(KEY, 7)))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", watched)
    pictures.put(KEY, [7], after)
    assert seen == [(before.thumbnail, before.crops[0]), (after.thumbnail, before.crops[0])]
    assert (pictures.thumbnail(KEY), pictures.crop(KEY, 7)) == (after.thumbnail, after.crops[0])


def test_pictures_are_for_their_owner_alone(tmp_path: Path) -> None:
    Pictures(tmp_path).put(KEY, [7], drawn(1))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.jpg")} == {0o600}


def test_a_face_that_was_forgotten_meanwhile_is_still_drawn(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    (face,) = scene.album.faces_on(scene.photo("a.png"))
    drawn = scene.album.crop(face)
    assert scene.album.crop(replace(face, id=face.id + 1)) == drawn
