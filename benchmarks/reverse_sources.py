"""From five sources to an answer: crawls on this machine, an index, and whether the right page comes first.

    python benchmarks/reverse_sources.py LFW_VIEW1 [--weights FILE] [--results 500] [--exact]

A server on the loopback address answers as Wikimedia Commons, Flickr, Pexels,
Google Images and Yahoo Images (through SerpApi) do, each with so many results,
whose pictures are photos of LFW View 1; what two sources share is one photo in
the index. Of everybody with two photos or more the last one is a probe and is
on no page. Then the pages of the first probes are removed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.config import load_settings
from facenet_core.metrics import wilson_interval
from facenet_core.reverse import filevectors
from facenet_core.reverse.records import Matches
from facenet_core.service import FaceService
from facenet_core.sources.catalogue import source
from facenet_core.sources.fetching import Fetcher
from tests.sources_server import SourcesServer

SOURCES = ("commons", "flickr", "pexels", "google", "yahoo")

REMOVED = 20
"""Probes whose pages are removed."""


@dataclass(frozen=True)
class Web:
    """What is on the pages, and what is not.

    Attributes:
        shown: Photos on pages.
        probes: Photos of the same people that are on none.
    """

    shown: list[Path]
    probes: list[Path]

    @classmethod
    def of(cls, folder: Path) -> Web:
        """LFW's photos, a folder for each person."""
        shown, probes = [], []
        for person in sorted(path for path in folder.iterdir() if path.is_dir()):
            photos = sorted(person.glob("*.jpg"))
            last = photos.pop() if len(photos) > 1 else None
            shown += photos
            probes += [last] if last else []
        return cls(shown, probes)

    def slices(self, results: int) -> list[list[Path]]:
        """What each source shows: spread over all, so that neighbours share some."""
        step = max(len(self.shown) - results, 0) / (len(SOURCES) - 1)
        return [self.shown[round(number * step) :][:results] for number in range(len(SOURCES))]


def crawl(service: FaceService, server: SourcesServer, name: str, results: int) -> Counter[str]:
    """Crawls one source; counts what came of its results."""
    with Fetcher(service.settings) as fetcher:
        place = source(name, service.settings, fetcher)
        return Counter(each.outcome for each in service.reverse.crawl(place, fetcher, "people", results))


def ask(service: FaceService, probe: Path) -> Matches | None:
    """Searches for a photo's face; None if none is found on it."""
    found = service.analyse(images.read(probe), "prominent")
    return service.reverse.search(found.faces[found.prominent].embedding, 10) if found.faces else None


def people(matches: Matches | None, whose: dict[str, str]) -> list[set[str]]:
    """Who is on the pages of each hit, the nearest first."""
    if matches is None:
        return []
    return [{whose[page.image_url.partition("?")[0]] for page in hit.pages} for hit in matches.hits]


def interval(right: int, of: int) -> str:
    """A share with its 95 % interval."""
    low, high = wilson_interval(right, of)
    return f"{right} of {of}, {100 * right / of:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--results", type=int, default=500)
    parser.add_argument("--exact", action="store_true", help="compare all faces, without an index on the disk")
    args = parser.parse_args()
    if not args.exact:
        filevectors.EXACT_UP_TO = 100  # so that the index on the disk is asked
    web = Web.of(args.folder)
    print(f"{len(web.shown):,} photos to show, {len(web.probes)} probes")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        whose: dict[str, str] = {}
        service = None
        for name, photos in zip(SOURCES, web.slices(args.results), strict=True):
            server = stack.enter_context(SourcesServer([path.read_bytes() for path in photos], results=args.results))
            whose |= {server.image_url(name, number): path.parent.name for number, path in enumerate(photos)}
            settings = load_settings(**server.settings(), weights=args.weights, db=folder / "db", reverse=True)
            service = FaceService(settings)
            began = time.perf_counter()
            counts = crawl(service, server, name, args.results)
            said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
            print(f"{name}: {said}, in {time.perf_counter() - began:.1f} s", flush=True)
        assert service
        began = time.perf_counter()
        taken = list(service.reverse.index())
        seconds = time.perf_counter() - began
        faces, copies = sum(each.faces for each in taken), sum(each.copies for each in taken)
        print(f"index: {len(taken):,} photos, {faces:,} faces, {copies} of them copies, in {seconds:.0f} s", flush=True)
        report(service, web.probes, whose)


def report(service: FaceService, probes: Iterable[Path], whose: dict[str, str]) -> None:
    """Asks for every probe, and removes what the first of them find."""
    answers = {probe: ask(service, probe) for probe in probes}
    first = named = wrong = 0
    for probe, found in answers.items():
        person, on = probe.parent.name, people(found, whose)
        first += bool(on) and person in on[0]
        matched = [who for hit, who in zip(found.hits, on, strict=True) if hit.outcome == "match"] if found else []
        named += any(person in who for who in matched)
        wrong += any(person not in who for who in matched)
    print(f"the right page comes first: {interval(first, len(answers))}")
    print(f"it is called a match: {interval(named, len(answers))}; somebody else is: {interval(wrong, len(answers))}")
    some = [probe for probe, found in answers.items() if found and found.hits][:REMOVED]
    urls = {page.image_url for probe in some for page in answers[probe].hits[0].pages}
    for url in urls:
        service.reverse.remove_url(url)
    for when in ("at once", "after a rebuild"):
        hits = [hit for probe in some for hit in ask(service, probe).hits]
        seen = {page.image_url for hit in hits for page in hit.pages} & urls
        print(f"{len(urls)} pages of {len(some)} probes removed, {len(seen)} of them found {when}")
        service.reverse.rebuild()


if __name__ == "__main__":
    main()
