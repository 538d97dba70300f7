"""Tasks of tests, and batches of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from npm_studio.batch.running import run_tasks
from npm_studio.batch.task import BatchTask, TaskOutcome
from npm_studio.batch.workers import Workers
from tests.support.batch_work import copy
from tests.support.progress import Listener


def task(name: str, source: Path, function: Callable[..., Mapping[str, Any]] = copy, **arguments: Any) -> BatchTask:
    return BatchTask(name, source.parent / "results" / f"{name}.txt", function, arguments, {"source": source})


def run(tasks: list[BatchTask], workers: Workers, progress: Listener | None = None) -> list[TaskOutcome]:
    return list(run_tasks(tasks, tasks[0].inputs["source"].parent / "batch", workers, progress))


def states(outcomes: list[TaskOutcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]
