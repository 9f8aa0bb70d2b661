"""Many clients at once: mixed searches, enrolments and removals against a running server, beside an open page.

    python benchmarks/load.py PHOTOS [--clients 16] [--seconds 60] [--page]

Starts the server on a database of its own. Prints how often what was asked and
how it was answered, the median and the 99th percentile of the times, the
server's memory, whether anybody was lost or is there who should not be, and
with ``--page`` how long a page took to be there meanwhile (Chromium).
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core.client import ApiError, Client
from facenet_core.config import PROJECT_ROOT
from facenet_core.enrolment import PHOTO_SUFFIXES

BACK_OFF = 0.2
"""Seconds that a client waits after it was told to come back; less than the server asks for, to keep it busy."""


@dataclass
class Load:
    """What came of it.

    Attributes:
        seconds: The times of each kind of request that was answered.
        statuses: How requests were answered, by kind and status; 0 for no answer.
        expected: Who must be enrolled in the end.
        found: Who is.
        memory: The server's resident memory over time, in MB.
        pages: Seconds until a page was there.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    expected: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    memory: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)


@contextmanager
def serving(db: Path, *, pages: bool = False) -> Iterator[tuple[str, int]]:
    """A server on a database of its own.

    Yields:
        The API's address, and the server's process id.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"FACENET_DB": str(db), "FACENET_API_RATE": "999999/second"}
    environment |= {"FACENET_IMAGES_DIR": str(db / "none"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-m", "facenet_core", "serve", "--port", str(port), *([] if pages else ["--api-only"])]
    url = f"http://127.0.0.1:{port}" + ("/api" if pages else "")
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as server:
        try:
            with Client(url) as client:
                for _ in range(600):
                    try:
                        if client.health().status == "healthy":
                            break
                    except ApiError:
                        pass  # not there yet
                    time.sleep(0.1)  # between two looks whether it is up
            yield url, server.pid
        finally:
            server.terminate()


def run(url: str, pid: int, photos: Sequence[Path], clients: int, seconds: float, page: bool = False) -> Load:
    """Loads a server.

    Args:
        url: The API's address.
        pid: Of the server.
        photos: Whose faces are enrolled and searched for.
        clients: How many at once.
        seconds: How long.
        page: Open a page again and again meanwhile.
    """
    load, lock, end = Load(), threading.Lock(), time.monotonic() + seconds
    contents = [photo.read_bytes() for photo in photos]
    shares = [list(range(number, len(contents), clients)) for number in range(clients)]

    def one(number: int) -> None:
        rng, own, count = random.Random(number), [], 0
        with Client(url, retries=0) as client:
            while time.monotonic() < end:
                kind = rng.choices(("identify", "enrol", "remove"), (70, 20, 10))[0]
                began = time.perf_counter()
                try:
                    if kind == "identify":
                        client.identify(("probe.jpg", rng.choice(contents)))
                    elif kind == "enrol" and shares[number]:
                        name, content = f"{number} {count}", contents[shares[number][0]]
                        count += 1
                        client.add_person(name, [("a.jpg", content)], accept_poor=True)
                        own.append((name, shares[number].pop(0)))
                    elif kind == "remove" and own:
                        client.remove(own[0][0])
                        shares[number].append(own.pop(0)[1])
                    else:
                        continue
                    status = 200
                except ApiError as error:
                    status = error.status or 0
                    if kind == "enrol" and status == 422:  # nobody, or several people, on it: another photo
                        shares[number].pop(0)
                with lock:
                    load.statuses[kind, status] += 1
                    if status == 200:
                        load.seconds[kind].append(time.perf_counter() - began)
                if status in (429, 503):
                    time.sleep(BACK_OFF)  # as a client does that was told to come back
        with lock:
            load.expected.update(name for name, _ in own)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]

    def watch() -> None:
        while any(thread.is_alive() for thread in threads):
            load.memory.append(_resident(pid))
            time.sleep(0.5)  # between two looks at its memory

    for thread in threads:
        thread.start()
    watching = threading.Thread(target=watch)
    watching.start()
    if page:
        load.pages = _pages(url.removesuffix("/api"), end)
    watching.join()
    with Client(url) as client:
        load.found = {person.name for person in client.people()}
    return load


def _pages(url: str, end: float) -> list[float]:
    """Seconds until each of several pages was there."""
    from playwright.sync_api import sync_playwright

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("heading", name="Verify", level=1).wait_for()
        names = ("Manage", "Recognise", "Verify")
        while time.monotonic() < end:
            name = names[len(took) % len(names)]
            began = time.perf_counter()
            page.get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name, level=1).wait_for()
            took.append(time.perf_counter() - began)
            time.sleep(1)  # as somebody who reads
        browser.close()
    return took


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--page", action="store_true", help="open pages meanwhile")
    args = parser.parse_args()
    photos = [path for path in sorted(args.photos.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "db", pages=args.page) as (url, pid):
        load = run(url, pid, photos, args.clients, args.seconds, args.page)
    print(
        "| request | answered | told to come back | refused photos | other | p50, ms | p99, ms |\n"
        "|---|---|---|---|---|---|---|"
    )
    for kind, seconds in load.seconds.items():
        by_status = {status: count for (what, status), count in load.statuses.items() if what == kind}
        answered, busy, refused = by_status.pop(200, 0), by_status.pop(429, 0), by_status.pop(422, 0)
        p50, p99 = 1000 * np.percentile(seconds, (50, 99))
        print(f"| {kind} | {answered:,} | {busy:,} | {refused:,} | {by_status or 0} | {p50:,.0f} | {p99:,.0f} |")
    print(f"\nlost: {len(load.expected - load.found)}, there and should not be: {len(load.found - load.expected)}")
    third = len(load.memory) // 3
    first, last = (np.median(part) for part in (load.memory[third : 2 * third], load.memory[-third:]))
    print(f"memory: {first:,.0f} MB in the second third of the time, {last:,.0f} MB in the last")
    if load.pages:
        p50, most = 1000 * np.median(load.pages), 1000 * max(load.pages)
        print(f"a page was there after {p50:,.0f} ms (median of {len(load.pages)}), at most {most:,.0f}")


if __name__ == "__main__":
    main()
