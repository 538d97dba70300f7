"""Tasks without Dask: by this process, which keeps what earlier ones have loaded, or by plain processes beside it."""

import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from engine.core.errors import Cancelled, InputError
from engine.core.process import one_thread_per_process, prepare_process
from engine.core.progress import Progress
from npm_studio.batch.execute import do, in_one_line
from npm_studio.batch.log import BatchLog
from npm_studio.batch.record import Record
from npm_studio.batch.task import BatchTask, TaskOutcome

_PAUSE = 0.2
"""Seconds between two looks at whether to stop."""
_NAME = "this machine"


def done_here(
    tasks: Sequence[BatchTask], folder: Path, processes: int, progress: Progress
) -> Generator[TaskOutcome, None, None]:
    """Outcomes of ``tasks`` as they come, by this process alone where ``processes`` is one.

    Raises:
        Cancelled: ``progress`` asked to stop, between two tasks of this process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = BatchLog(folder)
    if progress.cancelled():
        raise Cancelled
    if processes == 1:
        for task in tasks:
            if progress.cancelled():
                raise Cancelled
            log.begun(task.name, _NAME, task.name)
            yield _outcome(task, _try(task, folder), log, progress)
        return
    with one_thread_per_process():
        pool = ProcessPoolExecutor(min(processes, len(tasks)), get_context("spawn"), _prepare)
        left, begun = iter(tasks), dict[Future[Record | InputError], BatchTask]()
        try:
            while True:
                if progress.cancelled():
                    raise Cancelled
                for task in islice(left, processes - len(begun)):
                    log.begun(task.name, _NAME, task.name)
                    try:
                        begun[pool.submit(_try, task, folder)] = task
                    except BrokenProcessPool:
                        yield _outcome(task, _died(task), log, progress)
                if not begun:
                    return
                for future in wait(begun, _PAUSE, FIRST_COMPLETED).done:
                    task = begun.pop(future)
                    yield _outcome(task, _answer(future, task), log, progress)
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    """Ctrl-C reaches all processes, and is for the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_process()


def _try(task: BatchTask, folder: Path) -> Record | InputError:
    try:
        return do(task, folder)
    except Exception as error:
        return in_one_line(error, task, _NAME)


def _answer(future: "Future[Record | InputError]", task: BatchTask) -> Record | InputError:
    try:
        return future.result()
    except BrokenProcessPool:
        return _died(task)


def _died(task: BatchTask) -> InputError:
    return InputError(task.out, "was not made: a process has died", "see whether memory runs out, and start again")


def _outcome(task: BatchTask, answer: Record | InputError, log: BatchLog, progress: Progress) -> TaskOutcome:
    if isinstance(answer, InputError):
        log.ended(task.name, "failed", _NAME, answer.line())
        progress.notice(answer.as_notice(f"{task.name} has failed"))
        return TaskOutcome(task, "failed", error=answer)
    log.ended(task.name, "done", _NAME)
    return TaskOutcome(task, "done", answer.result, answer.seconds)
