"""Frames between the thread that reads a source and the one that tracks."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum

from engine.sequences.depth_source import DepthFrame


class Policy(Enum):
    """What happens to a frame that comes while the queue is full."""

    NEWEST = "newest"
    """The oldest one that waits is dropped, and counted: for what is live, where a late answer is worth less."""
    ALL = "all"
    """The source waits: for recordings, of which every frame is wanted."""


class FrameQueue:
    """Frames of a source, read ahead by a thread of its own: a bounded number waits.

    Iterating takes them out until the source ends, and raises what it raised.
    """

    def __init__(self, source: Iterable[DepthFrame], policy: Policy, capacity: int = 2) -> None:
        """
        Args:
            capacity: frames that may wait, at least one
        """
        assert capacity > 0, capacity
        self._source, self._policy, self._capacity = source, policy, capacity
        self._waiting: deque[DepthFrame] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self.read = 0
        """Frames that the source has given"""
        self.dropped = 0
        """Frames among them that nobody will see"""
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    @property
    def is_empty(self) -> bool:
        """Whether no frame waits."""
        return not self._waiting

    def __iter__(self) -> Iterator[DepthFrame]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended or self._closed)
                if self._closed:
                    return
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                frame = self._waiting.popleft()
                self._changed.notify_all()
            yield frame

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
            self.read += 1
            if self._policy is Policy.ALL:
                self._changed.wait_for(lambda: len(self._waiting) < self._capacity or self._closed)
            while len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(frame)
            self._changed.notify_all()
            return not self._closed
