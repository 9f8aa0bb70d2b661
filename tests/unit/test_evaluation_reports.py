from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facenet_core.calibration import fixed_threshold
from facenet_core.errors import InputError
from facenet_core.evaluation import Thresholds, evaluate_folders, evaluate_pairs, read_folders, read_pairs
from facenet_core.evaluation.reports import measured_thresholds
from facenet_core.metrics import share_within
from tests.evaluation_photos import write_pairs, write_people
from tests.fakes import BLUE, DARK_RED, GREEN, RED, THRESHOLD, YELLOW, fake_engine

PEOPLE = {
    "Ann": [[RED], [DARK_RED], []],
    "Bo": [[BLUE], [BLUE], [BLUE]],
    "Cy": [[GREEN], [GREEN]],
    "Di": [[YELLOW]],
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_people(tmp_path / "photos", PEOPLE)


def test_a_failure_counts_as_wrong_in_each_fold_it_is_in(tmp_path: Path, photos: Path) -> None:
    lines = ["Ann\t1\t2", "Ann\t1\t3", "Bo\t1\t2", "Cy\t1\t2"]
    lines += ["Ann\t1\tBo\t1", "Ann\t3\tCy\t1", "Bo\t2\tDi\t1", "Cy\t2\tAnn\t2"]
    pairs = read_pairs(write_pairs(tmp_path / "pairs.txt", "4", *lines), photos)
    found = evaluate_pairs(fake_engine(), pairs, threshold=fixed_threshold(THRESHOLD))
    # Four folds of two pairs; the second is the one with the photo without a face, in both of its pairs.
    assert found.accuracy
    assert found.accuracy.mean == 0.75
    assert found.accuracy.standard_error == pytest.approx(0.25)
    assert found.rates.at_app
    assert (found.rates.at_app.fmr.value, found.rates.at_app.fnmr.value) == (0.0, 0.25)
    assert found.rates.at_app.accuracy == 0.75
    assert [failure.photo for failure in found.embedded.failures] == ["Ann/Ann_0003.png"]


def test_the_distances_are_those_of_the_photos(tmp_path: Path, photos: Path) -> None:
    pairs = read_pairs(write_pairs(tmp_path / "pairs.txt", "1", "Ann\t1\t2", "Ann\t1\tBo\t1"), photos)
    found = evaluate_pairs(fake_engine(), pairs)
    assert found.rates.comparisons.mated == pytest.approx([0.07], abs=0.01)
    assert found.rates.comparisons.non_mated[0] > 1
    assert found.accuracy is None
    assert found.rates.at_app is None


@pytest.mark.parametrize(
    ("lines", "kind"), [(["Ann\t1\t3", "Ann\t1\tBo\t1"], "mated"), (["Ann\t1\t2", "Ann\t3\tBo\t1"], "non-mated")]
)
def test_where_no_face_was_found_the_reason_is_given(tmp_path: Path, photos: Path, lines: list[str], kind: str) -> None:
    pairs = read_pairs(write_pairs(tmp_path / "pairs.txt", "1", *lines), photos)
    with pytest.raises(InputError, match=rf"^No {kind} comparison could be made: 1 of [34] photos .*Ann_0003\.png"):
        evaluate_pairs(fake_engine(), pairs)


def test_all_photos_of_folders_are_compared(photos: Path) -> None:
    found = evaluate_folders(fake_engine(), read_folders(photos), threshold=fixed_threshold(THRESHOLD))
    comparisons = found.rates.comparisons
    assert (len(comparisons.mated), len(comparisons.non_mated)) == (3 + 3 + 1, 9 * 8 // 2 - 7)
    assert int(np.isinf(comparisons.mated).sum()) == 2
    assert found.rates.at_app
    assert found.rates.at_app.fnmr.value == pytest.approx(2 / 7)


def test_half_of_the_people_are_enrolled_unless_asked_otherwise(photos: Path) -> None:
    folders = read_folders(photos)
    thresholds = Thresholds(lambda n, k: THRESHOLD, 2.0, "of a test")
    found = evaluate_folders(fake_engine(), folders, thresholds=thresholds)
    (half,) = found.open_sets
    assert (half.people, half.templates, found.left_out) == (2, 2.0, ())
    assert half.identify.fpir.mean == 0.0
    # At 2 everybody is somebody, but for the search with the photo without a face.
    assert 0.8 < half.verify.fpir.mean < 1.0
    asked = evaluate_folders(fake_engine(), folders, thresholds=thresholds, galleries=[1, 3, 4, 100])
    assert [found.people for found in asked.open_sets] == [1, 3]
    assert [size for size, _ in asked.left_out] == [4, 100]


def test_without_thresholds_they_are_measured_on_the_photos_and_that_is_said(photos: Path) -> None:
    found = evaluate_folders(fake_engine(), read_folders(photos))
    assert "these same photos" in found.thresholds.origin
    assert 0 < found.thresholds.verify < 2


def test_measured_thresholds_keep_to_the_targets() -> None:
    non_mated = np.linspace(0.5, 1.5, 100_001)
    found = measured_thresholds(non_mated)
    assert share_within(non_mated, found.verify) == pytest.approx(1e-3, rel=0.01)
    # A search in 100 among 50 photos: one comparison in 5,000; more photos of one person ask for less.
    assert share_within(non_mated, found.identify(50, 1)) == pytest.approx(2.01e-4, rel=0.03)
    assert found.identify(1, 1) == found.verify
    assert found.identify(1, 4) < found.verify
