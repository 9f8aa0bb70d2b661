"""Who is faster: contestants do the same in turns, in one run, on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

Timed = Callable[[int], object]
"""Does the thing once, given the number of the turn, so that everybody can have
the same photo in it. One that returns a :class:`Took` was timed elsewhere."""


@dataclass(frozen=True, slots=True)
class Took:
    """A time that another process measured.

    Attributes:
        seconds: The time.
        found: What it found.
    """

    seconds: float
    found: Any = None


@dataclass(frozen=True, slots=True)
class Result:
    """A contest's times.

    Attributes:
        seconds: For each contestant the time of each round.
    """

    seconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Seconds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, slow: str, fast: str) -> tuple[float, float, float]:
        """How many times as fast one is as the other: median over rounds, and the middle half."""
        low, middle, high = np.percentile(np.divide(self.seconds[slow], self.seconds[fast]), (25, 50, 75))
        return float(middle), float(low), float(high)


def contest(contestants: Mapping[str, Timed], rounds: int, warm: int = 1) -> Result:
    """Lets contestants take turns.

    Args:
        contestants: What each does.
        rounds: How often each has its turn.
        warm: Rounds before, which don't count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(-warm, rounds):
        # Nobody always comes after the same one.
        for name in np.roll(names, turn).tolist():
            began = time.perf_counter()
            found = contestants[name](turn)
            took = found.seconds if isinstance(found, Took) else time.perf_counter() - began
            if turn >= 0:
                seconds[name].append(took)
    return Result(seconds)


class Peer:
    """Another program in an environment of its own; see ``benchmarks/peers``.

    Args:
        python: The environment's interpreter.
        script: The program.
        variables: For its environment.
    """

    def __init__(self, python: Path, script: Path, **variables: str) -> None:
        self._command, self._variables = [str(python), str(script)], os.environ | variables
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Peer:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._variables,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process
        self._process.__exit__(kind, error, at)

    def __call__(self, do: str, *given: object, cold: bool = False) -> Took:
        """Has it do something.

        Raises:
            RuntimeError: If it has ended.
        """
        assert self._process and self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"do": do, "given": given, "cold": cold}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command)} ended")
        return Took(**json.loads(line))
