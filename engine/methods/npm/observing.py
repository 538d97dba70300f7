"""Reading a sequence for a fit: the subject of each frame, what is known to be empty, and where the cameras were."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import tee

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import Cancelled, InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.methods.npm.observations import Coordinates, Observations, ObservedLandmarks
from engine.methods.npm.observed_frame import (
    EMPTY_FRACTION,
    FrameImage,
    ObservedFrame,
    Standpoint,
    Told,
    map_stride,
    observed_frame,
)
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.reading_ahead import THREADS, reading_ahead
from engine.sequences.subject_finder import FoundSubject
from engine.sequences.subject_following import SubjectFollower, shows_nothing
from engine.sequences.subject_landmarks import SubjectLandmarks

POINTS_PER_FRAME = 4096
"""Random points of each frame that the steps draw from, several times what one step takes."""
_OUTLYING, _LOW_FRAMES = 0.005, 0.1
"""Fraction of the points of a frame that may lie anywhere, and of frames that may show the subject below its floor."""
_MOVED_AT_ONCE = 64
"""Frames that wait on the host until they are moved to the device."""


class _Rows:
    """One frame after the other: arrays as tensors on a device; of few frames at once on the host."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._waiting: list[Future[ObservedFrame]] = []
        self._moved: list[dict[str, Tensor]] = []
        self._told: list[Told] = []

    def add(self, frame: Future[ObservedFrame]) -> None:
        self._waiting.append(frame)
        if len(self._waiting) == _MOVED_AT_ONCE:
            self._move()

    def all(self) -> tuple[dict[str, Tensor], list[Told]]:
        """Fields (F, ...) of `Maps` and `Samples` by name, and the rest by frame."""
        self._move()
        return {name: torch.cat([part[name] for part in self._moved]) for name in self._moved[0]}, self._told

    def _move(self) -> None:
        if not self._waiting:
            return
        frames = [each.result() for each in self._waiting]
        self._waiting.clear()
        part: dict[str, Tensor] = {}
        for parts in ([frame.maps for frame in frames], [frame.samples for frame in frames]):
            for field in fields(parts[0]):
                stacked = np.stack([getattr(each, field.name) for each in parts])
                part[field.name] = torch.from_numpy(stacked).to(self._device)
        self._moved.append(part)
        self._told += [frame.told for frame in frames]


def observe(
    sequence: DepthSequence,
    model: NeuralParametricModel,
    points_per_frame: int = POINTS_PER_FRAME,
    seed: int = 0,
    progress: Progress | None = None,
) -> Observations:
    """Read ``sequence``, and what other cameras saw in its frames, for a fit of ``model``, on its device.

    The subject of a frame is what an isolation has left of it, or else what the model's network takes for it, or else
    all that was seen. Frames that show next to nothing of it are marked, not refused.

    Raises:
        InputError: a frame cannot be read, or none shows the subject.
        Cancelled: asked to stop.
    """
    progress = progress or Progress()
    progress.stage("read depth", len(sequence) * len(sequence.views))
    views = [
        _observe_view(view, model, points_per_frame, seed + number, number * len(sequence), progress)
        for number, view in enumerate(sequence.views)
    ]
    known = next((view.landmarks for view in views if view.landmarks is not None), None)
    first, *others = (replace(view, landmarks=view.landmarks or known) for view in views)
    observations = replace(first, floor=_floor(sequence, first, model), others=tuple(others))
    if not bool(observations.seen_by_any.any()):
        raise _shows_nothing(sequence, model)
    _tell_of_others(first.subjects, progress)
    return observations


def _observe_view(
    sequence: DepthSequence,
    model: NeuralParametricModel,
    points_per_frame: int,
    seed: int,
    done: int,
    progress: Progress,
) -> Observations:
    """What one camera saw, after ``done`` frames of others."""
    device, similarity, camera = model.device, model.info.similarity, sequence.camera
    stride = map_stride(camera)
    poses = np.stack([sequence.camera_at(frame) for frame in range(len(sequence))])
    centres = similarity.to_canonical(poses[:, :3, 3]).astype(np.float64)
    rows = _Rows(device)
    follower = None if model.coordinate_network is None else SubjectFollower(sequence, model)
    with ThreadPoolExecutor(THREADS) as pool:
        for frame, (image, found) in enumerate(_subjects(sequence, follower)):
            if progress.cancelled():
                raise Cancelled
            may_show = found is not None or follower is None
            standpoint = Standpoint(similarity.scale, poses[frame, :3, :3], centres[frame])
            generator = np.random.default_rng((seed, frame))
            rows.add(
                pool.submit(observed_frame, image, found, may_show, camera, standpoint, points_per_frame, generator)
            )
            progress.advance(done + frame + 1)
        tensors, told = rows.all()
    empty = [frame.empty for frame in told if frame.seen]
    # reduced pixel j is the full pixel s j, whose centre is s j + 0.5: u_reduced = (u - 0.5) / s + 0.5
    intrinsics = (
        camera.fx / stride, camera.fy / stride, (camera.cx - 0.5) / stride + 0.5, (camera.cy - 0.5) / stride + 0.5,
    )  # fmt: skip
    cameras = 1 if stands_still(sequence.cameras_to_world) else len(sequence)
    to_camera = poses[:cameras, :3, :3].transpose(0, 2, 1)
    translation = -(to_camera @ centres[:cameras, :, None])[..., 0]
    coordinates = None
    if model.coordinate_network is not None:
        coordinates = Coordinates(tensors["canonical"], tensors["deviations"])
    return Observations(
        points=tensors["points"],
        normals=tensors["normals"],
        seen=torch.tensor([frame.seen for frame in told], device=device),
        depth=tensors["depth"],
        subject=tensors["subject"],
        silhouette=tensors["silhouette"],
        empty_is_free=bool(empty) and bool(np.median(empty) > EMPTY_FRACTION),
        rotations=torch.tensor(to_camera, dtype=torch.float32, device=device),
        translations=torch.tensor(translation, dtype=torch.float32, device=device),
        intrinsics=intrinsics,
        times_s=torch.tensor(sequence.times_s - sequence.times_s[0], dtype=torch.float32, device=device),
        coordinates=coordinates,
        landmarks=_landmarks([frame.landmarks for frame in told], device),
        masks=None if coordinates is None else tuple(frame.mask for frame in told),
        subjects=1 if follower is None else len(follower.subjects),
        mirrored=torch.tensor([frame.mirrored for frame in told], device=device) if _tells_sides(model) else None,
    )


def _floor(sequence: DepthSequence, seen: Observations, model: NeuralParametricModel) -> float | None:
    """`Observations.floor`: the floor of ``sequence``, or as low as the subject is seen where that is not the floor
    that it is on."""
    if sequence.floor_m is None or not seen.seen.any():
        return None
    heights = seen.points[seen.seen][..., 1]
    lowest = heights.kthvalue(1 + round(_OUTLYING * heights.shape[1]), dim=1).values.quantile(_LOW_FRAMES)
    return min(float(model.info.similarity.to_canonical([0.0, sequence.floor_m, 0.0])[1]), float(lowest))


def _tells_sides(model: NeuralParametricModel) -> bool:
    return model.coordinate_network is not None and model.coordinate_network.config.sides


def _landmarks(frames: list[SubjectLandmarks | None], device: torch.device) -> ObservedLandmarks | None:
    """Those of all ``frames``, anything in one that has none; None where no frame has any."""
    known = next((frame for frame in frames if frame is not None), None)
    if known is None:
        return None
    given = [frame or known for frame in frames]
    parts = (np.stack([getattr(frame, field.name) for frame in given]) for field in fields(ObservedLandmarks))
    return ObservedLandmarks(*(torch.from_numpy(part).to(device) for part in parts))


def _shows_nothing(sequence: DepthSequence, model: NeuralParametricModel) -> InputError:
    if sequence.scene is None:
        return shows_nothing(sequence, model, "look at it, or isolate the subject")
    parts = (Setting.MASKS, Setting.DEPTH_RANGE, Setting.REMOVE_PLANES)
    fix = remedy("check {}, {} and {}, or use a model of its class", *parts)
    return InputError(sequence.root, f"what was isolated of it does not look like {model.info.category}", fix)


def _images(sequence: DepthSequence) -> Iterator[FrameImage]:
    scene = sequence.scene

    def read(frame: int) -> FrameImage:
        depth = (sequence if scene is None else scene).depth_m(frame)
        isolated = None if scene is None else sequence.depth_m(frame) > 0
        return FrameImage(depth, isolated)

    return reading_ahead(read, len(sequence))


def _subjects(
    sequence: DepthSequence, follower: SubjectFollower | None
) -> Iterator[tuple[FrameImage, FoundSubject | None]]:
    """Each frame, and what is found in it of the first subject, followed from frame to frame."""
    if follower is None:
        yield from ((image, None) for image in _images(sequence))
        return
    images, ahead = tee(_images(sequence))
    for image, found in zip(images, follower(image.visible for image in ahead), strict=True):
        yield image, found[0] if found else None


def _tell_of_others(count: int, progress: Progress) -> None:
    if count > 1:
        text = f"{count} subjects were found; the one that shows most at first is followed"
        progress.notice(Notice(text, remedy("to choose another, state {}", Setting.SUBJECT)))
