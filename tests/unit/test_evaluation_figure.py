from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facenet_core.calibration import fixed_threshold
from facenet_core.evaluation import Comparisons, ErrorRates, draw
from facenet_core.evaluation.figure import Format
from facenet_core.evaluation.verification import error_rates


def report(*, separated: bool = False, without_face: int = 0) -> ErrorRates:
    rng = np.random.default_rng(2)
    mated = np.linspace(0.1, 0.2, 80) if separated else rng.normal(0.8, 0.2, 80)
    mated[:without_face] = np.inf
    distances = np.concatenate([mated, rng.normal(1.3, 0.1, 300)])
    people = np.array([[i, i] for i in range(80)] + [[i % 80, (i + 1 + i // 80) % 80] for i in range(300)])
    return error_rates(Comparisons.listed(distances, people), fixed_threshold(1.0))


@pytest.mark.parametrize(("file_format", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF-")])
def test_a_figure_is_drawn_in_the_format_asked_for(file_format: Format, start: bytes) -> None:
    assert draw(report(), "some model on some photos", file_format).startswith(start)


@pytest.mark.parametrize("drawn", [report(separated=True), report(without_face=80), report(without_face=3)])
def test_odd_data_can_be_drawn(drawn: ErrorRates) -> None:
    assert draw(drawn, "a title with $10 and 100 %", "png").startswith(b"\x89PNG")


def test_drawing_does_not_touch_what_other_figures_of_this_process_use() -> None:
    script = (
        "import sys\n"
        "from tests.unit.test_evaluation_figure import draw, report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "draw(report(), 'title', 'png')\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, timeout=60)
