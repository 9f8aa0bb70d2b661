"""How long an album page of 10,000 photos takes in a browser.

    python benchmarks/album_page.py [--photos 10000] [--times 10]

The photos are made up, two made-up faces on each, with thumbnails as indexing
makes them; the model is the real one that ships. Printed is the median, with
the middle half, of the time from a click until what was asked for is painted:
the 60 thumbnails of a page of photos, and the next page.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.album_size import faces
from benchmarks.pages import said
from facenet_core.album.database import AlbumDatabase
from facenet_core.album.files import AlbumFiles
from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.pictures import Pictures
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.types import Box, Detection, Landmarks, Photo
from tests.e2e.conftest import CHROMIUM, CHROMIUM_OPTIONS, PATIENCE, App

LOADED = """() => {
  const shown = [...document.querySelectorAll("[data-testid=stMain] img")];
  return shown.length >= 60 && shown.every((image) => image.complete && image.naturalWidth);
}"""


def fill(folder: Path, photos: int) -> None:
    """An album of made-up photos, as indexing leaves it behind."""
    model_id = FaceEngine.load(load_settings()).model_id
    database = AlbumDatabase(folder / "db" / "album")
    files, kept, pictures = AlbumFiles(database), AlbumPhotos(database), Pictures(folder / "db" / "album" / "pictures")
    (folder / "photos").mkdir()
    album = files.add_folder(folder / "photos", datetime.now(UTC))
    embeddings, _ = faces(2 * photos, photos // 5, 1)
    rng, numbers = np.random.default_rng(1), iter(embeddings)
    with database.writing():
        for number in range(photos):
            pixels = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((640, 480)))
            photo = Photo(f"{number:05}.jpg", pixels, f"{number:064x}")
            found = []
            for left in (100.0, 400.0):
                box = Box(left, 150.0, left + 90.0, 270.0)
                points = Landmarks(
                    *((left + x, 150.0 + y) for x, y in ((30, 40), (60, 40), (45, 65), (32, 90), (58, 90)))
                )
                found.append((Detection(box, points, 0.99), True, next(numbers)))
            id_, ids = kept.put_photo(photo.sha256, (640, 480), found, model_id)
            files.put_file(album.id, photo.name.encode(), (1000, number), id_)
            pictures.make(photo, dict(zip(ids, (each[0] for each in found), strict=True)))
            image = io.BytesIO()
            if not number:
                Image.fromarray(pixels).save(image, "JPEG")
                (folder / "photos" / photo.name).write_bytes(image.getvalue())
    database.close()


def timed(page: Page, act: Callable[[], None], shown: Callable[[], None]) -> float:
    """Milliseconds from an act until something is shown with all of its pictures."""
    began = time.perf_counter()
    act()
    shown()
    page.wait_for_function(LOADED, polling="raf")
    return 1000 * (time.perf_counter() - began)


def there(page: Page, number: int) -> Callable[[], None]:
    """Waits for the picture of a photo."""
    return lambda: expect(page.get_by_alt_text(f"{number:05}.jpg", exact=True).first).to_be_visible()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=10)
    args = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fill(folder, args.photos)
        app = App({"FACENET_DB": str(folder / "db")}, log=folder / "log")
        app.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_context(viewport={"width": 1100, "height": 1400}).new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{app.url}/album")
        expect(page.get_by_text(re.compile(r"Model: \S"))).to_be_visible()
        first, following = [], []
        for turn in range(args.times + 1):
            page.get_by_test_id("stMain").get_by_text("Folders", exact=True).click()
            expect(page.get_by_text("A folder on this machine")).to_be_visible()
            photos = page.get_by_test_id("stMain").get_by_text("Photos", exact=True)
            first.append(timed(page, photos.click, there(page, 60 * turn)))
            next_page = page.get_by_role("button", name="Next page")
            following.append(timed(page, next_page.click, there(page, 60 * (turn + 1))))
        browser.close()
        app.stop()
    print(f"{args.photos:,} photos, the first page of 60: {said(first[1:])}, {args.times} times")
    print(f"the next page: {said(following[1:])}")


if __name__ == "__main__":
    main()
