"""The main job, as a person does it: in a browser, on the real model, across a restart."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App

pytestmark = pytest.mark.browser

Shoot = Callable[[Page, str], None]


def choose(page: Page, label: str, option: str) -> None:
    settled(page)
    page.get_by_role("combobox", name=label).fill(option)
    expect(page.get_by_role("option", name=option)).to_be_visible()
    page.get_by_role("combobox", name=label).press("Enter")


def upload(page: Page, *files: Path) -> None:
    settled(page)
    page.locator("input[type=file]").first.set_input_files(files)
    for file in files:
        expect(page.get_by_test_id("stFileUploader").get_by_text(file.name)).to_be_visible()


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    settled(page)


def close_dialog(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def enrol(page: Page, name: str, *photos: Path) -> None:
    settled(page)
    page.get_by_role("button", name="Add a person").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(photos)
    expect(dialog.get_by_text(photos[0].name)).to_be_visible()
    dialog.get_by_label("Name", exact=True).fill(name)
    dialog.get_by_label("Name", exact=True).press("Tab")
    dialog.get_by_role("button", name="Enrol").click()
    expect(dialog.get_by_text(re.compile(rf"{len(photos)} photos? enrolled\."))).to_be_visible()
    close_dialog(page)


def settled(page: Page) -> None:
    """Until Streamlit has drawn everything: before that a click may meet what is being replaced."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def search(page: Page, name: str) -> None:
    settled(page)
    page.get_by_placeholder("Search by name").fill(name)
    page.get_by_placeholder("Search by name").press("Enter")
    expect(page.get_by_role("button", name="Open")).to_have_count(1 if name else 5)
    settled(page)


def open_person(page: Page, name: str) -> None:
    search(page, name)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog").get_by_role("heading", name=name)).to_be_visible()


def card(page: Page, name: str) -> None:
    expect(page.get_by_text(name, exact=True)).to_be_visible()


def test_enrol_restart_verify_identify_rename_move(
    app: App, open_page: Callable[..., Page], shoot: Shoot, data: Path, tmp_path: Path
) -> None:
    demo, athletes = data / "demo-96px", data / "album-athletes"
    page = open_page(f"{app.url}/manage")
    card(page, "Grace Hopper")
    card(page, "Eileen Collins")

    enrol(page, "Younes", demo / "younes.jpg")
    enrol(page, "Kian", demo / "kian.jpg")
    card(page, "Younes")
    shoot(page, "manage")

    app.restart()

    page = open_page(app.url)
    choose(page, "Who do they say they are?", "Younes")
    expect(page.get_by_text("1 photo enrolled")).to_be_visible()
    upload(page, demo / "camera_0.jpg")
    expect(page.get_by_role("heading", name="Welcome in")).to_be_visible()
    expect(page.get_by_text("strangers looks this similar to Younes")).to_be_visible()
    shoot(page, "verify welcome in")
    choose(page, "Who do they say they are?", "Kian")
    expect(page.get_by_role("heading", name="Go away")).to_be_visible()
    shoot(page, "verify go away")

    go(page, "Manage")
    enrol(page, "Roger", athletes / "roger_federer" / "137.jpg", athletes / "roger_federer" / "138.jpg")
    go(page, "Recognise")
    upload(page, athletes / "roger_federer" / "179.jpg", demo / "camera_0.jpg")
    expect(page.get_by_role("heading", name="2 photos, 4 faces, 2 named")).to_be_visible()
    expect(page.get_by_text("Not in database · nearest")).to_have_count(2)
    expect(page.get_by_text("Younes · distance")).to_be_visible()
    shoot(page, "recognise")
    with page.expect_download() as csv:
        page.get_by_role("button", name="CSV").click()
    csv.value.save_as(tmp_path / "faces.csv")
    rows = (tmp_path / "faces.csv").read_text().splitlines()
    assert [row.split(",")[7] for row in rows[1:]].count("Not in database") == 2
    with page.expect_download() as pictures:
        page.get_by_role("button", name="Annotated pictures").click()
    pictures.value.save_as(tmp_path / "faces.zip")
    assert len(zipfile.ZipFile(tmp_path / "faces.zip").namelist()) == 3

    go(page, "Manage")
    open_person(page, "Kian")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Kian K")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog.get_by_role("heading", name="Kian K")).to_be_visible()
    shoot(page, "person")
    close_dialog(page)
    search(page, "")
    card(page, "Kian K")

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as archive:
        page.get_by_role("dialog").get_by_role("button", name="Download the archive").click()
    archive.value.save_as(tmp_path / "people.zip")
    close_dialog(page)

    open_person(page, "Younes")
    dialog.get_by_role("button", name="Remove this person").click()
    dialog.get_by_role("button", name="Yes, remove").click()
    expect(dialog.get_by_text("Removed, with all photos and templates.")).to_be_visible()
    close_dialog(page)
    expect(page.get_by_text("Nobody is called Younes.")).to_be_visible()

    page.get_by_role("button", name="Import").click()
    dialog.locator("input[type=file]").set_input_files(tmp_path / "people.zip")
    expect(dialog.get_by_text("1 new person")).to_be_visible()
    shoot(page, "import preview")
    dialog.get_by_role("button", name="Import", exact=True).click()
    expect(dialog.get_by_text("Imported 1 person and 1 photo.")).to_be_visible()
    close_dialog(page)
    search(page, "")
    card(page, "Younes")
    shoot(page, "manage after import")

    go(page, "Settings")
    expect(page.get_by_text("Recognise (1:N)")).to_be_visible()
    shoot(page, "settings")


def test_a_session_that_is_open_sees_the_change_without_being_touched(
    app: App, open_page: Callable[..., Page], data: Path
) -> None:
    watcher, page = open_page(f"{app.url}/manage"), open_page(f"{app.url}/manage")
    card(watcher, "Grace Hopper")
    card(page, "Grace Hopper")
    enrol(page, "Younes", data / "demo-96px" / "younes.jpg")
    card(watcher, "Younes")


@pytest.mark.parametrize("path", ["recognize", "manage", "settings"])
def test_a_deep_link_in_a_fresh_process_goes_through_the_app(
    app: App, open_page: Callable[..., Page], path: str
) -> None:
    """Streamlit would run the page's file alone, past app.py and any access gate."""
    page = open_page(f"{app.url}/{path}")
    title = {"recognize": "Recognise"}.get(path, path.capitalize())
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link", name="Verify")).to_be_visible()
