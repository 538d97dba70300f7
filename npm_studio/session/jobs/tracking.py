"""A track as a job: its frames as they come, and a run of it for those who want to keep it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from platformdirs import user_data_path

from engine.core.errors import InputError
from engine.core.progress import ForwardedProgress, Progress
from engine.core.streams import lane_stream
from engine.methods.method import LoadedModel
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.sequences.playback import Playback
from engine.sequences.source_kind import Pace, SourceOptions, open_source
from engine.tracking.kept_frames import KeptFrames
from engine.tracking.live import TrackControl
from engine.tracking.tracker import TrackedFrame
from npm_studio.session.document.observation import Observation, ObservedFrame
from npm_studio.session.jobs.fitting import new_run_folder
from npm_studio.session.live.tracked_mesh import ShownMesh, TrackedMesher, around, seen_points

if TYPE_CHECKING:
    from engine.tracking.npm_tracker import NpmTracker

_RATE_OVER = 12
"""Frames whose rate is said."""
MOST_FRAMES = 10_000
"""Of one track, which must hold all of them until it is known whether somebody wants to keep it."""


@dataclass(frozen=True, eq=False)
class Trackable:
    """What can be tracked."""

    name: str
    root: Path
    """What a run is said to be of: a recording, or the folder in which the frames of a camera are kept"""
    open: Callable[[Progress], DepthSource]
    pace: Pace = Pace.LIVE
    capture: CaptureOptions = AS_RECORDED
    subject_alone: bool = False
    """Whether all but the subject has been taken out of the images"""
    is_camera: bool = False
    """Whether nobody else keeps its frames"""


@dataclass(frozen=True, eq=False)
class TrackView:
    """A tracked frame, ready to be drawn, and how the track goes."""

    tracked: TrackedFrame
    observed: ObservedFrame
    mesh: ShownMesh | None
    frames: int
    dropped: int
    lost: int
    rate: float | None
    """Frames per second, of the last few"""


def recording_on_show(observation: Observation, pace: Pace) -> Trackable:
    """Played as it is shown, with the subject alone where it was isolated."""
    sequence, is_alone = observation.sequence, observation.sequence.scene is not None
    return Trackable(
        sequence.name, sequence.root, lambda _: Playback(sequence, pace), pace, observation.capture, is_alone
    )


def folder_being_written(path: Path) -> Trackable:
    options = SourceOptions(follow=True)
    return Trackable(path.resolve().name, path, lambda progress: open_source(str(path), options, progress))


def camera_named(name: str, now: datetime | None = None) -> Trackable:
    """A camera, whose frames go into a new folder of the user's data when its track is kept."""
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    root = user_data_path("npm-studio", appauthor=False) / "recordings" / f"{name.replace(':', '-')}-{stamp}"
    return Trackable(name, root, lambda progress: open_source(name, SourceOptions(), progress), is_camera=True)


class _InHurry(ForwardedProgress):
    """For a user who waits for the end."""

    def is_hurried(self) -> bool:
        return True


class Track:
    """A track from its start until its run is written or nobody wants it; shared by the window and a lane of jobs."""

    def __init__(self, what: Trackable, loaded: LoadedModel) -> None:
        self.what, self._loaded = what, loaded
        self._control = TrackControl()
        self._source: DepthSource | None = None
        self._tracker: NpmTracker | None = None
        self._kept: KeptFrames | None = None
        self._frames = self._dropped = self._lost = self._seen = 0
        self._times: deque[float] = deque(maxlen=_RATE_OVER)
        self._interrupted = self._ended = self._unwanted = False

    @property
    def paused(self) -> bool:
        return self._control.paused

    @property
    def is_unwanted(self) -> bool:
        """Whether it was discarded."""
        return self._unwanted

    @property
    def can_be_kept(self) -> bool:
        """Whether it has seen the subject."""
        return self._seen > 0

    @property
    def frames(self) -> int:
        """Tracked so far."""
        return self._frames

    def pause(self) -> None:
        self._control.pause()
        if isinstance(self._source, Playback):
            self._source.pause()

    def go_on(self) -> None:
        if isinstance(self._source, Playback):
            self._source.go_on()
        self._times.clear()
        self._control.go_on()

    def reset(self) -> None:
        """Have the subject searched anew."""
        self._control.reset()

    def stop(self) -> None:
        """End after this frame; what was tracked can be kept."""
        self._control.stop()
        self._control.go_on()

    def discard(self) -> None:
        """Stop, and let go of the frames."""
        self._unwanted = True
        self.stop()
        if self._ended and self._kept is not None:
            self._kept.__exit__()

    def work(self, progress: Progress) -> object:
        """Track until the source ends or somebody stops it; previews are `TrackView`.

        Returns:
            why the source ended before its time, an InputError, or None; what was tracked until then can be kept.

        Raises:
            InputError: the source cannot be opened or the model cannot track.
            Cancelled: asked to stop while the source was opened.
        """
        model = self._loaded.model
        with torch.cuda.stream(lane_stream(model.device, "track", urgent=True)):
            try:
                return self._follow(progress)
            finally:
                if self._source is not None:
                    self._source.close()
                self._ended = True
                if self._unwanted and self._kept is not None:
                    self._kept.__exit__()

    def keep(self, progress: Progress, project: Path | None = None, is_hurried: bool = False) -> object:
        """Write what was tracked as a run, a `engine.methods.run.Run`, once `work` has ended; in ``project`` if given.

        Args:
            is_hurried: whether the user waits for the end, so that its meshes and its verdict are made later

        Raises:
            InputError: the run cannot be written.
        """
        from engine.methods.job import run_fit
        from engine.methods.request import FitRequest
        from engine.sequences.depth_sequence import save_depth_sequence
        from engine.tracking.config import TrackerConfig
        from engine.tracking.method import METHOD, FinishedTrack

        assert self._ended and self._kept is not None and self._tracker is not None, "it is not over"
        sequence = self._kept.sequence()
        if self.what.is_camera:
            images = (sequence.depth_m(index) for index in range(len(sequence)))
            poses, times = sequence.cameras_to_world, sequence.times_s
            save_depth_sequence(
                self.what.root, images, sequence.camera, poses, times, sequence.frame_names, world=sequence.world
            )
        method = FinishedTrack(METHOD, self._tracker, self._interrupted, self._kept.skipped)
        out = new_run_folder(self.what.root, project)
        request = FitRequest(method, TrackerConfig(), sequence, out, self._loaded, capture=self.what.capture)
        with torch.cuda.stream(lane_stream(self._loaded.model.device, "track")):
            run = run_fit(request, _InHurry(progress) if is_hurried else progress)
        self._kept.__exit__()
        return run

    def _follow(self, progress: Progress) -> InputError | None:
        from engine.tracking.config import TrackerConfig
        from engine.tracking.live import track

        what, model = self.what, self._loaded.model
        source = self._source = what.open(progress)
        if self.paused:
            self.pause()
        said = source.warnings
        for notice in said:
            progress.notice(notice)
        from engine.tracking.npm_tracker import NpmTracker  # takes half a second, which the window need not wait for

        tracker = self._tracker = NpmTracker(self._loaded, TrackerConfig())
        kept = self._kept = KeptFrames(source, what.root)
        mesher = TrackedMesher(model)

        def tell(frame: DepthFrame, tracked: TrackedFrame) -> None:
            kept.keep(frame, tracked)
            progress.preview(self._view(frame, tracked, mesher, source))
            if self._frames == MOST_FRAMES:
                progress.message(f"A track has {MOST_FRAMES:,} frames at most, and has ended.")
                self._control.stop()

        why: InputError | None = None
        try:
            summary = track(source, tracker, what.pace, progress, self._control, tell, what.subject_alone)
            self._interrupted = summary.interrupted
        except InputError as error:
            if not self._frames:
                raise
            why, self._interrupted = error, True
        for notice in source.warnings:
            if notice not in said:
                progress.notice(notice)
        return why

    def _view(self, frame: DepthFrame, tracked: TrackedFrame, mesher: TrackedMesher, source: DepthSource) -> TrackView:
        self._frames += 1
        self._dropped += frame.dropped
        self._lost += tracked.lost
        self._seen += not tracked.lost
        self._times.append(time.perf_counter())
        span = self._times[-1] - self._times[0]
        rate = (len(self._times) - 1) / span if span > 0 else None
        mesh = mesher(tracked)
        box = None if mesh is None or self.what.subject_alone else around(mesh, self._loaded.model)
        observed = seen_points(frame, source.camera, tracked.camera_to_world, box)
        return TrackView(tracked, observed, mesh, self._frames, self._dropped, self._lost, rate)
