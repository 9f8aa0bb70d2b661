"""Draws a run's log: ``python -m training.curve RUN`` writes ``curve.png`` beside it."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path


def draw(log: Path, picture: Path) -> None:
    """Draws loss, cosine and learning rate over the steps."""
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(9, 4), layout="constrained")
    for place, (name, title) in enumerate(
        (("loss", "Loss"), ("cosine", "Cosine to the teacher"), ("rate", "Learning rate")), 1
    ):
        axes = figure.add_subplot(1, 3, place)
        axes.plot(steps, [float(row[name]) for row in rows])
        axes.set(title=title, xlabel="Step")
    figure.savefig(picture, dpi=120)


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.curve", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    run = parser.parse_args().run
    draw(run / "log.csv", run / "curve.png")


if __name__ == "__main__":
    main()
