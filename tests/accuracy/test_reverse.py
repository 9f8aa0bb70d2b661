"""From five sources to an answer, with the real model and photos, and sources that fail in between."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.reverse_sources import SOURCES, Web, ask, crawl, people
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.reverse import filevectors
from facenet_core.reverse.records import Page
from facenet_core.service import FaceService
from tests.sources_server import Fault, SourcesServer

pytestmark = pytest.mark.real

RESULTS = 40


def test_the_right_page_comes_first_until_it_is_removed(
    data: Path, engine: FaceEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filevectors, "EXACT_UP_TO", 50)  # so that the index on the disk is asked
    whole = Web.of(data / "lfw-view1")
    shown = whole.shown[:150]
    known = {path.parent for path in shown}
    web = Web(shown, [path for path in whole.probes if path.parent in known])
    counts: Counter[str] = Counter()
    whose: dict[str, str] = {}
    with ExitStack() as stack:
        for name, photos in zip(SOURCES, web.slices(RESULTS), strict=True):
            server = stack.enter_context(SourcesServer([path.read_bytes() for path in photos], results=RESULTS))
            server.fail(f"/images/{name}/1.jpg", Fault(content_type="text/html", body=b"<p>no picture</p>"))
            server.fail(f"/images/{name}/2.jpg", Fault(cut=100))  # and whole when it is asked again
            whose |= {server.image_url(name, number): path.parent.name for number, path in enumerate(photos)}
            settings = load_settings(**server.settings(), db=tmp_path / "db", reverse=True)
            service = FaceService(settings, engine)
            stack.callback(service.close)
            counts += crawl(service, server, name, RESULTS)
        assert counts["refused"] == len(SOURCES)
        assert counts["fetched"] + counts["known"] == len(SOURCES) * (RESULTS - 1)
        taken = list(service.reverse.index())
        assert len(taken) == counts["fetched"]
        answers = {probe: people(ask(service, probe), whose) for probe in web.probes}
        there = {probe: on for probe, on in answers.items() if probe.parent.name in whose.values()}
        right = [probe for probe, on in there.items() if on and probe.parent.name in on[0]]
        assert len(there) >= 30
        assert len(right) >= 0.95 * len(there)

        gone = {page.image_url for page in pages(service, right[0])[0]}
        for url in gone:
            service.reverse.remove_url(url)
        assert gone.isdisjoint(page.image_url for hit in pages(service, right[0]) for page in hit)
        service.reverse.rebuild()
        assert gone.isdisjoint(page.image_url for hit in pages(service, right[0]) for page in hit)


def pages(service: FaceService, probe: Path) -> list[tuple[Page, ...]]:
    """The pages of each hit."""
    found = ask(service, probe)
    assert found
    return [hit.pages for hit in found.hits]
