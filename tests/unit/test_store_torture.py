"""What must not be lost: real processes, real kill -9, a disk that is really full."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from facenet_core.errors import DatabaseWriteError
from facenet_core.store import Repository
from tests.unit import store_workers
from tests.unit.store_workers import CANDIDATE, IN_USE, OTHER, new_template

KILLS = 60


class Worker:
    """A process that runs store_workers.py."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, store_workers.__file__, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            self.process.kill()
            self.process.wait()

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def acknowledged(self) -> set[str]:
        """What it acknowledges until its next other line, which is kept in ``last``."""
        hashes = set()
        while (line := self.line()).startswith("ack "):
            hashes.add(line.removeprefix("ack "))
        self.last = line
        return hashes

    def end(self) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


def enrolled(folder: Path) -> dict[str, str]:
    """Source hash -> stored photo hash of everything in the database."""
    people = Repository(folder).people()
    return {template.source_sha256: template.photo_sha256 for person in people for template in person.templates}


def test_four_processes_that_enrol_at_once_lose_nothing(tmp_path: Path) -> None:
    with (
        Worker("enrol", tmp_path, "a", "50") as a,
        Worker("enrol", tmp_path, "b", "50") as b,
        Worker("enrol", tmp_path, "c", "50") as c,
        Worker("enrol", tmp_path, "d", "50") as d,
    ):
        workers = (a, b, c, d)
        assert [worker.line() for worker in workers] == ["ready"] * 4
        for worker in workers:
            worker.tell("go")
        acknowledged = set().union(*(worker.acknowledged() for worker in workers))
        assert [worker.end() for worker in workers] == [0, 0, 0, 0]
    present = enrolled(tmp_path)
    assert len(acknowledged) == 200
    assert set(present) == acknowledged
    assert Repository(tmp_path).photos.all() == set(present.values())
    assert len(Repository(tmp_path).people()) == 4 * 7


def test_kill_9_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    acknowledged: set[str] = set()
    unfinished: set[Path] = set()
    with Worker("fork", tmp_path) as worker:
        for number in range(KILLS):
            worker.tell(f"round{number}")
            pid = int(worker.line().removeprefix("pid "))
            for _ in range(chance.randint(1, 3)):
                acknowledged.add(worker.line().removeprefix("ack "))
            moment = time.perf_counter() + chance.uniform(0, 0.008)
            while time.perf_counter() < moment:
                pass
            os.kill(pid, signal.SIGKILL)
            # What it acknowledged between our last look and its death counts too.
            acknowledged |= worker.acknowledged()
            assert worker.last == "gone -9"
            unfinished.update(tmp_path.rglob("*.tmp"))
            assert acknowledged <= set(enrolled(tmp_path))
    assert unfinished, "no kill came in the middle of a write: this test has shown nothing"

    repository = Repository(tmp_path)
    repository.enrol("After", [new_template("after")])
    repository.sweep()
    present = enrolled(tmp_path)
    assert repository.photos.all() == set(present.values())
    assert all(repository.photos.read(photo) for photo in present.values())
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("commits_before", [0, 2])
def test_kill_9_before_every_single_step_of_a_commit_leaves_the_old_or_the_new_state(
    tmp_path: Path, commits_before: int
) -> None:
    before = Repository(tmp_path)
    for number in range(commits_before):
        before.enrol("Before", [new_template(f"before-{number}")])
    known = set(enrolled(tmp_path))
    steps = 0
    with Worker("fork", tmp_path) as worker:
        worker.last = "gone -9"
        while worker.last == "gone -9":
            steps += 1
            worker.tell(f"step{steps} {steps}")
            assert worker.line().startswith("pid ")
            known |= worker.acknowledged()
            present = set(enrolled(tmp_path))
            assert known <= present
            assert len(present - known) <= 1
            known = present
    assert worker.last == "gone 0"
    assert steps > 10, "a commit takes more steps than this: the countdown does not see them"
    Repository(tmp_path).sweep()
    assert Repository(tmp_path).photos.all() == set(enrolled(tmp_path).values())


def test_kill_9_before_every_single_step_of_a_change_of_the_model_leaves_one_model_or_the_other(
    tmp_path: Path,
) -> None:
    repository = Repository(tmp_path)
    for number in range(3):
        repository.enrol("Somebody", [new_template(f"photo {number}")])
    repository.save_settings({"model": "tiny"})
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    templates = repository.people()[0].templates
    repository.shadows.add("candidate", CANDIDATE, [replace(t, model_id=OTHER) for t in templates], [])
    seen, steps = set(), 0
    with Worker("swap", tmp_path) as worker:
        last = "gone -9"
        while last == "gone -9":
            steps += 1
            worker.tell(str(steps))
            last = worker.line()
            (person,) = Repository(tmp_path).people()
            (model,) = {template.model_id.model for template in person.templates}
            assert Repository(tmp_path).settings()["model"] == model
            seen.add((last, model))
            if model == "other":
                assert repository.shadows.swap("previous", IN_USE, CANDIDATE)
                repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    assert last == "gone 0"
    assert seen == {("gone -9", "tiny"), ("gone -9", "other"), ("gone 0", "other")}


def test_a_reader_never_sees_a_torn_file_while_another_process_writes(tmp_path: Path) -> None:
    Repository(tmp_path).enrol("Somebody", [new_template("first")])
    reads, sizes = 0, [1]
    with Worker("loop", tmp_path) as worker:
        while reads <= 150 or len(set(sizes)) <= 20:
            sizes.append(len(enrolled(tmp_path)))
            reads += 1
        assert worker.end() == 0
    assert sizes == sorted(sizes)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(path: Path, leave: int = 0) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, path.stat().st_size - leave))


@pytest.mark.parametrize("room", [0, 16_384], ids=["for nothing", "for the photo only"])
def test_a_full_disk_loses_nothing_and_works_again_once_there_is_space(small_disk: Path, room: int) -> None:
    folder = small_disk / "db"
    repository = Repository(folder)
    for number in range(60):
        repository.enrol("Somebody", [new_template(f"kept-{number}")])
    before, revision = enrolled(folder), repository.revision()
    assert (folder / "facenet.json").stat().st_size > room
    fill(small_disk / "filler", leave=room)

    for _ in range(3):
        with pytest.raises(DatabaseWriteError, match=r"No space left on device.*Free some space"):
            repository.enrol("Somebody", [new_template("refused")])
    assert repository.revision() == revision
    assert enrolled(folder) == before
    assert repository.photos.all() == set(before.values())
    assert not list(folder.rglob("*.tmp"))

    (small_disk / "filler").unlink()
    repository.enrol("Somebody", [new_template("refused")])
    assert len(enrolled(folder)) == 61


def test_a_disk_that_fills_up_while_enrolling_keeps_what_was_acknowledged(small_disk: Path) -> None:
    repository = Repository(small_disk / "db")
    acknowledged = set()
    with pytest.raises(DatabaseWriteError, match="Nothing was changed"):
        for number in range(10_000):
            new = new_template(f"kept-{number}")
            repository.enrol("Somebody", [new])
            acknowledged.add(new.source_sha256)
    assert len(acknowledged) > 50
    assert set(enrolled(small_disk / "db")) == acknowledged


def test_a_read_only_disk_can_be_read_and_says_that_it_cant_be_written(small_disk: Path) -> None:
    repository = Repository(small_disk / "db")
    repository.enrol("Somebody", [new_template("kept")])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(DatabaseWriteError, match="Allow this program to write"):
        repository.enrol("Somebody", [new_template("refused")])
    assert len(enrolled(small_disk / "db")) == 1
