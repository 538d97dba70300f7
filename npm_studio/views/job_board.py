"""Where background jobs meet the window: their events are handed out on the window's thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from npm_studio.session.jobs.events import EventQueue, Failed, Finished, JobEvent, Stopped
from npm_studio.session.jobs.runner import JobRunner, Work
from npm_studio.views.words import words

INTERVAL_MS = 33
LANES = ("load", "save", "fit", "measure", "track", "export")
"""Reading files, saving, fitting, measuring distances, tracking and exporting have a thread each; none waits."""
YIELDING = ("fit", "measure", "export")
"""Lanes that leave the cores to the rest; a track would fall behind its source."""


@dataclass(frozen=True, eq=False)
class _Listeners:
    finished: Callable[[object], None]
    failed: Callable[[Exception, str], None]
    stopped: Callable[[], None]
    event: Callable[[JobEvent], None]


class JobBoard(QObject):
    """Starts jobs and calls back on the thread of the window."""

    changed = pyqtSignal()
    """A job began or ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._events = EventQueue()
        self._runners = {lane: JobRunner(lane, self._events, yields=lane in YIELDING, words=words) for lane in LANES}
        self._listeners: dict[int, _Listeners] = {}
        self._lane_of: dict[int, str] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._hand_out)

    def submit(
        self,
        lane: str,
        work: Work,
        finished: Callable[[object], None],
        failed: Callable[[Exception, str], None],
        stopped: Callable[[], None] = lambda: None,
        event: Callable[[JobEvent], None] = lambda _: None,
    ) -> int:
        """Queue ``work`` in ``lane``. Exactly one of ``finished``, ``failed`` and ``stopped`` is called at its end.

        Args:
            finished: with the result
            failed: with the error and its traceback
            event: with everything that happens in between
        """
        number = self._runners[lane].submit(work)
        self._listeners[number] = _Listeners(finished, failed, stopped, event)
        self._lane_of[number] = lane
        self._timer.start()
        self.changed.emit()
        return number

    def is_busy(self, lane: str) -> bool:
        """Whether a job of ``lane`` has not told its end yet."""
        return lane in self._lane_of.values()

    def cancel(self, lane: str) -> None:
        """Ask the running job of ``lane`` to stop and drop the waiting ones."""
        self._runners[lane].cancel()

    def pause(self, lane: str, paused: bool) -> None:
        """Hold the running job of ``lane`` at its next step, or let it go on."""
        self._runners[lane].pause(paused)
        self.changed.emit()

    def shut_down(self, timeout: float) -> bool:
        """Cancel everything and wait; False when a thread did not end in ``timeout`` seconds."""
        self._timer.stop()
        self._listeners.clear()
        for runner in self._runners.values():
            runner.cancel()
        until = time.monotonic() + timeout
        ended = [runner.close(max(until - time.monotonic(), 0.1)) for runner in self._runners.values()]
        return all(ended)

    def _hand_out(self) -> None:
        for event in self._events.drain():
            listeners = self._listeners.get(event.job)
            if listeners is None:
                continue
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
            self._timer.stop()
