"""Reading a sequence for a fit: the subject of each frame, what is known to be empty, and where the cameras were."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import tee

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from engine.core.errors import Cancelled, InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.geometry.depth import point_and_normal_images
from engine.methods.npm.observations import Coordinates, Observations, ObservedLandmarks
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import packed
from engine.sequences.reading_ahead import THREADS, reading_ahead
from engine.sequences.subject_finder import FoundSubject
from engine.sequences.subject_following import SubjectFollower, shows_nothing
from engine.sequences.subject_landmarks import SubjectLandmarks

POINTS_PER_FRAME = 4096
"""Random points of each frame that the steps draw from, several times what one step takes."""
MAP_WIDTH = 240
"""Pixels of the reduced depth maps in a row, at least: a limb is still several wide."""
FEWEST_PIXELS = 50
"""A frame with fewer pixels of the subject that have a normal shows nothing to fit."""
EMPTY_FRACTION = 0.9
"""Of the pixels around a subject; where more are without depth, nothing stands around it."""
_OUTLYING, _LOW_FRAMES = 0.005, 0.1
"""Fraction of the points of a frame that may lie anywhere, and of frames that may show the subject below its floor."""
_UNKNOWN_DEVIATION = 0.3
"""Canonical units; of pixels of which the network says nothing."""
_MOVED_AT_ONCE = 64
"""Frames that wait on the host until they are moved to the device."""


@dataclass(frozen=True, eq=False)
class _Image:
    """One frame as read."""

    depth: NDArray[np.float32]
    """(H, W) of the scene, metres"""
    isolated: NDArray[np.bool_] | None
    """(H, W) pixels that were kept by an isolation; None without one"""

    @property
    def visible(self) -> NDArray[np.float32]:
        """(H, W) depth of what may be the subject, 0 elsewhere."""
        return self.depth if self.isolated is None else np.where(self.isolated, self.depth, np.float32(0))


@dataclass(frozen=True, eq=False)
class _Part:
    """The part of an image that has the subject in it, camera axes."""

    points: NDArray[np.float32]
    """(h, w, 3) metres, NaN where unknown"""
    normals: NDArray[np.float32]
    """(h, w, 3)"""
    first: tuple[int, int]
    """Row and column of its first pixel"""
    width: int
    """Of the whole image"""

    def rows_of(self, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where ``pixels`` (N,) of the whole image, all of them in the part, are among its own (h * w)."""
        row, column = np.divmod(pixels, self.width)
        rows: NDArray[np.int64] = (row - self.first[0]) * self.points.shape[1] + column - self.first[1]
        return rows


@dataclass(frozen=True, eq=False)
class _Samples:
    """M random points of the subject in one frame."""

    points: NDArray[np.float32]
    """(M, 3)"""
    normals: NDArray[np.float32]
    """(M, 3)"""
    canonical: NDArray[np.float32]
    """(M, 3) zero where unknown"""
    deviations: NDArray[np.float32]
    """(M,)"""

    @staticmethod
    def nothing(count: int) -> "_Samples":
        """``count`` zeros, of a frame that shows nothing to fit."""
        zeros = np.zeros((count, 3), np.float32)
        return _Samples(zeros, zeros, zeros, np.full(count, _UNKNOWN_DEVIATION, np.float32))

    def placed(self, scale: float, rotation: NDArray[np.float64], centre: NDArray[np.float64]) -> "_Samples":
        """From camera axes, metres, in the space of the fit, where the camera is at ``centre`` (3,)."""
        points = (scale * self.points @ rotation.T + centre).astype(np.float32)
        return replace(self, points=points, normals=(self.normals @ rotation.T).astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Maps:
    """Reduced maps (h, w) of one frame, see `Observations`."""

    depth: NDArray[np.float32]
    subject: NDArray[np.bool_]
    silhouette: NDArray[np.int32]
    """0 where no pixel shows the subject"""


@dataclass(frozen=True, eq=False)
class _Told:
    """What else is known of one frame."""

    seen: bool
    """Whether it shows enough of the subject to fit"""
    mask: bytes
    """Of the subject, `packed`"""
    landmarks: SubjectLandmarks | None
    """In the space of the fit"""
    mirrored: float
    """See `FoundSubject`; NaN where unknown"""
    empty: float
    """See `empty_around`; NaN where the subject is not seen"""


_Taken = tuple[_Maps, _Samples, _Told]


class _Rows:
    """What was taken from one frame after the other: arrays as tensors on a device; of few frames at once on the
    host."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._waiting: list[Future[_Taken]] = []
        self._moved: list[dict[str, Tensor]] = []
        self._told: list[_Told] = []

    def add(self, taken: Future[_Taken]) -> None:
        self._waiting.append(taken)
        if len(self._waiting) == _MOVED_AT_ONCE:
            self._move()

    def all(self) -> tuple[dict[str, Tensor], list[_Told]]:
        """Fields (F, ...) of `_Maps` and `_Samples` by name, and the rest by frame."""
        self._move()
        return {name: torch.cat([part[name] for part in self._moved]) for name in self._moved[0]}, self._told

    def _move(self) -> None:
        if not self._waiting:
            return
        maps, samples, told = zip(*(each.result() for each in self._waiting), strict=True)
        self._waiting.clear()
        part: dict[str, Tensor] = {}
        for frames in (maps, samples):
            for field in fields(frames[0]):
                stacked = np.stack([getattr(frame, field.name) for frame in frames])
                part[field.name] = torch.from_numpy(stacked).to(self._device)
        self._moved.append(part)
        self._told += told


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
    stride = max(1, camera.width // MAP_WIDTH)
    poses = np.stack([sequence.camera_at(frame) for frame in range(len(sequence))])
    centres = similarity.to_canonical(poses[:, :3, 3]).astype(np.float64)
    rows = _Rows(device)
    follower = None if model.coordinate_network is None else SubjectFollower(sequence, model)

    def take(frame: int, image: _Image, found: FoundSubject | None) -> _Taken:
        """All of one frame that does not depend on others, in any thread."""
        subject = _subject_mask(image, found)
        part = _part(image.depth, subject, camera)
        good = _good(part, subject)
        is_known = found is not None or follower is None  # else nothing is like the model's class
        seen = bool(is_known and subject[::stride, ::stride].any() and good.sum() >= FEWEST_PIXELS)
        samples, landmarks, place = _Samples.nothing(points_per_frame), None, (poses[frame, :3, :3], centres[frame])
        if seen:
            generator = np.random.default_rng((seed, frame))
            samples = _sample(part, good.ravel(), found, points_per_frame, generator).placed(similarity.scale, *place)
            if found is not None and found.landmarks is not None:
                landmarks = found.landmarks.placed(similarity.scale, *place)
        told = _Told(
            seen=seen,
            mask=packed(subject & seen),
            landmarks=landmarks,
            mirrored=found.mirrored if seen and found is not None else np.nan,
            empty=empty_around(image.depth, subject) if seen else np.nan,
        )
        return _reduced(image.depth, subject, stride, similarity.scale), samples, told

    with ThreadPoolExecutor(THREADS) as pool:
        for frame, (image, found) in enumerate(_subjects(sequence, follower)):
            if progress.cancelled():
                raise Cancelled
            rows.add(pool.submit(take, frame, image, found))
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


def _images(sequence: DepthSequence) -> Iterator[_Image]:
    scene = sequence.scene

    def read(frame: int) -> _Image:
        depth = (sequence if scene is None else scene).depth_m(frame)
        isolated = None if scene is None else sequence.depth_m(frame) > 0
        return _Image(depth, isolated)

    return reading_ahead(read, len(sequence))


def _subjects(
    sequence: DepthSequence, follower: SubjectFollower | None
) -> Iterator[tuple[_Image, FoundSubject | None]]:
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


def _subject_mask(image: _Image, found: FoundSubject | None) -> NDArray[np.bool_]:
    """(H, W) pixels that belong to the subject: what a user isolated wins."""
    valid = image.depth > 0
    if image.isolated is not None:
        return valid & image.isolated
    return valid if found is None else valid & found.mask


def _reduced(depth: NDArray[np.float32], subject: NDArray[np.bool_], stride: int, scale: float) -> _Maps:
    """Every ``stride``-th pixel of ``depth`` (H, W) metres and ``subject`` (H, W)."""
    small = subject[::stride, ::stride].copy()  # a view would keep the whole image
    silhouette = np.zeros(small.shape, np.int32)
    if small.any():  # else no pixel is the nearest
        row, column = distance_transform_edt(~small, return_distances=False, return_indices=True)
        silhouette = (row * small.shape[1] + column).astype(np.int32)
    return _Maps(depth[::stride, ::stride] * np.float32(scale), small, silhouette)


def _part(depth: NDArray[np.float32], subject: NDArray[np.bool_], camera: PinholeCamera) -> _Part:
    """Of an image (H, W), metres, what the ``subject`` (H, W) is in, with the neighbours that its normals need."""
    (top, bottom), (left, right) = (_span(np.asarray(subject.any(axis))) for axis in (1, 0))
    inside = depth[top:bottom, left:right]
    height, width = inside.shape
    own = PinholeCamera(width, height, camera.fx, camera.fy, camera.cx - left, camera.cy - top)
    return _Part(*point_and_normal_images(inside, own), (top, left), depth.shape[1])


def _span(has_any: NDArray[np.bool_]) -> tuple[int, int]:
    """First row or column of the subject and the one after its last, with one more at either side if there is one."""
    known = np.flatnonzero(has_any)
    first, last = (known[0], known[-1]) if len(known) else (0, 0)
    return max(0, int(first) - 1), min(len(has_any), int(last) + 2)


def _good(part: _Part, subject: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) pixels of the ``subject`` (H, W) that have a normal."""
    (top, left), (height, width) = part.first, part.points.shape[:2]
    inside, good = (slice(top, top + height), slice(left, left + width)), np.zeros_like(subject)
    good[inside] = subject[inside] & np.isfinite(part.normals[..., 0])
    return good


def _sample(
    part: _Part, good: NDArray[np.bool_], found: FoundSubject | None, count: int, generator: np.random.Generator
) -> _Samples:
    """``count`` random points of the pixels that are ``good`` (H * W,), camera axes."""
    picks = None
    canonical, deviations = np.zeros((count, 3), np.float32), np.full(count, _UNKNOWN_DEVIATION, np.float32)
    if found is not None:
        known = np.flatnonzero(good[found.pixels])
        if len(known) >= FEWEST_PIXELS:
            chosen = known[generator.integers(len(known), size=count)]
            picks = found.pixels[chosen]
            canonical = found.canonical[chosen]
            deviations = found.deviations[chosen]
    if picks is None:
        picks = generator.choice(np.flatnonzero(good), count)
    rows = part.rows_of(picks)
    return _Samples(part.points.reshape(-1, 3)[rows], part.normals.reshape(-1, 3)[rows], canonical, deviations)


def empty_around(depth: NDArray[np.float32], subject: NDArray[np.bool_]) -> float:
    """Fraction without depth of the pixels about the ``subject`` (H, W), within its bounds and a fifth beside them."""
    rows, columns = np.flatnonzero(subject.any(1)), np.flatnonzero(subject.any(0))
    more_rows, more_columns = (1 + (part[-1] - part[0]) // 5 for part in (rows, columns))
    window = (
        slice(max(0, rows[0] - more_rows), rows[-1] + more_rows + 1),
        slice(max(0, columns[0] - more_columns), columns[-1] + more_columns + 1),
    )
    around = ~subject[window]
    return float((depth[window][around] <= 0).mean()) if around.any() else 1.0
