"""A background job as a value: what it is called, how it goes, what it has said and what it makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from npm_studio.session.jobs.events import (
    Advanced,
    Failed,
    Finished,
    JobEvent,
    Message,
    ProcessBegan,
    Resumed,
    StageStarted,
    Started,
    Stopped,
)
from npm_studio.session.jobs.stages import stage_title

JobState = Literal["waiting", "running", "paused", "stopping", "done", "failed", "stopped"]
MOST_LINES = 500
"""Of the log of one job."""


@dataclass(frozen=True, eq=False)
class JobInfo:
    """What a person is told of a job before it begins. A job without one is not listed."""

    title: str
    """``Fit walk``"""
    out: Path | None = None
    """What it makes."""
    keeps: str = ""
    """What is left when it is stopped, such as ``the best so far``; empty: nothing."""
    can_pause: bool = False
    again: Callable[[], object] | None = None
    """Does the same once more; None where that makes no sense."""
    command: str = ""
    """The command line that does the same, ready for a shell; empty where there is none."""


@dataclass(frozen=True)
class Job:
    """One job of a lane. Times are seconds since the epoch."""

    number: int
    lane: str
    info: JobInfo
    queued_at: float
    state: JobState = "waiting"
    began_at: float | None = None
    ended_at: float | None = None
    stage: str = ""
    done: int = 0
    total: int = 0
    """Steps of the stage; 0 where nobody knows."""
    before: int = 0
    """Of them those that were done some other time."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of the stage."""
    log: tuple[str, ...] = ()
    """The last `MOST_LINES` of what it said."""
    process: int | None = None
    """The number of the process that does it, where it is not that of the application."""
    stage_began_at: float = 0.0
    """Moved on by the time that it was paused."""
    paused_at: float = 0.0
    paused_s: float = 0.0
    """For how long it was paused, all times together, the present one left out."""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    @property
    def fraction(self) -> float | None:
        """Finished part of the stage, 0 to 1; None where nobody knows."""
        return min(self.done / self.total, 1.0) if self.total > 1 else None

    def seconds_left(self, now: float) -> float | None:
        """Until the stage ends, at the speed so far; None while nothing can be said."""
        if self.done <= self.before or self.total <= 1 or self.state not in ("running", "paused"):
            return None
        until = self.paused_at if self.state == "paused" else now
        return (until - self.stage_began_at) / (self.done - self.before) * max(self.total - self.done, 0)

    def seconds(self, now: float) -> float | None:
        """Of work since it began, or that it took, without pauses; None while it waits."""
        if self.began_at is None:
            return None
        until = self.ended_at if self.ended_at is not None else self.paused_at if self.state == "paused" else now
        return until - self.began_at - self.paused_s


def after(job: Job, event: JobEvent, now: float) -> Job:
    """``job`` when ``event`` has happened."""
    match event:
        case Started():
            return replace(job, state="running" if job.state == "waiting" else job.state, began_at=now)
        case ProcessBegan():
            return replace(job, process=event.process)
        case StageStarted():
            began = replace(job, stage=event.name, total=event.total, done=0, before=0, metrics={})
            line = f"{event.name}: {event.total} steps" if event.total > 1 else event.name
            return _saying(replace(began, stage_began_at=now, paused_at=now), line)
        case Resumed():
            return replace(job, done=event.done, before=event.done)
        case Advanced():
            return replace(job, done=event.done, metrics={**job.metrics, **event.metrics})
        case Message():
            return _saying(job, event.text)
        case Finished():
            return replace(job, state="stopped" if job.state == "stopping" else "done", ended_at=now, process=None)
        case Stopped():
            return replace(job, state="stopped", ended_at=now, process=None)
        case Failed():
            ended = replace(job, state="failed", ended_at=now, process=None)
            return _saying(ended, str(event.error) or event.error.__class__.__name__)
    return job


def paused(job: Job, hold: bool, now: float) -> Job:
    """``job``, which has begun, held or going on; perhaps its `Started` is still to be heard."""
    if hold and job.state in ("waiting", "running"):
        return replace(job, state="paused", paused_at=now)
    if not hold and job.state == "paused":
        return _going_on(job, now, "running")
    return job


def stopping(job: Job, now: float) -> Job:
    """``job`` when it has been asked to stop, paused or not."""
    if job.state == "paused":
        return _going_on(job, now, "stopping")
    return job if job.is_over else replace(job, state="stopping")


def _going_on(job: Job, now: float, state: JobState) -> Job:
    pause = now - job.paused_at
    return replace(job, state=state, stage_began_at=job.stage_began_at + pause, paused_s=job.paused_s + pause)


def in_words(job: Job) -> str:
    """How far it is, for a sentence: ``training shape, 400 of 2000``."""
    if job.state == "waiting":
        return "waiting"
    title = stage_title(job.stage)
    stage = title[:1].lower() + title[1:] or "running"
    return stage if job.fraction is None else f"{stage}, {job.done} of {job.total}"


def _saying(job: Job, line: str) -> Job:
    return replace(job, log=(*job.log, line)[-MOST_LINES:])
