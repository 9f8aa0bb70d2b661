"""The README's pictures, taken anew from the shipped photos alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, App
from tests.e2e.test_main_job import card, choose, close_dialog, go, open_person, upload

pytestmark = pytest.mark.browser


def test_the_pictures_in_the_readme(
    app_as_it_ships: App, open_page: Callable[..., Page], shoot: Callable[[Page, str], None], tmp_path: Path
) -> None:
    hopper = Image.open(ROOT / "images" / "Grace_Hopper.jpg").convert("RGB")
    collins = Image.open(ROOT / "images" / "Eileen_Collins.jpg").convert("RGB")
    probe, together = tmp_path / "at-the-door.jpg", tmp_path / "two-people.jpg"
    ImageOps.mirror(hopper.crop((60, 20, 460, 420))).resize((240, 240)).save(probe, quality=60)
    pair = Image.new("RGB", (2 * 512, 512))
    pair.paste(ImageOps.fit(collins, (512, 512)), (0, 0))
    pair.paste(ImageOps.fit(hopper, (512, 512), centering=(0.5, 0.2)), (512, 0))
    pair.save(together, quality=90)

    page = open_page(f"{app_as_it_ships.url}/manage")
    card(page, "Grace Hopper")
    card(page, "Eileen Collins")
    shoot(page, "readme manage")
    go(page, "Accuracy")
    expect(page.get_by_text("About 1 stranger in 1,000 is let in").first).to_be_visible()
    shoot(page, "readme accuracy")
    go(page, "Verify")
    choose(page, "Who do they say they are?", "Grace Hopper")
    expect(page.get_by_text("1 photo enrolled")).to_be_visible()
    upload(page, probe)
    expect(page.get_by_role("heading", name="Welcome in")).to_be_visible()
    expect(page.get_by_text("Details")).to_be_visible()
    shoot(page, "readme verify")

    go(page, "Manage")
    card(page, "Eileen Collins")
    open_person(page, "Eileen Collins")
    page.get_by_role("dialog").get_by_role("button", name="Remove this person").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, remove").click()
    expect(page.get_by_text("Removed, with all photos and templates.")).to_be_visible()
    close_dialog(page)
    go(page, "Recognise")
    upload(page, together)
    expect(page.get_by_role("heading", name="1 photo, 2 faces, 1 named")).to_be_visible()
    expect(page.get_by_text("Not in database")).to_be_visible()
    expect(page.get_by_text("Grace Hopper · distance")).to_be_visible()
    shoot(page, "readme recognise")
