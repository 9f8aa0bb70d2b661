"""What an album takes in, and what it never loses."""

from __future__ import annotations

import os
import re
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import facenet_core.album
from facenet_core import images
from facenet_core.album.album import Album
from facenet_core.album.pictures import CROP_SIDE, THUMBNAIL_SIDE
from facenet_core.album.records import AlbumPhoto, Indexed
from facenet_core.config import Settings
from facenet_core.errors import AlbumError, ModelError
from facenet_core.service import FaceService
from facenet_core.store import sqlite
from tests.albums import Scene, files
from tests.fakes import BLUE, GREEN, MEASURED, MODEL, OTHER_MODEL, RED, YELLOW, fake_engine, photo

pytestmark = pytest.mark.usefixtures("one_by_one")


@pytest.fixture
def scene(album_settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(album_settings, tmp_path / "photos")) as scene:
        yield scene


# -- what is read ---------------------------------------------------------------


def test_photos_are_found_at_any_depth_and_never_changed(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put("2024/Ausflug Zürich/b.JPG", GREEN, BLUE)
    scene.put("2024/Ausflug Zürich/deeper/c.png")
    (scene.folder / "notes.txt").write_text("no photo")
    before = files(scene.folder)

    looked = scene.index()

    assert {name: each.faces for name, each in looked.items()} == {
        "a.png": 1,
        "2024/Ausflug Zürich/b.JPG": 2,
        "2024/Ausflug Zürich/deeper/c.png": 0,
    }
    assert scene.album.counts() == {"photos": 3, "files": 3, "refused": 0, "faces": 3}
    (folder,) = scene.album.folders()
    assert (folder.path, folder.photos, folder.refused, folder.added_at) == (scene.folder, 3, 0, scene.time)
    scene.index(again=True)
    assert files(scene.folder) == before


def test_the_service_has_an_album(settings: Settings, tmp_path: Path) -> None:
    service = FaceService(settings, fake_engine())
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(photo(RED))
    service.album.add(tmp_path / "photos")
    assert [each.faces for each in service.album.index()] == [1]
    service.album.close()


def test_only_new_and_changed_files_are_looked_at_again(scene: Scene) -> None:
    for number in range(4):
        scene.put(f"{number}.png", RED, mark=number)
    assert len(scene.index()) == scene.looks() == 4

    assert scene.index() == {}
    scene.put("new.png", GREEN)
    scene.put("2.png", BLUE)

    assert set(scene.index()) == {"2.png", "new.png"}
    assert scene.looks() == 2


def test_another_process_knows_what_was_indexed(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    other = scene.opened()
    assert list(other.index()) == []
    assert other.counts()["faces"] == 1
    other.close()


def test_a_changed_file_is_another_photo(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    before = scene.faces("a.png")
    scene.put("a.png", GREEN, BLUE)
    scene.index()
    assert len(scene.faces("a.png")) == 2
    assert not set(before) & set(scene.faces("a.png"))
    assert scene.album.counts() == {"photos": 1, "files": 1, "refused": 0, "faces": 2}


def test_a_file_that_is_touched_is_read_and_not_analysed(scene: Scene) -> None:
    path = scene.put("a.png", RED)
    scene.index()
    scene.looks()
    os.utime(path, ns=(1, 1))
    assert scene.index() == {"a.png": Indexed(path)}
    assert scene.looks() == 0
    assert scene.index() == {}


def test_again_notices_a_change_that_keeps_size_and_time(scene: Scene) -> None:
    path = scene.put("a.png", RED)
    scene.index()
    at = path.stat()
    content = photo(RED, GREEN)
    path.write_bytes(content[: at.st_size].ljust(at.st_size, b"\0"))
    os.utime(path, ns=(at.st_mtime_ns, at.st_mtime_ns))
    assert scene.index() == {}
    (looked,) = scene.index(again=True).values()
    assert looked.problem


def test_a_file_that_was_moved_keeps_its_faces_without_being_analysed(scene: Scene) -> None:
    path = scene.put("a.png", RED, GREEN)
    scene.index()
    before = scene.faces("a.png")
    scene.looks()
    (scene.folder / "2025").mkdir()
    path.rename(scene.folder / "2025" / "renamed.png")

    assert [each.faces for each in scene.index().values()] == [None]

    assert scene.looks() == 0
    assert scene.names() == {"2025/renamed.png"}
    assert scene.faces("2025/renamed.png") == before


def test_a_file_that_was_moved_to_another_folder_keeps_its_faces(scene: Scene, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    scene.album.add(other)
    scene.put("stays.png", BLUE)
    path = scene.put("a.png", RED)
    scene.index()
    before = scene.faces("a.png")
    path.rename(other / "b.png")
    list(scene.album.index())
    (moved,) = (each for each in scene.album.listed(9) if each.paths == (other / "b.png",))
    assert tuple(face.id for face in scene.album.faces_on(moved)) == before


def test_the_same_photo_in_two_files_is_one_photo(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    scene.put("copies/b.png", RED)
    scene.index()
    assert scene.looks() == 1
    assert scene.album.counts() == {"photos": 1, "files": 2, "refused": 0, "faces": 1}
    assert scene.photo("a.png").paths == (scene.folder / "a.png", scene.folder / "copies" / "b.png")
    (scene.folder / "a.png").unlink()
    scene.index()
    assert scene.photo("copies/b.png").name == "b.png"
    assert scene.album.original(scene.photo("copies/b.png")) == photo(RED)


def test_two_copies_that_come_at_once_are_one_photo(scene: Scene) -> None:
    for name in ("a.png", "b.png", "c.png"):
        scene.put(name, RED)
    scene.index()
    assert scene.album.counts() == {"photos": 1, "files": 3, "refused": 0, "faces": 1}


# -- what has gone --------------------------------------------------------------


def test_a_deleted_file_is_nowhere_and_its_faces_are_kept_for_a_month(scene: Scene) -> None:
    scene.put("stays.png", GREEN)
    path = scene.put("a.png", RED)
    scene.index()
    before, id_ = scene.faces("a.png"), scene.photo("a.png").id
    path.unlink()
    scene.index()
    assert scene.names() == {"stays.png"}
    assert scene.album.counts() == {"photos": 1, "files": 1, "refused": 0, "faces": 1}
    with pytest.raises(AlbumError, match="no longer in the album"):
        scene.album.photo(id_)

    scene.later(days=29)
    scene.index()
    scene.looks()
    scene.put("back.png", RED)
    scene.index()

    assert scene.faces("back.png") == before
    assert scene.looks() == 0


def test_a_photo_that_stays_away_is_forgotten_with_its_faces_and_pictures(scene: Scene) -> None:
    scene.put("stays.png", GREEN)
    path = scene.put("a.png", RED)
    scene.index()
    before, sha256 = scene.faces("a.png"), scene.photo("a.png").sha256
    path.unlink()
    scene.index()
    assert list(scene.settings.db.rglob(f"{sha256}*"))
    scene.later(days=31)
    scene.index()
    assert scene.album.faces(before) == ()
    assert list(scene.settings.db.rglob(f"{sha256}*")) == []
    scene.looks()
    scene.put("a.png", RED)
    scene.index()
    assert scene.looks() == 1


def test_an_empty_folder_loses_nothing(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    before = scene.faces("a.png")
    scene.folder.rename(scene.folder.with_name("disk"))
    scene.folder.mkdir()
    with pytest.raises(AlbumError, match=r"no photo in this folder, and there were 1. Is its disk mounted\?"):
        scene.index()
    assert scene.faces("a.png") == before
    run = scene.album.run()
    assert run and run.state == "failed" and run.problem and "mounted" in run.problem


def test_a_missing_folder_loses_nothing(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    before = scene.faces("a.png")
    away = scene.folder.rename(scene.folder.with_name("away"))
    with pytest.raises(AlbumError, match=r"photos: this folder can't be read \(No such file"):
        scene.index()
    assert scene.faces("a.png") == before
    away.rename(scene.folder)
    assert scene.index() == {}


def test_folders_that_are_away_keep_no_other_from_being_indexed(scene: Scene, tmp_path: Path) -> None:
    for name, colour in (("away", GREEN), ("empty", BLUE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(photo(colour))
        scene.album.add(tmp_path / name)
    last = tmp_path / "last"
    last.mkdir()
    (last / "stays.png").write_bytes(photo(YELLOW))
    (last / "gone.png").write_bytes(photo(YELLOW, mark=1))
    scene.album.add(last)
    list(scene.album.index())
    assert scene.album.counts()["photos"] == 4
    (tmp_path / "away").rename(tmp_path / "disk")
    (tmp_path / "empty" / "a.png").rename(tmp_path / "elsewhere.png")
    (last / "gone.png").unlink()
    new = [scene.put("new.png", RED), scene.put("newer.png", RED, mark=1)]

    looked = []
    with pytest.raises(AlbumError) as error:
        looked.extend(each.path for each in scene.album.index())

    assert looked == new
    said = str(error.value)
    assert f"{tmp_path / 'away'}: this folder can't be read (No such file or directory)." in said
    assert f"{tmp_path / 'empty'}: there is no photo in this folder" in said
    assert said.endswith(" The other folders were indexed.")
    run = scene.album.run()
    assert run and (run.state, run.done, run.total, run.problem) == ("failed", 2, 2, said)
    there = {path for each in scene.album.listed(9) for path in each.paths}
    assert there == {*new, last / "stays.png", tmp_path / "away" / "a.png", tmp_path / "empty" / "a.png"}
    assert any(len(group.faces) == 2 for group in scene.album.people.all()), "what is new is grouped"


def test_a_folder_that_was_empty_from_the_start_is_no_error(scene: Scene) -> None:
    assert scene.index() == {}
    assert scene.album.counts()["photos"] == 0


def test_a_folder_that_is_removed_takes_faces_and_pictures_with_it_and_leaves_photos(
    scene: Scene, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "copy.png").write_bytes(photo(GREEN))
    scene.album.add(tmp_path / "other")
    scene.put("a.png", RED)
    scene.put("b.png", GREEN)
    list(scene.album.index())
    only, both = scene.photo("a.png"), scene.photo("b.png")
    before = files(scene.folder)
    scene.album.remove(scene.folder)
    assert [folder.path for folder in scene.album.folders()] == [tmp_path / "other"]
    assert scene.album.counts() == {"photos": 1, "files": 1, "refused": 0, "faces": 1}
    assert list(scene.settings.db.rglob(f"{only.sha256}*")) == []
    assert list(scene.settings.db.rglob(f"{both.sha256}*"))
    assert files(scene.folder) == before
    with pytest.raises(AlbumError, match="not in the album"):
        scene.album.remove(scene.folder)


def test_a_folder_that_is_removed_takes_its_missing_photos_with_it_and_no_others(scene: Scene, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs.png").write_bytes(photo(GREEN))
    (other / "both.png").write_bytes(photo(BLUE))
    (other / "stays.png").write_bytes(photo(YELLOW))
    scene.album.add(other)
    for name, colour in (("ours.png", RED), ("both.png", BLUE), ("changed.png", RED), ("stays.png", RED)):
        scene.put(name, colour, mark=len(name) if colour == RED else 0)
    list(scene.album.index())
    ours, changed = scene.photo("ours.png"), scene.photo("changed.png")
    kept = [
        scene.faces("both.png"),
        tuple(face.id for face in scene.album.faces_on(shown(scene, other / "theirs.png"))),
    ]
    scene.put("changed.png", GREEN, BLUE)
    for path in (scene.folder / "ours.png", scene.folder / "both.png", other / "theirs.png", other / "both.png"):
        path.unlink()
    list(scene.album.index())
    scene.album.remove(scene.folder)
    for gone in (ours, changed):
        assert list(scene.settings.db.rglob(f"{gone.sha256}*")) == []
    scene.later(days=29)
    (other / "theirs.png").write_bytes(photo(GREEN))
    (other / "both.png").write_bytes(photo(BLUE))
    scene.looks()
    list(scene.album.index())
    assert scene.looks() == 0
    found = [shown(scene, other / name) for name in ("both.png", "theirs.png")]
    assert [tuple(face.id for face in scene.album.faces_on(each)) for each in found] == kept


def shown(scene: Scene, path: Path) -> AlbumPhoto:
    """The photo of a file, wherever it is."""
    (found,) = (each for each in scene.album.listed(1000) if path in each.paths)
    return found


# -- what can't be used -----------------------------------------------------------


def test_damaged_files_are_named_with_the_reason_and_stop_nothing(scene: Scene) -> None:
    whole = photo(RED, file_format="JPEG")
    (scene.folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (scene.folder / "empty.jpg").write_bytes(b"")
    (scene.folder / "text.png").write_text("hello")
    scene.put("z.png", RED)
    looked = scene.index()
    assert looked["z.png"].faces == 1
    refused = {each.path.name: each for each in scene.album.refused()}
    assert set(refused) == {"half.jpg", "empty.jpg", "text.png"}
    for name, each in refused.items():
        assert each.code == "not_a_photo"
        assert each.reason and each.reason == looked[name].problem
    assert scene.album.counts() == {"photos": 1, "files": 1, "refused": 3, "faces": 1}


def test_a_damaged_file_is_not_read_again_until_it_changes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scene.folder / "a.png"
    path.write_bytes(b"damaged")
    scene.index()
    decoded, decode = [], images.decode
    monkeypatch.setattr(images, "decode", lambda *given, **more: (decoded.append(given[1]), decode(*given, **more))[1])
    assert scene.index() == {}
    assert decoded == []
    scene.put("a.png", RED)
    assert scene.index()["a.png"].faces == 1
    assert decoded == ["a.png"]
    assert scene.album.refused() == ()


def test_a_file_that_is_too_large_is_named(scene: Scene) -> None:
    scene.put("a.png", RED)
    with (scene.folder / "b.jpg").open("wb") as file:
        file.truncate(scene.settings.max_upload_mb * 2**20 + 1)
    scene.index()
    assert [(each.path.name, each.code) for each in scene.album.refused()] == [("b.jpg", "photo_too_large")]


def test_a_file_that_the_system_will_not_read_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scene.put("a.png", RED)
    scene.put("b.png", GREEN)
    opened = Path.open

    def refusing(self: Path, *given: object, **more: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *given, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refusing)
        looked = scene.index()
        assert looked["b.png"].faces == 1
        assert looked["a.png"].problem == "This file can't be read (Permission denied)."
        assert [each.code for each in scene.album.refused()] == ["unreadable"]
        assert set(scene.index()) == {"a.png"}
    assert scene.index()["a.png"].faces == 1
    assert scene.album.refused() == ()


def test_a_folder_within_that_can_t_be_read_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.png", RED)
    scene.put("secret/b.png", GREEN)
    scandir = os.scandir

    def refusing(path: bytes) -> object:
        if os.fsdecode(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        assert scene.index()["secret"].problem == "This folder can't be read (Permission denied)."
    assert scene.index()["secret/b.png"].faces == 1
    assert scene.album.refused() == ()


def test_photos_of_a_folder_within_that_can_t_be_read_for_once_are_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put("a.png", RED)
    scene.put("secret/b.png", GREEN)
    scene.index()
    scandir = os.scandir

    def refusing(path: bytes) -> object:
        if os.fsdecode(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    before = scene.faces("secret/b.png")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        scene.index()
        assert scene.names() == {"a.png", "secret/b.png"}
        scene.later(days=99)
        scene.index()
    scene.index()
    assert scene.faces("secret/b.png") == before


def test_links_are_not_followed(scene: Scene, tmp_path: Path) -> None:
    scene.put("a.png", RED)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.png").write_bytes(photo(GREEN))
    (scene.folder / "file.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (scene.folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (scene.folder / "folder").symlink_to(tmp_path / "elsewhere")
    (scene.folder / "circle").symlink_to(scene.folder)
    scene.index()
    assert scene.names() == {"a.png"}
    assert {(each.path.name, each.code) for each in scene.album.refused()} == {
        ("file.png", "link"),
        ("dangling.jpg", "link"),
    }
    assert scene.index() == {}


def test_a_pipe_keeps_nobody_waiting(scene: Scene) -> None:
    scene.put("a.png", RED)
    os.mkfifo(scene.folder / "pipe.jpg")
    assert scene.index()["pipe.jpg"].problem == "This is a device or a pipe, not a file."


def test_hidden_folders_and_what_systems_leave_beside_photos_are_no_photos(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put(".thumbnails/a.png", RED)
    (scene.folder / "._a.jpg").write_bytes(b"\0\5\26\7 what a Mac leaves")
    assert set(scene.index()) == {"a.png"}
    assert scene.album.refused() == ()


def test_a_folder_with_the_name_of_a_photo_is_a_folder(scene: Scene) -> None:
    scene.put("trip.jpg/a.png", RED)
    assert set(scene.index()) == {"trip.jpg/a.png"}
    assert scene.album.refused() == ()


@pytest.mark.parametrize(
    "name",
    [b"caf\xe9.png", b"new\nline.png", b"=formula.png", "Ünïcødé 🎂.PNG".encode(), b"a'b\"c;.png", b"%s{}.png"],
)
def test_odd_names_are_indexed_found_and_shown(scene: Scene, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(scene.folder) + b"/" + name))
    path.write_bytes(photo(RED))
    assert [each.faces for each in scene.album.index()] == [1]
    (found,) = scene.album.listed(9)
    assert found.paths == (path,)
    found.name.encode()
    assert scene.album.original(found) == photo(RED)
    assert list(scene.album.index()) == []


def test_a_damaged_file_with_an_odd_name_is_named(scene: Scene) -> None:
    path = Path(os.fsdecode(os.fsencode(scene.folder) + b"/caf\xe9.png"))
    path.write_bytes(b"damaged")
    (looked,) = scene.album.index()
    assert looked.path == path and looked.problem


# -- folders ----------------------------------------------------------------------


def test_folders_that_hold_each_other_are_refused(scene: Scene) -> None:
    (scene.folder / "inner").mkdir()
    for path in (scene.folder / "inner", scene.folder.parent / "db" / ".."):
        with pytest.raises(AlbumError, match="is in"):
            scene.album.add(path)
    assert scene.album.add(scene.folder).path == scene.folder
    assert len(scene.album.folders()) == 1


def test_a_folder_beside_one_of_a_similar_name_is_added(scene: Scene) -> None:
    beside = scene.folder.with_name("photos 2")
    beside.mkdir()
    scene.album.add(beside)
    assert len(scene.album.folders()) == 2


def test_the_folder_of_the_database_is_refused(scene: Scene) -> None:
    with pytest.raises(AlbumError, match="the database is in this folder"):
        scene.album.add(scene.settings.db)
    with pytest.raises(AlbumError, match="the database is in this folder"):
        scene.album.add(scene.settings.db.parent)


def test_the_folder_of_the_album_s_own_pictures_is_refused(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    with pytest.raises(AlbumError, match="database"):
        scene.album.add(scene.settings.db / "album" / "pictures")


def test_messages_about_a_folder_with_an_odd_name_can_be_stored_and_shown(scene: Scene) -> None:
    odd = scene.folder.with_name("caf\udce9")
    (odd / "inner").mkdir(parents=True)
    said = []
    with pytest.raises(AlbumError, match="not in the album") as error:
        scene.album.remove(odd)
    said.append(str(error.value))
    scene.album.add(odd)
    with pytest.raises(AlbumError, match="one of the two holds the other") as error:
        scene.album.add(odd / "inner")
    said.append(str(error.value))
    (odd / "a.png").write_bytes(photo(RED))
    list(scene.album.index())
    (odd / "a.png").unlink()
    with pytest.raises(AlbumError, match="Is its disk mounted"):
        scene.index()
    run = scene.album.run()
    assert run and run.state == "failed" and run.problem
    for each in (*said, run.problem):
        assert "caf?" in each.encode().decode()


def test_a_database_in_a_folder_with_an_odd_name_is_named(settings: Settings, tmp_path: Path) -> None:
    odd = tmp_path / "caf\udce9"
    album = FaceService(settings.model_copy(update={"db": odd / "db"}), fake_engine()).album
    with pytest.raises(AlbumError, match=r"caf\?: the database is in this folder"):
        album.add(odd)


@pytest.mark.parametrize("name", ["nowhere", "a.png"])
def test_what_is_no_folder_is_refused(scene: Scene, name: str) -> None:
    scene.put("a.png", RED)
    with pytest.raises(AlbumError, match="there is no such folder"):
        scene.album.add(scene.folder / name)


# -- runs -------------------------------------------------------------------------


def test_only_one_run_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOOK_SECONDS", 0.05)
    scene.put("a.png", RED)
    scene.put("b.png", GREEN)
    run, other = scene.album.index(), scene.opened()
    next(run)
    with pytest.raises(AlbumError, match="being indexed by another process"):
        list(other.index())
    seen = other.run()
    assert seen and seen.state == "indexing"
    run.close()
    assert {each.path.name for each in other.index()} == {"b.png"}
    other.close()


def test_a_run_tells_how_far_it_is(scene: Scene) -> None:
    assert scene.album.run() is None
    for number in range(4):
        scene.put(f"{number}.png", RED, mark=number)
    told = []
    for _ in scene.album.index():
        scene.later(seconds=2)
        run = scene.album.run()
        assert run
        told.append((run.state, run.done, run.total))
    assert told == [("indexing", 0, 4), ("indexing", 2, 4), ("indexing", 3, 4), ("indexing", 4, 4)]
    run = scene.album.run()
    assert run
    assert (run.state, run.done, run.total, run.problem, run.rate, run.remaining) == ("done", 4, 4, None, 0.5, 0)


def test_a_run_that_is_stopped_goes_on_where_it_was(scene: Scene) -> None:
    for number in range(5):
        scene.put(f"{number}.png", RED, mark=number)
    seen = []
    for each in scene.album.index():
        seen.append(each.path.name)
        if len(seen) == 2:
            scene.album.pause_index()
    run = scene.album.run()
    assert run and (run.state, run.done, run.total) == ("paused", 2, 5)
    seen += scene.index()
    run = scene.album.run()
    assert run and (run.state, run.done, run.total) == ("done", 3, 3)
    assert sorted(seen) == [f"{number}.png" for number in range(5)]
    assert scene.album.counts()["faces"] == 5


def test_a_run_is_paused_by_another_process(scene: Scene) -> None:
    for number in range(5):
        scene.put(f"{number}.png", RED, mark=number)
    run, other = scene.album.index(), scene.opened()
    next(run)
    other.pause_index()
    seen = other.run()
    assert seen and seen.state == "pausing"
    scene.later(seconds=2)  # when it tells how far it is
    assert len(list(run)) == 1
    seen = other.run()
    assert seen and (seen.state, seen.done, seen.total) == ("paused", 2, 5)
    assert len(list(other.index())) == 3
    seen = scene.album.run()
    assert seen and seen.state == "done"


def test_to_pause_or_close_does_nothing_to_what_is_not_under_way_here(scene: Scene) -> None:
    scene.opened().pause_index()
    scene.put("a.png", RED)
    scene.put("b.png", GREEN)
    run, other = scene.album.index(), scene.opened()
    next(run)
    other.close()
    scene.later(seconds=2)
    assert len(list(run)) == 1
    scene.album.pause_index()
    seen = scene.album.run()
    assert seen and seen.state == "done"


def test_faces_are_grouped_before_a_run_is_done_and_that_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    told, group = [], scene.album.people.group

    def grouping() -> object:
        run = scene.opened().run()
        assert run
        told.append((run.state, run.done, run.total))
        scene.album.pause_index()  # there is nothing left to pause
        return group()

    monkeypatch.setattr(scene.album.people, "group", grouping)
    scene.put("a.png", RED)
    scene.index()
    run = scene.album.run()
    assert run and run.state == "done"
    assert told == [("grouping", 1, 1)]


def test_what_was_deleted_while_a_run_is_stopped_does_no_harm(scene: Scene) -> None:
    gone = scene.put("a.png", RED)
    scene.index()
    gone.unlink()
    scene.put("b.png", RED, mark=1)
    scene.put("c.png", RED, mark=2)
    run = scene.album.index()
    next(run)
    run.close()
    scene.index()
    assert scene.names() == {"b.png", "c.png"}


def test_a_model_that_fails_ends_the_run_and_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.png", RED)

    def failing(_: object) -> object:
        raise ModelError("The model fails.")

    with monkeypatch.context() as patch:
        patch.setattr(scene.detector, "detect", failing)
        with pytest.raises(ModelError):
            scene.index()
    run = scene.album.run()
    assert run and (run.state, run.problem) == ("failed", "The model fails.")
    assert scene.index()["a.png"].faces == 1


def test_a_run_in_the_background_ends_by_itself_and_can_be_paused(scene: Scene) -> None:
    for number in range(6):
        scene.put(f"{number}.png", RED, mark=number)
    reached, go = threading.Event(), threading.Event()
    detect = scene.detector.detect

    def waiting(pixels: object) -> object:
        reached.set()
        assert go.wait(10)
        return detect(pixels)  # type: ignore[arg-type]

    scene.detector.detect = waiting  # type: ignore[method-assign,assignment]
    scene.album.start_index()
    scene.album.start_index()  # under way already
    assert reached.wait(10)
    scene.album.pause_index()
    go.set()
    scene.album.close()
    run = scene.album.run()
    assert run and run.state == "paused" and 0 < run.done < 6
    scene.album.start_index()
    thread = scene.album._background._thread
    assert thread
    thread.join()
    assert scene.album.counts()["photos"] == 6


def test_closing_at_once_does_not_wait_for_a_whole_run(scene: Scene) -> None:
    for number in range(6):
        scene.put(f"{number}.png", RED, mark=number)
    loading, go, engine = threading.Event(), threading.Event(), scene.album._engine

    def slow() -> object:
        loading.set()
        assert go.wait(10)
        return engine()

    scene.album._engine = slow  # type: ignore[assignment]
    scene.album.start_index()
    assert loading.wait(10)
    scene.album.pause_index()
    go.set()
    scene.album.close()
    assert scene.album.counts()["photos"] < 6


def test_another_model_looks_at_everything_and_faces_stay_the_same(scene: Scene) -> None:
    scene.put("a.png", RED, GREEN)
    scene.put("b.png", BLUE)
    scene.index()
    before = scene.faces("a.png"), scene.faces("b.png")
    scene.looks()

    scene.model_id = OTHER_MODEL
    assert set(scene.index()) == {"a.png", "b.png"}
    assert scene.looks() == 2
    assert (scene.faces("a.png"), scene.faces("b.png")) == before
    assert scene.album.counts()["faces"] == 3
    assert scene.index() == {}

    scene.model_id = MODEL  # what it saw is still there
    assert scene.index() == {}
    assert scene.album.embeddings(before[0]).shape == (2, 4)


def test_faces_that_only_an_earlier_model_found_are_not_shown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.png", BLUE, RED, GREEN)
    scene.index()
    first, *both = scene.faces("a.png")
    detect = scene.detector.detect
    monkeypatch.setattr(scene.detector, "detect", lambda pixels: [d for d in detect(pixels) if d.box.left > 50])
    scene.model_id = OTHER_MODEL
    assert scene.faces("a.png") == (first, *both)  # it has not seen the photo yet
    scene.index()
    assert (scene.faces("a.png"), scene.album.counts()["faces"]) == (tuple(both), 2)
    scene.model_id = MODEL
    assert (scene.faces("a.png"), scene.album.counts()["faces"]) == ((first, *both), 3)
    other = Album(scene.settings, scene._engine, lambda: MEASURED, scene._enrol)  # its model is not there yet
    assert [face.id for face in other.faces_on(scene.photo("a.png"))] == both
    assert other.counts()["faces"] == 2
    other.close()


# -- thumbnails -------------------------------------------------------------------


def test_thumbnails_and_crops_are_made_again_when_they_are_deleted(scene: Scene) -> None:
    scene.put("a.png", RED, GREEN)
    scene.index()
    found = scene.photo("a.png")
    second = scene.album.faces_on(found)[1]
    before = scene.album.thumbnail(found), scene.album.crop(second)
    shutil.rmtree(scene.settings.db / "album" / "pictures")
    assert (scene.album.thumbnail(found), scene.album.crop(second)) == before
    small, crop = images.decode(before[0], "small"), images.decode(before[1], "crop")
    assert max(small.width, small.height) <= THUMBNAIL_SIDE
    assert max(crop.width, crop.height) <= CROP_SIDE
    red, green, blue = crop.pixels[crop.height // 2, crop.width // 2].tolist()
    assert green > 150 and red < 100 and blue < 100


def test_a_thumbnail_is_never_that_of_another_photo(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    found = scene.photo("a.png")
    shutil.rmtree(scene.settings.db / "album" / "pictures")
    scene.put("a.png", BLUE)
    with pytest.raises(AlbumError, match=r"a\.png: this photo has changed"):
        scene.album.thumbnail(found)
    (scene.folder / "a.png").unlink()
    with pytest.raises(AlbumError, match=r"a\.png: this photo can't be read\. Is its disk there"):
        scene.album.original(found)


def test_a_copy_stands_in_for_a_photo_that_has_changed(scene: Scene) -> None:
    for name in ("a.png", "b.png"):
        scene.put(name, RED)
    scene.index()
    found = scene.photo("a.png")
    scene.put("a.png", BLUE)
    assert scene.album.original(found) == photo(RED)
    (scene.folder / "b.png").unlink()
    for read in (scene.album.original, scene.album.opened):
        with pytest.raises(AlbumError, match=r"a\.png: this photo has changed since it was indexed\. Index the album"):
            read(found)


def test_photos_are_listed_page_by_page(scene: Scene) -> None:
    assert scene.album.listed(9) == ()
    for name, colour in (("b.png", RED), ("a.png", GREEN), ("c.png", YELLOW)):
        scene.put(name, colour)
    scene.index()
    assert [each.name for each in scene.album.listed(2)] == ["a.png", "b.png"]
    assert [each.name for each in scene.album.listed(2, 2)] == ["c.png"]


# -- its files ----------------------------------------------------------------------


def test_only_the_owner_may_read_what_is_kept(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.index()
    kept = list((scene.settings.db / "album").rglob("*"))
    assert len([path for path in kept if path.suffix == ".jpg"]) == 2
    for path in (scene.settings.db / "album", *kept):
        expected = 0o700 if path.is_dir() else 0o600
        assert path.suffix == ".lock" or stat.S_IMODE(path.stat().st_mode) == expected, path


def test_nothing_of_an_album_is_pickled() -> None:
    folder = Path(str(facenet_core.album.__file__)).parent
    for path in folder.glob("*.py"):
        assert not re.search(r"\b(pickle|marshal|shelve|joblib|allow_pickle|eval|exec)\b", path.read_text()), path


def test_copies_side_by_side_are_one_photo_that_is_looked_at_once(scene: Scene) -> None:
    for name in ("a.png", "a (1).png", "a (2).png"):
        scene.put(name, RED)
    for name in ("b.png", "b (1).png"):
        (scene.folder / name).write_bytes(b"damaged")
    looked = scene.index()
    assert scene.looks() == 1
    assert [each.faces for each in looked.values()].count(1) == 1
    assert [bool(each.problem) for each in looked.values()].count(True) == 2
    assert scene.album.counts() == {"photos": 1, "files": 3, "refused": 2, "faces": 1}
