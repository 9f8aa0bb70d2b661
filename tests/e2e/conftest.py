from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120_000
"""Milliseconds: the model loads in seconds, but the machine may be busy."""

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class App:
    """The app as a process of its own."""

    settings: dict[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(
        self,
        command: Sequence[str] = (sys.executable, "-m", "streamlit", "run", str(ROOT / "asgi.py")),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--server.port", str(self.port)],
                cwd=ROOT,
                env={**environment, **self.settings},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(600):
            try:
                with urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except OSError:
                try:
                    self.process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
                break
        raise AssertionError(f"the app did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@pytest.fixture
def app(tmp_path: Path, data: Path) -> Iterator[App]:
    """The running app on an empty database, with the real model and the shipped photos."""
    running = App(
        {
            "FACENET_DB": str(tmp_path / "db"),
            "FACENET_WEIGHTS": str(data / "weights" / "20180408-102900-weights.h5"),
        },
        log=tmp_path / "app.log",
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def app_as_it_ships(tmp_path: Path) -> Iterator[App]:
    """The running app on an empty database, with nothing else configured."""
    running = App({"FACENET_DB": str(tmp_path / "db")}, log=tmp_path / "app.log")
    running.start(environment={name: value for name, value in os.environ.items() if "FACENET" not in name})
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a session of its own; none may ask another machine for anything."""
    contexts = []
    asked: set[str] = set()

    def opened(url: str, *, dark: bool = False, width: int = 1100) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 2400}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: asked.add(request.url))
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return page

    expect.set_options(timeout=PATIENCE)
    yield opened
    for context in contexts:
        context.close()
    elsewhere = [url for url in asked if not re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", url)]
    assert not elsewhere, "the app must work with the network unplugged"


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Writes a screenshot where CI leaves it behind."""
    folder = Path(os.environ.get("TEST_OUTPUT", ROOT / "test-output"))
    folder.mkdir(parents=True, exist_ok=True)

    def shot(page: Page, name: str) -> None:
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        # Streamlit is still writing while this is there.
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        expect(page.get_by_test_id("stSpinner")).to_have_count(0)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
        height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
        size = page.viewport_size or {"width": 0, "height": 0}
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(height, size["height"])}
        page.screenshot(path=folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png", clip=clip)

    return shot
