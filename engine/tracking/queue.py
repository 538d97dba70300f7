"""Frames between the thread that reads a source and the one that tracks."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from engine.sequences.depth_source import DepthFrame
from engine.sequences.source_kind import Pace

CAPACITY = 2
"""Frames that wait: one that is next, and the newest one."""
_ASKED_EVERY_S = 0.1


class FrameQueue:
    """Frames of a source, read ahead by a thread of its own; few of them wait.

    Where a frame comes while as many wait as may, the oldest of these is dropped and counted if the pace is live, for a
    late answer is worth less than a new one; if every frame is wanted, the source waits. `DepthFrame.dropped` of those
    that are taken out counts these, too. What the source raises is raised to whoever takes frames out.
    """

    def __init__(self, source: Iterable[DepthFrame], pace: Pace, capacity: int = CAPACITY) -> None:
        assert capacity > 0, capacity
        self._source, self._pace, self._capacity = source, pace, capacity
        self._waiting: deque[DepthFrame] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self.dropped = 0
        """Frames that nobody will see: of those read, and of those that the source itself did not hand over"""
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    @property
    def is_empty(self) -> bool:
        """Whether no frame waits."""
        return not self._waiting

    def frames(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[DepthFrame]:
        """Take frames out until the source ends; whether somebody has ``stopped`` it is asked while none comes."""
        while (frame := self._next(stopped)) is not None:
            yield frame

    def _next(self, stopped: Callable[[], bool]) -> DepthFrame | None:
        with self._changed:
            while not (self._waiting or self._ended or self._closed):
                self._changed.wait(_ASKED_EVERY_S)
                if stopped():
                    return None
            if self._closed:
                return None
            if self._waiting:
                frame = self._waiting.popleft()
                self._changed.notify_all()
                return frame
            if self._error is not None:
                raise self._error
            return None

    def close(self) -> None:
        """Take nothing more; the source's thread ends with its next frame."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            for frame in self._source:
                if not self._put(frame):
                    break
        except BaseException as error:  # whoever iterates is told
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, frame: DepthFrame) -> bool:
        """Whether more is wanted."""
        with self._changed:
            self.dropped += frame.dropped
            if self._pace is Pace.EVERY:
                self._changed.wait_for(lambda: len(self._waiting) < self._capacity or self._closed)
            self._waiting.append(frame)
            while len(self._waiting) > self._capacity:
                gone = self._waiting.popleft()
                self._waiting[0] = replace(self._waiting[0], dropped=self._waiting[0].dropped + gone.dropped + 1)
                self.dropped += 1
            self._changed.notify_all()
            return not self._closed
