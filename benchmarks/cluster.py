"""Measures bulk work on workers of this machine against this process alone, on the same photos in turns.

    python benchmarks/cluster.py FOLDER [--photos 200] [--repeats 7] [--workers 1 2]

FOLDER is searched for photos. Workers and models are started and warm before
anything is measured. Each turn analyses all photos once in each arrangement, in
an order that changes from turn to turn; a ratio is that of two runs of one turn,
so that it holds on a machine whose speed drifts. Printed are medians, the middle
half of the ratios, and the processors' time, which counts less on what else the
machine is at. Nothing is written.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core import images
from facenet_core.cluster import LOCAL, Workers
from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.enrolment import photos_in
from facenet_core.errors import FaceNetError
from facenet_core.pipeline import Analyser, Encoded, analyse_here
from facenet_core.types import Analysis

HERE = "one process"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run over all photos took.

    Attributes:
        seconds: By the clock.
        cpu: Of processors, by this process and all workers.
        faces: How many each photo shows; -1 if it can't be used.
    """

    seconds: float
    cpu: float
    faces: list[int]


def run(analyse: Analyser, engine: FaceEngine, paths: list[Path]) -> Cost:
    """Analyses all photos once."""
    photos = [Encoded(images.name_of(path), partial(images.content, path)) for path in paths]
    began, cpu = time.perf_counter(), cpu_seconds()
    found = list(analyse(engine, photos, Analysis.without_pixels))
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    return Cost(seconds, cpu, [-1 if isinstance(each, FaceNetError) else len(each.faces) for each in found])


def cpu_seconds() -> float:
    """What this process and those that it has started have used of processors."""
    this = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (this, *this.children(recursive=True)))


def measured(arrangements: dict[str, Callable[[], Cost]], repeats: int) -> dict[str, list[Cost]]:
    """Each turn's costs, once every arrangement was warm and had found the same faces."""
    found = {name: run().faces for name, run in arrangements.items()}
    for name, faces in found.items():
        if faces != found[HERE]:
            raise SystemExit(f"{name} found other faces than {HERE}")
    costs: dict[str, list[Cost]] = {name: [] for name in arrangements}
    for turn in range(repeats):
        order = list(arrangements)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            costs[name].append(arrangements[name]())
    return costs


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photos")
    parser.add_argument("--photos", type=int, default=200, help="how many of them (200)")
    parser.add_argument("--repeats", type=int, default=7, help="turns (7)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="how many workers (1 and 2)")
    options = parser.parse_args()
    paths = [path for path, _ in photos_in(options.folder)][: options.photos]
    settings = load_settings()
    engine = FaceEngine.load(settings)
    engine.warm()
    with ExitStack() as open_:
        arrangements = {HERE: partial(run, analyse_here, engine, paths)}
        for count in options.workers:
            workers = open_.enter_context(Workers(LOCAL, settings, count))
            arrangements[f"{count} worker{'s' * (count > 1)}"] = partial(run, workers.analyse, engine, paths)
        costs = measured(arrangements, options.repeats)
    print(f"{len(paths)} photos, {engine.model_id.model}, {os.cpu_count()} cores, {options.repeats} turns")
    print(f"{'':12}  photos/s  times {HERE} (middle half)  CPU ms per photo")
    for name, each in costs.items():
        ratios = [alone.seconds / own.seconds for alone, own in zip(costs[HERE], each, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        rate = len(paths) / statistics.median(cost.seconds for cost in each)
        cpu = 1000 * statistics.median(cost.cpu for cost in each) / len(paths)
        print(f"{name:12}  {rate:8.1f}  {middle:.2f} ({low:.2f} to {high:.2f}){'':15}  {cpu:16.0f}")


if __name__ == "__main__":
    main()
