"""Reverse search in a browser, on the real model: pages that show somebody are found, filtered, removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from facenet_core import weights
from facenet_core.config import load_settings
from facenet_core.service import FaceService
from tests.e2e.conftest import ROOT, App
from tests.e2e.test_main_job import settled
from tests.public_pictures import Pictures

pytestmark = pytest.mark.browser

WHO = "Donald_Rumsfeld"

LONG = 240_000
"""Milliseconds that the model may take on a busy machine."""


@pytest.fixture
def app_with_pictures(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The running app, on the model that ships, with two pictures of somebody and twenty of others."""
    photos = data / "lfw-view1"
    monkeypatch.setattr(weights, "SHIPPED_FILE", ROOT / "keras-facenet-h5" / weights.SHIPPED)
    service = FaceService(load_settings(db=tmp_path / "db", reverse=True))
    others = [folder / f"{folder.name}_0001.jpg" for folder in sorted(photos.iterdir()) if folder.name != WHO]
    others = [photo for photo in others if photo.exists()][:20]
    commons, flickr = Pictures(), Pictures("flickr")
    first, second = sorted((photos / WHO).iterdir())[2:4]
    for photo in [first, *others]:
        commons.put(photo.name, photo.read_bytes(), title=photo.stem.replace("_", " "))
    flickr.put(second.name, second.read_bytes(), title="At the podium")
    for source in (commons, flickr):
        source.crawled_by(service.reverse)
    service.reverse.close()
    running = App({"FACENET_DB": str(tmp_path / "db"), "FACENET_REVERSE": "true"}, log=tmp_path / "app.log")
    running.start()
    yield running
    running.stop()


def test_somebody_is_found_on_public_pages_and_a_page_is_removed(
    app_with_pictures: App, open_page: Callable[..., Page], shoot: Callable[[Page, str], None], data: Path
) -> None:
    page = open_page(f"{app_with_pictures.url}/reverse")
    expect(page.get_by_text(re.compile("different faces on 22 pictures"))).to_be_visible(timeout=LONG)
    shoot(page, "reverse empty")
    settled(page)
    page.get_by_text("Filters", exact=True).click()  # early: while it opens, no list in it stays open
    page.locator("input[type=file]").set_input_files(sorted((data / "lfw-view1" / WHO).iterdir())[0])
    expect(page.get_by_role("heading", name=re.compile("Probably the same person|Can't tell"))).to_be_visible()
    found = page.get_by_alt_text(re.compile("with the face boxed$"))
    expect(found.first).to_have_attribute("alt", re.compile("Donald Rumsfeld|At the podium"))
    shoot(page, "reverse found")
    link = page.get_by_role("link", name="Open page").first
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", re.compile("noreferrer|noopener"))

    settled(page)
    sources = page.get_by_role("combobox", name="Sources")
    sources.fill("Flickr")
    expect(page.get_by_role("option", name="Flickr (1)")).to_be_visible()
    sources.press("Enter")
    sources.press("Escape")
    expect(page.get_by_text("Only Flickr counted.")).to_be_visible()
    expect(found).to_have_count(1)
    expect(found).to_have_attribute("alt", "At the podium, with the face boxed")
    shoot(page, "reverse filtered")

    settled(page)
    page.get_by_role("button", name="Remove", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("This person", exact=True).click()
    expect(dialog.get_by_text(re.compile("What goes, at once: [12] faces?, copies"))).to_be_visible()
    shoot(page, "reverse remove person")
    dialog.get_by_text("This page", exact=True).click()
    dialog.get_by_role("button", name="Remove this page").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("The page is gone, with 1 picture")).to_be_visible()
    expect(found.first).to_have_attribute("alt", re.compile("Donald Rumsfeld"))  # Flickr is no source any more
    expect(page.get_by_alt_text("At the podium, with the face boxed")).to_have_count(0)
    shoot(page, "reverse removed")
