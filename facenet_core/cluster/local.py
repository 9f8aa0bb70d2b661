"""Workers on this machine, for as long as a command needs them."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import LocalCluster

CONFIG = {
    # A photo that has ended two workers is looked at alone; if it ends two more it is refused.
    "distributed.scheduler.allowed-failures": 1,
    # Photos of faces are not put on the disk.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    # Nobody needs to look into it from outside.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}

DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
"""What a worker does first: Ctrl+C is for the client, which then ends the workers."""


@contextmanager
def started(count: int | None = None) -> Iterator[LocalCluster]:
    """Starts workers as processes of their own, which are started again when they die.

    They listen on the loopback interface alone, and ask for a certificate that
    only this process and they have: other users of the machine can't get in.

    Args:
        count: How many; None for one for each two cores.
    """
    import dask
    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    count = count or max(1, CPU_COUNT // 2)
    threads = str(max(1, CPU_COUNT // count))
    environment = {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    with tempfile.TemporaryDirectory(prefix="facenet-") as folder:
        with dask.config.set(CONFIG):
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                host="127.0.0.1",
                security=True,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                local_directory=folder,
                preload=[DEAF],
                env=environment,
            )
        with cluster:
            yield cluster
