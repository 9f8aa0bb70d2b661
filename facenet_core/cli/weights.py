"""weights list, fetch and check: the models."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from facenet_core.catalogue import DEFAULT_MODEL, ShippedModel, entry
from facenet_core.cli import changeover, files
from facenet_core.cli.arguments import Commands, add_command, add_group
from facenet_core.cli.output import Answer, columns
from facenet_core.download import fetch
from facenet_core.errors import ModelError
from facenet_core.service import FaceService
from facenet_core.weights import Installation, check, installed, resolve


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "weights", "See, fetch and check the weights of the models.")
    add_command(group, "list", list_weights, "List the model that ships, the public ones and your own.")

    parser = add_command(group, "fetch", fetch_weights, "Install a public model; a cut download is resumed.")
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL, metavar="ID", help=f"which model ({DEFAULT_MODEL})")
    parser.add_argument("--from", dest="source", metavar="URL|FILE", help="another address, or a file that you have")

    parser = add_command(group, "check", check_weights, "Say whether a weights file fits and is a published one.")
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="the file; that of the model in use if absent"
    )
    changeover.add_to(group)


def list_weights(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights list``."""
    try:
        in_use = resolve(service.model_setting).path
    except ModelError:
        in_use = None
    models, rows = [], []
    for found in installed(service.settings):
        used = found.path is not None and found.path == in_use
        models.append(
            {
                "id": found.model,
                "installed": found.path is not None,
                "in_use": used,
                "path": files.shown(found.path) if found.path else None,
                "bytes": found.size,
                "ships": isinstance(found.known, ShippedModel),
                "dimensions": found.known.dimensions if found.known else None,
                "published": {f: v for f, v in asdict(found.entry).items() if f != "measured"} if found.entry else None,
                "measured": asdict(found.known.measured) if found.known and found.known.measured else None,
            }
        )
        missing = "missing" if isinstance(found.known, ShippedModel) else "not installed"
        rows.append((found.model, "in use" if used else "installed" if found.path else missing, _about(found)))
    return Answer(
        {"models": models, "models_dir": files.shown(service.settings.models_dir)},
        [f"Models in {files.shown(service.settings.models_dir)}:", *columns(rows)],
    )


def _about(found: Installation) -> str:
    """What a model is, and what was measured of it."""
    if not found.known:
        return "a file of your own"
    trained = (
        f"{found.entry.trained_on}, LFW {found.entry.published_lfw:.2%}" if found.entry else "ships with the project"
    )
    about, measured = f"{found.known.dimensions} numbers, {trained}", found.known.measured
    if measured:
        about += (
            f"; here {measured.accuracy:.2%} ± {measured.standard_error:.2%} on LFW View 1, "
            f"{measured.milliseconds:.0f} ms per face"
        )
    if found.size is not None:
        about += f", {found.size / 1e6:.0f} MB"
    return about


def fetch_weights(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights fetch``."""
    wanted = entry(args.model)
    with tqdm(
        desc=wanted.id,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        file=sys.stderr,
        disable=args.json and not sys.stderr.isatty(),
    ) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = fetch(wanted.id, service.settings.models_dir, args.source, progress)
    return Answer(
        {
            "id": wanted.id,
            "path": files.shown(path),
            "bytes": path.stat().st_size,
            "sha256": wanted.sha256,
            "licence": wanted.licence,
        },
        [
            f"Installed {wanted.id} in {files.shown(path)}; its checksum is that of the published file.",
            f"Published by {wanted.source}, licence {wanted.licence}, trained on {wanted.trained_on}.",
        ],
    )


def check_weights(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights check``."""
    found = check(args.file or resolve(service.model_setting).path)
    return Answer(
        {
            "path": files.shown(found.path),
            "id": found.model,
            "dimensions": found.dimensions,
            "matches_catalogue": found.matches_catalogue,
            "explanation": found.explanation,
            "file_sha256": found.sha256,
            "weights_sha256": found.digest,
        },
        [
            files.shown(found.path),
            f"  {found.explanation}",
            f"  {found.dimensions} numbers per face",
            f"  sha256 of the file     {found.sha256}",
            f"  sha256 of the tensors  {found.digest}",
        ],
    )
