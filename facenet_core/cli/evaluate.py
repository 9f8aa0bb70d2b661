"""evaluate pairs, folders and forget: how well all of this does on labelled photos."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import get_args

from facenet_core.cli import cluster, evaluations, files, shapes
from facenet_core.cli.arguments import Commands, Parser, add_command, add_group, number
from facenet_core.cli.output import Answer, load_model, progress
from facenet_core.errors import NoThresholdError
from facenet_core.evaluation import (
    FaceCache,
    FoldersReport,
    Limits,
    PairsReport,
    Thresholds,
    draw,
    evaluate_folders,
    evaluate_pairs,
    forget,
    read_folders,
    read_pairs,
)
from facenet_core.evaluation.figure import Format
from facenet_core.service import FaceService
from facenet_core.types import Threshold


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "evaluate", "Measure error rates on labelled photos.")
    parser = add_command(
        group, "pairs", pairs, "Measure 1:1 on a pairs file of LFW, View 1 or View 2, from its photos."
    )
    parser.add_argument("--pairs", type=Path, required=True, metavar="FILE", help="pairsDevTest.txt, pairs.txt, ...")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="its photos, a folder for each person"
    )
    _add_common(parser)

    parser = add_command(group, "folders", folders, "Measure 1:1 and 1:N on your own photos, one folder per person.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="holds a folder of photos for each person")
    parser.add_argument(
        "--gallery", type=_sizes, default=[], metavar="N,N,...", help="people enrolled in 1:N (half of them)"
    )
    parser.add_argument(
        "--photos-per-person", type=number, default=1, metavar="K", help="photos each is enrolled with in 1:N (1)"
    )
    _add_common(parser)

    parser = add_command(group, "forget", forget_faces, "Delete the faces that evaluations have kept.")
    _add_cache(parser)


def pairs(service: FaceService, args: Namespace) -> Answer:
    """Answers ``evaluate pairs``."""
    given = read_pairs(args.pairs, args.images)
    _check_folder(args.figure)
    with _cache(service, args) as kept, cluster.analyser(service, args) as analyse:
        load_model(service)
        report = evaluate_pairs(
            service.engine,
            given,
            kept,
            threshold=_verify_threshold(service),
            limits=_limits(service),
            progress=lambda paths: progress(paths, len(paths), "photo", args),
            analyse=analyse,
        )
    data, lines = evaluations.pairs(report)
    return _answer(args, kept, report, data, lines, files.shown(args.pairs.name))


def folders(service: FaceService, args: Namespace) -> Answer:
    """Answers ``evaluate folders``."""
    given = read_folders(args.folder)
    _check_folder(args.figure)
    with _cache(service, args) as kept, cluster.analyser(service, args) as analyse:
        load_model(service)
        report = evaluate_folders(
            service.engine,
            given,
            kept,
            threshold=_verify_threshold(service),
            thresholds=_thresholds(service),
            galleries=args.gallery,
            photos_per_person=args.photos_per_person,
            limits=_limits(service),
            progress=lambda paths: progress(paths, len(paths), "photo", args),
            analyse=analyse,
        )
    data, lines = evaluations.folders(report)
    return _answer(args, kept, report, data, lines, files.shown(args.folder.resolve().name))


def forget_faces(service: FaceService, args: Namespace) -> Answer:
    """Answers ``evaluate forget``."""
    path = _cache_path(service, args)
    shown, found = files.shown(path), forget(path)
    return Answer(
        {"cache": shown, "forgotten": found},
        [f"Deleted {shown}." if found else f"There was nothing to delete: {shown} does not exist."],
    )


def _add_common(parser: Parser) -> None:
    parser.add_argument(
        "--figure", type=_figure_file, metavar="FILE", help="also draw error rates and distances (png, svg, pdf)"
    )
    cluster.add_to(parser)
    kept = parser.add_mutually_exclusive_group()
    _add_cache(kept)
    kept.add_argument("--no-cache", action="store_true", help="keep no embeddings; the next run takes as long")


def _add_cache(parser: _ActionsContainer) -> None:
    parser.add_argument("--cache", type=Path, metavar="FILE", help="where embeddings are kept (the database's folder)")


def _sizes(text: str) -> list[int]:
    try:
        return [number(part.strip()) for part in text.split(",")]
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{text!r} is not a list of whole numbers such as 10,100,500") from error


def _cache_path(service: FaceService, args: Namespace) -> Path:
    return Path(args.cache or service.settings.db / "cache" / "faces.sqlite")


@contextmanager
def _cache(service: FaceService, args: Namespace) -> Iterator[FaceCache | None]:
    """Opens the cache, and says on Ctrl+C what it is good for."""
    if args.no_cache:
        yield None
        return
    path = _cache_path(service, args)
    with FaceCache(path) as cache:
        try:
            yield cache
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                f"Interrupted. The photos that were analysed are kept in {files.shown(path)}: "
                "the same command goes on from there."
            ) from interrupt


def _limits(service: FaceService) -> Limits:
    return Limits(service.max_bytes, service.settings.max_pixels)


def _verify_threshold(service: FaceService) -> Threshold | None:
    try:
        return service.verify_threshold()
    except NoThresholdError:
        return None


def _thresholds(service: FaceService) -> Thresholds | None:
    """What the app would hold searches against, in a gallery of any size; None if it does not know."""
    try:
        verify = service.verify_threshold()
        service.identify_threshold()
    except NoThresholdError:
        return None

    @cache
    def identify(templates: int, of_person: int) -> float:
        return service.identify_threshold(templates=templates, of_person=of_person).distance

    return Thresholds(identify, verify.distance, "those of the app")


def _figure_file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower().removeprefix(".") not in get_args(Format):
        raise ArgumentTypeError(f"a figure is a {', '.join(get_args(Format))} file, not {text!r}")
    return path


def _check_folder(figure: Path | None) -> None:
    """Rather now than after a thousand photos."""
    if figure and not figure.parent.is_dir():
        raise files.FileError(f"{files.shown(figure.parent)}: there is no such folder.")


def _answer(
    args: Namespace,
    kept: FaceCache | None,
    report: PairsReport | FoldersReport,
    data: shapes.Shape,
    lines: list[str],
    name: str,
) -> Answer:
    figure = args.figure
    if figure:
        title = f"{report.embedded.model_id.model} on {name}"
        drawing = draw(report.rates, title, figure.suffix.lower().removeprefix("."))
        with files.writing(figure) as file:
            file.write(drawing)
        lines.append(f"Drawn in {files.shown(figure)}.")
    path = files.shown(kept.path) if kept else None
    if path:
        lines.append(f"Embeddings are kept in {path}, for the next run. `evaluate forget` deletes them.")
    return Answer(data | {"figure": files.shown(figure) if figure else None, "cache": path}, lines)
