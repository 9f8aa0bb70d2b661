from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.errors import InputError
from facenet_core.evaluation import folders, read_folders
from tests.evaluation_photos import write_people
from tests.fakes import BLUE, GREEN, RED


def test_each_folder_is_a_person(tmp_path: Path) -> None:
    write_people(tmp_path, {"Bo": [[BLUE]], "Ann": [[RED], [RED]]})
    found = read_folders(tmp_path)
    assert found.people == ("Ann", "Bo")
    assert [path.name for path in found.photos] == ["Ann_0001.png", "Ann_0002.png", "Bo_0001.png"]
    assert found.person.tolist() == [0, 0, 1]


def test_what_is_hidden_or_no_photo_is_passed_over(tmp_path: Path) -> None:
    write_people(tmp_path, {"Ann": [[RED], [RED]], "Bo": [[BLUE]], ".git": [[GREEN]]})
    for name in ("readme.txt", "Ann/.hidden.png", "Ann/notes.txt", "loose.png"):
        (tmp_path / name).touch()
    (tmp_path / "Empty").mkdir()
    (tmp_path / "Ann" / "older.jpg").mkdir()
    found = read_folders(tmp_path)
    assert (found.people, len(found.photos)) == (("Ann", "Bo"), 3)


def test_all_kinds_of_photos_are_taken(tmp_path: Path) -> None:
    for name in ("Ann/a.JPG", "Ann/b.webp", "Bo/c.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert len(read_folders(tmp_path).photos) == 3


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({}, "at least two people, and found 0"),
        ({"Ann": [[RED], [RED]]}, "at least two people, and found 1"),
        ({"Ann": [[RED]], "Bo": [[BLUE]]}, "nobody has two photos"),
    ],
)
def test_folders_without_anything_to_compare_are_refused(
    tmp_path: Path, people: dict[str, list[list[object]]], why: str
) -> None:
    write_people(tmp_path / "people", people)
    (tmp_path / "people").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=why):
        read_folders(tmp_path / "people")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: this folder can't be read \(No such file"):
        read_folders(tmp_path / "none")


def test_more_photos_than_can_be_compared_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_PHOTOS", 2)
    write_people(tmp_path, {"Ann": [[RED], [RED]], "Bo": [[BLUE]]})
    with pytest.raises(InputError, match="3 photos are too many"):
        read_folders(tmp_path)
