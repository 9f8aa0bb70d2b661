"""Pages and API in one process: one database, one decision."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from facenet_core.client import Client
from tests.e2e.conftest import ROOT, App
from tests.e2e.test_main_job import choose, go, upload

pytestmark = pytest.mark.browser

DOORS = ("page", "api")

VERDICTS = {"match": "Welcome in", "inconclusive": "Can't tell", "no_match": "Go away"}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[App]:
    """Pages and API, with the model that ships."""
    running = App({"FACENET_DB": str(tmp_path / "db")}, log=tmp_path / "app.log")
    plain = {name: value for name, value in os.environ.items() if "FACENET" not in name}
    running.start((sys.executable, "-m", "streamlit", "run", str(ROOT / "asgi.py")), plain)
    yield running
    running.stop()


def test_a_page_and_the_api_say_the_same(
    both: App, open_page: Callable[..., Page], shoot: Callable[[Page, str], None], data: Path
) -> None:
    younes, probes = data / "demo-96px" / "younes.jpg", [data / "demo-96px" / f"camera_{n}.jpg" for n in (0, 1)]
    page = open_page(f"{both.url}/verify")
    with Client(f"{both.url}/api") as client:
        page.get_by_role("combobox", name="Who do they say they are?").wait_for()
        client.add_person("Younes", [younes], accept_poor=True)
        page.reload()
        choose(page, "Who do they say they are?", "Younes")
        for probe in probes:
            upload(page, probe)
            said = client.verify(probe, "Younes")
            expect(page.get_by_text(VERDICTS[said.outcome])).to_be_visible()
            expect(page.get_by_text(f"distance {said.candidate.distance:.2f}", exact=True)).to_be_visible()
        go(page, "Metrics")
        expect(page.get_by_role("heading", name="Events")).to_be_visible()
        shoot(page, "metrics")
        noted = Counter((event.door, event.kind, event.outcome) for event in client.events())
        assert noted["images", "enrol", "enrolled"] == 2 and noted["api", "enrol", "enrolled"] == 1
        page_said, api_said = (
            {outcome: n for (where, kind, outcome), n in noted.items() if (where, kind) == (door, "verify")}
            for door in DOORS
        )
        assert page_said == api_said and sum(api_said.values()) == 2

        go(page, "Settings")
        page.get_by_role("button", name="Make a key").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("What is it for?").fill("front door")
        dialog.get_by_label("What is it for?").press("Tab")
        dialog.get_by_role("button", name="Make it").click()
        secret = page.get_by_text(re.compile("^fnk_[0-9a-f]{12}_")).inner_text().strip()
        with Client(f"{both.url}/api", secret) as door:
            assert door.verify(probes[0], "Younes").outcome == client.verify(probes[0], "Younes").outcome
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("There are no keys.")).to_be_visible()
        with Client(f"{both.url}/api", secret) as door, pytest.raises(Exception, match="was revoked"):
            door.model()
