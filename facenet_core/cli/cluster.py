"""--cluster and --workers: where many photos are analysed."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from facenet_core.cli.arguments import Parser, UsageError, number
from facenet_core.cluster import LOCAL, Workers
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.service import FaceService

MOST = 256
"""Workers on one machine."""


def add_to(parser: Parser) -> None:
    """Adds these options to a command."""
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help=f"analyse photos on a Dask cluster: {LOCAL}, tcp://HOST:PORT, tls://..."
    )
    parser.add_argument("--workers", type=_count, metavar="N", help=f"how many, with --cluster {LOCAL}")


@contextmanager
def analyser(service: FaceService, args: Namespace) -> Iterator[Analyser]:
    """What analyses photos: this process, or the cluster that was asked for.

    Raises:
        ClusterError: If it does not answer, or must not be trusted.
        UsageError: If ``--workers`` was given without a cluster to start.
    """
    if args.workers and args.cluster != LOCAL:
        raise UsageError(
            f"--workers goes with --cluster {LOCAL}: the workers of another cluster are there already.", ""
        )
    if args.cluster is None:
        yield analyse_here
        return
    with Workers(args.cluster, service.settings, args.workers) as workers:
        yield workers.analyse


def _count(text: str) -> int:
    found = number(text)
    if found > MOST:
        raise ArgumentTypeError(f"a machine has at most {MOST} workers, not {text}")
    return found
