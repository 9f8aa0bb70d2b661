"""Where an album is kept: in a file, or in PostgreSQL for several hosts; and what tells that it has changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from facenet_core.album import groups
from facenet_core.album import pictures as module
from facenet_core.album.pictures import Pictures
from facenet_core.config import Settings
from facenet_core.errors import AlbumError, StoreError
from facenet_core.service import FaceService
from tests.albums import Scene
from tests.fakes import BLUE, DARK_RED, GREEN, RED, fake_engine
from tests.postgres import Postgres

pytestmark = pytest.mark.usefixtures("one_by_one")


@pytest.fixture
def scene(album_settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(album_settings, tmp_path / "photos")) as scene:
        yield scene


@pytest.fixture
def in_a_file(settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(settings, tmp_path / "photos")) as scene:
        yield scene


# -- files ------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_an_album_of_an_earlier_version_is_brought_up_to_date(in_a_file: Scene, version: int) -> None:
    scene = in_a_file
    scene.put("a.png", RED)
    scene.put("b.png", GREEN)
    scene.index()
    scene.album.close()
    with sqlite3.connect(scene.settings.db / "album" / "album.sqlite") as connection:
        for table in ("missing_from", "changes")[version - 1 :]:
            connection.execute(f"DROP TABLE {table}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    assert scene.names() == {"a.png", "b.png"}
    gone = scene.photo("a.png")
    (scene.folder / "a.png").unlink()
    scene.index()
    scene.album.remove(scene.folder)
    assert list(scene.settings.db.rglob(f"{gone.sha256}*")) == []


@pytest.mark.parametrize("kind", ["text", "another program's"])
def test_a_file_that_is_no_album_is_an_error_in_words_and_stays_as_it_is(settings: Settings, kind: str) -> None:
    path = settings.db / "album" / "album.sqlite"
    path.parent.mkdir(parents=True)
    if kind == "text":
        path.write_bytes(b"hello, this is no database" * 100)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE anything (name TEXT)")
        connection.close()
    before = path.read_bytes()
    album = FaceService(settings, fake_engine()).album
    with pytest.raises(StoreError, match=r"album\.sqlite: (the database can't be used|this is another kind of file)"):
        album.folders()
    assert path.read_bytes() == before


def test_an_album_of_a_later_version_is_left_alone(in_a_file: Scene) -> None:
    scene = in_a_file
    scene.album.close()
    with sqlite3.connect(scene.settings.db / "album" / "album.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="a later version of the program"):
        scene.album.folders()


def test_an_album_that_was_never_used_leaves_no_file(settings: Settings) -> None:
    album = FaceService(settings, fake_engine()).album
    assert album.folders() == album.refused() == album.people.all() == ()
    assert album.counts()["photos"] == 0
    assert album.run() is None
    assert not (settings.db / "album").exists()


# -- changes ----------------------------------------------------------------------


def test_whatever_is_changed_by_whomever_can_be_told(scene: Scene) -> None:
    other, seen = scene.opened(), {scene.album.revision()}

    def changed() -> bool:
        before = len(seen)
        assert other.revision() == scene.album.revision()
        seen.add(scene.album.revision())
        return len(seen) == before + 1

    scene.put("a.png", RED, mark=1)
    scene.put("b.png", RED, mark=2)
    scene.index()
    assert changed()
    assert not changed()
    other.people.name(other.people.all()[0].number, "Ann")
    assert changed()
    scene.album.people.undo()
    assert changed()
    other.remove(scene.folder)
    assert changed()
    scene.album.counts(), scene.album.people.all(), scene.album.folders()
    assert not changed()


def test_faces_are_read_again_only_when_others_are_there(scene: Scene) -> None:
    scene.put("a.png", RED, mark=1)
    path = scene.put("b.png", RED, mark=2)
    scene.index()
    other = scene.opened()
    table, _ = scene.album.people.crowd()
    other.people.name(other.people.all()[0].number, "Ann")
    list(other.index())
    assert scene.album.people.crowd()[0] is table
    assert [group.name for group in scene.album.people.all()] == ["Ann"]
    path.unlink()
    list(other.index())
    assert len(scene.album.people.crowd()[0]) == 1
    scene.put("c.png", RED, mark=2)
    list(other.index())
    assert len(scene.album.people.crowd()[0]) == 2


def test_a_change_that_fails_leaves_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.png", RED)
    with monkeypatch.context() as patch:

        def failing(*_: object) -> None:
            raise StoreError("The disk is full.")

        patch.setattr(scene.album._indexer._files, "put_file", failing)
        with pytest.raises(StoreError):
            scene.index()
    assert scene.album.counts() == {"photos": 0, "files": 0, "refused": 0, "faces": 0}
    assert scene.index()["a.png"].faces == 1


def test_two_who_say_something_at_once_are_both_heard(scene: Scene) -> None:
    for mark in range(4):
        scene.put(f"{mark}.png", RED if mark % 2 else BLUE, mark=mark)
    scene.index()
    albums = [scene.opened() for _ in range(4)]
    start = threading.Barrier(4)
    numbers = [group.number for group in scene.album.people.all()]

    def say(place: int) -> None:
        start.wait()
        for _ in range(3):
            albums[place].people.confirm(numbers[place % 2])

    threads = [threading.Thread(target=say, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    words = 0
    while scene.album.people.undo():
        words += 1
    assert words == 12


def test_what_is_said_while_faces_are_grouped_is_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for mark in range(6):
        scene.put(f"{mark}.png", RED if mark < 4 else BLUE, mark=mark)
    scene.index()
    other, grouped, heard = scene.opened(), groups._grouped, []

    def meanwhile(*given: Any) -> Any:
        if not heard:
            heard.append(True)
            other.people.split(scene.group_of("0.png"), [*scene.faces("0.png"), *scene.faces("1.png")])
        return grouped(*given)

    monkeypatch.setattr(groups, "_grouped", meanwhile)
    scene.album.people.confirm(scene.group_of("4.png"))
    assert sorted(sorted(files) for _, files in scene.groups()) == [
        ["0.png", "1.png"],
        ["2.png", "3.png"],
        ["4.png", "5.png"],
    ]


# -- runs -------------------------------------------------------------------------


def test_who_looks_whether_a_run_is_under_way_keeps_none_from_beginning(scene: Scene) -> None:
    scene.put("a.png", RED)
    other, done = scene.opened(), threading.Event()

    def look() -> None:
        while not done.is_set():
            other.run()
            assert other._indexer.runs.busy in (True, False)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for mark in range(5):
            scene.put("a.png", RED, mark=mark)
            scene.index()
    finally:
        done.set()
        thread.join()


def test_a_run_that_was_killed_reads_as_paused(scene: Scene) -> None:
    scene.album._indexer.runs.tell("indexing", scene.time, 5, 2)
    run = scene.opened().run()
    assert run and (run.state, run.done, run.total) == ("paused", 2, 5)


def test_a_folder_is_not_removed_while_another_process_indexes(scene: Scene) -> None:
    scene.put("a.png", RED)
    other, run = scene.opened(), scene.album.index()
    next(run)
    with pytest.raises(AlbumError, match="Pause that first"):
        other.remove(scene.folder)
    run.close()
    other.remove(scene.folder)
    assert scene.album.folders() == ()


@pytest.mark.postgres
def test_a_run_whose_lock_the_server_has_lost_reads_as_paused_and_ends_in_peace(
    settings: Settings, tmp_path: Path, postgres: Postgres
) -> None:
    scene = Scene(on_host(settings, postgres, tmp_path / "db"), tmp_path / "photos")
    with closing(scene):
        scene.put("a.png", RED)
        scene.put("b.png", GREEN)
        run, other = scene.album.index(), scene.opened()
        next(run)
        seen = other.run()
        assert seen and seen.state == "indexing"
        postgres.break_connections()
        seen = other.run()
        assert seen and seen.state == "paused"
        list(run)
        seen = other.run()
        assert seen and seen.state == "done"


@pytest.mark.postgres
def test_a_run_whose_lock_the_server_has_lost_takes_it_again(hosts: tuple[Scene, Scene], postgres: Postgres) -> None:
    one, other = hosts
    for mark in range(3):
        one.put(f"{mark}.png", RED, mark=mark)
    run = one.album.index()
    next(run)
    postgres.break_connections()
    next(run)
    with pytest.raises(AlbumError, match="being indexed by another process"):
        list(other.album.index())
    list(run)
    assert len(list(other.album.index())) == 0


@pytest.mark.postgres
@pytest.mark.parametrize("end", ["goes on", "is stopped"])
def test_a_run_whose_lock_another_has_taken_since_ends_before_it_writes(
    hosts: tuple[Scene, Scene], postgres: Postgres, end: str
) -> None:
    one, other = hosts
    for mark in range(4):
        one.put(f"{mark}.png", RED, mark=mark)
    run = one.album.index()
    next(run)
    postgres.break_connections()
    others = other.album.index()
    next(others)
    told, kept = other.album.run(), other.album.counts()
    if end == "goes on":
        with pytest.raises(AlbumError, match=r"The connection to the database broke.*This run ends"):
            list(run)
    run.close()
    assert other.album.run() == told and other.album.counts() == kept
    list(others)
    seen = one.album.run()
    assert seen and seen.state == "done"
    assert one.album.counts()["photos"] == 4


# -- several hosts ----------------------------------------------------------------


def on_host(settings: Settings, server: Postgres, db: Path) -> Settings:
    """An album in PostgreSQL, and a folder that another host does not see."""
    return settings.model_copy(update={"db": db, "database_url": SecretStr(server.url())})


@pytest.fixture
def hosts(settings: Settings, tmp_path: Path, postgres: Postgres) -> Iterator[tuple[Scene, Scene]]:
    """Two hosts with one album, whose photos both can read."""
    postgres.sql("DROP SCHEMA IF EXISTS facenet_album CASCADE")
    one = Scene(on_host(settings, postgres, tmp_path / "one"), tmp_path / "photos")
    other = Scene(on_host(settings, postgres, tmp_path / "other"), tmp_path / "more")
    with closing(one), closing(other):
        other.folder = one.folder
        yield one, other


@pytest.mark.postgres
def test_two_hosts_see_each_other_s_photos_groups_and_names_at_once(hosts: tuple[Scene, Scene]) -> None:
    one, other = hosts
    for mark, colour in enumerate((RED, RED, DARK_RED, GREEN, GREEN)):
        one.put(f"{mark}.png", colour, mark=mark)
    assert other.album.people.all() == ()
    one.index()
    assert other.names() == one.names() == {f"{mark}.png" for mark in range(5)}
    assert other.groups() == one.groups() == [(None, {"0.png", "1.png", "2.png"}), (None, {"3.png", "4.png"})]

    other.album.people.name(other.group_of("0.png"), "Ann")
    assert one.groups()[0] == ("Ann", {"0.png", "1.png", "2.png"})
    one.album.people.split(one.group_of("0.png"), one.faces("2.png"))
    assert ("Ann", {"0.png", "1.png"}) in other.groups()

    (one.folder / "4.png").unlink()
    list(other.album.index())
    assert one.names() == {f"{mark}.png" for mark in range(4)}
    assert len(one.album.people.crowd()[0]) == 4
    run = one.album.run()
    assert run and run.state == "done"


@pytest.mark.postgres
def test_a_host_makes_pictures_of_its_own(hosts: tuple[Scene, Scene]) -> None:
    one, other = hosts
    one.put("a.png", RED)
    one.index()
    found = other.photo("a.png")
    assert other.album.thumbnail(found) == one.album.thumbnail(found)
    face = other.album.faces_on(found)[0]
    assert other.album.crop(face) == one.album.crop(face)


@pytest.mark.postgres
def test_a_host_forgets_pictures_of_what_was_removed_on_another(
    hosts: tuple[Scene, Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIDY_SECONDS", 0.0)
    one, other = hosts
    kept = other.album.folders()[1].path
    one.put("a.png", RED)
    (kept / "b.png").write_bytes(one.put("b.png", GREEN).read_bytes())
    list(one.album.index())
    gone, stays = one.photo("a.png"), one.photo("b.png")
    for found in (gone, stays):
        other.album.thumbnail(found)
    one.album.remove(one.folder)
    assert list(other.settings.db.rglob(f"{gone.sha256}*"))
    other.album.thumbnail(stays)
    assert list(other.settings.db.rglob(f"{gone.sha256}*")) == []
    assert list(other.settings.db.rglob(f"{stays.sha256}*"))


def test_pictures_that_come_while_others_are_forgotten_are_left_alone(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    for name in ("aa", "bb"):
        (tmp_path / name).mkdir()
    (tmp_path / "aa" / "aa-photo.jpg").write_bytes(b"")
    (tmp_path / "aa" / "aa-0.jpg.0b94703d5cb7.tmp").write_bytes(b"")

    def kept() -> frozenset[str]:
        (tmp_path / "bb" / "bb-photo.jpg").write_bytes(b"")
        return frozenset()

    pictures.forget(kept)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["bb-photo.jpg"]
