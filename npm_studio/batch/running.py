"""Tasks to outcomes: what is there already is kept, the rest is done by workers, and one that fails stops no other."""

import queue
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.errors import Cancelled, InputError, Setting, remedy
from engine.core.files import check_name
from engine.core.progress import Progress
from npm_studio.batch.execute import Answer, execute
from npm_studio.batch.fitness import BatchStart, marked, refuse_unfit
from npm_studio.batch.here import done_here
from npm_studio.batch.log import BatchLog
from npm_studio.batch.record import find_record
from npm_studio.batch.task import BatchTask, TaskOutcome
from npm_studio.batch.workers import Workers, connected

if TYPE_CHECKING:
    from distributed import Client, Future

_PAUSE = 0.2
"""Seconds between two looks at whether to stop."""
_LOST = InputError(
    "the Dask scheduler", "is lost", "start it and its workers again, and then this: what is done is kept"
)


def run_tasks(
    tasks: Sequence[BatchTask], folder: Path, workers: Workers | None = None, progress: Progress | None = None
) -> tuple[TaskOutcome, ...]:
    """Do what is not done yet of ``tasks``, one at a time on each worker; their outcomes in the same order.

    A task that its record in ``folder`` knows, with the same function, arguments and content of inputs, is kept. A
    worker that dies leaves its task to another one. When ``progress`` asks to stop, what is done is kept, and the
    rest is ``open``. What was begun and what came of it is written to ``log.jsonl`` in ``folder``.

    Args:
        folder: of records and log; workers of other machines must see it, and the tasks' inputs and results, by the
            same paths

    Raises:
        InputError: two tasks have one name, ``folder`` lies in an input, Dask is not installed, no scheduler answers,
            or a worker cannot do the tasks.
        OSError: ``folder`` cannot be written.
    """
    progress, folder = progress or Progress(), folder.resolve()
    _check(tasks, folder)
    outcomes = {task.name: first for task in tasks if (first := _without_work(task, folder, progress)) is not None}
    left = [task for task in tasks if task.name not in outcomes]
    if kept := sum(outcome.state == "kept" for outcome in outcomes.values()):
        progress.message(f"{kept} of {len(tasks)} are done already")
    if left:
        try:
            with closing(_begun(left, folder, workers or Workers(), progress)) as done:
                for count, outcome in enumerate(done, 1):
                    outcomes[outcome.task.name] = outcome
                    failed = sum(each.state == "failed" for each in outcomes.values())
                    progress.advance(count, {"failed": failed} if failed else None)
        except Cancelled:
            pass
    return tuple(outcomes.get(task.name, TaskOutcome(task, "open")) for task in tasks)


def _begun(
    tasks: Sequence[BatchTask], folder: Path, workers: Workers, progress: Progress
) -> Generator[TaskOutcome, None, None]:
    """Outcomes as they come, from those who do ``tasks``."""
    if workers.without_dask:
        progress.stage("tasks", len(tasks))
        yield from done_here(tasks, folder, workers.here, progress)
        return
    with marked(folder) as batch, connected(workers, len(tasks), progress) as client:
        refuse_unfit(client, batch)
        progress.stage("tasks", len(tasks))
        yield from _done(client, tasks, batch, progress)


def _check(tasks: Sequence[BatchTask], folder: Path) -> None:
    counts = Counter(check_name(task.name, folder) for task in tasks)
    if twice := next((name for name, count in counts.items() if count > 1), None):
        raise InputError(folder, f"two tasks are called {twice!r}", "give each a name of its own")
    for path in {path.resolve() for task in tasks for path in task.inputs.values()}:
        if path == folder or path in folder.parents:
            problem = f"lies in {path}, which is read, and would change by what is written"
            raise InputError(folder, problem, remedy("choose another folder for {}", Setting.OUT))


def _without_work(task: BatchTask, folder: Path, progress: Progress) -> TaskOutcome | None:
    """The outcome of a task that is done already, or cannot be begun; None of one that is to be done."""
    try:
        for path in task.inputs.values():
            if not path.exists():
                raise InputError(path, "no such file or folder")
        record, why = find_record(task, folder)
    except InputError as error:
        progress.notice(error.as_notice(f"{task.name} has failed"))
        return TaskOutcome(task, "failed", error=error)
    if why:
        progress.message(f"{task.name} is done again: {why}")
    return None if record is None else TaskOutcome(task, "kept", record.result, record.seconds)


def _done(
    client: "Client", tasks: Sequence[BatchTask], batch: BatchStart, progress: Progress
) -> Generator[TaskOutcome, None, None]:
    """Outcomes as they come; where the scheduler is lost, all that are left have failed.

    Raises:
        Cancelled: ``progress`` asked to stop.
    """
    news: queue.SimpleQueue[tuple[BatchTask, Future] | dict[str, Any]] = queue.SimpleQueue()
    futures: dict[str, Future] = {}
    log = BatchLog(batch.folder)

    def begin(task: BatchTask) -> None:
        futures[task.name] = future = client.submit(execute, task, batch, pure=False)
        future.add_done_callback(lambda ended: news.put((task, ended)))

    client.subscribe_topic(batch.topic, lambda event: news.put(event[1]))
    try:
        for task in tasks:
            begin(task)
        while futures:
            if progress.cancelled():
                raise Cancelled
            try:
                new = news.get(timeout=_PAUSE)
            except queue.Empty:
                continue
            if isinstance(new, dict):
                if log.begun(**new):
                    progress.message(f"{new['task']} is done again, by {new['worker']}: its worker was lost")
                continue
            task, future = new
            if future.status in ("cancelled", "lost"):
                progress.notice(_LOST.as_notice(f"{len(futures)} are not done"))
                yield from (TaskOutcome(task, "failed", error=_LOST) for task in tasks if task.name in futures)
                return
            answer = _answer(task, future)
            future.release()  # or the task would be done again were its worker lost with the answer
            if answer.unfit:
                progress.message(f"worker {answer.worker} {answer.unfit}: it is sent away")
                client.retire_workers([answer.worker])
                begin(task)
                continue
            del futures[task.name]
            yield _outcome(task, answer, log, progress)
    finally:
        client.cancel(list(futures.values()))
        client.unsubscribe_topic(batch.topic)


def _answer(task: BatchTask, future: "Future") -> Answer:
    from distributed import KilledWorker

    if future.status == "finished":
        answer: Answer = future.result()
        return answer
    error = future.exception()
    if isinstance(error, KilledWorker):
        problem = f"was not made: every worker that began it has died, the last was {error.last_worker.address}"
        return Answer(error.last_worker.address, error=InputError(task.out, problem, "see whether memory runs out"))
    problem = f"was not made: it could not be handed to a worker ({type(error).__name__}: {error})"
    return Answer("", error=InputError(task.out, problem, "start all workers from the same environment"))


def _outcome(task: BatchTask, answer: Answer, log: BatchLog, progress: Progress) -> TaskOutcome:
    if answer.attempt:
        log.begun(task.name, answer.worker, answer.attempt)
    if answer.error is not None:
        log.ended(task.name, "failed", answer.worker, answer.error.line())
        progress.notice(answer.error.as_notice(f"{task.name} has failed"))
        return TaskOutcome(task, "failed", error=answer.error)
    assert answer.record is not None
    log.ended(task.name, "done", answer.worker)
    return TaskOutcome(task, "done", answer.record.result, answer.record.seconds)
