from __future__ import annotations

from pathlib import Path

import pytest

from facenet_core.album import watching
from facenet_core.album.watching import Watcher


def test_a_photo_that_comes_ends_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SETTLED", 0.01)
    monkeypatch.setattr(watching, "ANYWAY", 20.0)
    (tmp_path / "deep").mkdir()
    with Watcher([tmp_path, tmp_path / "none"]) as watcher:
        (tmp_path / "deep" / "a.jpg").write_bytes(b"photo")
        watcher.wait()
        assert not watcher._changed.is_set(), "the change was taken for over"


def test_it_looks_now_and_then_without_a_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "ANYWAY", 0.01)
    with Watcher([tmp_path]) as watcher:
        watcher.wait()
