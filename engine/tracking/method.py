"""Trackers as methods: a recording frame by frame, as it would come from a camera."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.core.errors import Cancelled
from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.tracking.config import TrackerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from engine.core.progress import Progress
    from engine.methods.method import FoundCodes
    from engine.sequences.depth_sequence import DepthSequence
    from engine.tracking.tracker import Tracker


@dataclass(frozen=True)
class TrackerMethod:
    """A method that pushes all frames through a tracker; between them, the tracker does all that can wait."""

    id: str
    title: str
    config_type: type[BaseModel]
    requires: Requirements
    make: Callable[[MethodInputs, Any], Tracker]
    """A tracker for one recording, from the inputs and the configuration"""

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: Any, progress: Progress) -> FitResult:
        if inputs.kept is not None:
            from engine.tracking.result import result_kept

            assert inputs.model is not None
            return result_kept(inputs.kept, inputs.model, source, progress, inputs.folder)
        started = time.perf_counter()
        tracker = self.make(inputs, config)
        tracker.start(source.camera, source.world, subject_alone=source.scene is not None)
        progress.stage("track", len(source))
        done = 0
        for done, frame in enumerate(source, start=1):
            tracker.push(frame)
            while tracker.improve():
                pass
            progress.advance(done)
            if progress.cancelled():
                break
        if done == 0:
            raise Cancelled
        tracked = time.perf_counter()
        result = tracker.finish(progress, source, inputs.folder)
        return replace(
            result,
            timings={"track": tracked - started, **result.timings},
            interrupted=done < len(source),
        )


def _npm_tracker(inputs: MethodInputs, config: TrackerConfig) -> Tracker:
    from engine.tracking.npm_tracker import NpmTracker

    assert inputs.model is not None
    return NpmTracker(inputs.model, config)


METHOD = TrackerMethod(
    "npm-tracker", "Neural parametric model, tracked", TrackerConfig, Requirements(model=True, pose=True), _npm_tracker
)


@dataclass(frozen=True)
class FinishedTrack:
    """A track that has ended, as the method of a run: a job measures and writes it like any fit."""

    method: TrackerMethod
    tracker: Tracker
    interrupted: bool
    skipped: int = 0
    """Frames that came too fast for it"""

    @property
    def id(self) -> str:
        return self.method.id

    @property
    def title(self) -> str:
        return self.method.title

    @property
    def config_type(self) -> type[BaseModel]:
        return self.method.config_type

    @property
    def requires(self) -> Requirements:
        return self.method.requires

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: Any, progress: Progress) -> FitResult:
        """What was tracked of ``source``, whose frames are those that were pushed."""
        from engine.methods.run import SKIPPED

        skipped = {SKIPPED: self.skipped}

        def keep(found: FoundCodes) -> None:
            inputs.keep(replace(found, interrupted=self.interrupted, details={**found.details, **skipped}))

        result = self.tracker.finish(progress, source, inputs.folder, keep)
        return replace(result, interrupted=self.interrupted, details={**result.details, **skipped})
