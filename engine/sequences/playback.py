"""A recording as a live source: played at its own rate, as a camera would show it, or frame by frame."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame
from engine.sequences.source_kind import Pace

_ASKED_EVERY_S = 0.05


@dataclass(frozen=True, eq=False)
class Playback:
    """A depth sequence, with what a live source has: its pace and its end by `close`."""

    sequence: DepthSequence
    pace: Pace = Pace.LIVE
    _closed: Event = field(default_factory=Event)
    _resting: Event = field(default_factory=Event)

    @property
    def name(self) -> str:
        return self.sequence.name

    @property
    def camera(self) -> PinholeCamera:
        return self.sequence.camera

    @property
    def world(self) -> World:
        return self.sequence.world

    @property
    def origin(self) -> str:
        return self.sequence.origin

    @property
    def warnings(self) -> tuple[Notice, ...]:
        return self.sequence.warnings

    def __iter__(self) -> Iterator[DepthFrame]:
        """Frames from the beginning; at its own rate from the moment at which the first one is asked for.

        Who asks late gets the frame that is shown then, and how many were missed; the last frame is never missed.
        """
        start, before = time.monotonic(), -1
        while before < len(self.sequence) - 1:
            index = before + 1
            start += self._rest()
            if self._closed.is_set():
                return
            if self.pace is Pace.LIVE:
                elapsed = time.monotonic() - start
                index = max(index, shown_at(self.sequence.times_s, elapsed))
                ahead = self.sequence.times_s[index] - self.sequence.times_s[0] - elapsed
                if self._closed.wait(max(0.0, ahead)):
                    return
            yield replace(self.sequence.frame(index), dropped=index - before - 1)
            before = index

    def pause(self) -> None:
        """Stand still until `go_on`; from any thread."""
        self._resting.set()

    def go_on(self) -> None:
        self._resting.clear()

    def close(self) -> None:
        self._closed.set()

    def _rest(self) -> float:
        """Wait for the end of a pause, if there is one; seconds that went by."""
        since = time.monotonic()
        while self._resting.is_set() and not self._closed.wait(_ASKED_EVERY_S):
            pass
        return time.monotonic() - since


def shown_at(times_s: NDArray[np.float64], elapsed_s: float) -> int:
    """The index of the last of the frames taken at ``times_s`` (F,), increasing, that ``elapsed_s`` after the first one
    has been taken."""
    assert times_s.ndim == 1 and len(times_s) > 0, times_s.shape
    return max(0, int(np.searchsorted(times_s - times_s[0], elapsed_s, side="right")) - 1)
