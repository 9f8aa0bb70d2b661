"""What a run of ``scripts/bench`` writes: a table of the ratios, one for each task, and a figure."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from textwrap import wrap

import numpy as np

from benchmarks.contest import Result

LIBRARIES = ("tensorflow-cpu", "keras", "mtcnn", "numpy", "pillow", "tinydb")

COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#666666")
"""Told apart with any colour vision (Okabe and Ito, "Color universal design", 2008)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What everybody did.

    Attributes:
        what: In a few words.
        unit: What the times are of.
        result: The times.
        against: For each contestant whose ratio matters, who it is held against.
        each: How many things were done in one turn.
        remark: What is to be known of it.
    """

    what: str
    unit: str
    result: Result
    against: Mapping[str, str]
    each: int = 1
    remark: str = ""


@dataclass
class Report:
    """Everything that was measured."""

    tasks: list[Task] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, task: Task) -> None:
        """Takes a task, and prints it."""
        self.tasks.append(task)
        print("\n".join(_table(task)), flush=True)

    def note(self, remark: str) -> None:
        """Takes a line of text, and prints it."""
        self.remarks.append(remark)
        print(remark, flush=True)

    def write(self, folder: Path, measured: str) -> None:
        """Writes ``RESULTS.md`` and ``results.svg``.

        Args:
            folder: Where to.
            measured: On what, in a sentence.
        """
        lines = [
            "# Results",
            "",
            *wrap(
                f"Measured by `scripts/bench` on {datetime.now(UTC):%Y-%m-%d}. {_machine()} {measured} Everybody took "
                "turns, on the same photos, in one run. Times are medians with their middle half; a ratio is the "
                "median over turns of the other's time by its own, with its middle half.",
                120,
            ),
            "",
            "![The ratios](results.svg)",
            "",
            "| task | who | against | times as fast |",
            "|---|---|---|---|",
            *(
                f"| {task.what} | {fast} | {slow} | **{middle:.2f}** ({low:.2f} to {high:.2f}) |"
                for task in self.tasks
                for fast, slow in task.against.items()
                for middle, low, high in [task.result.ratio(slow, fast)]
            ),
            "",
            *(f"- {remark}" for remark in self.remarks),
            "",
            "## Times",
            *(line for task in self.tasks for line in ("", *_table(task))),
        ]
        (folder / "RESULTS.md").write_text("\n".join(lines) + "\n", "utf-8")
        self._draw(folder / "results.svg")

    def _draw(self, path: Path) -> None:
        import matplotlib

        matplotlib.rcParams["svg.hashsalt"] = "results"
        from matplotlib.figure import Figure

        rows = [(task, fast, slow) for task in self.tasks for fast, slow in task.against.items()]
        figure = Figure(figsize=(10, 0.27 * len(rows) + 1.2), layout="constrained", facecolor="white")
        axes = figure.subplots()
        axes.set_xscale("log")
        baselines = list(dict.fromkeys(slow for _, _, slow in rows))
        for place, (task, fast, slow) in enumerate(rows):
            middle, low, high = task.result.ratio(slow, fast)
            # From 1, where both are as fast: to the right who is faster, to the left who is slower.
            axes.barh(place, middle - 1, left=1, color=COLOURS[baselines.index(slow)], height=0.72)
            axes.plot([low, high], [place, place], color="black", linewidth=1)
            axes.text(max(high, 1) * 1.05, place, f"{middle:.2g}", va="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [f"{task.what}: {fast}" for task, fast, _ in rows], fontsize=8)
        axes.invert_yaxis()
        axes.axvline(1, color="black", linewidth=0.8)
        ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
        axes.set_xlim(ticks[0], ticks[-1])
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("times as fast")
        axes.spines[["top", "right"]].set_visible(False)
        for number, slow in enumerate(baselines):
            axes.barh(0, 0, color=COLOURS[number], label=f"against {slow}")
        axes.legend(frameon=False, fontsize=9, loc="lower right")
        figure.savefig(path, metadata={"Date": None})


def _table(task: Task) -> list[str]:
    """A task's times."""
    rows = []
    for name, seconds in task.result.seconds.items():
        low, middle, high = np.percentile(seconds, (25, 50, 75)) * 1000 / task.each
        rows.append(f"| {name} | {_figure(middle)} | {_figure(low)} to {_figure(high)} |")
    return [
        f"### {task.what[:1].upper()}{task.what[1:]}",
        "",
        *((task.remark, "") if task.remark else ()),
        f"| who | {task.unit} | middle half |",
        "|---|---|---|",
        *rows,
    ]


def _figure(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def _machine() -> str:
    processor = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}."
