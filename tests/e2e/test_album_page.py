"""An album in a browser, on the real model: indexed, searched, taken away, grouped, corrected."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App
from tests.e2e.test_main_job import settled

pytestmark = pytest.mark.browser

EACH, LONG = 15, 240_000
"""Photos of each athlete, and milliseconds that all of them may take on a busy machine."""

FOUND = re.compile(r"Found in \d+ photos")


def section(page: Page, name: str) -> None:
    settled(page)
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()
    settled(page)


def give(page: Page, *files: Path) -> None:
    settled(page)
    page.locator("input[type=file]").first.set_input_files(files)
    for file in files:
        expect(page.get_by_text(file.name)).to_be_visible()


@pytest.fixture
def holiday(data: Path, tmp_path: Path) -> Path:
    """Photos of two athletes as one unsorted folder, and a file that is no photo."""
    root = tmp_path / "holiday"
    root.mkdir()
    for who in ("roger_federer", "serena_williams"):
        for photo in sorted((data / "album-athletes" / who).iterdir())[:EACH]:
            shutil.copy(photo, root / f"{who[:5]}-{photo.name}")
    (root / "notes.jpg").write_text("not a photo")
    return root


def test_an_album_is_indexed_searched_grouped_and_corrected(
    app: App,
    open_page: Callable[..., Page],
    shoot: Callable[[Page, str], None],
    data: Path,
    holiday: Path,
    tmp_path: Path,
) -> None:
    page = open_page(f"{app.url}/album")
    settled(page)
    page.get_by_label("A folder on this machine").fill(str(holiday))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("was added. Have it indexed now.")).to_be_visible()
    shoot(page, "album folder added")
    page.get_by_role("button", name="Index").click()
    expect(page.get_by_text(re.compile(r"^\d+ of 31 files"))).to_be_visible(timeout=LONG)
    shoot(page, "album indexing")
    expect(page.get_by_text("30 photos, 1 file that can't be used")).to_be_visible(timeout=LONG)
    shoot(page, "album folders")

    section(page, "Photos")
    expect(page.get_by_text(re.compile("^30 photos with"))).to_be_visible()
    shoot(page, "album photos")

    section(page, "Search")
    shoot(page, "album search empty")
    samples = sorted((data / "album-athletes" / "roger_federer").iterdir())[EACH : EACH + 2]
    give(page, *samples)
    expect(page.get_by_role("heading", name=FOUND)).to_be_visible()
    expect(page.get_by_alt_text(re.compile("with the face boxed$")).first).to_be_visible()
    shoot(page, "album search")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download all")).click()
    archive = zipfile.ZipFile(download.value.path())
    rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
    assert len(rows) >= EACH - 3
    assert sum(row["path"].startswith("holiday/roger") for row in rows) / len(rows) > 0.9
    for row in rows:
        assert archive.read(row["file"]) == (holiday.parent / row["path"]).read_bytes()
    page.get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("dialog").get_by_alt_text(re.compile("numbered face"))).to_be_visible()
    shoot(page, "album photo")
    page.get_by_role("dialog").get_by_role("button", name="Search for 1").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_alt_text("Sample 1 of person A")).to_be_visible()
    expect(page.get_by_alt_text("Sample 2 of person A")).to_have_count(0)
    expect(page.get_by_role("heading", name=FOUND)).to_be_visible()

    settled(page)
    page.get_by_text("Search for two people").click()
    expect(page.get_by_text("Photos of person B")).to_be_visible()
    settled(page)
    hers = sorted((data / "album-athletes" / "serena_williams").iterdir())[3]
    page.locator("input[type=file]").last.set_input_files(hers)
    expect(page.get_by_role("heading", name="Found both together in 1 photo")).to_be_visible()
    expect(page.get_by_alt_text("seren-205.jpg with the face boxed").first).to_be_visible()
    shoot(page, "album search two")

    section(page, "People")
    expect(page.get_by_text(re.compile(r"on two photos or more, 0 named$"))).to_be_visible(timeout=LONG)
    shoot(page, "album people")
    page.get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("heading", name="Unknown")).to_be_visible()
    settled(page)
    shoot(page, "album person")
    counted = page.get_by_text(re.compile(r"^\d+ faces on \d+ photos$"))
    before = int(counted.inner_text().split()[0])
    page.get_by_label("Name", exact=True).fill("Ann Example")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_role("heading", name="Ann Example")).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ photos? enrolled\."))).to_be_visible()
    shoot(page, "album person named")
    page.get_by_text("Select", exact=True).last.click()
    page.get_by_role("button", name="Not this person (1)").click()
    expect(page.get_by_text("1 face taken out: somebody else.")).to_be_visible()
    expect(page.get_by_text(f"{before - 1} faces on")).to_be_visible()

    page.get_by_role("button", name="All people").click()
    settled(page)
    page.get_by_text("Group again", exact=True).click()
    page.get_by_role("button", name="Group all faces again").click()
    expect(page.get_by_text("All faces were grouped again.")).to_be_visible(timeout=LONG)
    shoot(page, "album people named")
    page.get_by_role("button", name=re.compile("^Check the groups")).click()
    expect(
        page.get_by_role("heading", name=re.compile("^(Are these the same person|Is this one person, or two)"))
    ).to_be_visible()
    left = page.get_by_text(re.compile(r"\d+ questions? left"))
    asked = int(left.inner_text().partition(" question")[0].split()[-1])
    shoot(page, "album question")
    page.get_by_role("button", name=re.compile("^(Different people|One person)$")).click()
    expect(page.get_by_text(re.compile("^(They stay two people|It stays one person)"))).to_be_visible()
    expect(page.get_by_text(f"{asked - 1} question").or_(page.get_by_text("nothing more to ask"))).to_be_visible()
    page.get_by_role("button", name="Undo the last correction").click()
    expect(page.get_by_text(re.compile("^Taken back: that "))).to_be_visible()
    expect(page.get_by_text(re.compile(rf"\b{asked} questions? left"))).to_be_visible()

    app.restart()
    page = open_page(f"{app.url}/album", width=400)
    section(page, "People")
    expect(page.get_by_text("Ann Example")).to_be_visible()
    shoot(page, "album people narrow")
    page.get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("heading", name="Ann Example")).to_be_visible()
    expect(page.get_by_text(f"{before - 1} faces on")).to_be_visible()
    shoot(page, "album person narrow")
    page.get_by_role("button", name="Search for this person").click()
    expect(page.get_by_role("heading", name=FOUND)).to_be_visible()
    shoot(page, "album search narrow")
    page.get_by_role("button", name="Open").first.click()
    expect(page.get_by_role("dialog").get_by_alt_text(re.compile("numbered face"))).to_be_visible()
    shoot(page, "album photo narrow")
