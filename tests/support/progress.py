"""Listeners to the engine: one that keeps what it is told, and ones that ask it to stop."""

import itertools
from collections.abc import Mapping

from engine.core.progress import Progress


class Listener(Progress):
    """Keeps stages and messages, and asks to stop once ``stop_after`` steps of a stage are finished."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stages: list[str] = []
        self.messages: list[str] = []
        self._stop_after, self._done = stop_after, 0

    def stage(self, name: str, total: int) -> None:
        self.stages.append(name)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self._done = done

    def message(self, text: str) -> None:
        self.messages.append(text)

    def cancelled(self) -> bool:
        return self._stop_after is not None and self._done >= self._stop_after


class Impatient(Listener):
    """Asks to stop as soon as it is asked for the ``polls``-th time, by whatever thread."""

    def __init__(self, polls: int = 1) -> None:
        super().__init__()
        self._polls, self._count = polls, itertools.count(1)

    def cancelled(self) -> bool:
        return next(self._count) >= self._polls


class Hurried(Listener):
    """Waits for the end from the stage ``stage`` on, once ``steps`` of it are finished."""

    def __init__(self, stage: str, steps: int = 0) -> None:
        super().__init__()
        self._stage, self._steps = stage, steps

    def is_hurried(self) -> bool:
        return self.stages[-1:] == [self._stage] and self._done >= self._steps

    def stage(self, name: str, total: int) -> None:
        super().stage(name, total)
        self._done = 0

    def cancelled(self) -> bool:
        return self.is_hurried()
