"""How far a job is, from its events."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from npm_studio.session.jobs.events import Advanced, JobEvent, Message, StageStarted


@dataclass
class JobStatus:
    """Stage, progress and expected end of one job; times come from ``clock``, in seconds."""

    clock: Callable[[], float] = time.monotonic
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    _stage_started: float = 0.0

    def update(self, event: JobEvent) -> None:
        if isinstance(event, StageStarted):
            self.stage, self.total, self.done = event.name, event.total, 0
            self._stage_started = self.clock()
        elif isinstance(event, Advanced):
            self.done = event.done
            self.metrics.update(event.metrics)
        elif isinstance(event, Message):
            self.message = event.text

    @property
    def fraction(self) -> float:
        """Finished part of the stage, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Expected end of the stage at the speed so far; None while nothing can be said."""
        if self.done == 0 or self.total == 0:
            return None
        return (self.clock() - self._stage_started) / self.done * max(self.total - self.done, 0)


def taken_text(seconds: float) -> str:
    """``16 s``, and from a minute on ``1:57 min``."""
    return f"{seconds:.0f} s" if round(seconds) < 60 else f"{clock_text(seconds)} min"


def clock_text(seconds: float) -> str:
    """``m:ss``"""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02d}"
