"""Trackers as methods, and sources that are tracked as they come."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Notice
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.methods.job import run_fit
from engine.methods.method import FitResult, FoundCodes, LoadedModel, load_method
from engine.methods.request import FitRequest
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame
from engine.sequences.playback import Playback
from engine.sequences.source_kind import Pace
from engine.tracking.live import TrackControl, track
from engine.tracking.tracker import TrackedFrame
from npm_studio.resources import demo_model


@dataclass
class Counter:
    """A tracker that counts; every third frame is lost, and from the fifth on somebody else is there."""

    names: list[str] = field(default_factory=list)
    resets: int = 0
    improved: int = 0
    left: int = 0

    def start(self, camera: object, world: World, subject_alone: bool = False, keep: bool = True) -> None:
        self.names.clear()

    def push(self, frame: DepthFrame) -> TrackedFrame:
        self.names.append(frame.name)
        self.left, count, nothing = 2, len(self.names), np.zeros(2, np.float32)
        lost = count % 3 == 0
        return TrackedFrame(
            frame.name,
            0.0,
            np.eye(4),
            np.eye(4),
            nothing,
            nothing,
            0,
            0.0 if lost else 1.0,
            lost,
            count == 1,
            int(count > 4),
            0.01,
        )

    def improve(self) -> bool:
        self.improved, self.left = self.improved + 1, self.left - 1
        return self.left > 0

    def mesh(self, frame: TrackedFrame) -> Mesh:
        raise NotImplementedError

    @property
    def notices(self) -> tuple[Notice, ...]:
        return ()

    def reset(self) -> None:
        self.resets += 1

    def finish(
        self,
        progress: Progress,
        source: DepthSequence | None = None,
        folder: Path | None = None,
        keep: Callable[[FoundCodes], None] | None = None,
    ) -> FitResult:
        raise NotImplementedError


class Told(Progress):
    """Keeps what is said, and asks to stop when a tracker has seen four frames."""

    def __init__(self, tracker: Counter | None = None) -> None:
        self.notices: list[Notice] = []
        self._tracker = tracker

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def cancelled(self) -> bool:
        return self._tracker is not None and len(self._tracker.names) == 4


@pytest.fixture
def source(demo: DepthSequence) -> Playback:
    return Playback(demo.subset(range(9)), Pace.EVERY)


def test_every_frame_of_a_recording_is_tracked_and_all_that_can_wait_is_done(source: Playback) -> None:
    tracker, progress = Counter(), Told()
    summary = track(source, tracker, Pace.EVERY, progress)
    assert tracker.names == list(source.sequence.frame_names)
    assert tracker.improved == 2 * 9
    assert (summary.frames, summary.dropped, summary.lost, summary.searched) == (9, 0, 3, 1)
    assert not summary.interrupted
    assert summary.as_dict()["latency_median_ms"] == 10.0


def test_that_somebody_else_is_there_is_said_once(source: Playback) -> None:
    progress = Told()
    track(source, Counter(), Pace.EVERY, progress)
    assert [notice.text for notice in progress.notices] == [
        "frame 000004: somebody else has come into view; the first subject is followed"
    ]


def test_who_stops_a_track_keeps_what_there_is(source: Playback) -> None:
    tracker = Counter()
    summary = track(source, tracker, Pace.EVERY, Told(tracker))
    assert summary.interrupted
    assert len(tracker.names) == summary.frames == 4


def test_a_reset_that_another_thread_asks_for_comes_before_the_next_frame(source: Playback) -> None:
    tracker, control = Counter(), TrackControl()
    resets: list[int] = []

    def tell(frame: DepthFrame, tracked: TrackedFrame) -> None:
        resets.append(tracker.resets)
        if tracked.name == "000002":
            control.reset()

    track(source, tracker, Pace.EVERY, control=control, tell=tell)
    assert resets == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_a_live_track_ends_when_another_thread_stops_it() -> None:
    tracker, control = Counter(), TrackControl()

    class Endless:
        name, camera, world, origin = "endless", None, World.PLACED, ""

        def __iter__(self) -> Iterator[DepthFrame]:
            number = 0
            while True:
                yield DepthFrame(str(number), None, np.zeros((2, 2), np.float32), None)
                number += 1

    def tell(frame: DepthFrame, tracked: TrackedFrame) -> None:
        if len(tracker.names) == 5:
            control.stop()

    summary = track(Endless(), tracker, Pace.LIVE, control=control, tell=tell)  # type: ignore[arg-type]
    assert summary.interrupted and summary.frames == 5


@pytest.mark.slow
def test_a_recording_is_fitted_frame_by_frame_into_an_ordinary_run(
    model: NeuralParametricModel, demo: DepthSequence, folder: Path
) -> None:
    method = load_method("npm-tracker")
    config = method.config_type(resolution=64)
    loaded = LoadedModel(demo_model(), model)
    request = FitRequest(method, config, demo.subset(range(2)), folder / "run", loaded)
    run = run_fit(request)
    assert run.method == "npm-tracker"
    assert run.verdict == "good"
    assert [frame.lost for frame in run.frames] == [False, False]
    assert all(frame.mean_distance_mm is not None and frame.mean_distance_mm < 10 for frame in run.frames)
    assert (run.folder / "codes.npz").is_file()


def test_in_a_pause_no_frame_of_a_recording_is_lost(source: Playback) -> None:
    tracker, control = Counter(), TrackControl()
    before = threading.active_count()

    def tell(frame: DepthFrame, tracked: TrackedFrame) -> None:
        if tracked.name == "000002":
            control.pause()

    thread = threading.Thread(target=lambda: track(source, tracker, Pace.EVERY, control=control, tell=tell))
    thread.start()
    while not control.paused:
        time.sleep(0.001)
    thread.join(0.2)
    assert tracker.names == ["000000", "000001", "000002"]
    control.go_on()
    thread.join(10)
    assert tracker.names == list(source.sequence.frame_names)
    assert threading.active_count() <= before + 1


def test_in_a_pause_the_frames_of_a_live_source_pass_and_count_as_nothing() -> None:
    tracker, control, passed = Counter(), TrackControl(), threading.Event()

    class Live:
        name, camera, world, origin = "live", None, World.PLACED, ""

        def __iter__(self) -> Iterator[DepthFrame]:
            for number in range(8):
                if number == 6:
                    control.go_on()
                yield DepthFrame(f"{number:06d}", None, np.zeros((2, 2), np.float32), None)
                passed.wait(0.05)

    def tell(frame: DepthFrame, tracked: TrackedFrame) -> None:
        if tracked.name == "000001":
            control.pause()

    summary = track(Live(), tracker, Pace.LIVE, control=control, tell=tell)  # type: ignore[arg-type]
    assert set(tracker.names) & {"000003", "000004"} == set()
    assert tracker.names[-1] == "000007"
    assert summary.dropped == 0


def test_a_paused_track_can_be_stopped(source: Playback) -> None:
    tracker, control = Counter(), TrackControl()
    control.pause()
    threading.Timer(0.05, control.stop).start()
    summary = track(source, tracker, Pace.EVERY, control=control)
    assert summary.interrupted and tracker.names == []
