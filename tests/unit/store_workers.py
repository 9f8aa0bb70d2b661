"""Makes records for the tests of the store, and writes to it from processes of their own.

As a script it imports nothing but the store, so that a process starts in a
fraction of a second::

    store_workers.py enrol FOLDER PREFIX COUNT   enrol COUNT photos, one commit each, once a line is read
    store_workers.py loop FOLDER                 enrol until the standard input ends
    store_workers.py fork FOLDER                 for each line read, fork a writer:
                                                 "PREFIX" enrols until it is killed,
                                                 "PREFIX STEP" enrols one photo and kills itself before
                                                 its STEP-th change to the file system
    store_workers.py swap FOLDER                 for each line "STEP" read, fork a process that changes the
                                                 model and kills itself before that change to the file system

``enrol`` and ``fork`` acknowledge every commit by a line ``ack SOURCE_SHA256``.
"""

from __future__ import annotations

import itertools
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from facenet_core.store import NewTemplate, Repository
from facenet_core.types import Box, Detection, Embedding, Landmarks, ModelChoice, ModelId

MODEL = ModelId("tiny", "none", "f" * 64, 8)
OTHER = replace(MODEL, model="other", weights_sha256="e" * 64)
IN_USE, CANDIDATE = ModelChoice("tiny", MODEL), ModelChoice("other", OTHER)
DETECTION = Detection(
    Box(10.5, 20.25, 110.5, 150.75),
    Landmarks((40.0, 60.0), (80.0, 60.0), (60.0, 85.0), (45.0, 110.0), (75.0, 110.0)),
    0.998,
)
CHANGES = ("open", "fsync", "replace", "link", "unlink", "mkdir")


def embedding(text: str, dimensions: int = 8) -> Embedding:
    """A unit vector that depends on the text alone."""
    numbers = np.random.default_rng(list(text.encode())).normal(size=dimensions)
    unit: Embedding = (numbers / np.linalg.norm(numbers)).astype(np.float32)
    return unit


def new_template(text: str, model: ModelId = MODEL) -> NewTemplate:
    """A photo that depends on the text alone."""
    return NewTemplate(
        photo=f"photo {text}".encode(),
        source_sha256=sha256(text.encode()).hexdigest(),
        source_name=f"{text}.jpg",
        detection=DETECTION,
        embedding=embedding(text, model.dimensions),
        model_id=model,
    )


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def enrol(repository: Repository, name: str, text: str) -> None:
    new = new_template(text)
    repository.enrol(name, [new])
    say(f"ack {new.source_sha256}")


def die_before(step: int) -> None:
    """Let this process be killed, as by kill -9, before its n-th change to the file system."""
    left = itertools.count(step - 1, -1)

    def armed(call: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any, **kwargs: Any) -> Any:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return change

    for name in CHANGES:
        setattr(os, name, armed(getattr(os, name)))


def fork(folder: Path) -> None:
    for line in sys.stdin:
        prefix, *steps = line.split()
        child = os.fork()
        if child == 0:
            repository = Repository(folder)
            if steps:
                die_before(int(steps[0]))
                enrol(repository, prefix, prefix)
                os._exit(0)
            for number in itertools.count():
                enrol(repository, f"{prefix} {number % 3}", f"{prefix}-{number}")
        say(f"pid {child}")
        _, status = os.waitpid(child, 0)
        say(f"gone {os.waitstatus_to_exitcode(status)}")


def swap(folder: Path) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            repository = Repository(folder)
            die_before(int(line))
            repository.shadows.swap("candidate", CANDIDATE, IN_USE)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"gone {os.waitstatus_to_exitcode(status)}")


def main(job: str, folder: Path, *rest: str) -> None:
    if job == "fork":
        fork(folder)
    elif job == "swap":
        swap(folder)
    elif job == "enrol":
        prefix, count = rest
        repository = Repository(folder)
        say("ready")
        sys.stdin.readline()
        for number in range(int(count)):
            enrol(repository, f"{prefix} {number % 7}", f"{prefix}-{number}")
    else:
        repository = Repository(folder)
        numbers = itertools.count()
        while not select.select([sys.stdin], [], [], 0)[0]:
            repository.enrol("Somebody", [new_template(f"loop-{next(numbers)}")])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
