"""Where background jobs meet the window: lanes of jobs, what is known of each, and who is told of their events."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.core.errors import Words, plain_words
from npm_studio.session.document.signal import Signal
from npm_studio.session.jobs import job as jobs
from npm_studio.session.jobs.events import EventQueue, Failed, Finished, JobEvent, Stopped
from npm_studio.session.jobs.job import Job, JobInfo
from npm_studio.session.jobs.runner import JobRunner, Work

LANES = ("load", "look", "save", "fit", "train", "measure", "track", "export")
"""Reading files, looking at recordings, saving, fitting, training, measuring, tracking and exporting have a thread
each; none waits."""
YIELDING = ("look", "fit", "measure", "export")
"""Lanes that leave the cores to the rest; a track would fall behind its source, a training has its own process."""
MOST_OVER = 50
"""Listed jobs that are over; older ones are forgotten."""
MOST_AGAIN = 3
"""Of them that can be done again: each holds what it was done with, such as a model and a recording."""


@dataclass(frozen=True, eq=False)
class _Listeners:
    finished: Callable[[object], None]
    failed: Callable[[Exception, str], None]
    stopped: Callable[[], None]
    event: Callable[[JobEvent], None]


class JobBoard:
    """Starts jobs; whoever calls `hand_out` now and then is the thread that is called back."""

    def __init__(
        self,
        words: Words = plain_words,
        watch: Callable[[bool], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            watch: told whether there is something to `hand_out`
        """
        self.changed = Signal()
        """A job was queued, began, ended, is held or goes on."""
        self.advanced = Signal()
        """A listed job has said something: with the `Job`."""
        self._watch, self._clock = watch, clock
        self._events = EventQueue()
        self._runners = {lane: JobRunner(lane, self._events, yields=lane in YIELDING, words=words) for lane in LANES}
        self._listeners: dict[int, _Listeners] = {}
        self._lane_of: dict[int, str] = {}
        self._listed: dict[int, Job] = {}

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Those that have a `JobInfo`, in the order in which they were queued; also those that are over."""
        return tuple(self._listed.values())

    @property
    def unfinished(self) -> tuple[Job, ...]:
        """Of `jobs` those that run or wait."""
        return tuple(job for job in self._listed.values() if not job.is_over)

    def job(self, number: int) -> Job | None:
        """The listed job with this number."""
        return self._listed.get(number)

    def submit(
        self,
        lane: str,
        work: Work,
        finished: Callable[[object], None],
        failed: Callable[[Exception, str], None],
        stopped: Callable[[], None] = lambda: None,
        event: Callable[[JobEvent], None] = lambda _: None,
        info: JobInfo | None = None,
    ) -> int:
        """Queue ``work`` in ``lane``. Exactly one of ``finished``, ``failed`` and ``stopped`` is called at its end.

        Args:
            finished: with the result
            failed: with the error and its traceback
            event: with everything that happens in between
            info: of a job that is listed for the user

        Returns:
            the number of the job
        """
        number = self._runners[lane].submit(work)
        self._listeners[number] = _Listeners(finished, failed, stopped, event)
        self._lane_of[number] = lane
        if info is not None:
            self._listed[number] = Job(number, lane, info, self._clock())
            self._forget_old()
        self._watch(True)
        self.changed.emit()
        return number

    def is_busy(self, lane: str) -> bool:
        """Whether a job of ``lane`` has not told its end yet."""
        return lane in self._lane_of.values()

    def cancel(self, lane: str, discard: bool = False) -> None:
        """Ask the running job of ``lane`` to stop and drop the waiting ones; see `stop`."""
        for number in [number for number, of in self._lane_of.items() if of == lane]:
            self.stop(number, discard)

    def stop(self, number: int, discard: bool = False) -> None:
        """Ask a job to stop, or drop it while it waits; with ``discard`` it shall not keep what it has."""
        if number not in self._lane_of:
            return
        if number in self._listed:
            self._listed[number] = jobs.stopping(self._listed[number], self._clock())
        self._runners[self._lane_of[number]].stop(number, discard)
        self.changed.emit()

    def pause(self, lane: str, paused: bool) -> None:
        """Hold the running job of ``lane`` at its next step, or let it go on."""
        number = self._runners[lane].pause(paused)
        if number in self._listed:
            self._listed[number] = jobs.paused(self._listed[number], paused, self._clock())
        self.changed.emit()

    def forget(self, number: int) -> None:
        """Take a job that is over off the list."""
        if number in self._listed and self._listed[number].is_over:
            del self._listed[number]
            self.changed.emit()

    def shut_down(self, timeout: float) -> bool:
        """Cancel everything and wait; False when a thread did not end in ``timeout`` seconds."""
        self._watch(False)
        self._listeners.clear()
        for runner in self._runners.values():
            runner.cancel()
        until = time.monotonic() + timeout
        ended = [runner.close(max(until - time.monotonic(), 0.1)) for runner in self._runners.values()]
        return all(ended)

    def hand_out(self) -> None:
        """Tell everybody what has happened since the last call."""
        for event in self._events.drain():
            listeners = self._listeners.get(event.job)
            if listeners is None:
                continue
            self._note(event)
            if isinstance(event, Finished | Failed | Stopped):
                del self._listeners[event.job]
                del self._lane_of[event.job]
                self.changed.emit()
            if isinstance(event, Finished):
                listeners.finished(event.result)
            elif isinstance(event, Failed):
                listeners.failed(event.error, event.traceback)
            elif isinstance(event, Stopped):
                listeners.stopped()
            else:
                listeners.event(event)
        if not self._listeners:
            self._watch(False)

    def _note(self, event: JobEvent) -> None:
        job = self._listed.get(event.job)
        if job is None:
            return
        now = jobs.after(job, event, self._clock())
        self._listed[event.job] = now
        if now.state != job.state and not now.is_over:
            self.changed.emit()
        self.advanced.emit(now)

    def _forget_old(self) -> None:
        over = [number for number, job in self._listed.items() if job.is_over]
        for number in over[:-MOST_OVER]:
            del self._listed[number]
        can_again = [number for number in over[-MOST_OVER:] if self._listed[number].info.again is not None]
        for number in can_again[:-MOST_AGAIN]:
            job = self._listed[number]
            self._listed[number] = replace(job, info=replace(job.info, again=None))
