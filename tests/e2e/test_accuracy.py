"""The Accuracy page in a browser, on the real model: the same figures everywhere, and a stricter target."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, App
from tests.e2e.test_main_job import choose, go, settled, upload

pytestmark = pytest.mark.browser


def command(app: App, *words: object) -> Any:
    """The answer of the command line on the app's own database."""
    result = subprocess.run(
        [sys.executable, "-m", "facenet_core", *map(str, words), "--json"],
        cwd=ROOT,
        env={**os.environ, **app.settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(result.stdout)


def test_a_stricter_target_holds_on_every_page_and_on_the_command_line(
    app: App, open_page: Callable[..., Page], shoot: Callable[[Page, str], None], data: Path, tmp_path: Path
) -> None:
    demo = data / "demo-96px"
    people = tmp_path / "people"
    people.mkdir()
    for photo in demo.iterdir():
        if not photo.name.startswith("camera"):
            shutil.copy(photo, people)
    enrolled = command(app, "enroll-folder", people)
    assert sum(outcome["accepted"] for outcome in enrolled["outcomes"]) == 12
    before = command(app, "verify", demo / "camera_0.jpg", "--claim", "younes")

    page = open_page(f"{app.url}/accuracy")
    expect(page.get_by_text("About 1 stranger in 1,000 is let in").first).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.get_by_text("Nearest lookalikes")).to_be_visible()
    shoot(page, "accuracy")
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowLeft")
    settled(page)
    stricter = page.get_by_text(re.compile(r"About 1 stranger in [\d,]+ is let in")).last
    expect(stricter).not_to_contain_text("in 1,000 is")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()

    after = command(app, "verify", demo / "camera_0.jpg", "--claim", "younes")
    assert after["threshold"]["distance"] < before["threshold"]["distance"]
    assert after["distance"] == before["distance"]
    go(page, "Verify")
    choose(page, "Who do they say they are?", "younes")
    upload(page, demo / "camera_0.jpg")
    expect(page.get_by_role("heading", name="Welcome in")).to_be_visible()
    said = page.get_by_role("img", name=re.compile("^Distance"))
    expect(said).to_have_attribute(
        "aria-label",
        re.compile(f"^Distance {after['distance']:.2f}, within the threshold {after['threshold']['distance']:.2f},"),
    )
    expect(page.get_by_text(after["threshold"]["explanation"]).first).to_be_visible()
    shoot(page, "verify with a stricter target")
