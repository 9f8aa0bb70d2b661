from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.runtime.scriptrunner import ScriptRunnerEvent
from streamlit.testing.v1 import AppTest

from facenet_core.service import FaceService
from facenet_core.ui import keras_state, session
from tests.fakes import BLUE, RED, photo
from tests.ui.people import enrol
from tests.ui.visitor import ROOT, Visitor

PAGES = sorted((ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("album", "Album"),
        ("reverse", "Reverse search"),
        ("manage", "Manage"),
        ("recognize", "Recognise"),
        ("accuracy", "Accuracy"),
        ("settings", "Settings"),
    ],
)
def test_a_deep_link_in_a_fresh_process_goes_through_the_app(
    service: FaceService, visitor: Visitor, page: str, title: str
) -> None:
    """Streamlit runs the page's file alone, past app.py and any access gate."""
    enrol(service, "Ann", RED)
    visitor.switch_page(f"pages/{page}.py").run()
    assert visitor.runner
    happened = zip(visitor.runner.events, visitor.runner.event_data, strict=True)
    runs = [data for event, data in happened if event == ScriptRunnerEvent.SCRIPT_STARTED]
    assert len(runs) > 1, "the page's file was not run alone: this test tests nothing"
    before = visitor.runner.events.index(ScriptRunnerEvent.SCRIPT_STOPPED_FOR_RERUN)
    shown = [data["forward_msg"] for data in visitor.runner.event_data[:before] if "forward_msg" in data]
    assert not [message for message in shown if message.HasField("delta")]
    assert visitor.title[0].value == title
    (navigation,) = [m.navigation for m in visitor.messages if m.HasField("navigation")][-1:]
    assert [p.page_name for p in navigation.app_pages] == [
        "Verify",
        "Recognise",
        "Album",
        "Reverse search",
        "Manage",
        "Accuracy",
        "Metrics",
        "Settings",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_that_is_run_as_an_app_shows_nothing(service: FaceService, page: Path) -> None:
    enrol(service, "Ann", RED)
    alone = AppTest.from_file(page, default_timeout=60)
    for _ in range(2):
        alone.run()
        assert [node.type for node in alone.main if node.type not in ("main", "container")] == ["exception"]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_begins_with_the_guard(page: Path) -> None:
    tree = ast.parse(page.read_text())
    first = next(node for node in tree.body[1:] if not isinstance(node, ast.Import | ast.ImportFrom))
    assert ast.unparse(first).startswith(f"service = session.guard('pages/{page.name}'")


def test_a_photo_that_one_session_gave_is_not_kept_for_others(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    read = service.photo
    monkeypatch.setattr(service, "photo", lambda data, name: (seen.append(name), read(data, name))[1])
    enrol(service, "Ann", RED)
    seen.clear()
    for someone in (visitor, visitor, Visitor()):
        someone.open("recognize").upload("Drop photos here", ("probe.png", photo(BLUE)))
    assert seen == ["probe.png", "probe.png"]


def test_all_sessions_share_one_service_which_keeps_keras_state(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Service:
        def __init__(self, around_load: object) -> None:
            made.append(around_load)

        def start(self) -> None:
            made.append("started")

    monkeypatch.setattr(session, "FaceService", Service)
    assert session.service() is session.service()
    assert made == [keras_state.settled, "started"]


@pytest.mark.real
def test_streamlit_does_not_clear_keras_under_a_model() -> None:
    """In a process of its own: what it changes holds for good."""
    program = """
import keras
from streamlit.runtime.scriptrunner.script_runner import _clean_problem_modules
from facenet_core.ui import keras_state

def layer_after_a_page_run():
    _clean_problem_modules()
    return keras.layers.Dense(1).name

names = [keras.layers.Dense(1).name, layer_after_a_page_run()]
with keras_state.settled():
    pass
keras.backend.clear_session(free_memory=True)
print(*names, layer_after_a_page_run(), layer_after_a_page_run())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dense", "dense", "dense_1", "dense_2"]


@pytest.mark.real
def test_page_runs_do_not_look_for_garbage_in_a_model_and_a_replaced_one_is_freed() -> None:
    """In a process of its own: what it changes holds for good."""
    program = """
import gc, weakref
from facenet_core.ui import keras_state

class Model:
    def __init__(self):
        self.itself = self

def load():
    with keras_state.settled():
        return Model()

model = load()
old, tracked = weakref.ref(model), len(gc.get_objects())
model = None
model = load()
print(gc.get_freeze_count() > 100_000, tracked < 10_000, old() is None)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", "True"]
