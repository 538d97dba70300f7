"""What a worker does: one task at a time, unless its result is there already."""

import json
import logging
import secrets
import signal
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from engine.core.errors import InputError
from engine.core.process import prepare_process
from npm_studio.batch.fitness import PACKAGE, BatchStart, why_unfit
from npm_studio.batch.record import Record, drop_record, find_record, keep_record, stated
from npm_studio.batch.task import BatchTask
from npm_studio.log_file import log_path, start_log

_log = logging.getLogger(__name__)
_ONE_AT_A_TIME = threading.Lock()
"""A worker that was started with several threads would do several tasks at once, in one memory and on one GPU."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a worker says of a task: a record, or why there is none."""

    worker: str
    attempt: str = ""
    """Of this task; empty where nothing was begun."""
    record: Record | None = None
    error: InputError | None = None
    unfit: str = ""
    """Why this worker can do no task of this batch."""


def dask_setup(worker: object) -> None:
    """Called by Dask in each process that this program starts: Ctrl-C reaches all of them, and is for the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def execute(task: BatchTask, batch: BatchStart) -> Answer:
    """Do ``task`` on this worker and keep a record of it."""
    from distributed import get_worker

    worker = get_worker()
    if unfit := why_unfit(batch):
        return Answer(worker.address, unfit=unfit)
    prepare_process()
    start_log()
    with _ONE_AT_A_TIME:
        try:
            record, _ = find_record(task, batch.folder)
        except InputError as error:
            return Answer(worker.address, error=error)
        if record is not None:  # by a worker that was lost before anybody had heard of it
            return Answer(worker.address, record=record)
        attempt = secrets.token_hex(4)
        worker.log_event(batch.topic, {"task": task.name, "worker": worker.address, "attempt": attempt})
        try:
            return Answer(worker.address, attempt, do(task, batch.folder))
        except Exception as error:
            return Answer(worker.address, attempt, error=in_one_line(error, task, worker.address))


def do(task: BatchTask, folder: Path) -> Record:
    """Do ``task`` in this process, and keep a record of it in ``folder``."""
    drop_record(task, folder)
    of, started = stated(task), time.perf_counter()
    result = json.loads(json.dumps(dict(task.function(task.out, **task.inputs, **task.arguments))))
    seconds = time.perf_counter() - started
    assert task.out.exists(), f"nothing was written to {task.out}"
    return keep_record(task, folder, of, Record(result, round(seconds, 3), version(PACKAGE)))


def in_one_line(error: Exception, task: BatchTask, worker: str) -> InputError:
    """What a user is told of a task that ``worker`` could not do."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError):  # a full disk, a folder that may not be written
        return InputError(str(error.filename or task.out), f"cannot be used ({error.strerror or error})")
    _log.error("task %s", task.name, exc_info=error)
    problem = f"was not made, by an unexpected error ({type(error).__name__}: {error})"
    return InputError(task.out, problem, f"please report it, with the log {log_path()} of {worker}")
