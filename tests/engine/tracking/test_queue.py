"""Frames that wait between a source and a tracker."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.sequences.depth_source import DepthFrame
from engine.sequences.source_kind import Pace
from engine.tracking.queue import FrameQueue


def frame(name: str, dropped: int = 0) -> DepthFrame:
    return DepthFrame(name, None, np.zeros((2, 2), np.float32), None, dropped)


def names(queue: FrameQueue) -> list[str]:
    return [each.name for each in queue.frames()]


def test_the_newest_frames_win_where_the_source_is_live() -> None:
    ended = threading.Event()

    def source() -> Iterator[DepthFrame]:
        yield from (frame(str(number)) for number in range(6))
        ended.set()

    queue = FrameQueue(source(), Pace.LIVE, capacity=2)
    assert ended.wait(5)
    taken = list(queue.frames())
    assert [(each.name, each.dropped) for each in taken] == [("4", 4), ("5", 0)]
    assert queue.dropped == 4


def test_frames_that_the_source_dropped_itself_are_counted() -> None:
    queue = FrameQueue([frame("0"), frame("1", dropped=3)], Pace.EVERY)
    assert names(queue) == ["0", "1"]
    assert queue.dropped == 3


def test_the_source_waits_where_every_frame_is_wanted() -> None:
    queue = FrameQueue((frame(str(number)) for number in range(20)), Pace.EVERY, capacity=1)
    assert names(queue) == [str(number) for number in range(20)]
    assert queue.dropped == 0


def test_what_the_source_raises_comes_after_the_frames_before_it() -> None:
    def source() -> Iterator[DepthFrame]:
        yield frame("good")
        raise InputError("frame 1", "is damaged", "leave it out")

    taken = FrameQueue(source(), Pace.EVERY).frames()
    assert next(taken).name == "good"
    with pytest.raises(InputError, match="is damaged"):
        next(taken)


def test_who_stops_does_not_wait_for_a_frame_that_never_comes() -> None:
    release = threading.Event()

    def source() -> Iterator[DepthFrame]:
        release.wait(10)
        yield frame("late")

    queue = FrameQueue(source(), Pace.LIVE)
    assert list(queue.frames(stopped=lambda: True)) == []
    queue.close()
    release.set()
