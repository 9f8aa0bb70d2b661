from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from facenet_core.cli.main import main
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from tests.cli_runner import Cli
from tests.evaluation_photos import CountingEngine, write_pairs, write_people
from tests.fakes import BLUE, DARK_RED, GREEN, MODEL, OTHER_MODEL, RED, YELLOW

PEOPLE = {"Ann": [[RED], [DARK_RED]], "Bo": [[BLUE], [BLUE]], "Cy": [[GREEN], []], "Di": [[YELLOW]]}
LINES = ["Ann\t1\t2", "Bo\t1\t2", "Cy\t1\t2", "Ann\t1\tBo\t1", "Bo\t2\tDi\t1", "Cy\t1\tDi\t1"]


@pytest.fixture
def photos(cli: Cli) -> Path:
    return write_people(cli.folder / "photos", PEOPLE)


@pytest.fixture
def pairs(cli: Cli, photos: Path) -> list[object]:
    """The words of a command."""
    return ["evaluate", "pairs", "--pairs", write_pairs(cli.folder / "pairs.txt", "3", *LINES), "--images", photos]


def cached(cli: Cli) -> Path:
    return cli.folder / "db" / "cache" / "faces.sqlite"


def test_pairs_are_evaluated_for_scripts(cli: Cli, pairs: list[object]) -> None:
    answer = cli(*pairs, "--json")
    assert answer.code == 0
    data = answer.data
    assert (data["pairs"], data["photos"], data["mated"], data["non_mated"]) == (6, 7, 3, 3)
    # Of three folds the third holds a photo without a face.
    assert data["accuracy"]["mean"] == pytest.approx(5 / 6, abs=1e-6)
    assert data["accuracy"]["standard_error"] == pytest.approx(1 / 6, abs=1e-6)
    assert (data["accuracy"]["folds"], data["accuracy"]["folds_given"]) == (3, False)
    assert (data["failures_to_acquire"], data["analysed_photos"]) == (1, 7)
    assert data["failed_photos"] == [{"photo": "Cy/Cy_0002.png", "code": "no_face", "reason": "No face was found."}]
    assert (data["model"]["id"], data["preprocessing"]) == (MODEL.model, MODEL.preprocessing)
    assert set(data["fnmr_at_fmr"]) == {"0.01", "0.001", "0.0001"}
    for point in data["fnmr_at_fmr"].values():
        assert (point["fnmr"], point["interval"], point["threshold"]) == (None, None, None)
        assert "too few" in point["remark"]
    app = data["at_app_threshold"]
    assert (app["threshold"]["distance"], app["fmr"], app["fnmr"]) == (0.5, 0.0, pytest.approx(1 / 3, abs=1e-6))
    assert (data["eer"], data["eer_interval"]) == (pytest.approx(1 / 3, abs=1e-6), None)


def test_pairs_are_evaluated_for_people(cli: Cli, pairs: list[object]) -> None:
    answer = cli(*pairs)
    assert answer.code == 0
    assert "Accuracy 83.33% ± 16.67%" in answer.out
    assert "were cut into 3, in order" in answer.out
    assert "can't say" in answer.out
    assert "Failures to acquire: 1 of 7 photos" in answer.out
    assert "Cy/Cy_0002.png  No face was found." in answer.out
    assert "evaluate forget" in answer.out


def test_enough_pairs_have_figures_with_intervals(cli: Cli) -> None:
    people = {f"P{number}": [[(70 * (number // 4) + 20, 60 * (number % 4) + 20, 120)]] * 2 for number in range(16)}
    people["P0"] = [people["P0"][0], []]
    photos = write_people(cli.folder / "sixteen", people)
    mated = [f"P{number % 16} 1 2" for number in range(560)]
    non_mated = [f"P{number % 16} 1 P{(number + 1 + number // 16 % 15) % 16} 1" for number in range(560)]
    folds = [line for start in (0, 280) for kind in (mated, non_mated) for line in kind[start : start + 280]]
    file = write_pairs(cli.folder / "pairs.txt", "2 280", *folds)
    data = cli("evaluate", "pairs", "--pairs", file, "--images", photos, "--json").data
    assert data["accuracy"]["folds_given"]
    hundredth = data["fnmr_at_fmr"]["0.01"]
    assert hundredth["fnmr"] == pytest.approx(1 / 16, abs=1e-6)
    assert hundredth["interval"][0] <= hundredth["fnmr"] <= hundredth["interval"][1]
    assert (hundredth["expected_false_matches"], "few" in hundredth["remark"]) == (5.6, True)
    assert data["eer_interval"][0] <= data["eer"] <= data["eer_interval"][1]


def test_a_second_run_analyses_nothing(cli: Cli, pairs: list[object]) -> None:
    first, second = (cli(*pairs, "--json").data for _ in range(2))
    assert (first.pop("analysed_photos"), second.pop("analysed_photos")) == (7, 0)
    assert first == second
    assert first["cache"] == str(cached(cli))
    assert stat.S_IMODE(cached(cli).stat().st_mode) == 0o600
    cli.model_id = OTHER_MODEL
    assert cli(*pairs, "--json").data["analysed_photos"] == 7


def test_folders_and_pairs_share_what_was_seen(cli: Cli, pairs: list[object], photos: Path) -> None:
    cli(*pairs)
    assert cli("evaluate", "folders", photos, "--json").data["analysed_photos"] == 0


def test_the_cache_may_be_elsewhere_or_not_at_all(cli: Cli, pairs: list[object]) -> None:
    elsewhere = cli.folder / "elsewhere" / "mine.sqlite"
    assert cli(*pairs, "--cache", elsewhere, "--json").data["cache"] == str(elsewhere)
    assert cli(*pairs, "--no-cache", "--json").data["cache"] is None
    assert elsewhere.exists()
    assert not cached(cli).exists()
    assert cli(*pairs, "--no-cache", "--cache", elsewhere).code == 2


def test_somebody_elses_file_is_not_taken_for_a_cache(cli: Cli, pairs: list[object]) -> None:
    (cli.folder / "notes").write_text("mine")
    answer = cli(*pairs, "--cache", cli.folder / "notes", "--json")
    assert (answer.code, answer.error["code"]) == (2, "cache")
    assert (cli.folder / "notes").read_text() == "mine"


def test_forgetting_deletes_the_cache(cli: Cli, pairs: list[object]) -> None:
    cli(*pairs)
    answer = cli("evaluate", "forget")
    assert (answer.code, answer.lines) == (0, [f"Deleted {cached(cli)}."])
    assert not cached(cli).exists()
    assert cli("evaluate", "forget", "--json").data == {
        "command": "evaluate forget",
        "cache": str(cached(cli)),
        "forgotten": False,
    }
    assert "nothing to delete" in cli("evaluate", "forget").out
    assert cli(*pairs, "--json").data["analysed_photos"] == 7


@pytest.mark.usefixtures("one_by_one")
def test_ctrl_c_says_what_is_kept_and_the_next_run_goes_on(
    cli: Cli, pairs: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    def service(engine: FaceEngine) -> object:
        return lambda settings: FaceService(settings, engine)

    words = [str(word) for word in pairs]
    assert main(words, service(CountingEngine(interrupted_at=4))) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == (
        f"Interrupted. The photos that were analysed are kept in {cached(cli)}: the same command goes on from there."
    )
    assert "Traceback" not in captured.err
    again = CountingEngine()
    assert main(words, service(again)) == 0
    assert again.analysed == 7 - 3
    with sqlite3.connect(cached(cli)) as connection:
        assert connection.execute("SELECT count(*) FROM photos").fetchone() == (7,)
    connection.close()


def test_ctrl_c_without_a_cache_promises_nothing(
    cli: Cli, pairs: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    def service(settings: Settings) -> FaceService:
        return FaceService(settings, CountingEngine(interrupted_at=2))

    assert main([*map(str, pairs), "--no-cache", "--json"], service) == 130
    assert '"message": "Interrupted."' in capsys.readouterr().out


def test_folders_are_evaluated_for_scripts(cli: Cli, photos: Path) -> None:
    data = cli("evaluate", "folders", photos, "--gallery", "1,2,9", "--json").data
    assert (data["people"], data["photos"], data["mated"], data["non_mated"]) == (4, 7, 3, 18)
    assert [found["people"] for found in data["open_set"]] == [1, 2]
    (left_out,) = data["open_set_left_out"]
    assert left_out == {"people": 9, "reason": "at most 3 people can be enrolled here and leave a stranger"}
    assert data["open_set_thresholds"] == "those of the app"
    for found in data["open_set"]:
        assert found["templates"] == found["people"]
        assert found["at_identify_threshold"]["threshold"] == found["at_verify_threshold"]["threshold"] == 0.5
        assert found["at_identify_threshold"]["fpir"] == {"mean": 0.0, "interval": [0.0, 0.0]}
    assert data["failures_to_acquire"] == 1


def test_folders_are_evaluated_for_people(cli: Cli, photos: Path) -> None:
    answer = cli("evaluate", "folders", photos, "--gallery", "2,9")
    assert answer.code == 0
    assert "4 people on 7 photos" in answer.out
    assert "1:N threshold 0.5000" in answer.out
    assert "9 people: left out; at most 3 people" in answer.out


def test_without_thresholds_for_the_model_the_photos_own_are_used_and_it_says_so(cli: Cli, photos: Path) -> None:
    cli.environment(THRESHOLD=None, IDENTIFY_THRESHOLD=None)
    data = cli("evaluate", "folders", photos, "--json").data
    assert data["at_app_threshold"] is None
    assert "measured on these same photos" in data["open_set_thresholds"]
    text = cli("evaluate", "folders", photos).out
    assert "no 1:1 threshold for this model" in text
    assert "measured on these same photos" in text


@pytest.mark.parametrize("suffix", ["png", "SVG", "pdf"])
def test_a_figure_is_drawn(cli: Cli, pairs: list[object], suffix: str) -> None:
    target = cli.folder / f"figure.{suffix}"
    assert cli(*pairs, "--figure", target, "--json").data["figure"] == str(target)
    assert target.stat().st_size > 5_000


def test_a_figure_that_cant_be_written_is_refused_before_any_work(cli: Cli, pairs: list[object]) -> None:
    cli.has_model = False
    for target, why in (("figure.jpeg", "png, svg, pdf"), ("none/figure.png", "there is no such folder")):
        answer = cli(*pairs, "--figure", cli.folder / target)
        assert answer.code == 2
        assert why in answer.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["folders", "none"], "this folder can't be read"),
        (["folders", "empty"], "at least two people"),
        (["folders", "photos", "--gallery", "2,x"], "list of whole numbers"),
        (["folders", "photos", "--photos-per-person", "0"], "not a whole number from 1"),
        (["pairs", "--pairs", "empty.txt", "--images", "photos"], "line 1: expected the number of pairs"),
        (["pairs", "--pairs", "none.txt", "--images", "photos"], "can't be read"),
        (["pairs", "--pairs", "empty.txt", "--images", "none"], "no such folder of photos"),
    ],
)
def test_what_cant_be_evaluated_is_refused_in_a_sentence(
    cli: Cli, photos: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], why: str
) -> None:
    monkeypatch.chdir(cli.folder)
    (cli.folder / "empty").mkdir()
    (cli.folder / "empty.txt").touch()
    cli.has_model = False
    answer = cli("evaluate", *words)
    assert (answer.code, answer.out) == (2, "")
    assert why in answer.err
    assert "Traceback" not in answer.err


def test_a_photo_that_cant_be_decoded_is_a_failure_with_its_reason(cli: Cli, pairs: list[object], photos: Path) -> None:
    (photos / "Di" / "Di_0001.png").write_bytes(b"no photo")
    data = cli(*pairs, "--json").data
    assert {f["photo"]: f["code"] for f in data["failed_photos"]} == {
        "Di/Di_0001.png": "not_a_photo",
        "Cy/Cy_0002.png": "no_face",
    }
    assert data["failures_to_acquire"] == 2


def test_many_failures_are_not_all_listed(cli: Cli) -> None:
    people = {"Ann": [[RED], [RED], *[[]] * 12], "Bo": [[BLUE]]}
    text = cli("evaluate", "folders", write_people(cli.folder / "many", people)).out
    assert text.count("No face was found.") == 10
    assert "and 2 more" in text
