from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from facenet_core import pipeline
from facenet_core.inception import inception_resnet_v1
from tests.cli_runner import Cli


@pytest.fixture(scope="session")
def inception() -> Callable[[int], Any]:
    """The builder of Inception-ResNet-v1, building each size once: it takes seconds.

    What one test loads into a network is still there in the next.
    """
    return cache(inception_resnet_v1)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, in folders of the test's own."""
    return Cli(tmp_path, capsys, monkeypatch)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline holds one photo and reads one ahead."""
    monkeypatch.setattr(pipeline, "AHEAD", 1)
    monkeypatch.setattr(pipeline, "MAX_HELD", 1)
