"""Found photos, packed to be taken along."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from facenet_core.album.packing import COLUMNS, MANIFEST, pack, parts
from facenet_core.album.records import AlbumFace, AlbumPhoto, Folder, Hit
from facenet_core.errors import AlbumError
from facenet_core.types import Box, Detection
from tests.fakes import landmarks


class Originals:
    """Photos by their paths; what is not here can't be read."""

    def __init__(self, **content: bytes) -> None:
        self.content = {sha256(data).hexdigest(): data for data in content.values()}

    def folders(self) -> tuple[Folder, ...]:
        return (Folder(1, Path("/x"), datetime(2026, 11, 22, tzinfo=UTC), 1, 0),)

    def original(self, photo: AlbumPhoto) -> bytes:
        try:
            return self.content[photo.sha256]
        except KeyError:
            raise AlbumError(f"{photo.name}: this photo can't be read.") from None


def hit(content: bytes, *paths: str, distance: float = 0.5) -> Hit:
    box = Box(10.4, 20.6, 110.0, 140.0)
    face = AlbumFace(1, 1, Detection(box, landmarks(box), 0.99), True)
    key = sha256(content).hexdigest()
    return Hit(AlbumPhoto(1, key, 640, 480, tuple(map(Path, paths))), (face,), distance, 12345.6)


def packed(originals: Originals, *hits: Hit) -> tuple[int, dict[str, bytes], list[dict[str, str]]]:
    """How many photos there are, the files of the zip file, and the rows of its manifest."""
    target = io.BytesIO()
    number = pack(originals, hits, target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    rows = list(csv.DictReader(io.StringIO(content.pop(MANIFEST).decode(), newline="")))
    assert all(tuple(row) == COLUMNS for row in rows)
    return number, content, rows


def test_photos_are_packed_as_they_are_with_where_each_is_from() -> None:
    number, content, rows = packed(
        Originals(a=b"photo a", b=b"photo b"), hit(b"photo a", "/x/one.jpg"), hit(b"photo b", "/x/more/two.png")
    )
    assert number == 2
    assert content == {"photos/x/one.jpg": b"photo a", "photos/x/more/two.png": b"photo b"}
    assert rows[0] == {
        "path": "x/one.jpg", "file": "photos/x/one.jpg", "sha256": sha256(b"photo a").hexdigest(),
        "distance": "0.5000", "one_in": "12346", "box": "10 21 110 140", "problem": "",
    }  # fmt: skip
    assert rows[1]["path"] == "x/more/two.png"


def test_nothing_found_is_an_empty_manifest() -> None:
    assert packed(Originals()) == (0, {}, [])


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((), []),
        ((1, 1, 1, 1), [[0, 1, 2], [3]]),  # three photos at most
        ((60, 40, 1), [[0, 1], [2]]),  # and a hundred bytes
        ((60, 41), [[0], [1]]),
        ((500, 500, 20), [[0], [1], [2]]),  # one that is too large alone is a part of its own
        ((20, 500, 20, 20), [[0], [1], [2, 3]]),
        ((None, 100, None), [[0, 1, 2]]),  # what is gone is in the manifest alone
    ],
)
def test_photos_come_in_parts_of_so_many_and_of_so_many_bytes(
    tmp_path: Path, sizes: tuple[int | None, ...], expected: list[list[int]]
) -> None:
    hits = []
    for number, size in enumerate(sizes):
        path = tmp_path / f"{number}.jpg"
        if size is not None:
            path.write_bytes(bytes(size))
        hits.append(hit(b"%d" % number, str(tmp_path / "gone.jpg"), str(path)))
    assert [[hits.index(each) for each in part] for part in parts(hits, 3, 100)] == expected


def test_files_beyond_the_first_part_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(9)]
    for path in paths:
        path.write_bytes(b"photo")
    looked, stat = [], Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: looked.append(path) or stat(path))
    assert len(next(parts([hit(b"%d" % n, str(path)) for n, path in enumerate(paths)], 2, 1000))) == 2
    assert looked == paths[:3]


def test_namesakes_are_told_apart() -> None:
    hits = [hit(content, f"/{folder}/album/IMG_1.jpg") for content, folder in ((b"1", "a"), (b"2", "b"), (b"3", "c"))]
    number, content, rows = packed(Originals(a=b"1", b=b"2", c=b"3"), *hits)
    assert number == 3
    names = ["photos/album/IMG_1.jpg", "photos/album/IMG_1-2.jpg", "photos/album/IMG_1-3.jpg"]
    assert list(content) == names == [row["file"] for row in rows]


def test_names_that_differ_in_case_alone_do_not_overwrite_each_other_on_a_mac() -> None:
    _, content, _ = packed(Originals(a=b"1", b=b"2"), hit(b"1", "/x/IMG.JPG"), hit(b"2", "/x/img.jpg"))
    assert len({name.casefold() for name in content}) == 2


def test_a_photo_that_can_t_be_read_is_noted_and_the_others_packed() -> None:
    number, content, rows = packed(Originals(b=b"2"), hit(b"1", "/x/gone.jpg"), hit(b"2", "/x/gone.jpg"))
    assert number == 1
    assert content == {"photos/x/gone.jpg": b"2"}
    assert [(row["file"], row["problem"]) for row in rows] == [
        ("", "gone.jpg: this photo can't be read."), ("photos/x/gone.jpg", "")
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["=cmd.jpg", "+1.jpg", "-1.jpg", "@sum.jpg"])
def test_no_cell_is_a_formula(name: str) -> None:
    for originals in (Originals(a=b"1"), Originals()):
        _, _, (row,) = packed(originals, hit(b"1", f"/{name}/{name}"))
        assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_no_name_leads_out_of_the_folder_where_it_is_unpacked() -> None:
    _, content, _ = packed(Originals(a=b"1", b=b"2"), hit(b"1", "/x/..\\..\\evil.jpg"), hit(b"2", "/x/c:evil.jpg"))
    assert not [name for name in content if "\\" in name or ":" in name or "/../" in name]


def test_names_that_are_no_text_are_packed() -> None:
    number, content, rows = packed(Originals(a=b"1"), hit(b"1", "/x/caf\udce9.jpg"))
    assert (number, list(content.values())) == (1, [b"1"])
    assert rows[0]["path"] == "x/caf?.jpg"
