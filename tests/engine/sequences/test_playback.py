"""A recording as a live source."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.sequences.playback import Playback, shown_at
from engine.sequences.source_kind import Pace

CAMERA = PinholeCamera(8, 6, 10.0, 10.0, 4.0, 3.0)


def sequence(times_s: list[float], **more: object) -> DepthSequence:
    """A frame for each of ``times_s``, with its number from 1 for depth."""
    names = tuple(f"{index:06d}" for index in range(len(times_s)))

    def read(index: int) -> np.ndarray:
        return np.full((6, 8), index + 1, np.float32)

    return DepthSequence("walk", Path("walk"), CAMERA, names, np.array(times_s), read, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("elapsed", "index"), [(0, 0), (0.1, 0), (0.125, 1), (0.4, 2), (0.5, 3), (99, 3), (-1, 0)])
def test_what_a_recording_shows_is_the_last_frame_that_has_been_taken(elapsed: float, index: int) -> None:
    assert shown_at(np.array([5.0, 5.125, 5.25, 5.5]), elapsed) == index


def test_at_its_own_rate_frames_are_handed_over_or_counted_and_the_last_one_always_is() -> None:
    source: DepthSource = Playback(sequence([index / 500 for index in range(100)]))
    frames: list[DepthFrame] = []
    for frame in source:
        frames.append(frame)
        time.sleep(0.02)  # slower than the recording
    assert sum(1 + frame.dropped for frame in frames) == 100
    assert len(frames) < 100
    assert [int(frame.name) + 1 for frame in frames] == np.cumsum([1 + frame.dropped for frame in frames]).tolist()
    assert (frames[-1].name, frames[-1].depth_m[0, 0]) == ("000099", 100)


def test_no_frame_is_shown_before_its_time() -> None:
    start = time.monotonic()
    for frame in Playback(sequence([7.0, 7.03, 7.06])):
        assert frame.time_s is not None
        assert time.monotonic() - start >= frame.time_s - 7.0 - 1e-9


def test_frame_by_frame_none_is_dropped_and_nothing_is_waited_for() -> None:
    source = Playback(sequence([0.0, 1e6, 2e6]), Pace.EVERY)
    assert [(frame.name, frame.dropped) for frame in source] == [("000000", 0), ("000001", 0), ("000002", 0)]


def test_closing_from_another_thread_ends_the_wait_for_a_frame() -> None:
    source = Playback(sequence([0.0, 1e6]))
    names: list[str] = []
    reader = threading.Thread(target=lambda: names.extend(frame.name for frame in source))
    reader.start()
    source.close()
    source.close()
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert names in ([], ["000000"])


def test_it_is_what_its_sequence_is() -> None:
    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[:, 1, 3] = 1.5
    recorded = sequence([0.0, 0.1], cameras_to_world=poses, world=World.UPRIGHT, times_assumed=True)
    source: DepthSource = Playback(recorded, Pace.EVERY)
    assert (source.name, source.camera, source.world) == ("walk", CAMERA, World.UPRIGHT)
    assert (source.origin, source.warnings) == (recorded.origin, ())
    first = next(iter(source))
    np.testing.assert_array_equal(first.camera_to_world, poses[0])
    assert first.time_s is None


def test_a_sequence_itself_is_a_source_that_closing_does_not_end() -> None:
    source: DepthSource = sequence([0.0, 0.1])
    source.close()
    assert [frame.dropped for frame in source] == [0, 0]


def test_a_pause_moves_all_later_frames() -> None:
    source = Playback(sequence([0.0, 0.02, 0.04]))
    frames = iter(source)
    next(frames)
    source.pause()
    threading.Timer(0.3, source.go_on).start()
    start = time.monotonic()
    second = next(frames)
    assert (second.name, second.dropped) == ("000001", 0)
    assert time.monotonic() - start >= 0.3


def test_closing_ends_a_pause() -> None:
    source = Playback(sequence([0.0, 0.02]))
    source.pause()
    threading.Timer(0.05, source.close).start()
    assert list(source) == []
