"""Everything from one store to another, and back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from facenet_core.errors import DatabaseWriteError, InputError, SettingError, StoreError
from facenet_core.store import Place, Store, moving, open_store
from facenet_core.store.everything import Everything, everything_in
from facenet_core.store.moving import PARTS, move
from facenet_core.types import Asker
from tests.cli_runner import Cli
from tests.fakes import BLUE, RED
from tests.postgres import Postgres
from tests.unit.store_workers import new_template


@contextmanager
def opened(place: Place) -> Iterator[Store]:
    store = open_store(place.folder, place.url)
    yield store
    store.close()


def held(place: Place) -> Everything:
    with opened(place) as store:
        return everything_in(store)


def photos(place: Place) -> dict[str, bytes]:
    with opened(place) as store:
        return {sha256: store.people.photos.read(sha256) for sha256 in store.people.photos.all()}


@pytest.fixture
def files(tmp_path: Path) -> Place:
    """A store in files with something of everything."""
    place = Place(tmp_path / "files")
    with opened(place) as store:
        store.people.enrol("José", [new_template("j2"), new_template("j1")])
        store.people.enrol("Anna", [new_template("a1")])
        store.people.enrol("josé", [new_template("j0")])
        store.people.save_settings({"target_fmr": 1e-4, "model": None, "more": {"list": [1, True, "ü"]}})
        store.people.record_seed("a" * 64, "anna.jpg", "no_face")
        store.keys.create("door", ["verify", "identify"])
        store.keys.create("gone", ["manage"])
        store.keys.revoke("gone")
        store.events.note("verify", "match", Asker("api", "door", "k1"), "p1")
        store.events.note("enrol", "no_face", Asker("command"))
    return place


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Place:
    """An empty PostgreSQL database."""
    return Place(tmp_path / "unused", database_url)


def test_everything_moves_to_other_files(files: Place, tmp_path: Path) -> None:
    target = Place(tmp_path / "new" / "db")
    before = held(files)
    moved = move(files, target)
    assert moved.content.digest() == before.digest() == held(target).digest() == held(files).digest()
    assert photos(target) == photos(files)
    assert {path.name for path in target.folder.iterdir()} - {f"{part}.lock" for part in PARTS} == set(PARTS)
    with opened(target) as store:
        store.events.note("verify", "match", Asker("command"))
        assert [event.id for event in store.events.latest()] == [3, 2, 1]


@pytest.mark.postgres
def test_everything_moves_to_postgresql_and_back(files: Place, server: Place, tmp_path: Path) -> None:
    before, back = held(files), Place(tmp_path / "back")
    assert move(files, server).content.digest() == before.digest() == held(server).digest()
    assert photos(server) == photos(files)
    move(server, back)
    assert held(back).digest() == before.digest()
    assert photos(back) == photos(files)
    with opened(server) as store:
        store.events.note("verify", "match", Asker("command"))
        assert [event.id for event in store.events.latest()] == [3, 2, 1]
        assert len(store.people.enrol("Anna", [new_template("a2")]).templates) == 2


@pytest.mark.parametrize("part", PARTS)
def test_a_folder_that_holds_anything_is_left_alone(files: Place, tmp_path: Path, part: str) -> None:
    target = Place(tmp_path / "taken")
    target.folder.mkdir()
    (target.folder / part).touch()
    with pytest.raises(InputError, match=rf"taken is not empty \({part} are there\)"):
        move(files, target)
    assert [path.name for path in target.folder.iterdir()] == [part]


@pytest.mark.postgres
def test_a_database_that_holds_anything_is_left_alone(files: Place, server: Place) -> None:
    with opened(server) as store:
        store.people.save_settings({"target_fmr": 1e-4})
    before = held(server).digest()
    with pytest.raises(InputError, match="is not empty"):
        move(files, server)
    assert held(server).digest() == before


def test_nothing_is_moved_from_nowhere_or_to_where_it_is(files: Place, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are there already"):
        move(files, files)
    with pytest.raises(InputError, match="There is nothing in"):
        move(Place(tmp_path / "none"), Place(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


TARGETS = ["files", pytest.param("server", marks=pytest.mark.postgres)]


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return request.getfixturevalue("server") if request.param == "server" else Place(tmp_path / "new")


def left(place: Place) -> list[object]:
    if place.url:
        content = held(place)
        return [] if content.empty and not photos(place) else [content]
    return list(place.folder.iterdir())


def test_a_damaged_photo_moves_nobody(files: Place, target: Place) -> None:
    next(files.folder.glob("photos/*/*.webp")).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="this photo is damaged"):
        move(files, target)
    assert left(target) == []


def enrol(store: Store) -> None:
    store.people.enrol("Bert", [new_template("b1")])


def revoke(store: Store) -> None:
    store.keys.revoke("door")


def note(store: Store) -> None:
    store.events.note("verify", "match", Asker("command"))


@pytest.mark.parametrize("change", [enrol, revoke, note])
def test_what_is_changed_meanwhile_ends_it(
    files: Place, target: Place, monkeypatch: pytest.MonkeyPatch, change: Callable[[Store], None]
) -> None:
    def meanwhile(*given: object) -> None:
        with opened(files) as store:
            change(store)
        real(*given)

    real = moving._refuse_changed
    monkeypatch.setattr(moving, "_refuse_changed", meanwhile)
    with pytest.raises(StoreError, match="somebody used it meanwhile"):
        move(files, target)
    assert left(target) == []


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["taken", "damaged"])
def test_nobody_else_s_data_is_lost_while_it_is_compared(
    files: Place, server: Place, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Another program that uses the same empty database: it waits, and finds its own alone if the migration fails."""
    real, raised, acknowledged = moving._compare, list[StoreError](), threading.Event()

    def other() -> None:
        with opened(server) as store:
            store.people.enrol("Zoe", [new_template("z1")])
        acknowledged.set()

    def compare(*given: Any) -> None:
        thread.start()
        postgres.wait_for_a_waiter()
        if state == "damaged":
            raise StoreError("This photo is damaged.")
        real(*given)

    thread = threading.Thread(target=other)
    monkeypatch.setattr(moving, "_compare", compare)
    try:
        move(files, server)
    except StoreError as error:
        raised.append(error)
    thread.join()
    assert acknowledged.is_set() and len(raised) == (state == "damaged")
    names = ["Zoe"] if raised else ["Anna", "José", "Zoe"]
    assert [person.name for person in held(server).people] == names


def test_what_did_not_arrive_as_it_was_sent_is_thrown_away(
    files: Place, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    different = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(Everything, "digest", lambda _: str(next(different)))
        with pytest.raises(DatabaseWriteError, match="what arrived is not what was sent"):
            move(files, target)
    assert left(target) == []


def test_the_command_needs_a_place(cli: Cli) -> None:
    cli.enrol({"Ruby": [RED, BLUE]})
    answer = cli("people", "migrate", "--json")
    assert (answer.code, answer.error["code"]) == (2, "input")
    answer = cli("people", "migrate", "--to", "mysql://app:secret@db/faces", "--json")
    assert (answer.code, answer.error["code"]) == (2, SettingError.code)
    assert "secret" not in answer.out + answer.err


@pytest.mark.postgres
def test_the_command_moves_there_and_back_and_what_was_moved_is_used(cli: Cli, database_url: str) -> None:
    cli.enrol({"Ruby": [RED, BLUE]})
    moved = cli("people", "migrate", "--to", database_url, "--json").data
    assert (moved["people"], moved["photos"]) == (1, 2)
    cli.environment(DATABASE_URL=database_url)
    assert cli.people() == {"Ruby": 2}
    cli("people", "rename", "Ruby", "Rubina")
    answer = cli("people", "migrate", "--to", "tinydb", "--json")
    assert answer.code == 2 and "is not empty" in answer.error["message"]
    assert cli("people", "migrate", "--to", "tinydb", "--db", cli.folder / "back").code == 0
    cli.environment(DATABASE_URL=None, DB=cli.folder / "back")
    assert cli.people() == {"Rubina": 2}
    assert cli("settings", "show").code == 0
