from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from facenet_core.errors import DatabaseDamagedError, DatabaseWriteError, StoreError
from facenet_core.store.content import Tables, deserialise, serialise
from facenet_core.store.storage import AtomicJSONStorage


def commit(storage: AtomicJSONStorage, number: int) -> None:
    with storage.transaction():
        storage.write({"things": {"one": {"number": number}}})


def number(tables: Tables | None) -> Any:
    assert tables
    return tables["things"]["one"]["number"]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def storage(tmp_path: Path) -> AtomicJSONStorage:
    """Two commits: number 1, which is the backup, and number 2."""
    storage = AtomicJSONStorage(tmp_path)
    commit(storage, 1)
    commit(storage, 2)
    return storage


def failing(code: int, when: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
    """An operating system's call that fails for some arguments, and does nothing for others."""

    def call(*arguments: Any) -> None:
        if when(*arguments):
            raise OSError(code, os.strerror(code))

    return call


def test_a_folder_without_a_database_is_empty_and_stays_untouched(tmp_path: Path) -> None:
    storage = AtomicJSONStorage(tmp_path / "db")
    assert storage.read() is None
    assert storage.revision() == ""
    with storage.snapshot() as tables:
        assert tables is None
    assert not (tmp_path / "db").exists()


def test_what_was_written_is_read_by_others(storage: AtomicJSONStorage, tmp_path: Path) -> None:
    assert number(AtomicJSONStorage(tmp_path).read()) == 2


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    storage = AtomicJSONStorage(tmp_path / "new" / "db")
    commit(storage, 1)
    commit(storage, 2)
    for folder in (tmp_path / "new", tmp_path / "new" / "db"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert files(storage.path.parent) == {"facenet.json", "facenet.json.bak", "facenet.json.lock"}
    assert {path.stat().st_mode & 0o777 for path in storage.path.parent.iterdir()} == {0o600}


def test_the_file_is_json_in_utf_8_that_begins_with_the_checksum_of_the_rest(storage: AtomicJSONStorage) -> None:
    with storage.transaction():
        storage.write({"people": {"1": {"name": "Zoë 👩\u200d🚀"}}})
    content = storage.path.read_bytes()
    assert "Zoë 👩\u200d🚀".encode() in content
    tables = json.loads(content)
    assert list(tables) == ["checksum", "people"]
    _, _, rest = content.partition(b"}}")
    assert tables["checksum"]["sha256"]["value"] == sha256(rest).hexdigest()


@pytest.mark.parametrize("tables", [{}, {"things": {}}, {"a": {"1": {"x": [1, None, True, 0.5, "\u2028"]}}, "b": {}}])
def test_tables_survive_the_way_to_the_file_and_back(tables: Tables) -> None:
    assert deserialise(serialise(tables)) == tables


def test_tinydb_works_on_it_within_a_transaction(tmp_path: Path) -> None:
    storage = AtomicJSONStorage(tmp_path)
    table = TinyDB(storage=lambda: storage).table("things", cache_size=0)
    with storage.transaction():
        table.insert({"number": 1})
        table.insert_multiple([{"number": 2}, {"number": 3}])
        table.update({"seen": True})
        table.remove(doc_ids=[2])
    again = TinyDB(storage=lambda: AtomicJSONStorage(tmp_path)).table("things", cache_size=0)
    assert again.all() == [{"number": 1, "seen": True}, {"number": 3, "seen": True}]


def test_writing_outside_a_transaction_is_refused(storage: AtomicJSONStorage) -> None:
    with pytest.raises(RuntimeError, match="in a transaction only"):
        storage.write({})
    assert number(storage.read()) == 2


def test_a_transaction_is_invisible_to_others_until_its_end(storage: AtomicJSONStorage, tmp_path: Path) -> None:
    seen = []
    with storage.transaction():
        storage.write({"things": {"one": {"number": 3}}})
        thread = threading.Thread(target=lambda: seen.append(number(storage.read())))
        thread.start()
        thread.join()
        assert number(storage.read()) == 3
        assert number(AtomicJSONStorage(tmp_path).read()) == 2
    assert seen == [2]
    assert number(AtomicJSONStorage(tmp_path).read()) == 3


def test_an_exception_in_a_transaction_leaves_the_file_alone(storage: AtomicJSONStorage) -> None:
    before = storage.path.read_bytes()
    with pytest.raises(KeyError), storage.transaction():
        storage.write({"things": {}})
        raise KeyError
    assert storage.path.read_bytes() == before
    assert number(storage.read()) == 2


def test_a_transaction_that_changes_nothing_writes_nothing(storage: AtomicJSONStorage) -> None:
    revision = storage.revision()
    with storage.transaction():
        assert number(storage.read()) == 2
    commit(storage, 2)
    assert storage.revision() == revision


def test_transactions_within_one_another_are_one_commit(storage: AtomicJSONStorage) -> None:
    revision = storage.revision()
    with storage.transaction():
        commit(storage, 3)
        assert storage.revision() == revision
        commit(storage, 4)
    assert number(storage.read()) == 4
    assert number(deserialise(storage.backups.path.read_bytes())) == 2


def test_a_failure_within_takes_the_whole_transaction_down(storage: AtomicJSONStorage) -> None:
    with pytest.raises(RuntimeError, match="nothing was written"), storage.transaction():
        commit(storage, 3)
        with pytest.raises(KeyError), storage.transaction():
            raise KeyError
    assert number(storage.read()) == 2


def test_a_snapshot_is_of_one_commit_whatever_others_write(storage: AtomicJSONStorage, tmp_path: Path) -> None:
    with storage.snapshot() as tables:
        commit(AtomicJSONStorage(tmp_path), 3)
        assert number(tables) == 2
        assert number(storage.read()) == 2
        with storage.snapshot() as again:
            assert again is tables
    assert number(storage.read()) == 3


def test_a_snapshot_cant_be_written(storage: AtomicJSONStorage) -> None:
    with storage.snapshot():
        with pytest.raises(RuntimeError):
            storage.write({})
        with pytest.raises(RuntimeError, match="snapshot"), storage.transaction():
            pass
    assert number(storage.read()) == 2


def test_the_commit_before_the_last_is_kept_as_the_backup(storage: AtomicJSONStorage) -> None:
    assert number(deserialise(storage.backups.path.read_bytes())) == 1
    assert storage.backups.usable() == storage.backups.path


def test_a_file_system_without_links_keeps_a_backup_too(
    storage: AtomicJSONStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    commit(storage, 3)
    assert number(storage.read()) == 3
    assert number(deserialise(storage.backups.path.read_bytes())) == 2


def test_a_backup_that_cant_be_replaced_does_not_undo_a_commit(
    storage: AtomicJSONStorage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.backups.path.unlink()
    storage.backups.path.mkdir()
    with caplog.at_level(logging.WARNING):
        commit(storage, 3)
    assert number(storage.read()) == 3
    assert "facenet.json.bak could not be replaced" in caplog.text


def test_the_revision_changes_with_every_commit_even_if_the_files_look_alike(storage: AtomicJSONStorage) -> None:
    before, status = storage.revision(), storage.path.stat()
    storage.path.write_bytes(serialise({"things": {"one": {"number": 7}}}))
    os.utime(storage.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert storage.path.stat().st_ino == status.st_ino
    assert storage.path.stat().st_size == status.st_size
    assert storage.path.stat().st_mtime_ns == status.st_mtime_ns
    assert storage.revision() != before


# -- damage -------------------------------------------------------------------


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content.replace(b'"number":2', b'"number":3')


def checksummed(rest: bytes) -> bytes:
    return b'{"checksum":{"sha256":{"value":"%s"}}%s' % (sha256(rest).hexdigest().encode(), rest)


DAMAGE = [
    pytest.param(lambda _: b"", "the file is empty", id="empty"),
    pytest.param(cut, "checksum", id="truncated"),
    pytest.param(lambda content: content[:20], "does not begin like", id="truncated early"),
    pytest.param(lambda content: bytes(len(content)), "does not begin like", id="zeros"),
    pytest.param(lambda _: b"<html>", "does not begin like", id="not JSON"),
    pytest.param(lambda _: b'{"people": {}}', "does not begin like", id="not ours"),
    pytest.param(flipped, "checksum", id="one changed byte"),
    pytest.param(lambda content: content + b" ", "checksum", id="one byte more"),
    pytest.param(lambda _: checksummed(b","), "not valid JSON", id="checksum of nonsense"),
    pytest.param(lambda _: checksummed(b',"a":[]}'), "tables of records", id="checksum of no tables"),
    pytest.param(lambda _: checksummed(b',"a":{"1":2}}'), "tables of records", id="checksum of no records"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGE)
def test_a_damaged_file_is_reported_and_never_replaced(
    storage: AtomicJSONStorage, damage: Callable[[bytes], bytes], reason: str
) -> None:
    damaged = damage(storage.path.read_bytes())
    storage.path.write_bytes(damaged)
    with pytest.raises(DatabaseDamagedError, match=reason) as reading:
        storage.read()
    with pytest.raises(DatabaseDamagedError, match=reason), storage.snapshot():
        pass
    with pytest.raises(DatabaseDamagedError, match=reason):
        commit(storage, 3)
    assert storage.path.read_bytes() == damaged
    assert number(deserialise(storage.backups.path.read_bytes())) == 1
    assert reading.value.path == storage.path
    assert reading.value.backup == storage.backups.path


def test_a_missing_file_beside_its_backup_is_damage_not_a_new_database(storage: AtomicJSONStorage) -> None:
    storage.path.unlink()
    with pytest.raises(DatabaseDamagedError, match="the file is missing"):
        storage.read()
    with pytest.raises(DatabaseDamagedError, match="the file is missing"):
        commit(storage, 3)
    assert not storage.path.exists()


def test_a_reader_that_comes_just_before_the_first_commits_does_not_cry_damage(
    storage: AtomicJSONStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, missing = Path.read_bytes, [storage.path]

    def read_bytes(path: Path) -> bytes:
        if path in missing:
            missing.remove(path)
            raise FileNotFoundError
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert number(storage.read()) == 2
    assert missing == []


@pytest.mark.parametrize("backup", [None, b"", b"nonsense"])
def test_a_backup_that_is_missing_or_damaged_too_is_not_offered(
    storage: AtomicJSONStorage, backup: bytes | None
) -> None:
    storage.path.write_bytes(b"")
    if backup is None:
        storage.backups.path.unlink()
    else:
        storage.backups.path.write_bytes(backup)
    with pytest.raises(DatabaseDamagedError, match="There is no backup") as caught:
        storage.read()
    assert caught.value.backup is None
    with pytest.raises(StoreError, match="no usable backup"):
        storage.backups.restore()
    assert storage.path.read_bytes() == b""


def test_a_backup_that_the_check_refuses_is_not_offered(tmp_path: Path) -> None:
    def check(tables: Tables) -> None:
        if number(tables) == 1:
            raise ValueError

    storage = AtomicJSONStorage(tmp_path, check=check)
    commit(storage, 1)
    commit(storage, 2)
    assert storage.backups.usable() is None
    commit(storage, 3)
    assert storage.backups.usable() == storage.backups.path


def test_restoring_puts_the_backup_in_place_and_the_damaged_file_aside(storage: AtomicJSONStorage) -> None:
    storage.path.write_bytes(b"damaged")
    aside = storage.backups.restore()
    assert aside
    assert aside.name.startswith("facenet.json.damaged-2")
    assert aside.read_bytes() == b"damaged"
    assert number(storage.read()) == 1
    commit(storage, 3)
    assert number(storage.read()) == 3


def test_restoring_works_when_the_file_is_missing(storage: AtomicJSONStorage) -> None:
    storage.path.unlink()
    assert storage.backups.restore() is None
    assert number(storage.read()) == 1


def test_restoring_on_a_full_disk_changes_nothing(storage: AtomicJSONStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.path.write_bytes(b"damaged")
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(DatabaseWriteError):
        storage.backups.restore()
    assert storage.path.read_bytes() == b"damaged"
    assert storage.backups.usable() == storage.backups.path
    assert files(storage.path.parent) == {"facenet.json", "facenet.json.bak", "facenet.json.lock"}


def test_a_file_that_cant_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    storage = AtomicJSONStorage(tmp_path)
    storage.path.mkdir()
    for read in (storage.read, storage.revision):
        with pytest.raises(StoreError, match=r"can't be read \(Is a directory\)") as caught:
            read()
        assert not isinstance(caught.value, DatabaseDamagedError)


# -- failing writes -----------------------------------------------------------


def of_a_folder(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").resolve().is_dir()


@pytest.mark.parametrize(
    ("call", "failure", "sentence"),
    [
        ("fsync", failing(errno.ENOSPC), "No space left on device.*Free some space"),
        ("fsync", failing(errno.EDQUOT), "Free some space"),
        ("fsync", failing(errno.EIO, of_a_folder), "Input/output error.*Check that disk"),
        ("replace", failing(errno.EROFS), "Read-only file system.*Allow this program to write"),
        ("open", failing(errno.EACCES), "Permission denied.*Allow this program to write"),
    ],
)
@pytest.mark.parametrize("commits", [0, 2])
def test_a_write_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, failure: Callable[..., Any], sentence: str, commits: int
) -> None:
    storage = AtomicJSONStorage(tmp_path)
    for count in range(commits):
        commit(storage, count)
    with storage.lock():
        pass
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = getattr(os, call)
    with pytest.raises(DatabaseWriteError, match=sentence), storage.transaction():
        storage.write({"things": {"one": {"number": 9}}})

        def fail_once(*arguments: Any) -> Any:
            failure(*arguments)
            return real(*arguments)

        monkeypatch.setattr(os, call, fail_once)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    commit(storage, 9)
    assert number(storage.read()) == 9


def test_a_folder_that_cant_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    storage = AtomicJSONStorage(tmp_path / "file" / "db")
    with pytest.raises(DatabaseWriteError, match=r"file/db/facenet\.json: the database could not be written"):
        commit(storage, 1)


def test_a_commit_is_on_the_disk_before_it_is_acknowledged(
    storage: AtomicJSONStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    fsync, rename = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        steps.append("flush folder" if of_a_folder(descriptor) else "flush file")
        fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        steps.append(f"replace {Path(target).name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", replace)
    commit(storage, 3)
    assert steps == ["flush file", "replace facenet.json", "flush folder", "replace facenet.json.bak"]


def test_a_network_file_system_that_cant_flush_folders_is_good_enough(
    storage: AtomicJSONStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL, of_a_folder))
    commit(storage, 3)
    assert number(storage.read()) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}])
def test_what_json_cant_hold_is_refused_before_anything_is_written(storage: AtomicJSONStorage, value: Any) -> None:
    before = storage.path.read_bytes()
    with pytest.raises((ValueError, TypeError)), storage.transaction():
        storage.write({"things": {"one": {"number": value}}})
    assert storage.path.read_bytes() == before


def test_what_a_crash_left_behind_is_swept_by_the_next_transaction(storage: AtomicJSONStorage) -> None:
    left = storage.path.with_name("facenet.json.0123456789abcdef.tmp")
    kept = storage.path.with_name("other.tmp")
    for path in (left, kept):
        path.write_bytes(b"half")
    commit(storage, 3)
    assert not left.exists()
    assert kept.exists()


# -- the lock -----------------------------------------------------------------


@pytest.mark.parametrize("same", [True, False], ids=["of this program", "of another program"])
def test_a_writer_does_not_wait_for_ever(tmp_path: Path, same: bool) -> None:
    storage = AtomicJSONStorage(tmp_path, lock_timeout=0.05)
    holder = storage if same else AtomicJSONStorage(tmp_path)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with holder.lock():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        with pytest.raises(StoreError, match=r"writing to the database for 0\.05 seconds.*try again"):
            commit(storage, 1)
    finally:
        done.set()
        thread.join()
    commit(storage, 1)
    assert number(storage.read()) == 1


def test_threads_that_count_together_lose_no_count(tmp_path: Path) -> None:
    shared = AtomicJSONStorage(tmp_path)
    commit(shared, 0)

    def count(storage: AtomicJSONStorage) -> None:
        for _ in range(10):
            with storage.transaction():
                storage.write({"things": {"one": {"number": number(storage.read()) + 1}}})

    threads = [
        threading.Thread(target=count, args=[storage]) for storage in (shared, shared, AtomicJSONStorage(tmp_path))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number(shared.read()) == 30
