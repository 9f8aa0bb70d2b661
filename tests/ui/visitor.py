"""A visitor of the pages: Streamlit's AppTest, made to act as a browser does.

AppTest runs the whole page after every action, so that a dialog is gone as soon
as something in it is touched, and forgets the files that pages show and offer. A
browser runs the fragment that was touched and leaves the rest as it is.
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
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.testing.v1 import AppTest, app_test
from streamlit.testing.v1.element_tree import ElementTree
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 60.0
"""Seconds for one run of a page, on a busy machine."""


class Visitor(AppTest):
    """One browser session, in a process that has served others before."""

    def __init__(self) -> None:
        super().__init__(ROOT / "app.py", default_timeout=PATIENCE)
        self.session_id = uuid4().hex
        self.fragment: str | None = None
        self.messages: Sequence[ForwardMsg] = ()
        self.runner: LocalScriptRunner | None = None
        self._media = MediaFileManager(MemoryMediaFileStorage("/media"))

    def __repr__(self) -> str:
        return f"<Visitor who sees\n{self.text}>"

    # -- doing --------------------------------------------------------------

    def open(self, page: str = "verify") -> Visitor:
        """Opens a page by its link."""
        if not self.messages:
            self.run()
        self.switch_page(f"pages/{page}.py").run()
        return self

    def click(self, label: str, number: int = 0) -> Visitor:
        return self._act(self.one("button", label, number).click())

    def fill(self, label: str, value: object, kind: str = "text_input", number: int = 0) -> Visitor:
        return self._act(self.one(kind, label, number).set_value(value))

    def choose(self, label: str, value: object) -> Visitor:
        """Chooses in a row of buttons."""
        return self.fill(label, value, "button_group")

    def select(self, label: str, option: str) -> Visitor:
        """Selects in a list."""
        box = self.one("selectbox", label)
        assert option in box.options, box.options
        return self._act(box.set_value(option))

    def upload(self, label: str, *files: tuple[str, bytes]) -> Visitor:
        """Drops files, beside those that are there."""
        uploader = self.one("file_uploader", label)
        present = [(f.file_id, f.name, f.getvalue(), f.type) for f in _several(uploader.value)]
        if uploader.accept_multiple_files:
            uploader._files = present
        for name, content in files:
            uploader.upload(name, content)
        return self._act(uploader)

    def photograph(self, content: bytes) -> Visitor:
        """Takes a picture with the camera."""
        return self._act(self.camera_input[0].upload("camera.jpg", content))

    def click_meanwhile(self, label: str) -> None:
        """Clicks on a button while the page is still being made, from the thread that makes it."""
        (button,) = (e.button for e in self._made() if e.button.label == label)
        clicked = WidgetStates(widgets=[WidgetState(id=button.id, trigger_value=True)])
        self._runner_now.request_rerun(RerunData(widget_states=clicked))

    def close_meanwhile(self) -> None:
        """Closes the dialog while it is still being made."""
        self.fragment = None
        self._runner_now.request_rerun(RerunData(page_script_hash=self._finished_page_script_hash))

    def progress_meanwhile(self) -> str | None:
        """What the last bar says while the page is still being made."""
        bars = [e.progress.text for e in self._made() if e.HasField("progress")]
        return bars[-1] if bars else None

    def turn_to(self, page: int) -> Visitor:
        return self._act(self.pagination[0].select(page))

    def close(self) -> Visitor:
        """Closes the dialog, which runs the page again."""
        assert self.dialog
        self.run()
        assert not self.dialog
        return self

    def wait(self) -> Visitor:
        """Lets pass the time after which fragments run by themselves."""
        for message in list(self.messages):
            # One that has run the whole page may have left others behind.
            if message.HasField("auto_rerun") and message.auto_rerun in [m.auto_rerun for m in self.messages]:
                self._run_fragment(message.auto_rerun.fragment_id, self)
        return self

    # -- seeing -------------------------------------------------------------

    @property
    def text(self) -> str:
        """Everything there is to read, as it is read: without the escapes of Markdown."""
        return "\n".join(map(read, self.raw))

    @property
    def errors(self) -> list[str]:
        return [read(error.value) for error in self.error]

    @property
    def raw(self) -> Iterator[str]:
        """What the page says, in Markdown."""
        for node in self._tree:
            proto: Any = getattr(node, "proto", None)
            for field in ("body", "label", "text", "caption"):
                if isinstance(said := getattr(proto, field, None), str) and said:
                    yield said
            for option in getattr(proto, "options", ()) if node.type == "button_group" else ():
                yield option.content
            if node.type == "imgs" or node.type == "image":
                yield from (picture.caption for picture in proto.imgs)

    @property
    def dialog(self) -> str | None:
        """The title of the dialog that is open."""
        blocks = (m.delta.add_block for m in self.messages if m.HasField("delta") and m.delta.HasField("add_block"))
        return next((b.dialog.title for b in blocks if b.HasField("dialog") and b.dialog.is_open), None)

    @property
    def toasts(self) -> list[str]:
        """What pops up. A browser shows only those of a run that was not cut short by the next."""
        assert self.runner
        happened = list(zip(self.runner.events, self.runner.event_data, strict=True))
        last = max(n for n, (event, _) in enumerate(happened) if event == ScriptRunnerEvent.SCRIPT_STARTED)
        sent = [data["forward_msg"].delta.new_element for _, data in happened[last:] if "forward_msg" in data]
        return [element.toast.body for element in sent if element.HasField("toast")]

    @property
    def pictures(self) -> dict[str, Image.Image]:
        """What is shown, by its description for those who can't see it."""
        shown = {}
        for element in self.image:
            for picture in element.proto.imgs:
                file = self._media.read_file(Path(picture.url).stem)
                assert file
                shown[picture.alt] = Image.open(BytesIO(file.content))
        return shown

    def tables(self) -> list[list[dict[str, Any]]]:
        return [frame.value.to_dict("records") for frame in self.dataframe]

    def download(self, label: str) -> bytes:
        """What a click on a download button brings."""
        url = self._media.execute_deferred(self.one("download_button", label).proto.deferred_file_id)
        file = self._media.read_file(Path(url).stem)
        assert file
        return file.content

    def one(self, kind: str, label: str, number: int = 0) -> Any:
        found = [widget for widget in getattr(self, kind) if widget.proto.label == label]
        assert len(found) > number, f"no {kind} {label!r} in {self!r}"
        return found[number]

    def has(self, kind: str, label: str) -> bool:
        return any(widget.proto.label == label for widget in getattr(self, kind))

    # -- running ------------------------------------------------------------

    def _act(self, widget: Any) -> Visitor:
        return self._run_fragment(self._fragment_of(widget.id), widget)

    def _run_fragment(self, fragment: str | None, what: Any) -> Visitor:
        self.fragment = fragment
        try:
            what.run()
        finally:
            self.fragment = None
        return self

    @property
    def _runner_now(self) -> LocalScriptRunner:
        assert self.runner
        return self.runner

    def _made(self) -> list[Element]:
        messages = self._runner_now.forward_msgs()
        return [m.delta.new_element for m in messages if m.HasField("delta") and m.delta.HasField("new_element")]

    def _fragment_of(self, widget_id: str) -> str | None:
        for message in self.messages:
            element = message.delta.new_element
            if (kind := element.WhichOneof("type")) and getattr(getattr(element, kind), "id", None) == widget_id:
                return message.delta.fragment_id or None
        raise AssertionError(f"{widget_id} is not on the page")

    def _run(self, *args: Any, **kwargs: Any) -> AppTest:
        with (
            patch.object(app_test, "LocalScriptRunner", partial(_Runner, visitor=self)),
            patch.object(app_test, "PagesManager", partial(PagesManager)),  # the class would be made as new each time
            patch.object(app_test, "MediaFileManager", lambda storage: self._media),
        ):
            super()._run(*args, **kwargs)
        assert not self.exception, f"{self.exception[0].message} {self.exception[0].stack_trace}"
        return self


class _Runner(LocalScriptRunner):
    """Runs one fragment, or the page."""

    def __init__(self, *args: Any, visitor: Visitor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session_id = visitor.session_id
        self._requests = ScriptRequests()  # what is asked for on creation, the whole page, would win
        self._visitor = visitor
        visitor.runner = self

    def request_rerun(self, rerun_data: RerunData) -> bool:
        return super().request_rerun(replace(rerun_data, fragment_id=self._visitor.fragment))

    def run(self, *args: Any, **kwargs: Any) -> ElementTree:
        if self._visitor.fragment:
            for message in self._visitor.messages:
                self.forward_msg_queue.enqueue(message)
        try:
            return super().run(*args, **kwargs)
        finally:
            self._visitor.messages = self.forward_msgs()


def read(markdown: str) -> str:
    """What is left when the escapes of Markdown, and what can't be seen, are gone."""
    return re.sub(r"\\([!-/:-@[-`{-~])", r"\1", markdown).replace("\N{WORD JOINER}", "")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
