"""Processes that do tasks: those of this machine, or those of a cluster that somebody has started."""

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.core.errors import Cancelled, InputError
from engine.core.process import THREAD_COUNTS
from engine.core.progress import Progress
from npm_studio.batch import execute

if TYPE_CHECKING:
    from distributed import Client

_BYTES_OF_A_WORKER = 3e9
"""Memory for PyTorch, a model and a sequence; without a statement no more workers are started than have room."""
_LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Workers:
    """Who does the tasks."""

    scheduler: str | None = None
    """Address of a Dask scheduler, whose workers do them; None for processes of this machine."""
    count: int | None = None
    """Processes of this machine; by default one per GPU, or else one per core. 0: without Dask, see `here`."""
    here: int = 1
    """Without Dask: plain processes of this machine, of which a single one is this process itself."""

    @property
    def without_dask(self) -> bool:
        return self.scheduler is None and self.count == 0


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def every_core() -> Workers:
    """Plain processes of this machine, one for each core: for what needs no GPU, and no Dask."""
    return Workers(count=0, here=cores())


@contextmanager
def connected(workers: Workers, tasks: int, progress: Progress) -> Iterator["Client"]:
    """A client of those who do ``tasks`` tasks; processes that it starts end with the block.

    Raises:
        InputError: Dask is not installed, or no scheduler answers.
        Cancelled: ``progress`` asked to stop while no worker was there yet.
    """
    try:
        from distributed.utils import silence_logging_cmgr
    except ImportError:
        problem = "is not installed, which shares the tasks out among processes"
        raise InputError("the package distributed", problem, "pip install distributed") from None
    if workers.scheduler is None:
        client_of = _of_this_machine(workers.count, tasks, progress)
    else:
        client_of = _of_cluster(workers.scheduler, progress)
    with silence_logging_cmgr(logging.CRITICAL), client_of as client:  # what matters to users is said without Dask
        yield client


@contextmanager
def _of_cluster(scheduler: str, progress: Progress) -> Iterator["Client"]:
    from distributed import Client

    try:
        asyncio.run(
            asyncio.wait_for(_connect(scheduler), 5)
        )  # a client that finds nobody complains once more when it goes
    except (OSError, ValueError, TypeError, RuntimeError):
        fix = "start one with `dask scheduler`, and name the address tcp://HOST:8786 or tls://HOST:8786 that it prints"
        raise InputError(scheduler, "no Dask scheduler answers at this address", fix) from None
    with Client(scheduler, set_as_default=False) as client:
        said = False
        while not client.scheduler_info(n_workers=-1)["workers"]:
            if not said:
                progress.message(f"waiting for a worker: start some with `dask worker {scheduler} --nthreads 1`")
                said = True
            if progress.cancelled():
                raise Cancelled
            time.sleep(0.2)
        yield client


async def _connect(scheduler: str) -> None:
    from distributed import Security
    from distributed.comm.core import connect

    comm = await connect(scheduler, **Security().get_connection_args("client"))
    await comm.close()


@contextmanager
def _of_this_machine(count: int | None, tasks: int, progress: Progress) -> Iterator["Client"]:
    """Scheduler and workers listen on this machine alone."""
    from dask.system import CPU_COUNT
    from distributed import Client, Nanny, Scheduler, SpecCluster

    gpus = visible_gpus()
    count = min(count or default_count(len(gpus)), tasks)
    # Sums depend on the number of threads: on a CPU it is one, so that it does not matter who does a task.
    threads = max(CPU_COUNT // count, 1) if gpus else 1
    environment = dict.fromkeys(THREAD_COUNTS, str(threads))
    of_gpus = [{"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]} if gpus else {} for index in range(count)]
    options: dict[str, Any] = {"nthreads": 1, "host": _LOCALHOST, "memory_limit": 0, "dashboard": False}
    options |= {"silence_logs": logging.CRITICAL, "preload": [execute.__name__]}
    specs = {
        index: {"cls": Nanny, "options": {**options, "env": {**environment, **gpu}}}
        for index, gpu in enumerate(of_gpus)
    }
    anywhere = {"port": 0, "dashboard": False, "dashboard_address": f"{_LOCALHOST}:0"}
    scheduler = {"cls": Scheduler, "options": {"host": _LOCALHOST, **anywhere}}
    where = f"{len(gpus)} GPU{'s' * (len(gpus) > 1)}" if gpus else f"{CPU_COUNT} cores"
    progress.message(f"{count} worker process{'es' * (count > 1)} on {where}")
    with SpecCluster(specs, scheduler) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return tuple(named.split(",")[:count]) if named is not None else tuple(map(str, range(count)))


def default_count(gpus: int) -> int:
    """One worker per GPU; without one as many as there are cores, and room in memory."""
    from dask.system import CPU_COUNT  # those that a batch system has granted
    from distributed.system import MEMORY_LIMIT

    return gpus or max(1, min(CPU_COUNT, int(MEMORY_LIMIT / _BYTES_OF_A_WORKER)))
