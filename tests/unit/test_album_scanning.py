"""What a folder tree is compared with, and what the system refuses meanwhile."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from facenet_core.album.records import KnownFile
from facenet_core.album.scanning import UNREADABLE, Changes, changes
from facenet_core.errors import AlbumError

KNOWN = {b"a.jpg": KnownFile(1, 1, 1, 1, None), b"deep/b.jpg": KnownFile(2, 1, 1, 2, None)}


def scanned(root: Path, known: dict[bytes, KnownFile] | None = None) -> Changes:
    return changes(root, known or {}, lambda file: False)


@contextmanager
def few_descriptors(spare: int) -> Iterator[None]:
    """Lets the process open only so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open("rb") as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Broken:
    """A listing that ends with an error after its first entry."""

    def __init__(self, entries: Sequence[os.DirEntry[bytes]]) -> None:
        self._entries = entries

    def __enter__(self) -> Broken:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leaves the rest unread."""

    def __iter__(self) -> Iterator[os.DirEntry[bytes]]:
        yield self._entries[0]
        raise OSError(5, "Input/output error")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of folders whose listings break; none yet."""
    names: set[str] = set()
    scandir = os.scandir

    def listing(path: bytes) -> object:
        if Path(os.fsdecode(path)).name not in names:
            return scandir(path)
        with scandir(path) as whole:
            return Broken(list(whole))

    monkeypatch.setattr(os, "scandir", listing)
    return names


def test_more_folders_side_by_side_than_a_process_may_open_are_all_read(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "a.jpg").write_bytes(b"photo")
    with few_descriptors(spare=20):
        found = scanned(tmp_path)
    assert [entry.problem for entry in found.fresh] == [None] * 200


def test_a_listing_that_breaks_off_is_a_folder_that_can_t_be_read(tmp_path: Path, failing: set[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.jpg").write_bytes(b"photo")
    (tmp_path / "z.jpg").write_bytes(b"photo")
    failing.add("deep")
    found = scanned(tmp_path, KNOWN)
    assert {entry.path: entry.problem for entry in found.fresh} == {
        b"deep": (UNREADABLE, "This folder can't be read (Input/output error)."),
        b"z.jpg": None,
    }
    assert found.gone == (1,), "what is in the folder that can't be read is not gone"


def test_a_listing_of_the_whole_folder_that_breaks_off_is_an_error_in_words(tmp_path: Path, failing: set[str]) -> None:
    (tmp_path / "c.jpg").write_bytes(b"photo")
    failing.add(tmp_path.name)
    with pytest.raises(AlbumError, match=r"this folder can't be read \(Input/output error\)"):
        scanned(tmp_path, KNOWN)
