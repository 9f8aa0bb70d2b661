from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager

from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.service import FaceService
from facenet_core.weights import resolve
from tests.fakes import engine_called, fake_engine
from tests.ui.visitor import Visitor


class SettledService(FaceService):
    """Whose work in the background is done as soon as it is begun."""

    def start(self) -> None:
        super().start()
        settle()

    def reload(self) -> None:
        super().reload()
        settle()

    def start_rehearsal(self, model: str) -> None:
        super().start_rehearsal(model)
        settle()


def settle() -> None:
    """Waits for what services do in the background."""
    for thread in threading.enumerate():
        if thread.name in ("engine-loader", "first-photos", "rehearsal"):
            thread.join(60)
            assert not thread.is_alive(), f"{thread.name} does not end"


Serve = Callable[..., FaceService]
ServeInstalled = Callable[..., FaceService]


@pytest.fixture(autouse=True, scope="package")
def earlier_tests_out_of_the_way() -> None:
    """After every page run Streamlit has Python look for garbage: not among what other tests have imported."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_search_for_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit reads the metadata of all that is installed for every app; no page has components of others."""
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", list)


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No page was run and nothing is cached."""
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    st.cache_resource.clear()
    yield
    settle()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def no_warnings_of_streamlit(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Streamlit says in its log what is deprecated, and what it ignores."""
    yield
    said = [r for r in caplog.get_records("call") if r.name.startswith("streamlit") and r.levelno >= logging.WARNING]
    # Remarks on tests that call Streamlit outside of a page.
    assert [r.getMessage() for r in said if "missing ScriptRunContext" not in r.getMessage()] == []


@pytest.fixture
def serve(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a service behind the pages."""

    def served(engine: FaceEngine | None = None, **changes: object) -> FaceService:
        shared = SettledService(settings.model_copy(update=changes), engine or fake_engine())
        monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: shared)
        return shared

    return served


@pytest.fixture
def serve_installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ServeInstalled:
    """Puts a service behind the pages that loads the installed weights.

    Every file loads, as a fake engine that is called like the model.
    """

    def load(chosen: Settings) -> FaceEngine:
        return engine_called(resolve(chosen).model)

    def served(*files: str, **changes: object) -> FaceService:
        for file in files:
            settings.models_dir.mkdir(exist_ok=True)
            (settings.models_dir / file).write_bytes(b"weights")
        shared = SettledService(settings.model_copy(update=changes))
        monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: shared)
        return shared

    monkeypatch.setattr(FaceEngine, "load", load)
    return served


@pytest.fixture
def service(serve: Serve) -> FaceService:
    """The service behind the pages, on the fake engine."""
    return serve()


@pytest.fixture
def visitor(service: FaceService) -> Visitor:
    """Somebody in front of the pages."""
    return Visitor()
