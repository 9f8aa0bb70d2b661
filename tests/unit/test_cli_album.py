"""Albums at the command line: exit codes, and what people and scripts are told."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from facenet_core import shipped
from facenet_core.album.album import Album
from facenet_core.album.files import AlbumFiles
from facenet_core.album.records import Coverage, Found, Indexed, Run, RunState
from facenet_core.album.samples import MOST
from facenet_core.album.watching import Watcher
from facenet_core.cli.album import AGAIN
from facenet_core.errors import AlbumError, StoreError
from facenet_core.types import Embedding
from tests.cli_runner import Cli
from tests.fakes import BLUE, GREEN, MEASURED, MODEL, RED, YELLOW


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})


@pytest.fixture
def album(cli: Cli) -> Cli:
    """Red on three photos, one of them with green; green on another; not indexed yet."""
    for number in range(2):
        cli.photo(f"photos/red {number}.png", RED, mark=number)
    cli.photo("photos/both.png", GREEN, RED)
    cli.photo("photos/green.png", GREEN)
    assert cli("album", "add", cli.folder / "photos").code == 0
    return cli


@pytest.fixture
def indexed(album: Cli) -> Cli:
    assert album("album", "index").code == 0
    return album


def names(hits: list[dict[str, list[str]]]) -> set[str]:
    return {hit["paths"][0].rpartition("/")[2] for hit in hits}


# -- folders and runs ---------------------------------------------------------------


def test_a_folder_is_added_indexed_and_removed(cli: Cli) -> None:
    cli.photo("photos/a.png", RED)
    path = cli.folder / "photos"
    assert cli("album", "add", path).lines == [f"Added {path}. `album index` looks at its photos."]
    answer = cli("album", "index")
    assert answer.lines == [
        "Looked at 1 file: 1 face.",
        "1 photo in 1 file, 1 face, 0 files that can't be used.",
    ]
    assert cli("album", "index").lines[0] == "Looked at 0 files: 0 faces."
    assert cli("album", "index", "--again", "--json").data["looked_at"] == 1
    assert cli("album", "remove", path, "--yes").lines == [f"Took {path} out, with 1 photo."]
    assert cli("album", "status", "--json").data["album"] == {"photos": 0, "files": 0, "refused": 0, "faces": 0}
    assert (path / "a.png").exists()


def test_nothing_is_removed_without_consent(album: Cli) -> None:
    path = album.folder / "photos"
    answer = album("album", "remove", path, "--json")
    assert (answer.code, answer.error["code"]) == (2, "confirmation_needed")
    album.types("no\n")
    assert album("album", "remove", path, "--json").error["code"] == "cancelled"
    album.types("y\n")
    assert album("album", "remove", path).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "nowhere"], "nowhere: there is no such folder."),
        (["remove", "nowhere", "--yes"], "nowhere: this folder is not in the album."),
        (["index"], "The album has no folder yet: `album add DIR` adds one."),
        (["search", "sample.png"], "The album has no faces yet. Add a folder of photos, and index it."),
        (["search"], "Give a photo of the person to search for."),
        (["search", "sample.png", "sample.png", "--face", "1"], "Give one photo with it."),
        (["show", "7"], "There is no group 7 any more"),
        (["merge", "7"], "There is no group 7 any more"),
        (["split", "7", "1"], "There is no group 7 any more"),
        (["apart", "7", "8"], "There is no group 7 any more"),
        (["apart", "7", "7"], "Choose two groups that are different people."),
        (["confirm", "7"], "There is no group 7 any more"),
        (["name", "7", "Ann"], "There is no group 7 any more"),
    ],
)
def test_what_can_t_be_done_is_said(cli: Cli, arguments: list[str], message: str) -> None:
    cli.photo("sample.png", RED)
    words = [cli.folder / word if word.endswith(("nowhere", ".png")) else word for word in arguments]
    answer = cli("album", *words)
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""
    error = cli("album", *words, "--json").error
    assert (error["code"], error["photo"]) == ("album", None)
    assert message in error["message"]


def test_damaged_files_are_named_and_the_exit_code_says_so(album: Cli) -> None:
    path = album.folder / "photos" / "damaged.jpg"
    path.write_bytes(b"damaged")
    answer = album("album", "index")
    assert answer.code == 2
    assert answer.lines[0] == "Looked at 5 files: 5 faces."
    assert answer.lines[1].startswith(f"  {path}: ")
    status = album("album", "status")
    assert status.code == 0
    assert [line for line in status.lines if line.startswith(f"{path}: ")]
    (refused,) = album("album", "status", "--json").data["refused"]
    assert (refused["path"], refused["code"]) == (str(path), "not_a_photo")
    assert album("album", "index").code == 0  # nothing was looked at


def test_a_folder_that_is_not_there_any_more_is_an_error_and_told_by_the_status(indexed: Cli) -> None:
    (indexed.folder / "photos").rename(indexed.folder / "away")
    assert indexed("album", "index", "--json").error["code"] == "album"
    status = indexed("album", "status")
    assert status.lines[-1].startswith("The last run ended early (")
    assert "can't be read" in status.lines[-1]
    data = indexed("album", "status", "--json").data
    assert data["run"]["state"] == "failed"
    assert data["album"]["photos"] == 4


def test_a_status_before_anything_says_what_to_do(cli: Cli) -> None:
    answer = cli("album", "status")
    assert (answer.code, answer.lines) == (0, ["The album has no folder yet: `album add DIR` adds one."])
    assert cli("album", "status", "--json").data["run"] is None


def test_watching_once_is_indexing(album: Cli) -> None:
    answer = album("album", "watch", "--once", "--json")
    assert (answer.code, answer.data["looked_at"], answer.data["album"]["photos"]) == (0, 4, 4)
    (album.folder / "photos").rename(album.folder / "away")
    assert album("album", "watch", "--once", "--json").error["code"] == "album"


def test_watching_an_album_without_a_folder_says_what_to_do(cli: Cli) -> None:
    answer = cli("album", "watch")
    assert answer.code == 2
    assert "The album has no folder yet: `album add DIR` adds one." in answer.err


def test_watching_goes_on_when_a_folder_is_away_for_a_while(album: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    photos, away = album.folder / "photos", album.folder / "away"
    waited = []

    def waiting(self: Watcher, longest: float | None = None) -> bool:
        waited.append(longest)
        if len(waited) == 1:
            photos.rename(away)
        elif len(waited) == 3:
            album.photo("away/new.png", YELLOW)
            away.rename(photos)
        elif len(waited) == 4:
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(Watcher, "wait", waiting)
    answer = album("album", "watch", "--json")
    assert (answer.code, answer.data["looked_at"], answer.data["album"]["photos"]) == (0, 5, 5)
    assert waited == [None, AGAIN, AGAIN, None]
    assert answer.err.count(f"{photos}: this folder can't be read") == 1, "it is said once"


def test_watching_goes_on_when_the_database_is_away_or_the_last_folder_is_removed(
    album: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited, folders = [], Album.folders
    problems = [StoreError("The database does not answer."), AlbumError("Somebody else indexes.")]

    def failing(self: Album, **given: object) -> Iterator[Indexed]:
        yield from ()
        if problems:
            raise problems.pop(0)

    def waiting(self: Watcher, longest: float | None = None) -> bool:
        waited.append(longest)
        if len(waited) == 3:
            monkeypatch.setattr(Album, "folders", lambda self: ())
        elif len(waited) == 4:
            monkeypatch.setattr(Album, "folders", folders)
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(Album, "index", failing)
    monkeypatch.setattr(Watcher, "wait", waiting)
    answer = album("album", "watch")
    assert (answer.code, waited) == (0, [AGAIN, AGAIN, None, AGAIN])
    assert answer.err.splitlines() == [
        "The database does not answer.",
        "Somebody else indexes.",
        "The album has no folder yet: `album add DIR` adds one.",
    ]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("scanning", "Indexing: 2 of 5, 0.0 a second."),
        ("indexing", "Indexing: 2 of 5, 0.0 a second."),
        ("pausing", "Pausing after the photo that it is at: 2 of 5."),
        ("grouping", "Grouping the faces into people, after 2 of 5."),
        ("paused", "The last run ended early (it was stopped), 2 of 5: `album index` goes on."),
    ],
)
def test_the_status_says_what_a_run_does(
    album: Cli, monkeypatch: pytest.MonkeyPatch, state: RunState, said: str
) -> None:
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    monkeypatch.setattr(Album, "run", lambda self: Run(state, at, at, 5, 2, None))
    assert album("album", "status").lines[-1] == said
    assert album("album", "status", "--json").data["run"]["state"] == state


# -- searching ----------------------------------------------------------------------


def test_photos_that_this_model_has_not_seen_are_told(indexed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = indexed.photo("sample.png", YELLOW)
    unseen = Coverage(4, 1)
    monkeypatch.setattr(Album, "coverage", lambda self: unseen)
    answer = indexed("album", "search", sample)
    assert answer.lines[-1] == "1 of 4 photos was not looked at by this model: index the album again."
    assert indexed("album", "search", sample, "--json").data["photos_unseen"] == 1
    unseen = Coverage(4, 4)
    answer = indexed("album", "search", sample)
    assert answer.code == 2 and "4 of 4 photos were not looked at by this model" in answer.err


def test_every_photo_of_a_person_is_found(indexed: Cli) -> None:
    answer = indexed("album", "search", indexed.photo("sample.png", RED, mark=9))
    assert answer.code == 0
    assert answer.lines[0] == "Found in 3 photos (among 5 faces):"
    data = indexed("album", "search", indexed.photo("sample.png", RED, mark=9), "--json").data
    assert (data["verdict"], data["faces_searched"], data["zip"], data["packed"]) == ("found", 5, None, None)
    assert names(data["photos"]) == {"red 0.png", "red 1.png", "both.png"}
    (both,) = (hit for hit in data["photos"] if hit["paths"][0].endswith("both.png"))
    assert [face["box"][0] for face in both["faces"]] == [110]


def test_a_stranger_is_absent_with_exit_code_1(indexed: Cli) -> None:
    target = indexed.folder / "found.zip"
    answer = indexed("album", "search", indexed.photo("sample.png", YELLOW), "--zip", target)
    assert answer.code == 1
    assert answer.lines[0] == "This person is probably not in this album (among 5 faces)."
    assert not target.exists()
    assert indexed("album", "search", indexed.photo("sample.png", YELLOW), "--json").data["verdict"] == "absent"


def test_people_are_found_together_and_apart(indexed: Cli) -> None:
    red, green = indexed.photo("red.png", RED), indexed.photo("green.png", GREEN)
    both = indexed("album", "search", red, "--and", green, "--json").data
    assert names(both["photos"]) == {"both.png"}
    assert [len(hit["faces"]) for hit in both["photos"]] == [2]
    alone = indexed("album", "search", red, "--without", green, "--json").data
    assert names(alone["photos"]) == {"red 0.png", "red 1.png"}


def test_the_face_that_is_meant_can_be_said(indexed: Cli) -> None:
    several = indexed.photo("several.png", BLUE, GREEN)
    assert indexed("album", "search", several, "--face", 1).code == 1
    found = indexed("album", "search", several, "--face", 2, "--json").data
    assert names(found["photos"]) == {"both.png", "green.png"}
    assert indexed("album", "search", several, "--face", 3).code == 2


def test_enrolled_people_and_groups_are_searched_for(indexed: Cli) -> None:
    indexed.enrol({"Gina": [GREEN]})
    found = indexed("album", "search", "--person", "gina", "--json").data
    assert names(found["photos"]) == {"both.png", "green.png"}
    number = indexed("album", "people", "--json").data["groups"][0]["number"]
    assert len(indexed("album", "search", "--group", number, "--json").data["photos"]) == 3
    assert indexed("album", "search", "--person", "nobody", "--json").error["code"] == "unknown_person"


def test_as_many_faces_of_a_group_or_a_person_are_samples_as_on_the_page(
    indexed: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mark in range(10, 22):
        indexed.photo(f"photos/red {mark}.png", RED, mark=mark)
    indexed("album", "index")
    indexed.enrol({"Rita": [(200, 10 + shade, 10) for shade in range(MOST + 2)]})
    asked, search = [], Album.search

    def counted(album: Album, people: Sequence[Sequence[Embedding]], *without: Sequence[Sequence[Embedding]]) -> Found:
        asked.append([len(samples) for samples in people])
        return search(album, people, *without)

    monkeypatch.setattr(Album, "search", counted)
    number = indexed("album", "people", "--json").data["groups"][0]["number"]
    assert indexed("album", "search", "--group", number).code == 0
    assert indexed("album", "search", "--person", "Rita").code == 0
    assert asked == [[MOST], [MOST]]


def test_a_sample_without_a_face_says_so(indexed: Cli) -> None:
    assert indexed("album", "search", indexed.photo("empty.png"), "--json").error["code"] == "no_face"
    assert indexed("album", "search", indexed.folder / "nowhere.png", "--json").error["code"] == "not_a_photo"


def test_found_photos_are_packed(indexed: Cli) -> None:
    target = indexed.folder / "found.zip"
    sample = indexed.photo("sample.png", RED, mark=9)
    answer = indexed("album", "search", sample, "--zip", target)
    assert answer.lines[-1] == f"Wrote 3 photos to {target}."
    with zipfile.ZipFile(target) as archive:
        assert archive.read("photos/photos/both.png") == (indexed.folder / "photos" / "both.png").read_bytes()
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"))))
    assert {row["path"] for row in rows} == {"photos/red 0.png", "photos/red 1.png", "photos/both.png"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    (indexed.folder / "photos" / "both.png").unlink()
    assert indexed("album", "search", sample, "--zip", target, "--json").data["packed"] == 2
    answer = indexed("album", "search", sample, "--zip", indexed.folder / "nowhere" / "found.zip", "--json")
    assert (answer.code, answer.error["code"]) == (2, "file")


def test_a_model_that_was_never_measured_can_t_search(indexed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_measured", dict)
    answer = indexed("album", "search", indexed.photo("sample.png", RED), "--json")
    assert (answer.code, answer.error["code"]) == (3, "no_threshold")


# -- people -------------------------------------------------------------------------


def test_the_groups_are_listed_and_shown(indexed: Cli) -> None:
    answer = indexed("album", "people")
    assert answer.lines[0] == "2 people with two faces or more, or a name:"
    assert [line.split() for line in answer.lines[1:]] == [
        ["0", "unknown", "3", "photos", "3", "faces"],
        ["1", "unknown", "2", "photos", "2", "faces"],
    ]
    shown = indexed("album", "show", 1)
    assert shown.lines[0] == "Group 1, unknown, on 2 photos:"
    assert len(shown.lines) == 3
    faces = indexed("album", "show", 1, "--json").data["faces"]
    assert {face["photo"].rpartition("/")[2] for face in faces} == {"both.png", "green.png"}


def test_a_face_whose_photo_is_gone_since_is_shown_as_such(indexed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed.photo("photos/green.png", YELLOW)
    # As while a run is under way: the file is known to be another photo, and what has gone is not taken out yet.
    monkeypatch.setattr(AlbumFiles, "drop_files", lambda *given: None)
    assert indexed("album", "index").code == 0
    shown = indexed("album", "show", 1)
    assert shown.code == 0
    assert len(shown.lines) == 3
    assert len([line for line in shown.lines if "photo gone" in line]) == 1
    faces = indexed("album", "show", 1, "--json").data["faces"]
    assert [face["photo"] for face in faces].count(None) == 1


def test_a_group_keeps_its_number_when_it_is_named_merged_and_split(indexed: Cli) -> None:
    assert indexed("album", "name", 1, "Gina").lines[0] == "Group 1 is Gina. Enrolled 2 photos."
    assert indexed.people() == {"Gina": 2}
    group = indexed("album", "show", 1, "--json").data["group"]
    assert (group["name"], group["person_id"]) == (
        "Gina",
        indexed("people", "show", "Gina", "--json").data["person"]["id"],
    )
    face = indexed("album", "show", 0, "--json").data["group"]["faces"][0]
    split = indexed("album", "split", 0, face, "--json").data["groups"]
    assert [(each["number"], len(each["faces"])) for each in split] == [(1, 2), (0, 2)]
    assert indexed("album", "undo").lines == ["Took back that faces are somebody else."]
    merged = indexed("album", "merge", 0, 1, "--json").data["groups"]
    assert [(each["number"], each["name"], len(each["faces"])) for each in merged] == [(0, "Gina", 5)]
    assert [indexed("album", "undo", "--json").data["undone"] for _ in range(3)] == ["merge", "name", None]
    assert indexed("album", "undo").lines == ["There is nothing to take back."]


def test_doubts_are_answered(album: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = replace(MEASURED, distances=(1.9, 1.8, 1.7, 1.6))
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): wide})
    for number in range(2):
        album.photo(f"photos/blue {number}.png", BLUE, mark=number)
    assert album("album", "index").code == 0
    (doubt,) = album("album", "doubts", "--json").data["merges"]
    assert list(map(len, doubt["faces"])) == [2, 2]
    assert album("album", "confirm", doubt["group"]).code == 0
    assert album("album", "doubts", "--json").data["merges"] == []
    assert album("album", "undo").lines == ["Took back that a group is one person."]
    assert album("album", "split", doubt["group"], *doubt["faces"][1]).code == 0
    groups = [each["number"] for each in album("album", "people", "--json").data["groups"]]
    answer = album("album", "apart", *groups[:2], "--json")
    assert [each["number"] for each in answer.data["groups"]] == groups
    assert album("album", "undo").lines == ["Took back that two groups are different people."]
    assert [album("album", "undo", "--json").data["undone"] for _ in range(2)] == ["split", None]
    events = album("events", "--json").data["events"]
    assert {(each["kind"], each["outcome"]) for each in events} >= {
        ("album_confirm", "confirmed"), ("album_apart", "apart"), ("album_undo", "differ")
    }  # fmt: skip


def test_groups_of_an_album_without_photos(cli: Cli) -> None:
    assert "no groups yet" in cli("album", "people").lines[0]
    assert "no groups yet" in cli("album", "cluster").lines[0]
    assert cli("album", "doubts", "--json").code == 0


def test_faces_that_came_since_are_told_and_grouped(album: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shipped, "_measured", dict)
        assert album("album", "index").code == 0
    assert album("album", "people").lines[-1] == "5 faces came since: `album cluster` groups them."
    assert album("album", "cluster", "--json").data["ungrouped"] == 0
    assert len(album("album", "cluster", "--anew", "--json").data["groups"]) == 2


def test_a_bad_name_changes_nothing(indexed: Cli) -> None:
    answer = indexed("album", "name", 1, " ", "--json")
    assert (answer.code, answer.error["code"]) == (2, "person_name")
    assert indexed.people() == {}


def test_what_was_done_is_in_the_list_of_events(indexed: Cli) -> None:
    indexed("album", "name", 1, "Gina")
    indexed("album", "search", indexed.photo("sample.png", RED))
    events = indexed("events", "--json").data["events"]
    assert {(each["kind"], each["outcome"]) for each in events} >= {
        ("album_add", "added"), ("album_name", "named"), ("album_search", "found")
    }  # fmt: skip
