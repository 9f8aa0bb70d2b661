"""A visitor of the pages: Streamlit's AppTest, acting as a browser does.

AppTest runs the whole page after every action, so that a dialog is gone as soon
as something in it is touched. A browser runs the fragment that was touched, and
leaves the rest of the page as it is. So does this one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from PIL import Image
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import AppTest, app_test
from streamlit.testing.v1.element_tree import ElementTree, Widget
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 60.0
"""Seconds for one run of a page, on a busy machine."""


class _Runner(LocalScriptRunner):
    """Runs one fragment, or the page."""

    def __init__(self, *args: Any, visitor: Visitor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session_id = visitor.session_id
        self._visitor = visitor
        visitor.runner = self

    def request_rerun(self, rerun_data: RerunData) -> bool:
        return super().request_rerun(replace(rerun_data, fragment_id=self._visitor.fragment))

    def run(self, *args: Any, **kwargs: Any) -> ElementTree:
        if self._visitor.fragment:  # what lies outside of it stays on the page
            for message in self._visitor.messages:
                self.forward_msg_queue.enqueue(message)
        try:
            return super().run(*args, **kwargs)
        finally:
            self._visitor.messages = self.forward_msgs()


class Visitor(AppTest):
    """One browser session."""

    def __init__(self, entry: str = "app.py") -> None:
        super().__init__(ROOT / entry, default_timeout=PATIENCE)
        self.session_id = uuid4().hex
        self.fragment: str | None = None
        self.messages: Sequence[ForwardMsg] = ()
        self.runner: LocalScriptRunner | None = None
        self._media = MediaFileManager(MemoryMediaFileStorage("/media"))

    def __repr__(self) -> str:
        return f"<Visitor {self.session_id[:4]}>"

    def _run(self, *args: Any, **kwargs: Any) -> AppTest:
        with (
            patch.object(app_test, "LocalScriptRunner", partial(_Runner, visitor=self)),
            patch.object(app_test, "PagesManager", partial(PagesManager)),  # AppTest would reset the class
            patch.object(app_test, "MediaFileManager", lambda storage: self._media),
        ):
            super()._run(*args, **kwargs)
        assert not self.exception, self.exception
        return self

    # -- doing --------------------------------------------------------------

    def go(self, page: str) -> Visitor:
        self.switch_page(f"pages/{page}.py").run()
        return self

    def act(self, widget: Any) -> Visitor:
        """Sends what was done to a widget: to its fragment, if it is in one."""
        self.fragment = self._fragment_of(widget.id)
        try:
            widget.run()
        finally:
            self.fragment = None
        return self

    def click(self, label: str, number: int = 0) -> Visitor:
        return self.act(self.one("button", label, number).click())

    def fill(self, label: str, value: Any, kind: str = "text_input", number: int = 0) -> Visitor:
        return self.act(self.one(kind, label, number).set_value(value))

    def choose(self, label: str, value: Any) -> Visitor:
        """Chooses in a row of buttons, by value."""
        return self.fill(label, value, "button_group")

    def select(self, label: str, shown: str) -> Visitor:
        """Selects in a list, by what is shown."""
        box = self.one("selectbox", label)
        return self.act(box.set_value(_Shown(shown)))

    def upload(self, label: str, *files: tuple[str, bytes]) -> Visitor:
        """Drops files, beside those that are there."""
        uploader = self.one("file_uploader", label)
        for name, content in files:
            uploader.upload(name, content)
        return self.act(uploader)

    def wait_for_timers(self) -> Visitor:
        """Runs, once, the fragments that run by themselves."""
        for message in list(self.messages):
            if message.HasField("auto_rerun"):
                self.fragment = message.auto_rerun.fragment_id
                try:
                    self.run()
                finally:
                    self.fragment = None
        return self

    # -- seeing -------------------------------------------------------------

    def one(self, kind: str, label: str, number: int = 0) -> Any:
        found = [w for w in getattr(self, kind) if w.proto.label == label]
        assert len(found) > number, f"no {kind} {label!r} among {[w.proto.label for w in getattr(self, kind)]}"
        return found[number]

    def _fragment_of(self, widget_id: str) -> str | None:
        for message in self.messages:
            if message.HasField("delta") and message.delta.HasField("new_element"):
                element = message.delta.new_element
                inner = getattr(element, element.WhichOneof("type"))
                if getattr(inner, "id", None) == widget_id:
                    return message.delta.fragment_id or None
        raise AssertionError(f"{widget_id} is not on the page")


class _Shown(str):
    """What an option looks like, in the place of its value."""
