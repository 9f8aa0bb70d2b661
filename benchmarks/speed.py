"""How fast the app is beside what else there is, on one machine in one run.

    scripts/bench PHOTOS

PHOTOS is a folder of photos; folders in it are looked into. Everybody works on
the same ones with the same weights, those of 20180408-102900 (installed, or the
file that FACENET_WEIGHTS names), and takes turns. It takes half an hour. Written
are ``benchmarks/RESULTS.md`` and ``benchmarks/results.svg``.

* *naive*: the ``mtcnn`` package one photo at a time, ``model.predict`` one face
  at a time, as in many a tutorial.
* *deepface*: with its detector ``mtcnn`` and its model ``Facenet512``, given the
  same weights file.
* *app*: as it runs with these weights when nothing else is configured.
* *app, one view*: with FACENET_PROFILE=fast.
* *app, bfloat16*: with FACENET_ENGINE=bfloat16.
* *app as it ships*: with nothing configured at all, which is FaceNet-mini.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import speed_of_store
from benchmarks.contest import Peer, Timed, contest
from benchmarks.memory import at_side, varied
from benchmarks.naive import Naive
from benchmarks.results import Report, Task
from facenet_core import images
from facenet_core.alignment import view_faces
from facenet_core.catalogue import DEFAULT_MODEL, shipped_model
from facenet_core.config import PROJECT_ROOT, Settings, load_settings
from facenet_core.detection import MTCNNDetector
from facenet_core.engine import FaceEngine, prominent
from facenet_core.enrolment import PHOTO_SUFFIXES
from facenet_core.errors import PhotoError
from facenet_core.matching import distance
from facenet_core.pipeline import analyse_photos, analyse_together
from facenet_core.types import Analysis
from facenet_core.weights import resolve

HERE = PROJECT_ROOT / "benchmarks"
PEERS = PROJECT_ROOT / ".venv-peers" / "bin" / "python"
LONG_SIDES = (640, 1024, 1600)
ALBUM, SEARCHED, PEER_MEMORY = 100, 12, 100
"""Photos in a folder, photos that are only searched for faces, photos that the others' memory is measured with."""

APP, ONE, HALF, SHIPS = "app", "app, one view", "app, bfloat16", "app as it ships"


def engines(settings: Settings) -> dict[str, FaceEngine]:
    """The app as it may be set."""
    chosen = {
        APP: settings,
        ONE: settings.model_copy(update={"profile": "fast"}),
        HALF: settings.model_copy(update={"engine": "bfloat16"}),
        SHIPS: Settings(weights=None, model=shipped_model().id, models_dir=settings.models_dir),
    }
    made = {name: FaceEngine.load(setting) for name, setting in chosen.items()}
    for engine in made.values():
        engine.warm()
    return made


def embedding(report: Report, ours: dict[str, FaceEngine], naive: Naive, peer: Peer, photos: list[Path]) -> None:
    """Crops to embeddings, one view of each."""
    large, half = (ours[name].embedder for name in (APP, HALF))
    crops = np.concatenate(list(itertools.islice(crops_of(ours[APP], photos), 64)))
    for count, rounds in ((1, 30), (64, 5)):
        some = crops[:count]
        contestants: dict[str, Timed] = {
            "predict": lambda _, some=some: naive.embed(some),
            "deepface": lambda _, count=count: peer("forward", count),
            APP: lambda _, some=some: large.embed(some),
            HALF: lambda _, some=some: half.embed(some),
        }
        against = {APP: "predict", HALF: "predict"}
        result = contest(contestants, rounds, warm=2)
        remark = "Crops of 160 pixels; predict and deepface take them one by one. One view of each."
        report.add(Task(f"embed {count} face{'s' * (count > 1)}", "ms for each", result, against, count, remark))


def crops_of(engine: FaceEngine, photos: list[Path]) -> Iterator[NDArray[np.uint8]]:
    """Crops of the prominent faces of photos, each of shape ``(1, size, size, 3)``."""
    for path in photos:
        photo = images.read(path)
        if found := engine.detector.detect(photo.pixels):
            yield view_faces(photo.pixels, [found[prominent(photo, found)]], "fast", engine.embedder.input_size)[0]


def detection(report: Report, naive: Naive, photos: list[Path]) -> None:
    """Photos to boxes."""
    find: dict[str, Callable[[NDArray[np.uint8]], object]] = {
        "mtcnn": naive.boxes,
        APP: MTCNNDetector(max(LONG_SIDES)).detect,
        "faces from 40 px": MTCNNDetector(max(LONG_SIDES), min_face=40).detect,
    }
    against = dict.fromkeys(list(find)[1:], "mtcnn")
    remark = (
        f"{SEARCHED} photos, decoded, brought to that size. deepface uses the mtcnn package too. Which faces are "
        "found: `python benchmarks/detection.py`, in docs/accuracy.md."
    )
    for side in LONG_SIDES:
        shown = [at_side(images.read(path).pixels, side) for path in photos[:SEARCHED]]
        contestants: dict[str, Timed] = {
            name: lambda turn, shown=shown, run=run: run(shown[turn % len(shown)]) for name, run in find.items()
        }
        report.add(
            Task(f"find faces at {side} px", "ms", contest(contestants, 2 * SEARCHED, warm=2), against, remark=remark)
        )


def folder(report: Report, ours: dict[str, FaceEngine], naive: Naive, peer: Peer, photos: list[Path]) -> None:
    """A hundred photos."""

    def album(engine: FaceEngine) -> None:
        for found in analyse_photos(engine, (partial(images.read, path) for path in photos)):
            assert isinstance(found, Analysis)

    contestants: dict[str, Timed] = {
        "naive": lambda _: [naive.photo(path) for path in photos],
        "deepface": lambda _: peer("album", *map(str, photos)),
        **{name: lambda _, engine=engine: album(engine) for name, engine in ours.items()},
    }
    against = dict.fromkeys(ours, "naive")
    remark = f"Files to embeddings of all faces. {REMARK}"
    result = contest(contestants, 3, warm=0)
    report.add(Task(f"a folder of {len(photos)} photos", "ms for each photo", result, against, len(photos), remark))


REMARK = (
    "The app embeds two views of each face, one of them turned upright by the landmarks, unless it says one; "
    "deepface one, turned upright by the eyes; the naive arrangement one, as it is."
)


def answers(report: Report, ours: dict[str, FaceEngine], naive: Naive, peer: Peer, photos: list[Path]) -> None:
    """One photo, and two."""

    def photo(turn: int) -> Path:
        return photos[turn % len(photos)]

    def verify(engine: FaceEngine, turn: int) -> float:
        found = analyse_together(engine, [(partial(images.read, photo(n)), "prominent") for n in (turn, turn + 1)])
        faces = [each.faces[each.prominent] for each in found if each.faces]
        return distance(faces[0].embedding, faces[1].embedding) if len(faces) == 2 else 2.0

    against = dict.fromkeys(ours, "deepface")
    one: dict[str, Timed] = {
        "naive": lambda turn: naive.photo(photo(turn)),
        "deepface": lambda turn: peer("represent", str(photo(turn))),
        **{name: lambda turn, engine=engine: engine.analyse(images.read(photo(turn))) for name, engine in ours.items()},
    }
    report.add(Task("one photo", "ms", contest(one, 25, warm=2), against, remark=f"A file to embeddings. {REMARK}"))
    two: dict[str, Timed] = {
        "naive": lambda turn: naive.verify(photo(turn), photo(turn + 1)),
        "deepface": lambda turn: peer("verify", str(photo(turn)), str(photo(turn + 1))),
        **{name: lambda turn, engine=engine: verify(engine, turn) for name, engine in ours.items()},
    }
    remark = (
        f"Two files to a distance. {REMARK} Of several faces the app embeds the one that the photo is of; the others "
        "embed all, and deepface takes the two that are closest."
    )
    report.add(Task("verify two photos", "ms", contest(two, 25, warm=2), against, remark=remark))


def cold_starts(report: Report, weights: Path, home: str, photo: Path) -> None:
    """From nothing to the first embedding, each in a new process."""
    own = (
        "import sys; from pathlib import Path; from facenet_core import images; "
        "from facenet_core.config import load_settings; from facenet_core.engine import FaceEngine; "
        "FaceEngine.load(load_settings()).analyse(images.read(Path(sys.argv[1])))"
    )
    slow = (
        "import sys; from pathlib import Path; from benchmarks.naive import Naive; "
        "Naive(Path(sys.argv[2])).photo(Path(sys.argv[1]))"
    )

    def run(program: str, **variables: str) -> None:
        command = [sys.executable, "-c", program, str(photo), str(weights)]
        plain = {name: value for name, value in os.environ.items() if name != "FACENET_WEIGHTS"}
        subprocess.run(command, check=True, cwd=PROJECT_ROOT, capture_output=True, env=plain | variables)

    def theirs(_: int) -> object:
        with deepface(home) as peer:
            return peer("represent", str(photo), cold=True)

    contestants: dict[str, Timed] = {
        "naive": lambda _: run(slow),
        "deepface": theirs,
        APP: lambda _: run(own, FACENET_WEIGHTS=str(weights)),
        SHIPS: lambda _: run(own),
    }
    against = {APP: "naive", SHIPS: "naive"}
    remark = "A new process, imports and all, until one photo is embedded. Files are in the system's cache."
    report.add(Task("cold start", "ms", contest(contestants, 5, warm=1), against, remark=remark))


def memory(report: Report, home: str, photos: list[Path]) -> None:
    """Resident memory over many photos, each in a process of its own."""

    def measured(*options: str) -> str:
        command = [sys.executable, str(HERE / "memory.py"), *options, *map(str, photos)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    report.note(f"Memory, app, 1,000 photos of 300 to 2,400 pixels: {measured()}.")
    report.note(f"Memory, naive, the first of these: {measured('--naive', str(PEER_MEMORY))}.")
    with tempfile.TemporaryDirectory() as sized, deepface(home) as peer:
        path = Path(sized) / "photo.jpg"
        for source in itertools.islice(varied(photos), PEER_MEMORY):
            Image.fromarray(source().pixels).save(path, quality=95)
            peer("represent", str(path))
        report.note(f"Memory, deepface, the same: at most {peer('memory').found:,.0f} MB over {PEER_MEMORY} photos.")


def deepface(home: str) -> Peer:
    """Deepface with the weights that lie in its home."""
    script = HERE / "peers" / "deepface_peer.py"
    return Peer(PEERS, script, DEEPFACE_HOME=home, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")


def readable(paths: list[Path]) -> Iterator[Path]:
    """Those that are photos."""
    for path in paths:
        try:
            images.read(path)
        except PhotoError:
            continue
        yield path


def main() -> None:
    """Measures everything and writes it down."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos")
    given = parser.parse_args().photos
    settings = load_settings()
    if not settings.weights:
        settings = settings.model_copy(update={"model": DEFAULT_MODEL})
    weights = resolve(settings).path
    os.environ["FACENET_WEIGHTS"] = str(weights)
    photos = [path for path in sorted(given.rglob("*")) if path.suffix.lower() in PHOTO_SUFFIXES]
    random.Random(0).shuffle(photos)
    photos = list(itertools.islice(readable(photos), ALBUM))
    if len(photos) < ALBUM:
        parser.error(f"{given}: {ALBUM} photos are needed, {len(photos)} are there")

    report = Report()
    with tempfile.TemporaryDirectory() as home:
        (kept := Path(home) / ".deepface" / "weights").mkdir(parents=True)
        shutil.copy(weights, kept / "facenet512_weights.h5")
        ours, naive = engines(settings), Naive(weights)
        with deepface(home) as peer:
            embedding(report, ours, naive, peer, photos)
            detection(report, naive, photos)
            folder(report, ours, naive, peer, photos)
            answers(report, ours, naive, peer, photos)
            versions = peer("versions").found
        speed_of_store.add_to(report)
        cold_starts(report, weights, home, photos[0])
        memory(report, home, photos)
    sizes = [max(images.read(path).pixels.shape[:2]) for path in photos]
    report.write(
        HERE,
        f"Photos: {len(photos)}, of at most {min(sizes)} to {max(sizes)} pixels. Weights: {weights.name}, for all but "
        f"*app as it ships*, which is FaceNet-mini. deepface {versions['deepface']} with TensorFlow "
        f"{versions['tensorflow']} in an environment of its own.",
    )


if __name__ == "__main__":
    main()
