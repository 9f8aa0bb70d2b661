"""Checks what the app claims about strangers, on people that the claims have not seen.

    python benchmarks/held_out.py DIR

DIR holds labelled folders (folder = person), such as LFW View 1. Again and
again the people are drawn apart at random:

* *1 in N*: one half measures mean embedding and calibration; on the other half
  the share of strangers who really look so similar is counted;
* *tail*: to a third of the people an exponential tail is fitted below FMR 0.001,
  as the app does, and a generalised Pareto one (Hosking and Wallis, "Parameter
  and quantile estimation for the generalized Pareto distribution", 1987, by
  probability-weighted moments); both are held against the other two thirds;
* *open set*: 300 people measure, others are enrolled with one photo each, and
  163 more are strangers who are searched for. FPIR is the share of their photos
  for which anyone is named, FNIR the share of enrolled people's other photos
  for which they are not: at the threshold that moves with the gallery, and at
  the fixed one of 1:1. Both as the app sets them, from its defaults.

Printed are means over the draws, and in brackets the middle 95 % of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.labelled import embeddings
from facenet_core.calibration import TAIL_RATE, Calibration
from facenet_core.centre import Centre
from facenet_core.embedding import unit_norm
from facenet_core.matching import distances
from facenet_core.metrics import threshold_at

DRAWS = 200
MEASURING, STRANGERS = 300, 163
GALLERIES = (10, 100, 500)
CLAIMS = (10, 100, 1_000, 10_000, 100_000)


class People:
    """Labelled embeddings.

    Args:
        rows: Shape ``(n, d)``, unit norm, not centred.
        labels: Shape ``(n,)``: the person of each row, from 0.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self.rows, self.labels = rows, labels
        self.count = int(labels.max()) + 1

    def centre(self, who: NDArray[np.int64]) -> Centre:
        """The mean embedding of some of them, each counted once."""
        means = [self.rows[self.labels == person].mean(axis=0) for person in who]
        return Centre(np.mean(means, axis=0, dtype=np.float64).astype(np.float32))

    def without(self, centre: Centre) -> People:
        """The same people, centred."""
        return People(unit_norm(centre.subtract(self.rows)), self.labels)

    def comparisons(self, who: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sorted distances of non-mated and of mated comparisons among some of them."""
        member = np.isin(self.labels, who)
        rows, labels = self.rows[member], self.labels[member]
        first, second = np.triu_indices(len(rows), 1)
        between = distances(rows, rows)[first, second].astype(np.float64)
        same = labels[first] == labels[second]
        return np.sort(between[~same]), np.sort(between[same])

    def measured(self, who: NDArray[np.int64]) -> Calibration:
        """What the app would ship, had it seen only these people."""
        non_mated, mated = self.comparisons(who)
        return Calibration.measured(non_mated, mated, {"data": "a part", "non_mated": len(non_mated)})


def spread(values: Sequence[float], scale: float = 1.0, digits: int = 2) -> str:
    """Mean and middle 95 %."""
    low, high = np.percentile(values, [2.5, 97.5]) * scale
    return f"{np.mean(values) * scale:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def claims(people: People, rng: np.random.Generator) -> None:
    """Prints how right *1 in N* is."""
    ratios: dict[int, list[float]] = {n: [] for n in CLAIMS}
    basis: dict[int, str] = {}
    for _ in tqdm(range(DRAWS), unit=" draw", mininterval=5):
        order = rng.permutation(people.count)
        seen, unseen = order[: people.count // 2], order[people.count // 2 :]
        centred = people.without(people.centre(seen))
        made = centred.measured(seen)
        strangers, _ = centred.comparisons(unseen)
        for n in CLAIMS:
            distance, basis[n] = made.distance_at(1 / n)
            ratios[n].append(float((strangers <= distance).mean()) * n)
    print("\n| claim | rests on | strangers there, as a multiple of the claim |\n|---|---|---|")
    for n in CLAIMS:
        within = np.mean([0.5 <= ratio <= 2 for ratio in ratios[n]])
        print(f"| 1 in {n:,} | {basis[n]} | {spread(ratios[n])}; within a factor of two in {within:.0%} of draws |")


def pareto(excess: NDArray[np.float64]) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto tail; shape 0 is the exponential one."""
    ordered = np.sort(excess)
    first = float(ordered.mean())
    second = float((ordered * (1 - (np.arange(len(ordered)) + 0.65) / len(ordered))).mean())
    return 2 - first / (first - 2 * second), 2 * first * second / (first - 2 * second)


def tail(people: People, rng: np.random.Generator) -> None:
    """Prints which tail tells better what lies beyond the data."""
    shape = 0.0
    ratios: dict[tuple[str, float], list[float]] = {}
    for draw in tqdm(range(DRAWS), unit=" draw", mininterval=5):
        order = rng.permutation(people.count)
        seen, unseen = (order, order) if draw == 0 else np.split(order, [people.count // 3])
        centred = people.without(people.centre(seen))
        non_mated, _ = centred.comparisons(seen)
        at = threshold_at(non_mated, TAIL_RATE)
        excess = at - non_mated[non_mated < at]
        xi, scale = pareto(excess)
        if draw == 0:
            shape = xi
            continue
        strangers, _ = centred.comparisons(unseen)
        for rate in (1e-4, 1e-5):
            beyond = at - threshold_at(strangers, rate)
            found = {
                "exponential": np.exp(-beyond / excess.mean()),
                "generalised Pareto": max(1 + xi * beyond / scale, 0.0) ** (-1 / xi),
            }
            for name, share in found.items():
                ratios.setdefault((name, rate), []).append(float(TAIL_RATE * share / rate))
    print(f"\nShape of the tail of everybody, left free: {shape:.3f}")
    print("\n| tail | rate | predicted, as a multiple: median and middle 90 % |\n|---|---|---|")
    for (name, rate), values in ratios.items():
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(f"| {name} | {rate:g} | {middle:.2f} [{low:.2f}, {high:.2f}] |")


def open_set(people: People, rng: np.random.Generator) -> None:
    """Prints FPIR and FNIR."""
    print("\n| enrolled | threshold | distance | FPIR % | FNIR % |\n|---|---|---|---|---|")
    for size in GALLERIES:
        found: dict[str, list[tuple[float, float, float]]] = {"1:N, FPIR 1 %": [], "fixed, of 1:1": []}
        for _ in tqdm(range(DRAWS), unit=" draw", mininterval=5):
            order = rng.permutation(people.count)
            measuring, strangers, enrolled = np.split(order, [MEASURING, MEASURING + STRANGERS])
            enrolled = enrolled[:size]
            centred = people.without(people.centre(measuring))
            made = centred.measured(measuring)
            rows = np.array([rng.choice(np.flatnonzero(people.labels == person)) for person in enrolled])
            rest = np.setdiff1d(np.flatnonzero(np.isin(people.labels, enrolled)), rows)
            to_strangers = distances(centred.rows[np.isin(people.labels, strangers)], centred.rows[rows]).min(axis=1)
            to_people = distances(centred.rows[rest], centred.rows[rows])
            right = people.labels[rows][to_people.argmin(axis=1)] == people.labels[rest]
            for kind, limit in (
                ("1:N, FPIR 1 %", made.identify_threshold(size).distance),
                ("fixed, of 1:1", made.verify_threshold().distance),
            ):
                missed = float(1 - (right & (to_people.min(axis=1) <= limit)).mean()) if len(rest) else np.nan
                found[kind].append((limit, float((to_strangers <= limit).mean()), missed))
        for kind, values in found.items():
            limit, named, missed = (np.array(column) for column in zip(*values, strict=True))
            missed = missed[~np.isnan(missed)]
            print(
                f"| {size} | {kind} | {np.mean(limit):.3f} | {spread(named, 100)} | {spread(missed, 100, 1)} |",
                flush=True,
            )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="labelled folders, folder = person")
    engine, rows, labels = embeddings(parser.parse_args().folder, centred=False)
    people = People(rows, labels)
    print(f"{engine.model_id.preprocessing}: {len(people.rows)} photos of {people.count} people, {DRAWS} draws")
    claims(people, np.random.default_rng(1))
    tail(people, np.random.default_rng(3))
    open_set(people, np.random.default_rng(2))


if __name__ == "__main__":
    main()
