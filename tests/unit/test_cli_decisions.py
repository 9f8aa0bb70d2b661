from __future__ import annotations

import csv
import io
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenet_core.types import Box
from tests.cli_runner import Cli
from tests.fakes import BLUE, DARK_RED, GREEN, MEASURED, MODEL, OTHER_MODEL, RED, YELLOW, landmarks, photo


@pytest.fixture
def enrolled(cli: Cli) -> Cli:
    cli.enrol({"Ruby": [RED], "Gus": [GREEN]})
    return cli


def test_the_right_person_is_welcomed(enrolled: Cli) -> None:
    answer = enrolled("verify", enrolled.photo("door.png", DARK_RED), "--claim", "ruby")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0] == "Welcome in"
    assert "Closest to photo 1 of Ruby (Ruby 1.png), 0.0658." in answer.out
    assert "at most 0.5000" in answer.out


def test_somebody_else_is_sent_away(enrolled: Cli) -> None:
    answer = enrolled("verify", enrolled.photo("door.png", DARK_RED), "--claim", "Gus")
    assert answer.code == 1
    assert answer.lines[0] == "Go away"
    assert "more than 0.5000" in answer.out


def test_verify_tells_scripts_what_the_answer_rests_on(cli: Cli) -> None:
    cli.enrol({"Ruby": [BLUE, RED]})
    probe = cli.photo("door.png", DARK_RED)
    data = cli("verify", probe, "--claim", "Ruby", "--json").data
    assert data.pop("seconds") >= 0
    assert 0 < data.pop("distance") < 0.5
    assert data["carried_by"].pop("distance_without") > 1
    assert data["carried_by"].pop("photo_distance") == pytest.approx(0.0658, abs=1e-4)
    box = [30.0, 30.0, 90.0, 90.0]
    marks = {key: [round(x, 2), round(y, 2)] for key, (x, y) in asdict(landmarks(Box(*box))).items()}
    assert data == {
        "command": "verify",
        "person": "Ruby",
        "matched": True,
        "outcome": "match",
        "answer": "Welcome in",
        "threshold": {
            "distance": 0.5,
            "inconclusive": 0.5,
            "origin": "fixed",
            "explanation": "Set by you; no error rate is claimed for it.",
        },
        "one_in": None,
        "carried_by": {"photo": 2, "source_name": "Ruby 2.png", "photos": 2, "outcome_without": "no_match"},
        "probe": {
            "photo": str(probe),
            "face": 1,
            "faces": 1,
            "box": box,
            "landmarks": marks,
            "confidence": 0.99,
            "flaws": [],
        },
        "model": {
            "id": "fake",
            "preprocessing": MODEL.preprocessing,
            "weights_sha256": MODEL.weights_sha256,
            "dimensions": 4,
            "engine": "float32",
        },
    }


def test_of_several_faces_the_prominent_one_is_verified_and_the_text_says_so(enrolled: Cli) -> None:
    probe = enrolled.photo("door.png", BLUE, DARK_RED, YELLOW)
    answer = enrolled("verify", probe, "--claim", "Ruby")
    assert answer.code == 0
    assert "door.png: face 2 of 3 was taken, the prominent one (choose another with --face)." in answer.out


def test_another_face_can_be_chosen(enrolled: Cli) -> None:
    probe = enrolled.photo("door.png", BLUE, DARK_RED, YELLOW)
    answer = enrolled("verify", probe, "--claim", "Ruby", "--face", 3, "--json")
    assert answer.code == 1
    assert (answer.data["probe"]["face"], answer.data["probe"]["faces"]) == (3, 3)


def test_a_face_that_is_not_there_is_refused(enrolled: Cli) -> None:
    answer = enrolled("verify", enrolled.photo("door.png", RED), "--claim", "Ruby", "--face", 2)
    assert (answer.code, answer.out) == (2, "")
    assert "there is no face 2" in answer.err


def test_the_threshold_can_be_given(enrolled: Cli) -> None:
    answer = enrolled(
        "verify", enrolled.photo("door.png", DARK_RED), "--claim", "Ruby", "--threshold", "0.01", "--json"
    )
    assert answer.code == 1
    assert answer.data["threshold"]["distance"] == 0.01


def test_where_error_rates_were_measured_the_answer_says_how_rare_it_is(
    enrolled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facenet_core.thresholds.calibration_for", lambda model_id: MEASURED)
    enrolled.environment(THRESHOLD=None, IDENTIFY_THRESHOLD=None)
    probe = enrolled.photo("door.png", RED)
    assert (
        "  Fewer than 1 in 1,000,000 strangers looks at least this similar."
        in enrolled("verify", probe, "--claim", "Ruby").lines
    )
    data = enrolled("verify", probe, "--claim", "Ruby", "--json").data
    assert data["one_in"] == {"strangers": 1_000_000.0, "basis": "bound"}
    limit = data["threshold"]
    assert (limit["distance"], limit["inconclusive"], limit["origin"]) == (0.8, 1.0, "measured")
    assert "fewer than 1 in 1,000,000 strangers" in enrolled("identify", probe).lines[1]


def test_between_match_and_no_match_it_can_not_tell_and_says_what_to_do(
    enrolled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    band = replace(MEASURED, distances=(1.4, 0.3, 0.03, 0.01))
    monkeypatch.setattr("facenet_core.thresholds.calibration_for", lambda model_id: band)
    enrolled.environment(THRESHOLD=None, IDENTIFY_THRESHOLD=None)
    probe = enrolled.photo("door.png", DARK_RED)
    answer = enrolled("verify", probe, "--claim", "Ruby")
    assert (answer.code, answer.lines[0]) == (1, "Can't tell")
    assert "Try another photo" in answer.out
    assert "Can't tell" in enrolled("compare", probe, enrolled.photo("other.png", RED)).lines[0]
    (face,) = enrolled("identify", probe, "--json").data["photos"][0]["faces"]
    assert (face["outcome"], face["matched"], face["person"]) == ("inconclusive", False, None)
    assert "Can't tell  0.0658  perhaps Ruby" in enrolled("identify", probe).lines[1]


def test_a_claim_nobody_fits_is_refused_with_the_names_that_are_close(enrolled: Cli) -> None:
    answer = enrolled("verify", enrolled.photo("door.png", RED), "--claim", "Rubi", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "unknown_person"
    assert "Ruby" in answer.error["message"]


def test_somebody_of_another_model_is_refused_until_renewed(enrolled: Cli) -> None:
    enrolled.model_id = OTHER_MODEL
    answer = enrolled("verify", enrolled.photo("door.png", RED), "--claim", "Ruby")
    assert answer.code == 2
    assert "people renew" in answer.err


def test_a_photo_of_nobody_is_refused_by_its_path(enrolled: Cli) -> None:
    probe = enrolled.photo("wall.png")
    answer = enrolled("verify", probe, "--claim", "Ruby", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "no_face"
    assert answer.error["photo"] == str(probe)
    assert answer.error["message"].startswith(f"{probe}: ")


@pytest.mark.parametrize("command", [["verify", "--claim", "Ruby"], ["detect"], ["compare", "other.png"]])
def test_a_missing_photo_is_refused_by_its_path(enrolled: Cli, command: list[str]) -> None:
    answer = enrolled(*command, "nowhere/door.png")
    assert (answer.code, answer.out) == (2, "")
    assert "nowhere/door.png" in answer.err or "other.png" in answer.err
    assert "There is no such file" in answer.err


def test_a_folder_a_large_file_and_an_unreadable_one_are_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not a file" in cli("detect", cli.folder).err
    cli.environment(MAX_UPLOAD_MB=1)
    large = cli.folder / "large.png"
    large.write_bytes(photo(RED) + bytes(2**20))
    assert cli("detect", large, "--json").error["code"] == "photo_too_large"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    small = cli.photo("small.png", RED)
    monkeypatch.setattr(Path, "open", refuse)
    assert "small.png: This file can't be read (Permission denied)." in cli("detect", small).err


def test_two_photos_of_one_person_match(cli: Cli) -> None:
    a, b = cli.photo("a.png", RED), cli.photo("b.png", DARK_RED)
    answer = cli("compare", a, b)
    assert answer.code == 0
    assert answer.lines[0] == "Match"
    data = cli("compare", a, b, "--json").data
    assert data["matched"] is True
    assert (data["a"]["photo"], data["b"]["photo"]) == (str(a), str(b))


def test_two_people_do_not_match(cli: Cli) -> None:
    answer = cli("compare", cli.photo("a.png", RED), cli.photo("b.png", GREEN))
    assert answer.code == 1
    assert answer.lines[0] == "No match"


def test_compare_takes_a_face_of_each_photo(cli: Cli) -> None:
    a, b = cli.photo("a.png", GREEN, BLUE), cli.photo("b.png", YELLOW, RED, GREEN)
    answer = cli("compare", a, b, "--face-a", 1, "--face-b", 3)
    assert answer.code == 0
    assert "b.png: face 3 of 3 was taken, as asked for." in answer.out
    assert "--face-b" in cli("compare", a, b).out


def test_everybody_on_a_photo_is_named_from_left_to_right(enrolled: Cli) -> None:
    group = enrolled.photo("group.png", GREEN, BLUE, DARK_RED)
    answer = enrolled("identify", group)
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0] == f"{group}: 3 faces"
    assert [line.split()[:2] for line in answer.lines[1:4]] == [["1", "Gus"], ["2", "Not"], ["3", "Ruby"]]
    assert "nearest: " in answer.lines[2]
    assert answer.lines[4] == "Searched 2 people with 2 photos."


def test_identify_tells_scripts_who_is_on_each_photo(enrolled: Cli) -> None:
    group, wall = enrolled.photo("group.png", GREEN, BLUE), enrolled.photo("wall.png")
    answer = enrolled("identify", group, wall, "--top", 1, "--json")
    assert (answer.code, answer.err) == (0, "")
    first, second = answer.data["photos"]
    assert second == {"photo": str(wall), "error": None, "annotated": None, "faces": []}
    gus, stranger = first["faces"]
    assert (gus["number"], gus["person"], gus["matched"], gus["distance"]) == (1, "Gus", True, 0.0)
    assert (stranger["number"], stranger["person"], stranger["matched"]) == (2, None, False)
    assert len(stranger["candidates"]) == 1
    assert stranger["candidates"][0]["distance"] == stranger["distance"] > 0.5
    assert answer.data["enrolled"] == {"people": 2, "templates": 2}
    assert answer.data["threshold"]["distance"] == 0.5


def test_nobody_can_be_found_in_an_empty_database(cli: Cli) -> None:
    answer = cli("identify", cli.photo("a.png", RED))
    assert answer.code == 0
    assert "nobody is enrolled" in answer.out
    face = cli("identify", cli.photo("a.png", RED), "--json").data["photos"][0]["faces"][0]
    assert (face["person"], face["distance"], face["candidates"]) == (None, None, [])


def test_a_photo_that_cant_be_used_does_not_stop_the_others(enrolled: Cli) -> None:
    broken = enrolled.folder / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    good = enrolled.photo("good.png", RED)
    answer = enrolled("identify", broken, good, "--json")
    assert answer.code == 2
    bad, found = answer.data["photos"]
    assert bad["error"]["code"] == "not_a_photo"
    assert bad["error"]["photo"] == str(broken)
    assert found["faces"][0]["person"] == "Ruby"
    text = enrolled("identify", broken, good)
    assert text.code == 2
    assert text.lines[0].startswith(f"{broken}: ")
    assert "Ruby" in text.out


def test_the_csv_has_one_row_per_face_and_no_formulas(enrolled: Cli, tmp_path: Path) -> None:
    assert enrolled("people", "rename", "Gus", "=1+1").code == 0
    target = tmp_path / "faces.csv"
    assert enrolled("identify", enrolled.photo("g.png", GREEN, BLUE), "--csv", target, "--top", 2).code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [row["result"] for row in rows] == ["'=1+1", "Not in database"]
    assert [rows[0][c] for c in ("face", "left", "top", "right", "bottom")] == ["1", "30", "30", "90", "90"]
    assert rows[0]["person_1"] == "'=1+1"
    assert "person_3" not in rows[0]
    assert target.stat().st_mode & 0o077 == 0


def test_annotated_photos_do_not_overwrite_each_other(enrolled: Cli, tmp_path: Path) -> None:
    one, two = enrolled.photo("x/a.png", GREEN), enrolled.photo("y/a.png", BLUE)
    answer = enrolled("identify", one, two, "--annotate", tmp_path / "new" / "boxed", "--json")
    written = [entry["annotated"] for entry in answer.data["photos"]]
    assert [Path(path).name for path in written] == ["a-faces.png", "a-faces-2.png"]
    for path, original in zip(written, (one, two), strict=True):
        before, after = np.asarray(Image.open(original)), np.asarray(Image.open(path))
        assert before.shape == after.shape
        assert (before != after).any()


def test_an_annotated_photo_never_replaces_a_photo_in_question(enrolled: Cli) -> None:
    one, two = enrolled.photo("a.png", GREEN), enrolled.photo("a-faces.png", BLUE)
    before = two.read_bytes()
    answer = enrolled("identify", one, two, "--annotate", enrolled.folder, "--json")
    assert answer.code == 2
    assert answer.error["code"] == "file"
    assert two.read_bytes() == before


def test_a_result_that_cant_be_written_is_refused_by_its_path(enrolled: Cli, tmp_path: Path) -> None:
    probe = enrolled.photo("a.png", RED)
    answer = enrolled("identify", probe, "--csv", tmp_path / "missing" / "faces.csv")
    assert answer.code == 2
    assert "missing" in answer.err
    answer = enrolled("identify", probe, "--annotate", probe, "--json")
    assert answer.code == 2
    assert answer.error["code"] == "file"


def test_progress_is_shown_unless_a_script_reads_json(enrolled: Cli) -> None:
    photos = [enrolled.photo(f"{n}.png", RED, mark=n) for n in range(3)]
    assert "0/3" in enrolled("identify", *photos).err
    assert enrolled("identify", *photos, "--json").err == ""


def test_somebody_at_a_terminal_sees_progress_even_with_json(enrolled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [enrolled.photo(f"{n}.png", RED, mark=n) for n in range(3)]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    answer = enrolled("identify", *photos, "--json")
    assert len(answer.data["photos"]) == 3
    assert "0/3" in answer.err
    assert "Loading the face model" in answer.err


def test_detect_lists_every_face(cli: Cli) -> None:
    group = cli.photo("group.png", GREEN, BLUE, RED)
    answer = cli("detect", group)
    assert answer.code == 0
    assert answer.lines[0] == f"{group}: 3 faces"
    assert ["prominent" in line for line in answer.lines[1:]] == [False, True, False]
    data = cli("detect", group, "--json").data
    assert [face["number"] for face in data["faces"]] == [1, 2, 3]
    assert data["faces"][1]["box"] == [110.0, 30.0, 170.0, 90.0]
    assert (data["prominent"], data["width"], data["height"]) == (2, 280, 120)


def test_detect_says_how_well_each_face_is_shown(cli: Cli) -> None:
    good, poor = cli.photo("good.png", GREEN), cli.photo("poor.png", GREEN, blurred=True)
    (face,) = cli("detect", good, "--json").data["faces"]
    assert (face["quality"]["face_px"], face["quality"]["brightness"], face["flaws"]) == (60, 131, [])
    assert "blurred" not in cli("detect", good).out
    (face,) = cli("detect", poor, "--json").data["faces"]
    assert (face["quality"]["sharpness"], face["flaws"]) == (0, ["blurred"])
    assert "blurred" in cli("detect", poor).out


def test_who_is_not_let_in_learns_what_is_wrong_with_the_photo(enrolled: Cli) -> None:
    poor = enrolled.photo("door.png", GREEN, blurred=True)
    assert (
        "About this photo: the face is blurred. Hold the camera still"
        in enrolled("verify", poor, "--claim", "Ruby").out
    )
    assert enrolled("verify", poor, "--claim", "Ruby", "--json").data["probe"]["flaws"] == ["blurred"]
    assert "About this photo" not in enrolled("verify", poor, "--claim", "Gus").out
    data = enrolled("identify", poor, "--json").data
    assert data["photos"][0]["faces"][0]["flaws"] == ["blurred"]


def test_detect_finds_nobody_on_a_wall(cli: Cli) -> None:
    answer = cli("detect", cli.photo("wall.png"), "--json")
    assert answer.code == 0
    assert (answer.data["faces"], answer.data["prominent"]) == ([], None)


def test_the_photos_that_come_with_the_program_are_enrolled_first(cli: Cli) -> None:
    cli.photo("images/Ruby.png", RED)
    cli.photo("images/Crowd.png", GREEN, BLUE)
    answer = cli("verify", cli.photo("door.png", DARK_RED), "--claim", "Ruby")
    assert answer.code == 0
    assert cli.people() == {"Ruby": 1}


def test_a_database_that_cant_take_them_does_not_stop_the_question(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cli.photo("images/Gus.png", GREEN)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("facenet_core.store.storage.stage", refuse)
    assert cli("identify", cli.photo("door.png", RED)).code == 0
    assert "were not enrolled" in caplog.text


def test_the_photos_that_come_with_the_program_stay_out_of_a_database_with_people(cli: Cli) -> None:
    cli.enrol({"Ruby": [RED]})
    cli.photo("images/Gus.png", GREEN)
    assert cli("identify", cli.photo("door.png", RED)).code == 0
    assert cli.people() == {"Ruby": 1}
