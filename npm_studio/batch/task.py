"""What there is to do, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.core.errors import InputError

State = Literal["done", "kept", "failed", "open"]
"""Of a task: done now, done by an earlier start and kept, failed, or not finished before the end was asked for."""


@dataclass(frozen=True, eq=False)
class BatchTask:
    """One piece of work with a result of its own on disk."""

    name: str
    """Unlike that of all others of the batch; can be the name of a file."""
    out: Path
    """File or folder that ``function`` writes under another name and renames; absolute."""
    function: Callable[..., Mapping[str, Any]]
    """Does it: called as ``function(out, **inputs, **arguments)`` in a process where its module can be imported. What
    it returns is JSON, and is kept with the result."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """JSON."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Files and folders that it reads, absolute. The task is done again when their content has changed, wherever they
    are now."""


@dataclass(frozen=True, eq=False)
class TaskOutcome:
    """What came of a task."""

    task: BatchTask
    state: State
    result: Mapping[str, Any] = field(default_factory=dict)
    """What its function returned, of tasks that are done or kept."""
    seconds: float | None = None
    """That its function took; None where it did not end well."""
    error: InputError | None = None
    """Why it has failed."""
