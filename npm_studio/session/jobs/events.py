"""What a background job tells the window, as values on a queue."""

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class JobEvent:
    """Something that happened in job number ``job``."""

    job: int


@dataclass(frozen=True)
class Started(JobEvent):
    """The job left the queue."""


@dataclass(frozen=True)
class ProcessBegan(JobEvent):
    """A process of its own, by this number of the system, does the job."""

    process: int


@dataclass(frozen=True)
class StageStarted(JobEvent):
    """A stage of ``total`` steps begins."""

    name: str
    total: int


@dataclass(frozen=True)
class Resumed(JobEvent):
    """The stage goes on after ``done`` steps, which were done some other time."""

    done: int


@dataclass(frozen=True)
class Advanced(JobEvent):
    """``done`` steps of the stage are finished."""

    done: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Message(JobEvent):
    """One line for the user."""

    text: str


@dataclass(frozen=True, eq=False)
class Previewed(JobEvent):
    """An intermediate result."""

    payload: object


@dataclass(frozen=True, eq=False)
class Finished(JobEvent):
    """The job ended with ``result``."""

    result: object


@dataclass(frozen=True)
class Stopped(JobEvent):
    """The job was cancelled before it had anything to keep."""


@dataclass(frozen=True, eq=False)
class Failed(JobEvent):
    """The job ended with ``error``."""

    error: Exception
    traceback: str


_COALESCED = (Advanced, Previewed)


class EventQueue:
    """Events from any thread to the one that drains them."""

    def __init__(self) -> None:
        self._events: deque[JobEvent] = deque()
        self._lock = threading.Lock()

    def post(self, event: JobEvent) -> None:
        with self._lock:
            self._events.append(event)

    def has_preview(self, job: int) -> bool:
        """Whether a preview of ``job`` still waits to be shown."""
        with self._lock:
            return any(isinstance(event, Previewed) and event.job == job for event in self._events)

    def drain(self) -> list[JobEvent]:
        """All waiting events in order; of progress and previews only the last one of each job."""
        with self._lock:
            events, self._events = list(self._events), deque()
        kept: list[JobEvent] = []
        seen: set[tuple[int, type]] = set()
        for event in reversed(events):
            if isinstance(event, StageStarted):
                seen.discard((event.job, Advanced))
            elif isinstance(event, _COALESCED):
                if (event.job, type(event)) in seen:
                    continue
                seen.add((event.job, type(event)))
            kept.append(event)
        return kept[::-1]
