from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from facenet_core.errors import InputError
from facenet_core.evaluation import read_pairs
from tests.evaluation_photos import write_pairs, write_people
from tests.fakes import BLUE, RED

PEOPLE = {"Ann_Lee": [[RED]] * 3, "Bo_Ek": [[BLUE]] * 3}
MATED, NON_MATED = "Ann_Lee\t1\t2", "Ann_Lee\t1\tBo_Ek\t3"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_people(tmp_path / "photos", PEOPLE)


def refused(tmp_path: Path, photos: Path, *lines: str) -> str:
    with pytest.raises(InputError) as caught:
        read_pairs(write_pairs(tmp_path / "pairs.txt", *lines), photos)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "pairs.txt"))
    return message


def test_a_view_1_file_is_read_in_order(tmp_path: Path, photos: Path) -> None:
    file = write_pairs(tmp_path / "pairs.txt", "2", MATED, "Bo_Ek\t2\t3", NON_MATED, "Bo_Ek\t1\tAnn_Lee\t3")
    found = read_pairs(file, photos)
    assert [[found.photos[i].name for i in pair] for pair in found.pairs] == [
        ["Ann_Lee_0001.png", "Ann_Lee_0002.png"],
        ["Bo_Ek_0002.png", "Bo_Ek_0003.png"],
        ["Ann_Lee_0001.png", "Bo_Ek_0003.png"],
        ["Bo_Ek_0001.png", "Ann_Lee_0003.png"],
    ]
    assert found.people.tolist() == [[0, 0], [1, 1], [0, 1], [1, 0]]
    assert found.mated.tolist() == [True, True, False, False]
    assert len(found.photos) == len(set(found.photos)) == 6


def test_a_file_without_folds_is_cut_into_ten_with_as_many_of_each_kind(tmp_path: Path, photos: Path) -> None:
    found = read_pairs(write_pairs(tmp_path / "pairs.txt", "25", *[MATED] * 25, *[NON_MATED] * 25), photos)
    assert not found.folds_given
    assert np.unique(found.folds).tolist() == list(range(10))
    np.testing.assert_array_equal(found.folds[:25], found.folds[25:])
    assert (np.diff(found.folds[:25]) >= 0).all()
    assert set(np.bincount(found.folds[:25])) == {2, 3}


def test_a_short_file_is_cut_into_as_many_folds_as_it_has_pairs(tmp_path: Path, photos: Path) -> None:
    found = read_pairs(write_pairs(tmp_path / "pairs.txt", "3", *[MATED] * 3, *[NON_MATED] * 3), photos)
    assert found.folds.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_view_2_file_has_its_own_folds(tmp_path: Path, photos: Path) -> None:
    fold = [MATED, "Bo_Ek\t1\t2", NON_MATED, "Ann_Lee\t2\tBo_Ek\t1"]
    found = read_pairs(write_pairs(tmp_path / "pairs.txt", "3\t2", *fold * 3), photos)
    assert found.folds_given
    assert found.folds.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert found.mated.tolist() == [True, True, False, False] * 3


def test_runs_of_whitespace_blank_lines_and_a_byte_order_mark_are_no_obstacle(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "pairs.txt").write_bytes(b"\xef\xbb\xbf1 \r\n\r\nAnn_Lee   1 2\r\nAnn_Lee\t\t1 \t Bo_Ek\t3\r\n\n")
    assert read_pairs(tmp_path / "pairs.txt", photos).pairs.tolist() == [[0, 1], [0, 2]]


def test_names_may_hold_spaces_between_tabs(tmp_path: Path) -> None:
    photos = write_people(tmp_path / "photos", {"Ann Lee": [[RED]] * 2, "Bo Ek": [[BLUE]]})
    file = write_pairs(tmp_path / "pairs.txt", "1", "Ann Lee\t1\t2", "Ann Lee\t1\tBo Ek\t1")
    assert len(read_pairs(file, photos).photos) == 3


def test_photos_may_have_any_suffix_and_jpg_comes_first(tmp_path: Path, photos: Path) -> None:
    for name in ("Ann_Lee_0001.bmp", "Ann_Lee_0001.jpg", "Ann_Lee_0001.webp", "Ann_Lee_0001.txt", "Bo_Ek_0004.JPEG"):
        (photos / name.rpartition("_")[0] / name).touch()
    file = write_pairs(tmp_path / "pairs.txt", "1", MATED, "Ann_Lee\t1\tBo_Ek\t4")
    assert [p.name for p in read_pairs(file, photos).photos] == [
        "Ann_Lee_0001.jpg",
        "Ann_Lee_0002.png",
        "Bo_Ek_0004.JPEG",
    ]


@pytest.mark.parametrize("first", ["", "none", "0", "10\t0", "1\t2\t3", "-5", "5.0", "99999999999"])
def test_a_file_that_does_not_begin_with_its_size_is_refused(tmp_path: Path, photos: Path, first: str) -> None:
    assert "line 1: expected the number of pairs" in refused(tmp_path, photos, first)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Ann_Lee\t1", "expected a name and two numbers"),
        (NON_MATED, "expected a name and two numbers"),
        ("Ann_Lee\t1\ttwo", "expected a photo's number, not 'two'"),
        ("Ann_Lee\t1\t-2", "expected a photo's number"),
        ("Ann_Lee\t1\t0", "expected a photo's number"),
        ("Ann_Lee\t2\t2", "a photo against itself"),
        ("Ann_Lee\t1\t9", "there is no photo"),
        ("Nobody\t1\t2", "there is no photo"),
    ],
)
def test_a_mated_line_that_makes_no_sense_is_named(tmp_path: Path, photos: Path, line: str, why: str) -> None:
    message = refused(tmp_path, photos, "2", MATED, line, NON_MATED, NON_MATED)
    assert "line 3: " in message
    assert why in message


@pytest.mark.parametrize(
    ("line", "why"),
    [(MATED, "expected two names"), ("Ann_Lee\t1\tAnn_Lee\t2", "both are called"), ("Ann_Lee\t1\tBo_Ek\tx", "number")],
)
def test_a_non_mated_line_that_makes_no_sense_is_named(tmp_path: Path, photos: Path, line: str, why: str) -> None:
    message = refused(tmp_path, photos, "1", MATED, line)
    assert "line 3: " in message
    assert why in message


def test_a_missing_photo_is_named(tmp_path: Path, photos: Path) -> None:
    expected = photos / "Bo_Ek" / "Bo_Ek_0017"
    assert f"there is no photo {expected}.jpg" in refused(tmp_path, photos, "1", MATED, "Ann_Lee\t1\tBo_Ek\t17")


def test_a_file_that_ends_early_is_refused(tmp_path: Path, photos: Path) -> None:
    assert "ends after 3 of 4 pairs" in refused(tmp_path, photos, "2", MATED, MATED, NON_MATED)


def test_a_file_that_goes_on_is_refused(tmp_path: Path, photos: Path) -> None:
    assert "line 4: the first line promises 2 pairs" in refused(tmp_path, photos, "1", MATED, NON_MATED, NON_MATED)


@pytest.mark.parametrize("name", ["..", ".", "../photos", "a/../../b", "/etc", "..\\b", "Ann\0Lee"])
def test_no_name_leads_out_of_the_photos(tmp_path: Path, photos: Path, name: str) -> None:
    outside = tmp_path / f"{name.replace('/', '_')}_0001.jpg" if "\0" not in name else tmp_path / "x.jpg"
    outside.touch()
    assert "line 2: " in (message := refused(tmp_path, photos, "1", f"{name}\t1\t2", NON_MATED))
    assert "would lead out of the folder" in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "pairs.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"pairs\.txt: the pairs file can't be read \(it is not text in UTF-8\)"):
        read_pairs(tmp_path / "pairs.txt", photos)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: the pairs file can't be read .*No such file"):
        read_pairs(tmp_path / "none.txt", photos)
    with pytest.raises(InputError, match=f"there is no such folder of photos{os.extsep}"):
        read_pairs(write_pairs(tmp_path / "pairs.txt", "1"), tmp_path / "none")
