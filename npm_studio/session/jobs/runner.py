"""One thread that does one job after the other."""

import contextlib
import itertools
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.core.errors import Cancelled, InputError, Notice, Words, plain_words
from engine.core.process import give_back_memory
from engine.core.progress import Progress
from engine.core.streams import begin_with_all_cores
from npm_studio.session.jobs.events import (
    Advanced,
    EventQueue,
    Failed,
    Finished,
    Message,
    Previewed,
    ProcessBegan,
    Resumed,
    StageStarted,
    Started,
    Stopped,
)

Work = Callable[[Progress], object]
Asked = Literal["go on", "hold", "stop"]
"""What the user wants of a job."""
PREVIEW_SECONDS = 0.5
_NICENESS = 10
"""Of long work: on busy cores it gets a tenth of the time of the window and the live meshes."""
_log = logging.getLogger(__name__)
_numbers = itertools.count(1)


class QueueProgress(Progress):
    """Progress of one job as events; polled for cancellation by the work."""

    def __init__(
        self,
        job: int,
        events: EventQueue,
        clock: Callable[[], float] = time.monotonic,
        words: Words = plain_words,
    ) -> None:
        self._job, self._events, self._clock, self._words = job, events, clock, words
        self._stop, self._goes_on = threading.Event(), threading.Event()
        self._keeps = True
        self._goes_on.set()
        self._last_preview = -PREVIEW_SECONDS

    def stage(self, name: str, total: int) -> None:
        _log.info("job %d: %s: %d steps", self._job, name, total)
        self._events.post(StageStarted(self._job, name, total))

    def resumed(self, done: int) -> None:
        self._events.post(Resumed(self._job, done))

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self._end_if_unwanted()
        self._events.post(Advanced(self._job, done, dict(metrics or {})))

    def message(self, text: str) -> None:
        _log.info("job %d: %s", self._job, text)
        self._events.post(Message(self._job, text))

    def notice(self, notice: Notice) -> None:
        self.message(notice.line(self._words))

    def preview(self, payload: object) -> None:
        self._last_preview = self._clock()
        self._events.post(Previewed(self._job, payload))

    def wants_preview(self) -> bool:
        """Yes, unless the last one was just now or is not shown yet."""
        return self._clock() - self._last_preview >= PREVIEW_SECONDS and not self._events.has_preview(self._job)

    def runs_in(self, process: int) -> None:
        """A process with this number does the work."""
        self._events.post(ProcessBegan(self._job, process))

    @property
    def asked(self) -> Asked:
        """What the user wants now, for those who must not be kept waiting."""
        return "stop" if self._stop.is_set() else "go on" if self._goes_on.is_set() else "hold"

    @property
    def is_unwanted(self) -> bool:
        """Whether to stop, and to keep nothing."""
        return not self._keeps

    def cancelled(self) -> bool:
        """Whether to stop; while the job is paused, whoever asks is kept waiting.

        Raises:
            Cancelled: asked to stop, and to keep nothing.
        """
        self._goes_on.wait()
        self._end_if_unwanted()
        return self._stop.is_set()

    def is_hurried(self) -> bool:
        """Yes, once asked to stop: a person waits.

        Raises:
            Cancelled: asked to stop, and to keep nothing.
        """
        self._end_if_unwanted()
        return self._stop.is_set()

    def cancel(self, discard: bool = False) -> None:
        """Ask the work to stop; with ``discard`` it shall not keep what it has."""
        self._keeps = self._keeps and not discard
        self._stop.set()
        self._goes_on.set()

    def pause(self) -> None:
        """Hold the work the next time that it asks whether to stop."""
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    def _end_if_unwanted(self) -> None:
        if not self._keeps:
            raise Cancelled


@dataclass(frozen=True, eq=False)
class _Job:
    number: int
    work: Work
    progress: QueueProgress = field(repr=False)


class JobRunner:
    """Runs work on its own thread, in the order of submission, and reports to an `EventQueue`."""

    def __init__(self, name: str, events: EventQueue, yields: bool = False, words: Words = plain_words) -> None:
        """With ``yields`` the work leaves the cores to the rest of the application when that wants them.

        ``words`` are those of the front end that shows the events.
        """
        self._name, self._events, self._yields, self._words = name, events, yields, words
        self._waiting: deque[_Job] = deque()
        self._running: _Job | None = None
        self._condition = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, work: Work) -> int:
        """Queue ``work``; returns the number that its events carry."""
        number = next(_numbers)
        with self._condition:
            assert not self._closed
            self._waiting.append(_Job(number, work, QueueProgress(number, self._events, words=self._words)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify()
        return number

    @property
    def is_busy(self) -> bool:
        with self._condition:
            return self._running is not None or bool(self._waiting)

    def cancel(self) -> None:
        """Ask the running job to stop, and drop the waiting ones."""
        with self._condition:
            for job in self._waiting:
                self._events.post(Stopped(job.number))
            self._waiting.clear()
            if self._running is not None:
                self._running.progress.cancel()

    def stop(self, number: int, discard: bool = False) -> None:
        """Ask a running job to stop, with ``discard`` without keeping anything; drop it while it waits."""
        with self._condition:
            if self._running is not None and self._running.number == number:
                self._running.progress.cancel(discard)
            waiting = [job for job in self._waiting if job.number == number]
            for job in waiting:
                self._waiting.remove(job)
                self._events.post(Stopped(job.number))

    def pause(self, paused: bool) -> int | None:
        """Hold the running job at its next step, or let it go on; returns its number."""
        with self._condition:
            if self._running is None:
                return None
            self._running.progress.pause() if paused else self._running.progress.go_on()
            return self._running.number

    def close(self, timeout: float = 10.0) -> bool:
        """Cancel everything and wait for the thread; False when it did not end in ``timeout`` seconds."""
        self.cancel()
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        begin_with_all_cores()
        if self._yields:
            _leave_cores_to_others()
        while True:
            with self._condition:
                self._running = None
                while not self._waiting:
                    if self._closed:
                        return
                    self._condition.wait()
                self._running = self._waiting.popleft()
            self._do(self._running)
            give_back_memory()

    def _do(self, job: _Job) -> None:
        """In a call of its own: a thread that waits for the next job holds nothing of the last one."""
        self._events.post(Started(job.number))
        try:
            result = job.work(job.progress)
        except Cancelled:
            _log.info("job %d was stopped", job.number)
            self._events.post(Stopped(job.number))
        except Exception as error:
            level = logging.WARNING if isinstance(error, InputError) else logging.ERROR
            _log.log(level, "job %d failed", job.number, exc_info=error)
            self._events.post(Failed(job.number, error, traceback.format_exc()))
        else:
            self._events.post(Finished(job.number, result))


def _leave_cores_to_others() -> None:
    """Lower the priority of this thread, and of those that it starts for its matrix products; where that can be."""
    if sys.platform == "linux":  # elsewhere a process has one priority
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
