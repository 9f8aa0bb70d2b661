from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from facenet_core.errors import DatabaseWriteError, StoreError, UnknownPhotoError
from facenet_core.store import PhotoFiles

HELLO = sha256(b"hello").hexdigest()


def test_a_photo_comes_back_as_it_was_put(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path / "db")
    assert photos.put(b"hello") == HELLO
    assert photos.read(HELLO) == b"hello"
    assert photos.path(HELLO) == tmp_path / "db" / "photos" / HELLO[:2] / f"{HELLO}.webp"
    assert photos.all() == {HELLO}


def test_photos_are_for_their_owner_only(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path / "db")
    path = photos.path(photos.put(b"hello"))
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, photos.folder, tmp_path / "db"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_putting_a_photo_twice_writes_it_once(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.put(b"hello")
    before = photos.path(HELLO).stat()
    photos.put(b"hello")
    assert photos.path(HELLO).stat().st_ino == before.st_ino


def test_putting_a_photo_heals_a_damaged_file(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.path(photos.put(b"hello")).write_bytes(b"hel")
    photos.put(b"hello")
    assert photos.read(HELLO) == b"hello"


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=rf"{HELLO}\.webp: this photo is missing"):
        PhotoFiles(tmp_path).read(HELLO)


def test_a_damaged_photo_is_never_handed_out(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.path(photos.put(b"hello")).write_bytes(b"hellO")
    with pytest.raises(StoreError, match=rf"{HELLO}\.webp: this photo is damaged"):
        photos.read(HELLO)


def test_a_photo_that_cant_be_read_is_not_called_missing(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.path(HELLO).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"can't be read \(Is a directory\)"):
        photos.read(HELLO)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a" * 63, "A" * 64, HELLO + "\n", "/" + HELLO])
def test_a_path_from_outside_is_never_followed(tmp_path: Path, name: str) -> None:
    photos = PhotoFiles(tmp_path)
    for action in (photos.path, photos.read, photos.remove):
        with pytest.raises(UnknownPhotoError, match="no such photo"):
            action(name)


def test_a_removed_photo_is_gone_and_can_be_removed_again(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    photos.put(b"hello")
    photos.remove(HELLO)
    photos.remove(HELLO)
    assert photos.all() == frozenset()


def test_a_full_disk_leaves_no_part_of_a_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = PhotoFiles(tmp_path)
    photos.path(HELLO).parent.mkdir(parents=True)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DatabaseWriteError, match=r"webp: .*\(No space left on device\)"):
        photos.put(b"hello")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_sweeping_deletes_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    photos = PhotoFiles(tmp_path)
    kept, unused = photos.put(b"kept"), photos.put(b"unused")
    unfinished = photos.path(kept).with_name(f"{kept}.webp.0123.tmp")
    foreign = photos.path(kept).with_name("notes.txt")
    misplaced = photos.folder / ("00" if not kept.startswith("00") else "01") / f"{kept}.webp"
    misplaced.parent.mkdir(exist_ok=True)
    for path in (unfinished, foreign, misplaced):
        path.write_bytes(b"")
    assert photos.all() == {kept, unused}
    assert photos.sweep(frozenset([kept])) == 2
    assert photos.all() == {kept}
    assert not unfinished.exists()
    assert foreign.exists()
    assert misplaced.exists()
