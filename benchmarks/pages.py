"""How long whoever sits before the browser waits, beside what the engine itself takes.

    python benchmarks/pages.py PHOTOS [--starts 5] [--photos 20]

Starts the app with an empty database and the photos that ship, with the model
that is configured, and opens it in Debian's Chromium, as somebody who was never
there. PHOTOS is a folder of photos. Printed are medians, with the middle half,
of what the browser measures:

* first paint and first contentful paint, and the time until the heading is
  there, in a process that was just started and goes on to load TensorFlow, and
  in one that has the model;
* the time until the model is there;
* on the Verify page of a warm app, the time from dropping a photo until the
  answer is painted, what of that the engine says that it took for finding and
  embedding the faces, and the difference.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core.enrolment import PHOTO_SUFFIXES
from tests.e2e.conftest import CHROMIUM, CHROMIUM_OPTIONS, PATIENCE, App

CLAIMED = "Grace Hopper"

WATCH = """() => {
  const seen = (mark) => { window.marks[mark] ??= performance.now() };
  window.marks = {};
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") { window.marks = { dropped: performance.now() }; }
  }, true);
  new MutationObserver(() => {
    const verdict = /Welcome in|Go away|Can't tell/;
    const answered = [...document.querySelectorAll("h2, h3")].some((heading) => verdict.test(heading.innerText));
    if (window.marks.dropped && answered && document.querySelector("img[alt^='Probe: the face in']")) {
      requestAnimationFrame(() => requestAnimationFrame(() => seen("painted")));
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
"""Notes when a photo is dropped, and when both its face and the verdict have been painted."""

PAINTS = """() => Object.fromEntries(performance.getEntriesByType("paint").map((e) => [e.name, e.startTime]))"""


def said(milliseconds: Sequence[float]) -> str:
    """Median and middle half."""
    low, middle, high = np.percentile(milliseconds, (25, 50, 75))
    return f"{middle:,.0f} ms ({low:,.0f} to {high:,.0f})"


def opened(browser: Browser, url: str, times: dict[str, list[float]]) -> Page:
    """A page of the app, whose times are noted."""
    page = browser.new_context(viewport={"width": 1100, "height": 1400}).new_page()
    page.set_default_timeout(PATIENCE)
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector("h1:has-text('Verify')")
    times.setdefault("heading", []).append(1000 * (time.perf_counter() - began))
    for name, milliseconds in page.evaluate(PAINTS).items():
        times.setdefault(name, []).append(milliseconds)
    return page


def answered(page: Page, photo: Path) -> tuple[float, float] | None:
    """Milliseconds from dropping a photo until the answer is painted, and those of the engine; None without a face."""
    page.locator("input[type=file]").set_input_files(photo)
    face, error = "img[alt^='Probe: the face in']", "[data-testid=stAlert]"
    page.wait_for_selector(f"{face}, {error}")
    shown = page.locator(face).count()
    if shown:
        page.wait_for_function("window.marks.painted")
        marks = page.evaluate("window.marks")
        page.get_by_text("Details").click()
        found = re.search(r"took ([\d.]+) s", page.get_by_text("Detection and embedding took").inner_text())
        assert found
    page.get_by_role("button", name=re.compile("^Remove")).first.click()
    expect(page.get_by_text("the answer appears here")).to_be_visible()
    page.wait_for_timeout(500)
    return (marks["painted"] - marks["dropped"], 1000 * float(found[1])) if shown else None


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of photos")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--photos", type=int, default=20)
    args = parser.parse_args()
    photos = [path for path in sorted(args.folder.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    random.Random(0).shuffle(photos)
    expect.set_options(timeout=PATIENCE)
    fresh: dict[str, list[float]] = {}
    warm: dict[str, list[float]] = {}
    answers: list[tuple[float, float]] = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        for start in range(args.starts):
            app = App({"FACENET_DB": f"{folder}/{start}"}, log=Path(folder) / "log")
            app.start()
            began = time.perf_counter()
            page = opened(browser, app.url, fresh)
            assert page.get_by_text("Loading the face model").count(), "the model was there before the page"
            expect(page.get_by_text(re.compile(r"Model: \S"))).to_be_visible()
            fresh.setdefault("model there", []).append(1000 * (time.perf_counter() - began))
            page.context.close()
            page = opened(browser, app.url, warm)
            if start == args.starts - 1:
                claim = page.get_by_role("combobox", name="Who do they say they are?")
                claim.fill(CLAIMED)
                expect(page.get_by_role("option", name=CLAIMED)).to_be_visible()
                claim.press("Enter")
                expect(page.get_by_text("the answer appears here")).to_be_visible()
                page.evaluate(WATCH)
                answers = [each for photo in photos[: args.photos + 2] if (each := answered(page, photo))][2:]
            page.context.close()
            app.stop()
        browser.close()
    for what, times in (("fresh process", fresh), ("model there", warm)):
        for name, milliseconds in times.items():
            print(f"{what}, {name}: {said(milliseconds)}, {len(milliseconds)} times")
    whole, engine = np.array(answers).T
    print(f"photo dropped until the answer is painted: {said(whole)}, {len(whole)} photos")
    print(f"of it the engine: {said(engine)}")
    print(f"difference: {said(whole - engine)}, at most {(whole - engine).max():,.0f} ms")


if __name__ == "__main__":
    main()
