"""Tracking a source as its frames come."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.errors import Notice
from engine.core.progress import Progress
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.sequences.source_kind import Pace
from engine.tracking.queue import FrameQueue
from engine.tracking.tracker import TrackedFrame, Tracker

_ASKED_EVERY_S = 0.1


@dataclass(frozen=True)
class TrackSummary:
    """How it went."""

    frames: int
    """That were tracked"""
    dropped: int
    """That came too fast"""
    lost: int
    """In which the tracker does not trust itself, or nobody was seen"""
    searched: int
    """In which the whole image was searched"""
    seconds: float
    latency_median_s: float | None
    """From `Tracker.push` to codes and place, without the first frame, in which all is made ready; None of one frame"""
    latency_p95_s: float | None
    latency_max_s: float | None
    interrupted: bool
    """Whether it ended before the source did"""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, milliseconds."""
        named = ("median", self.latency_median_s), ("p95", self.latency_p95_s), ("max", self.latency_max_s)
        return {
            "frames": self.frames,
            "dropped_frames": self.dropped,
            "lost_frames": self.lost,
            "searched_frames": self.searched,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames / self.seconds, 2) if self.seconds > 0 else None,
            "interrupted": self.interrupted,
        } | {f"latency_{name}_ms": None if value is None else round(1000 * value, 2) for name, value in named}


class TrackControl:
    """What other threads may ask of a running track."""

    def __init__(self) -> None:
        self._reset, self._stop = threading.Event(), threading.Event()
        self._going = threading.Event()
        self._going.set()

    def reset(self) -> None:
        """Have the next frame searched as if it were the first."""
        self._reset.set()

    def stop(self) -> None:
        """End after this frame."""
        self._stop.set()

    def pause(self) -> None:
        """Look at no frames from now on: those of a live source pass and count as nothing, others wait."""
        self._going.clear()

    def go_on(self) -> None:
        """End a pause."""
        self._going.set()

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    def wait_for(self, seconds: float) -> None:
        """Let a part of a pause pass."""
        self._going.wait(seconds)

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def take_reset(self) -> bool:
        """Whether somebody asked for a reset since this was last called."""
        asked = self._reset.is_set()
        self._reset.clear()
        return asked


def track(
    source: DepthSource,
    tracker: Tracker,
    pace: Pace,
    progress: Progress | None = None,
    control: TrackControl | None = None,
    tell: Callable[[DepthFrame, TrackedFrame], None] = lambda frame, tracked: None,
    subject_alone: bool = False,
    keep: bool = True,
) -> TrackSummary:
    """Push the frames of ``source`` through ``tracker`` until it ends or somebody stops it; the caller closes both.

    Between frames the tracker improves what it knows: as long as none waits, or all that can wait where every frame is
    wanted. A notice says once when somebody else is seen.

    Args:
        tell: is called with each frame and what the tracker says of it, before anything that can wait
        subject_alone, keep: see `engine.tracking.tracker.Tracker.start`

    Raises:
        InputError: a frame cannot be read, or the tracker lacks something.
    """
    progress, control = progress or Progress(), control or TrackControl()

    def stopped() -> bool:
        return progress.cancelled() or control.stopped

    tracker.start(source.camera, source.world, subject_alone, keep)
    queue, started = FrameQueue(source, pace), time.perf_counter()
    latencies: list[float] = []
    lost = searched = others = said = 0
    try:
        for frame in queue.frames(stopped):
            while control.paused and pace is Pace.EVERY and not stopped():
                control.wait_for(_ASKED_EVERY_S)
            if stopped():
                break
            if control.paused:
                continue
            if control.take_reset():
                tracker.reset()
            tracked = tracker.push(frame)
            latencies.append(tracked.latency_s)
            lost, searched = lost + tracked.lost, searched + tracked.searched
            tell(frame, tracked)
            for notice in tracker.notices[said:]:
                progress.notice(notice)
            said = len(tracker.notices)
            if tracked.others > others:
                progress.notice(
                    Notice(f"frame {tracked.name}: {_others(tracked.others)}; the first subject is followed")
                )
            others = max(others, tracked.others)
            while tracker.improve() and (pace is Pace.EVERY or queue.is_empty):
                pass
            if stopped():
                break
    finally:
        queue.close()
    warm = np.array(latencies[1:])
    median, p95, largest = np.quantile(warm, (0.5, 0.95, 1.0)).tolist() if len(warm) else (None, None, None)
    seconds = time.perf_counter() - started
    return TrackSummary(len(latencies), queue.dropped, lost, searched, seconds, median, p95, largest, stopped())


def _others(count: int) -> str:
    return "somebody else has come into view" if count == 1 else f"{count} others are in view"
