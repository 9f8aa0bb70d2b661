from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli_runner import Cli
from tests.fakes import BLUE, GREEN, OTHER_MODEL, RED


@pytest.fixture
def enrolled(cli: Cli) -> Cli:
    cli.enrol({"Ruby": [RED, BLUE], "Gus": [GREEN]})
    return cli


@pytest.fixture
def archive(enrolled: Cli) -> Path:
    path = enrolled.folder / "people.zip"
    assert enrolled("people", "export", path).code == 0
    return path


def test_an_empty_database_says_so(cli: Cli) -> None:
    assert cli("people", "list").lines == ["Nobody is enrolled yet."]
    assert cli("people", "list", "--json").data == {"command": "people list", "people": []}


def test_everybody_is_listed_by_name(enrolled: Cli) -> None:
    lines = enrolled("people", "list").lines
    assert lines[0] == "2 people:"
    assert [line.split()[:3] for line in lines[1:]] == [["Gus", "1", "photo"], ["Ruby", "2", "photos"]]
    gus = enrolled("people", "list", "--json").data["people"][0]
    assert (gus["name"], gus["photos"], gus["models"]) == ("Gus", 1, ["fake"])
    assert gus["created_at"].endswith("Z")


def test_a_persons_photos_are_shown_with_their_numbers(enrolled: Cli) -> None:
    answer = enrolled("people", "show", "RUBY")
    assert answer.lines[0] == "Ruby, 2 photos:"
    assert [line.split()[:3] for line in answer.lines[1:]] == [["1", "Ruby", "1.png"], ["2", "Ruby", "2.png"]]
    person = enrolled("people", "show", "ruby", "--json").data["person"]
    assert [photo["number"] for photo in person["photos"]] == [1, 2]
    assert person["photos"][0]["box"] == [30.0, 30.0, 90.0, 90.0]
    assert enrolled("people", "show", person["id"]).code == 0


def test_embeddings_are_never_shown(enrolled: Cli) -> None:
    assert "embedding" not in enrolled("people", "show", "Ruby", "--json").out


def test_somebody_unknown_is_refused(enrolled: Cli) -> None:
    for command in (["show", "Kim"], ["rename", "Kim", "Tim"], ["remove", "Kim", "--yes"]):
        answer = enrolled("people", *command, "--json")
        assert answer.code == 2
        assert answer.error["code"] == "unknown_person"


def test_a_person_is_renamed(enrolled: Cli) -> None:
    assert enrolled("people", "rename", "gus", "Gustav").lines == ["Gus is now called Gustav."]
    data = enrolled("people", "rename", "Gustav", "Gus", "--json").data
    assert (data["old_name"], data["name"]) == ("Gustav", "Gus")
    answer = enrolled("people", "rename", "Gus", "Ruby", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "person_exists"


def test_removing_needs_a_yes_where_nobody_can_be_asked(enrolled: Cli) -> None:
    answer = enrolled("people", "remove", "Ruby", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "confirmation_needed"
    assert "--yes" in answer.error["message"]
    assert enrolled.people() == {"Gus": 1, "Ruby": 2}
    assert enrolled("people", "remove", "Ruby", "--yes").lines == ["Removed Ruby."]
    assert enrolled.people() == {"Gus": 1}


def test_at_a_terminal_removing_asks(enrolled: Cli) -> None:
    for no in ("n\n", "\n", "", "yep\n"):
        enrolled.types(no)
        answer = enrolled("people", "remove", "Gus")
        assert answer.code == 2
        assert answer.err == "Remove Gus with 1 photo? [y/N] Nothing was changed.\n"
    assert enrolled.people() == {"Gus": 1, "Ruby": 2}
    enrolled.types("y\n")
    answer = enrolled("people", "remove", "Gus", "--json")
    assert answer.code == 0
    assert answer.data["removed_photos"] == 1
    assert enrolled.people() == {"Ruby": 2}


def test_one_photo_of_a_person_is_removed(enrolled: Cli) -> None:
    answer = enrolled("people", "remove", "Ruby", "--photo", 1, "--yes")
    assert answer.lines == ["Removed photo 1 of Ruby. 1 photo left."]
    assert enrolled("people", "show", "Ruby").lines[1].split()[:3] == ["1", "Ruby", "2.png"]


def test_a_photo_that_is_not_there_and_the_last_one_stay(enrolled: Cli) -> None:
    answer = enrolled("people", "remove", "Ruby", "--photo", 3, "--yes", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "unknown_photo"
    assert enrolled("people", "remove", "Gus", "--photo", 1, "--yes").code == 2
    assert enrolled.people() == {"Gus": 1, "Ruby": 2}


def test_none_of_these_needs_a_model(enrolled: Cli, archive: Path) -> None:
    enrolled.has_model = False
    for command in (
        ["people", "list"],
        ["people", "show", "Ruby"],
        ["people", "rename", "Ruby", "Rubina"],
        ["people", "remove", "Rubina", "--yes"],
        ["people", "export", archive, "--yes"],
    ):
        assert enrolled(*command).code == 0


def test_everybody_moves_to_another_machine(enrolled: Cli, archive: Path) -> None:
    other = enrolled.folder / "other"
    answer = enrolled("people", "import", archive, "--db", other, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.data == {
        "command": "people import",
        "mode": "merge",
        "dry_run": False,
        "added_people": 2,
        "added_photos": 3,
        "skipped_photos": 0,
        "removed_people": 0,
        "foreign_photos": 0,
        "renewed": 0,
        "not_renewed": [],
        "model_problem": None,
    }
    probe = enrolled.photo("door.png", RED)
    assert enrolled("verify", probe, "--claim", "Ruby", "--db", other).code == 0
    again = enrolled("people", "import", archive, "--db", other)
    assert again.lines == [f"Imported {archive}:", "  0 new people, 0 new photos", "  3 photos enrolled already"]


def test_an_export_is_for_its_owner_only_and_replaces_nothing_unasked(enrolled: Cli, archive: Path) -> None:
    assert archive.stat().st_mode & 0o077 == 0
    before = archive.read_bytes()
    answer = enrolled("people", "export", archive, "--json")
    assert answer.code == 2
    assert answer.error["code"] == "confirmation_needed"
    assert archive.read_bytes() == before
    enrolled.types("yes\n")
    data = enrolled("people", "export", archive, "--json").data
    assert (data["people"], data["photos"], data["bytes"]) == (2, 3, archive.stat().st_size)


def test_an_export_that_fails_leaves_nothing_behind(enrolled: Cli) -> None:
    for photo in enrolled.folder.glob("db/photos/*/*"):
        photo.unlink()
    folder = enrolled.folder / "exports"
    folder.mkdir()
    answer = enrolled("people", "export", folder / "people.zip")
    assert answer.code == 3
    assert list(folder.iterdir()) == []
    assert enrolled("people", "export", enrolled.folder / "nowhere" / "people.zip").code == 2


def test_nobody_is_not_exported(cli: Cli) -> None:
    assert cli("people", "export", cli.folder / "people.zip").code == 2
    assert not (cli.folder / "people.zip").exists()


def test_a_dry_run_changes_nothing(enrolled: Cli, archive: Path) -> None:
    enrolled("people", "remove", "Ruby", "--yes")
    answer = enrolled("people", "import", archive, "--replace", "--dry-run")
    assert answer.code == 0
    assert answer.lines == [
        "  2 new people, 3 new photos",
        "  0 photos enrolled already",
        "  1 person removed",
        "Nothing was changed.",
    ]
    assert enrolled("people", "import", archive, "--dry-run", "--json").data["added_photos"] == 2
    assert enrolled.people() == {"Gus": 1}


def test_replacing_everybody_needs_a_yes(enrolled: Cli, archive: Path) -> None:
    enrolled("people", "rename", "Gus", "Kim")
    refused = enrolled("people", "import", archive, "--replace", "--json")
    assert refused.code == 2
    assert refused.error["code"] == "confirmation_needed"
    assert enrolled.people() == {"Kim": 1, "Ruby": 2}
    answer = enrolled("people", "import", archive, "--replace", "--yes", "--json")
    assert (answer.code, answer.data["removed_people"]) == (0, 2)
    assert enrolled.people() == {"Gus": 1, "Ruby": 2}


def test_templates_of_another_model_are_renewed_on_import(enrolled: Cli, archive: Path) -> None:
    enrolled.model_id = OTHER_MODEL
    other = enrolled.folder / "other"
    assert enrolled("people", "import", archive, "--db", other, "--dry-run", "--json").data["foreign_photos"] == 3
    answer = enrolled("people", "import", archive, "--db", other)
    assert answer.code == 0
    assert answer.lines[-2:] == ["  3 photos of another model, to be renewed", "Renewed 3 of 3 photos."]
    assert enrolled("verify", enrolled.photo("door.png", RED), "--claim", "Ruby", "--db", other).code == 0


def test_without_a_model_people_are_imported_and_what_remains_is_said(enrolled: Cli, archive: Path) -> None:
    enrolled.has_model = False
    other = enrolled.folder / "other"
    answer = enrolled("people", "import", archive, "--db", other)
    assert answer.code == 0
    assert "people renew" in answer.lines[-1]
    data = enrolled("people", "import", archive, "--db", enrolled.folder / "third", "--json").data
    assert data["foreign_photos"] is None
    assert "weights fetch" in data["model_problem"]
    assert (data["added_people"], data["renewed"]) == (2, 0)


def test_a_file_that_is_no_archive_is_refused(cli: Cli) -> None:
    path = cli.folder / "people.zip"
    path.write_bytes(b"nothing")
    assert cli("people", "import", path, "--json").error["code"] == "archive"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../people.json", json.dumps({}))
    assert cli("people", "import", path).code == 2
    assert cli("people", "import", cli.folder / "nowhere.zip", "--json").error["code"] == "file"
    assert cli.people() == {}


def test_after_a_change_of_the_model_photos_are_renewed(enrolled: Cli) -> None:
    enrolled.model_id = OTHER_MODEL
    answer = enrolled("people", "renew", "--json")
    assert (answer.code, answer.data["renewed"], answer.data["not_renewed"]) == (0, 3, [])
    assert answer.data["model"]["id"] == "other"
    assert enrolled("people", "renew").lines == ["Every photo was enrolled with this model. There is nothing to renew."]


def test_a_photo_that_cant_be_renewed_is_listed(enrolled: Cli) -> None:
    enrolled.model_id = OTHER_MODEL
    next(enrolled.folder.glob("db/photos/*/*")).unlink()
    answer = enrolled("people", "renew")
    assert answer.code == 2
    assert answer.lines[0] == "Renewed 2 of 3 photos."
    assert len(answer.lines) == 2
    (refused,) = enrolled("people", "renew", "--json").data["not_renewed"]
    assert refused["accepted"] is False


def test_a_damaged_database_is_reported_and_restored(enrolled: Cli) -> None:
    database = enrolled.folder / "db" / "facenet.json"
    database.write_bytes(database.read_bytes()[:-10])
    answer = enrolled("people", "list", "--json")
    assert answer.code == 3
    assert answer.error["code"] == "database_damaged"
    assert "people restore" in answer.error["message"]
    restored = enrolled("people", "restore", "--json")
    assert restored.code == 0
    assert Path(restored.data["damaged_file"]).is_file()
    assert restored.data["people"] == len(enrolled.people()) > 0


def test_a_database_in_order_is_not_restored(enrolled: Cli) -> None:
    answer = enrolled("people", "restore")
    assert answer.code == 3
    assert "in order" in answer.err
