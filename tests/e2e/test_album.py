"""Hundreds of photos at once, in a browser, on the real model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App
from tests.e2e.test_main_job import settled

pytestmark = pytest.mark.browser

PHOTOS, LONG = 200, 240_000
"""Photos, and milliseconds that they may take on a busy machine."""


def test_answers_for_hundreds_of_photos_come_one_by_one_and_can_be_stopped(
    app: App, open_page: Callable[..., Page], shoot: Callable[[Page, str], None], data: Path
) -> None:
    photos = sorted((data / "album-athletes").glob("*/*"))[:PHOTOS]
    page = open_page(f"{app.url}/recognize")
    settled(page)
    page.locator("input[type=file]").set_input_files(photos)
    progress = page.get_by_text(re.compile(rf"^\d+ of {PHOTOS} photos, \d+\.\d a second$"))
    expect(progress).to_be_visible(timeout=LONG)
    expect(page.get_by_alt_text(re.compile("numbered faces?$")).nth(2)).to_be_visible()
    expect(progress).to_be_visible()  # three answers are there, and the rest on their way

    page.get_by_role("button", name="Stop").click()
    stopped = page.get_by_text(re.compile(r"^Stopped: \d+ photos not looked at\.$"))
    expect(stopped).to_be_visible()
    left = int(re.sub(r"\D", "", stopped.inner_text()))
    assert 0 < left < PHOTOS
    expect(page.get_by_role("heading", name=re.compile(rf"^{PHOTOS - left} photos?, "))).to_be_visible()
    expect(progress).to_have_count(0)
    shoot(page, "recognise album stopped")

    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name=re.compile(rf"^{PHOTOS} photos, "))).to_be_visible(timeout=LONG)
    expect(stopped).to_have_count(0)
    expect(page.get_by_alt_text(re.compile("numbered faces?$|without faces$"))).to_have_count(20)
    shoot(page, "recognise album whole")
