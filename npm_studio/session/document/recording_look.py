"""What is said of a recording before it is fitted: depths, the subject in some frames, and whether a model suits it.

It takes seconds, so each part is told as soon as it is known: first the scene, then how it would be opened, then the
subject as the model sees it, frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.models.model import NeuralParametricModel
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence, is_native
from engine.sequences.opening import open_recording
from engine.sequences.planes import frame_indices
from engine.sequences.reader import registered_readers
from npm_studio.session.document.model_checks import Check, class_check, looks_like_another, size_check
from npm_studio.session.document.observation import Observation, observation_in, range_of

FRAMES = 3
"""That are looked at, evenly spread."""
BINS = 72


@dataclass(frozen=True, eq=False)
class FrameLook:
    """One frame, and what of it belongs to the subject."""

    index: int
    """In the scene."""
    name: str
    depth_m: NDArray[np.float32]
    """(H, W) of the scene, 0 invalid"""
    kept: NDArray[np.bool_]
    """(H, W) pixels of the subject, as far as it is known"""
    size_m: float = 0.0
    """Longest side of what is kept, in the world of the recording; 0 where that is nothing."""


@dataclass(frozen=True, eq=False)
class Depths:
    """Histogram of depths in the frames that were looked at."""

    edges_m: NDArray[np.float64]
    """(B + 1,)"""
    seen: NDArray[np.int64]
    """(B,) pixels"""
    kept: NDArray[np.int64]
    """(B,) of them those of the subject"""


@dataclass(frozen=True, eq=False)
class RecordingLook:
    """What is known of a recording so far."""

    scene: DepthSequence
    """As recorded."""
    capture: CaptureOptions
    frames: tuple[FrameLook, ...]
    how: str
    """What the kept pixels are, in words."""
    observation: Observation | None = None
    """As it would be opened; None until its subject is isolated and placed."""
    states_itself: bool = False
    """Whether it states its camera and unit itself, and is not to be told otherwise."""
    checks: tuple[Check, ...] = ()
    """Of the model against what is seen; none until the subject was looked for."""

    @property
    def range_m(self) -> tuple[float, float]:
        """Between which nearly all depths lie, as in `Observation.depth_range`."""
        depth = np.concatenate([frame.depth_m[frame.depth_m > 0] for frame in self.frames])
        near, far = np.percentile(depth, [1, 99]) if len(depth) else (0.0, 0.0)
        return float(near), float(far)

    @property
    def depths(self) -> Depths:
        depth = np.concatenate([frame.depth_m[frame.depth_m > 0] for frame in self.frames])
        kept = np.concatenate([frame.depth_m[frame.kept] for frame in self.frames])
        far = 1.03 * float(np.quantile(depth, 0.995)) if len(depth) else 1.0
        seen, edges = np.histogram(depth, BINS, (0.0, max(far, 1e-3)))
        return Depths(edges, seen, np.histogram(kept, edges)[0])


def look_at(
    path: Path,
    capture: CaptureOptions,
    model: NeuralParametricModel | None,
    progress: Progress,
    scene: DepthSequence | None = None,
) -> RecordingLook:
    """Look at the recording ``path``, opened as ``capture`` says; previews are what is known so far.

    Args:
        scene: the recording, where it is open already with the same `CaptureOptions.reading`.

    Raises:
        InputError: it cannot be opened so, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    scene = scene or open_recording(path, registered_readers(), capture, progress)
    chosen = sorted({*frame_indices(len(scene), FRAMES), *scene.first_seen()})
    frames = tuple(_whole(scene, index) for index in chosen)
    look = RecordingLook(scene, capture, frames, "all that was seen", states_itself=is_native(path))
    progress.preview(look)
    progress.stage("finding floor and subject", 0)
    observation = observation_in(scene, capture, model, progress)
    look = replace(look, observation=observation)
    if capture.isolation or capture.subject:
        look = replace(look, frames=_isolated(look.frames, observation.sequence), how="what your choice leaves")
    progress.preview(look)
    return look if model is None else _checked(look, observation, model, progress)


def _checked(
    look: RecordingLook, observation: Observation, model: NeuralParametricModel, progress: Progress
) -> RecordingLook:
    frames = look.frames
    other = looks_like_another(model, observation.sequence, frames[0].depth_m)
    if other is not None:
        return replace(look, checks=(other,))
    if model.coordinate_network is not None and look.capture.subject is None:
        frames = _by_network(look, observation.sequence, model, progress)
        kept = np.concatenate([frame.depth_m[frame.kept] for frame in frames])
        observation.colour_range = range_of(kept) if len(kept) else observation.depth_range
        look = replace(look, frames=frames, how=f"the subject, as the model {model.info.name} sees it")
        progress.preview(look)
    elif not look.capture.isolation:
        frames = tuple(_measured(frame, observation.sequence) for frame in frames)
    sizes = [frame.size_m for frame in frames if frame.size_m]
    checks = [class_check(model, len(sizes), len(frames))]
    if sizes:
        checks.append(size_check(model, float(np.median(sizes))))
    return replace(look, checks=tuple(checks))


def _by_network(
    look: RecordingLook, sequence: DepthSequence, model: NeuralParametricModel, progress: Progress
) -> tuple[FrameLook, ...]:
    """The frames with what the coordinate network of ``model`` takes for the largest subject in each, alone."""
    from engine.sequences.subject_following import SubjectFollower

    done: list[FrameLook] = []
    progress.stage("looking for the subject", len(look.frames))
    for frame in look.frames:
        if progress.cancelled():
            raise Cancelled
        kept = np.zeros_like(frame.kept)
        if frame.name in sequence.frame_names:
            one = sequence.subset([sequence.frame_names.index(frame.name)])
            found = next(iter(SubjectFollower(one, model)([one.depth_m(0)])), ())
            if found and found[0] is not None:
                kept = found[0].mask & frame.kept
        done.append(_measured(replace(frame, kept=kept), sequence))
        progress.advance(len(done))
    return tuple(done)


def _whole(scene: DepthSequence, index: int) -> FrameLook:
    depth = scene.depth_m(index)
    return FrameLook(index, scene.frame_names[index], depth, depth > 0)


def _isolated(frames: Sequence[FrameLook], sequence: DepthSequence) -> tuple[FrameLook, ...]:
    names = sequence.frame_names
    return tuple(
        _measured(replace(frame, kept=sequence.depth_m(names.index(frame.name)) > 0), sequence)
        if frame.name in names
        else replace(frame, kept=np.zeros_like(frame.kept))
        for frame in frames
    )


def _measured(frame: FrameLook, sequence: DepthSequence) -> FrameLook:
    """``frame`` with the size of what is kept of it, in upright axes; what few pixels stick out by does not count."""
    if frame.name not in sequence.frame_names or not frame.kept.any():
        return replace(frame, size_m=0.0)
    pose = sequence.camera_at(sequence.frame_names.index(frame.name))
    points = point_image(np.where(frame.kept, frame.depth_m, np.float32(0)), sequence.camera)
    low, high = np.quantile(transform_points(pose, points[frame.kept]), (0.005, 0.995), axis=0)
    return replace(frame, size_m=float((high - low).max()))
