"""What only PostgreSQL can do wrong, and does not; what is the same in files is in the tests of the repository."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from facenet_core.config import Settings
from facenet_core.errors import (
    DatabaseVersionError,
    DatabaseWriteError,
    DuplicatePhotoError,
    FaceNetError,
    PersonExistsError,
    SettingError,
    StoreError,
    UnknownPhotoError,
)
from facenet_core.service import FaceService
from facenet_core.store import Store, open_store, server
from facenet_core.store.postgres import rows
from facenet_core.types import Asker
from tests.fakes import BLUE, RED, fake_engine, photo
from tests.postgres import Postgres, breaking, free_port
from tests.unit.store_workers import new_template
from tests.unit.test_importing import Elsewhere

pytestmark = pytest.mark.postgres


@pytest.fixture
def open_again(database_url: str, tmp_path: Any) -> Iterator[Callable[[], Store]]:
    """Opens the same empty database each time, as another program would."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(open_store(tmp_path, database_url))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a server that does not answer."""
    monkeypatch.setattr(server, "RETRY_SECONDS", 0.0)


# -- several writers ----------------------------------------------------------


def at_once(*actions: Callable[[], object]) -> list[BaseException | None]:
    """Does things at the same time; returns what each raised."""
    raised: list[BaseException | None] = [None] * len(actions)
    ready = threading.Barrier(len(actions))

    def run(number: int) -> None:
        ready.wait()
        try:
            actions[number]()
        except FaceNetError as error:
            raised[number] = error

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_of_two_who_enrol_the_same_photo_at_once_one_wins_and_the_other_learns_whose_it_is(
    open_again: Callable[[], Store],
) -> None:
    one, two = open_again().people, open_again().people
    for number in range(10):
        new = new_template(f"contested {number}")
        raised = at_once(
            lambda n=number, t=new: one.enrol(f"A{n}", [t]), lambda n=number, t=new: two.enrol(f"B{n}", [t])
        )
        (lost,) = [error for error in raised if error]
        assert isinstance(lost, DuplicatePhotoError)
        assert lost.person == ("B" if raised[0] else "A") + str(number)
    assert len(one.people()) == 10 and [p.id for p in one.people()] == [p.id for p in two.people()]


def test_of_two_who_insist_on_the_same_new_name_at_once_one_wins(open_again: Callable[[], Store]) -> None:
    one, two = open_again().people, open_again().people
    for number in range(10):
        raised = at_once(
            lambda n=number: one.enrol(f"José {n}", [new_template(f"1 {n}")], create=True),
            lambda n=number: two.enrol(f"JOSE\u0301 {n}", [new_template(f"2 {n}")], create=True),
        )
        (lost,) = [error for error in raised if error]
        assert isinstance(lost, PersonExistsError)
    assert len(two.people()) == 10
    assert one.photos.all() == {t.photo_sha256 for p in one.people() for t in p.templates}


def test_an_event_waits_for_nobody_who_changes_people(open_again: Callable[[], Store]) -> None:
    here, there = open_again(), open_again()
    revision = there.people.revision()
    (bert,) = Elsewhere(Bert=["b1"]).people

    def read(_: str) -> bytes:
        there.events.note("verify", "match", Asker("command"))
        assert len(there.events.latest()) == 1 and there.people.revision() == revision
        return new_template("b1").photo

    here.people.import_people([bert], read, "merge")
    assert there.people.revision() != revision


def test_what_others_change_is_seen_at_once_and_nothing_else_is_read_again(open_again: Callable[[], Store]) -> None:
    here, there = open_again().people, open_again().people
    anna = here.enrol("Anna", [new_template("a1"), new_template("a2")])
    bert = here.enrol("Bert", [new_template("b1")])
    before = there.people()
    here.enrol("Cleo", [new_template("c1")])
    assert [p.name for p in there.people()] == ["Anna", "Bert", "Cleo"]
    assert there.people()[0] is before[0] and there.people()[1] is before[1]
    here.remove_template(anna.id, anna.templates[0].id)
    here.rename(bert.id, "Bertha")
    after = there.people()
    assert [t.source_name for t in after[0].templates] == ["a2.jpg"]
    assert after[1].name == "Bertha" and after[1].templates[0] is before[1].templates[0]
    (changed,) = after[1].templates
    here.replace_templates([replace(changed, embedding=-changed.embedding)])
    assert there.people()[1].templates[0].embedding.tolist() == (-changed.embedding).tolist()
    here.remove_person(anna.id)
    assert [p.name for p in there.people()] == ["Bertha", "Cleo"]


def test_a_person_enrolled_through_one_app_is_identified_through_another_at_once(
    settings: Settings, database_url: str, tmp_path: Any
) -> None:
    services = [
        FaceService(
            settings.model_validate({**settings.model_dump(), "database_url": database_url, "db": tmp_path / name}),
            fake_engine(),
        )
        for name in ("one", "two")
    ]
    one, two = services
    probe = two.prepare_enrolment(photo(RED, mark=2), "probe.png")
    assert two.identify(probe)[0].outcome == "no_match"
    one.enrol("Ruby", one.prepare_enrolment(photo(RED), "ruby.png"), overrule=True)
    assert two.identify(probe)[0].candidates[0].person.name == "Ruby"
    one.repository.remove_person(one.people()[0].id)
    assert two.identify(probe)[0].outcome == "no_match"
    one.set_targets(fmr=1e-4, fpir=None)
    assert two.targets.fmr == 1e-4
    _, secret = one.keys.create("door", ["verify"])
    assert two.keys.check(secret).name == "door"
    two.keys.revoke("door")
    assert [event.outcome for event in two.audit.latest()] == [event.outcome for event in one.audit.latest()]
    one.enrol("Blue", one.prepare_enrolment(photo(BLUE), "blue.png"), overrule=True)
    assert not (tmp_path / "one" / "facenet.json").exists()
    for service in services:
        service.audit.close()


def test_a_service_that_is_closed_leaves_no_connection_behind(
    settings: Settings, database_url: str, postgres: Postgres, tmp_path: Any
) -> None:
    url = f"{database_url}?application_name=closing"
    settings = settings.model_validate({**settings.model_dump(), "database_url": url, "reverse": True})
    service = FaceService(settings, fake_engine())
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(photo(RED))
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
    for _ in range(2):  # it can be used again
        assert service.people() == ()
        service.audit.latest()
        service.album.add(tmp_path / "photos")
        service.album.start_index()
        service.reverse.status()
        assert postgres.sql(count) != [(0,)]
        service.close()
        assert not service.album.indexing
        until = time.monotonic() + 10  # the server's processes end a moment after their connections
        while postgres.sql(count) != [(0,)]:
            assert time.monotonic() < until, postgres.sql("SELECT pid, state, query FROM pg_stat_activity")


# -- connections that break ---------------------------------------------------


def test_a_change_whose_acknowledgement_was_lost_is_looked_up_and_not_made_twice(
    open_again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    people = open_again().people
    people.enrol("Anna", [new_template("a1")])
    breaking(monkeypatch, committed=True)
    with caplog.at_level(logging.WARNING):
        assert len(people.enrol("Anna", [new_template("a2")]).templates) == 2
    assert "but the change was made" in caplog.text
    assert len(open_again().people.person("Anna").templates) == 2


def test_a_change_that_was_lost_on_the_way_is_told_and_can_be_tried_again(
    open_again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = open_again().people
    people.enrol("Anna", [new_template("a1")])
    breaking(monkeypatch, committed=False)
    with pytest.raises(DatabaseWriteError, match=r"the connection broke\. Nothing was changed\. Try again"):
        people.enrol("Anna", [new_template("a2")])
    assert len(people.person("Anna").templates) == 1
    assert len(people.enrol("Anna", [new_template("a2")]).templates) == 2


def test_a_connection_that_breaks_in_the_last_step_of_a_change_is_told_like_any_other(
    open_again: Callable[[], Store], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = open_again().people
    real = rows.fetched

    def fetched(*given: Any) -> Any:
        postgres.break_connections()
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "fetched", fetched)
        with pytest.raises(DatabaseWriteError, match=r"the connection broke\. Nothing was changed\. Try again"):
            people.enrol("Anna", [new_template("a1")])
    assert people.people() == ()
    assert len(people.enrol("Anna", [new_template("a1")]).templates) == 1


@pytest.mark.usefixtures("impatient")
def test_where_nobody_can_tell_whether_a_change_was_made_it_is_said(
    open_again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = open_again().people
    people.enrol("Anna", [new_template("a1")])
    breaking(monkeypatch, committed=True)

    def nobody(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", nobody)
        with pytest.raises(StoreError, match=r"it is not known whether it was\. Look whether it is there") as caught:
            people.enrol("Anna", [new_template("a2")])
    assert not isinstance(caught.value, DatabaseWriteError)


def test_idle_connections_that_a_restart_broke_are_replaced(
    open_again: Callable[[], Store], postgres: Postgres
) -> None:
    people = open_again().people
    anna = people.enrol("Anna", [new_template("a1")])
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'facenet'"
    for act in (
        people.revision,
        people.people,
        lambda: people.rename(anna.id, "Anna Lind"),
        lambda: people.photos.read(anna.templates[0].photo_sha256),
    ):
        postgres.sql(end)
        assert act()


def test_a_read_that_breaks_halfway_is_done_again(
    open_again: Callable[[], Store], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_again().people.enrol("Anna", [new_template("a1")])
    people, real, broken = open_again().people, rows.fetched, []

    def fetched(connection: Any, ids: Any) -> Any:
        if not broken:
            broken.append(True)
            pid = connection.connection.driver_connection.info.backend_pid
            postgres.sql(f"SELECT pg_terminate_backend({pid})")
        return real(connection, ids)

    monkeypatch.setattr(rows, "fetched", fetched)
    assert [person.name for person in people.people()] == ["Anna"]
    assert broken


# -- what is said -------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Any) -> None:
    port = free_port()
    store = open_store(tmp_path, f"postgresql://app:secret@127.0.0.1:{port},localhost:{port}/faces")
    with pytest.raises(
        StoreError, match=rf"PostgreSQL at 127.0.0.1:{port}, localhost:{port} does not answer"
    ) as caught:
        store.people.people()
    chain: BaseException | None = caught.value
    while chain:
        assert "secret" not in str(chain)
        chain = chain.__cause__ or chain.__context__
    assert "secret" not in store.people.place


def test_a_server_that_lets_nobody_in_is_not_waited_for(postgres: Postgres, tmp_path: Any) -> None:
    url = postgres.url("no-such-database")
    with pytest.raises(StoreError, match='refuses this program: database "no-such-database" does not exist'):
        open_store(tmp_path, url).people.people()


@pytest.mark.parametrize("url", ["postgresql://u:secret@h/x?bogus=1", "postgresql://u:sec%ret@h/x"])
def test_an_address_that_makes_no_sense_is_refused_before_anything_is_tried(url: str, tmp_path: Any) -> None:
    with pytest.raises(SettingError, match="FACENET_DATABASE_URL is not an address") as caught:
        open_store(tmp_path, url)
    assert "sec" not in str(caught.value)


def test_a_photo_that_is_missing_or_damaged_is_never_handed_out(
    open_again: Callable[[], Store], postgres: Postgres
) -> None:
    people = open_again().people
    (template,) = people.enrol("Anna", [new_template("a1")]).templates
    with pytest.raises(UnknownPhotoError):
        people.photos.read("../x")
    with pytest.raises(StoreError, match=f"photo {'0' * 64} is missing"):
        people.photos.read("0" * 64)
    postgres.sql("UPDATE facenet.photos SET data = 'x'")
    with pytest.raises(StoreError, match=f"photo {template.photo_sha256} is damaged"):
        people.photos.read(template.photo_sha256)


@pytest.mark.parametrize(("damage", "said"), [("substring(embedding, 5)", "another length"), ("'\\x00'", "length")])
def test_a_damaged_embedding_is_never_compared(
    open_again: Callable[[], Store], postgres: Postgres, damage: str, said: str
) -> None:
    open_again().people.enrol("Anna", [new_template("a1")])
    postgres.sql(f"UPDATE facenet.templates SET embedding = {damage}")
    with pytest.raises(StoreError, match=f"the database is damaged .*{said}"):
        open_again().people.people()


def test_a_database_of_a_newer_version_is_left_alone(open_again: Callable[[], Store], postgres: Postgres) -> None:
    people = open_again().people
    people.enrol("Anna", [new_template("a1")])
    postgres.sql("UPDATE facenet.state SET version = 99")
    try:
        for act in (people.people, lambda: people.enrol("Bert", [new_template("b1")])):
            with pytest.raises(DatabaseVersionError, match="Update this program"):
                act()
    finally:
        postgres.sql("UPDATE facenet.state SET version = 1")


@pytest.mark.usefixtures("impatient")
def test_a_server_that_takes_no_changes_is_told_from_one_that_is_gone(
    open_again: Callable[[], Store], postgres: Postgres
) -> None:
    postgres.sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        with pytest.raises(StoreError, match=r"takes no changes \(session is read-only\)\. Nothing was changed"):
            open_again().people.enrol("Bert", [new_template("b1")])
    finally:
        postgres.sql("SET transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only")


def test_restoring_is_the_servers_own(open_again: Callable[[], Store]) -> None:
    people = open_again().people
    assert not people.backup_available
    with pytest.raises(StoreError, match="has backups of its own: ask whoever runs it"):
        people.restore_backup()


def test_nothing_of_a_removed_person_is_left_in_any_table(open_again: Callable[[], Store], postgres: Postgres) -> None:
    people = open_again().people
    anna = people.enrol("Anna", [new_template("a1"), new_template("a2")])
    people.remove_person(anna.id)
    for table in ("people", "templates", "photos", "shadows"):
        assert postgres.sql(f"SELECT count(*) FROM facenet.{table}") == [(0,)]


def test_the_size_is_that_of_the_tables(open_again: Callable[[], Store]) -> None:
    people = open_again().people
    anna = people.enrol("Anna", [new_template("a1")])
    size, changed = people.on_disk()
    assert size > 100_000 and changed and changed >= anna.created_at
