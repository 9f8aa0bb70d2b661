from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from facenet_core import config, weights
from facenet_core.config import Settings, load_settings
from facenet_core.service import FaceService
from facenet_core.store import Store, open_store
from tests.fakes import THRESHOLD, fake_engine
from tests.postgres import OpenStore, Postgres, folder_for_server

OTHER_NAMES = {"FLICKR_API_KEY", "PEXELS_API_KEY", "SERPAPI_API_KEY"}
"""Variables that settings are also taken from."""


def pytest_configure(config: pytest.Config) -> None:
    # Messages of native code would drown the tests' own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Where it is there, as beside Jupyter, jsonschema has it compile grammars on import: five seconds of each process
    # that draws a chart. Without it jsonschema looks at fewer formats.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # what Python takes for "not there"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the developer has set and installed must not change what the tests see."""
    for name in list(os.environ):
        if (name.startswith("FACENET_") and name != "FACENET_DATA") or name in OTHER_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setattr(config, "ENV_FILE", tmp_path / "no.env")
    monkeypatch.setattr(weights, "SHIPPED_FILE", tmp_path / "shipped" / weights.SHIPPED)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it guards against, a failing power supply, no test in this process can try."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def the_log_of_the_api_as_it_was() -> Iterator[None]:
    """A server that a test has started writes it to a standard error that is gone afterwards."""
    logger = logging.getLogger("facenet_core.api")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose folders are all inside the test's own."""
    return load_settings(
        db=tmp_path / "db",
        images_dir=tmp_path / "images",
        models_dir=tmp_path / "models",
        threshold=THRESHOLD,
        identify_threshold=THRESHOLD,
    )


@pytest.fixture
def service(settings: Settings) -> FaceService:
    """A service on the fake engine."""
    return FaceService(settings, fake_engine())


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real photos and weights."""
    folder = os.environ.get("FACENET_DATA")
    if not folder:
        pytest.skip("FACENET_DATA is not set: it names the folder of real photos and weights")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; one for all tests of a process."""
    server = Postgres(folder_for_server())
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """An empty PostgreSQL database."""
    if postgres.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'facenet'"):
        # What refers to people and templates goes with them. Making the tables anew takes ten times as long.
        tables = ("people", "photos", "shadow_heads", "seeds", "settings", "keys", "events", "commits")
        postgres.sql(";".join(f"DELETE FROM facenet.{table}" for table in tables))
        for index in postgres.vector_indexes():  # of people's templates, made when there are many
            postgres.sql(f"DROP INDEX facenet.{index}")
    return postgres.url()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def album_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with which an album is kept in a file, then in PostgreSQL; it is empty."""
    if request.param == "sqlite":
        return settings
    server: Postgres = request.getfixturevalue("postgres")
    if server.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'facenet_album'"):
        # What refers to folders and photos goes with them. Making the tables anew takes ten times as long.
        tables = ("folders", "photos", "models", "said", "runs")
        server.sql(";".join(f"DELETE FROM facenet_album.{table}" for table in tables))
    return settings.model_copy(update={"database_url": SecretStr(server.url())})


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def reverse_settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings with which the reverse index is on and kept in a file, then in PostgreSQL; it is empty."""
    changes: dict[str, object] = {"reverse": True}
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        server.sql("DROP SCHEMA IF EXISTS facenet_reverse CASCADE")
        changes["database_url"] = SecretStr(server.url())
    return settings.model_copy(update=changes)


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens an empty store, the same each time, as another program would: in files, then in PostgreSQL."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    with ExitStack() as stack:

        def opened(**options: Any) -> Store:
            store = open_store(tmp_path / "db", url, **options)
            stack.callback(store.close)
            return store

        yield opened


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: there everything is at hand."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("A test was skipped, which CI does not allow.", red=True)
        session.exitstatus = 1
