from __future__ import annotations

import os
from typing import Any

import pytest

from tests.cli_runner import Cli
from tests.fakes import BLUE, GREEN, RED


def test_photos_of_a_new_person_are_enrolled(cli: Cli) -> None:
    one, two = cli.photo("one.png", RED, mark=1), cli.photo("two.png", RED, mark=2)
    answer = cli("enroll", "Ruby", one, two)
    assert answer.code == 0
    assert answer.lines[0].split() == [str(one), "Ruby", "Enrolled."]
    assert answer.lines[-1] == "Enrolled 2 of 2 photos."
    assert cli.people() == {"Ruby": 2}


def test_enroll_tells_scripts_what_became_of_each_photo(cli: Cli) -> None:
    good, wall = cli.photo("good.png", RED), cli.photo("wall.png")
    answer = cli("enroll", " Ruby  Red ", good, wall, good, "missing.png", "--json")
    assert (answer.code, answer.err) == (2, "")
    assert [(o["photo"], o["accepted"], o["code"]) for o in answer.data["outcomes"]] == [
        (str(good), True, "enrolled"),
        (str(wall), False, "no_face"),
        (str(good), False, "duplicate_photo"),
        ("missing.png", False, "not_a_photo"),
    ]
    assert {o["person"] for o in answer.data["outcomes"]} == {"Ruby Red"}
    assert (answer.data["enrolled"], answer.data["refused"]) == (1, 3)
    assert cli.people() == {"Ruby Red": 1}


def test_of_several_faces_one_must_be_chosen(cli: Cli) -> None:
    group = cli.photo("group.png", GREEN, RED)
    answer = cli("enroll", "Ruby", group)
    assert answer.code == 2
    assert "2 faces were found" in answer.out
    assert cli("enroll", "Ruby", group, "--face", 2).code == 0
    assert cli("verify", cli.photo("door.png", RED), "--claim", "Ruby").code == 0


def test_a_face_can_be_chosen_on_one_photo_only(cli: Cli) -> None:
    answer = cli("enroll", "Ruby", cli.photo("a.png", RED), cli.photo("b.png", RED), "--face", 1)
    assert answer.code == 2
    assert "one by one" in answer.err
    assert cli.people() == {}


def test_a_name_that_cant_be_used_is_refused_before_any_photo_is_read(cli: Cli) -> None:
    answer = cli("enroll", "a/b", "missing.png", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "person_name"


def test_somebody_who_looks_like_somebody_else_is_pointed_out(cli: Cli) -> None:
    cli.enrol({"Ruby": [RED]})
    photo = cli.photo("b.png", RED, mark=1)
    answer = cli("enroll", "Gus", photo)
    assert answer.code == 0
    assert "But the face looks like Ruby (0.00 apart)." in answer.out
    assert cli("enroll", "Kim", cli.photo("c.png", RED, mark=2), "--json").data["outcomes"][0]["resembles"] == "Gus"


def test_a_poor_photo_is_refused_until_it_is_asked_for(cli: Cli) -> None:
    poor = cli.photo("poor.png", RED, blurred=True)
    refused = cli("enroll", "Ruby", poor)
    assert refused.code == 2
    assert "the face is blurred. Hold the camera still" in refused.out
    assert "Enrol it all the same with --accept-poor." in refused.out
    (outcome,) = cli("enroll", "Ruby", poor, "--json").data["outcomes"]
    assert (outcome["code"], outcome["flaws"], outcome["warnings"]) == ("poor_photo", ["blurred"], [])

    accepted = cli("enroll", "Ruby", poor, "--accept-poor")
    assert accepted.code == 0
    assert "Enrolled. But the face is blurred." in accepted.out
    assert cli.people() == {"Ruby": 1}


def test_poor_photos_of_a_folder_are_enrolled_when_asked_for(cli: Cli) -> None:
    cli.photo("people/Ruby.png", RED, blurred=True)
    cli.photo("people/Gus.png", GREEN)
    assert cli("enroll-folder", cli.folder / "people").code == 2
    assert cli.people() == {"Gus": 1}
    answer = cli("enroll-folder", cli.folder / "people", "--accept-poor", "--json")
    assert [(o["person"], o["code"], o["flaws"]) for o in answer.data["outcomes"]] == [
        ("Gus", "duplicate_photo", []),
        ("Ruby", "enrolled", ["blurred"]),
    ]


def test_a_folder_is_enrolled_by_the_names_in_it(cli: Cli) -> None:
    cli.photo("people/Ruby_Red_2.png", RED)
    cli.photo("people/Gus Green/1.png", GREEN)
    cli.photo("people/Gus Green/group.png", GREEN, BLUE)
    answer = cli("enroll-folder", cli.folder / "people", "--json")
    assert answer.code == 2
    assert [(o["person"], o["code"]) for o in answer.data["outcomes"]] == [
        ("Gus Green", "enrolled"),
        ("Gus Green", "several_faces"),
        ("Ruby Red", "enrolled"),
    ]
    assert cli.people() == {"Gus Green": 1, "Ruby Red": 1}


def test_a_folder_without_photos_or_none_at_all_is_refused(cli: Cli) -> None:
    (cli.folder / "empty").mkdir()
    assert "no photo in this folder" in cli("enroll-folder", cli.folder / "empty").err
    answer = cli("enroll-folder", cli.folder / "nowhere", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "file"


@pytest.mark.skipif(os.name != "posix", reason="named pipes and odd file names are those of POSIX")
def test_odd_files_are_refused_or_shown_without_steering_the_terminal(cli: Cli) -> None:
    pipe = cli.folder / "pipe.png"
    os.mkfifo(pipe)
    assert "not a file" in cli("enroll", "Ruby", pipe).out
    odd = cli.photo(os.fsdecode(b"\xff\x1b[31m\n.png"), RED)
    answer = cli("enroll", "Ruby", odd)
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert len(answer.lines) == 2
    assert cli("people", "show", "Ruby", "--json").data["person"]["photos"][0]["source_name"] == "?\x1b[31m\n.png"


def test_what_was_enrolled_before_an_interrupt_stays(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from facenet_core.cli import files

    photos = [cli.photo("one.png", RED), cli.photo("two.png", GREEN)]
    read = files.read

    def interrupted(path: Any, limit: int) -> bytes:
        if path == photos[1]:
            raise KeyboardInterrupt
        return read(path, limit)

    monkeypatch.setattr(files, "read", interrupted)
    answer = cli("enroll", "Ruby", *photos)
    assert answer.code == 130
    assert answer.err.splitlines()[-1].endswith("Interrupted.")
    assert "Traceback" not in answer.err
    assert cli.people() == {"Ruby": 1}
