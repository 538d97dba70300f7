"""What one frame gives a fit, by itself: random points of the subject, reduced maps, and what else is known of it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from engine.geometry.camera import PinholeCamera
from engine.geometry.depth import point_and_normal_images
from engine.sequences.isolation import packed
from engine.sequences.subject_finder import FoundSubject
from engine.sequences.subject_landmarks import SubjectLandmarks

MAP_WIDTH = 240
"""Pixels of the reduced depth maps in a row, at least: a limb is still several wide."""
FEWEST_PIXELS = 50
"""A frame with fewer pixels of the subject that have a normal shows nothing to fit."""
EMPTY_FRACTION = 0.9
"""Of the pixels around a subject; where more are without depth, nothing stands around it."""
_UNKNOWN_DEVIATION = 0.3
"""Canonical units; of pixels of which the network says nothing."""


@dataclass(frozen=True, eq=False)
class FrameImage:
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
class Samples:
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
    def nothing(count: int) -> "Samples":
        """``count`` zeros, of a frame that shows nothing to fit."""
        zeros = np.zeros((count, 3), np.float32)
        return Samples(zeros, zeros, zeros, np.full(count, _UNKNOWN_DEVIATION, np.float32))

    def placed(self, scale: float, rotation: NDArray[np.float64], centre: NDArray[np.float64]) -> "Samples":
        """From camera axes, metres, in the space of the fit, where the camera is at ``centre`` (3,)."""
        points = (scale * self.points @ rotation.T + centre).astype(np.float32)
        return replace(self, points=points, normals=(self.normals @ rotation.T).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Maps:
    """Reduced maps (h, w) of one frame, see `Observations`."""

    depth: NDArray[np.float32]
    subject: NDArray[np.bool_]
    silhouette: NDArray[np.int32]
    """0 where no pixel shows the subject"""


@dataclass(frozen=True, eq=False)
class Told:
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


@dataclass(frozen=True, eq=False)
class ObservedFrame:
    """All of one frame."""

    maps: Maps
    samples: Samples
    told: Told


@dataclass(frozen=True, eq=False)
class Standpoint:
    """Where a camera is in the space of the fit."""

    scale: float
    """Canonical units per metre"""
    rotation: NDArray[np.float64]
    """(3, 3) from camera axes"""
    centre: NDArray[np.float64]
    """(3,)"""


def map_stride(camera: PinholeCamera) -> int:
    """Every how many pixels of a row reduced maps have one."""
    return max(1, camera.width // MAP_WIDTH)


def observed_frame(
    image: FrameImage,
    found: FoundSubject | None,
    may_show: bool,
    camera: PinholeCamera,
    standpoint: Standpoint,
    points: int,
    generator: np.random.Generator,
) -> ObservedFrame:
    """What ``image`` shows of the subject, in the space of the fit.

    Args:
        found: what a network takes for the subject
        may_show: false where a network has found nothing like the subject, so that nothing is it
        points: that are drawn by ``generator``
    """
    subject, stride = _subject_mask(image, found), map_stride(camera)
    part = _part(image.depth, subject, camera)
    good = _good(part, subject)
    seen = bool(may_show and subject[::stride, ::stride].any() and good.sum() >= FEWEST_PIXELS)
    samples, landmarks = Samples.nothing(points), None
    if seen:
        place = standpoint.scale, standpoint.rotation, standpoint.centre
        samples = _sample(part, good.ravel(), found, points, generator).placed(*place)
        if found is not None and found.landmarks is not None:
            landmarks = found.landmarks.placed(*place)
    told = Told(
        seen=seen,
        mask=packed(subject & seen),
        landmarks=landmarks,
        mirrored=found.mirrored if seen and found is not None else np.nan,
        empty=empty_around(image.depth, subject) if seen else np.nan,
    )
    return ObservedFrame(_reduced(image.depth, subject, stride, standpoint.scale), samples, told)


def _subject_mask(image: FrameImage, found: FoundSubject | None) -> NDArray[np.bool_]:
    """(H, W) pixels that belong to the subject: what a user isolated wins."""
    valid = image.depth > 0
    if image.isolated is not None:
        return valid & image.isolated
    return valid if found is None else valid & found.mask


def _reduced(depth: NDArray[np.float32], subject: NDArray[np.bool_], stride: int, scale: float) -> Maps:
    """Every ``stride``-th pixel of ``depth`` (H, W) metres and ``subject`` (H, W)."""
    small = subject[::stride, ::stride].copy()  # a view would keep the whole image
    silhouette = np.zeros(small.shape, np.int32)
    if small.any():  # else no pixel is the nearest
        row, column = distance_transform_edt(~small, return_distances=False, return_indices=True)
        silhouette = (row * small.shape[1] + column).astype(np.int32)
    return Maps(depth[::stride, ::stride] * np.float32(scale), small, silhouette)


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
) -> Samples:
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
    return Samples(part.points.reshape(-1, 3)[rows], part.normals.reshape(-1, 3)[rows], canonical, deviations)


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
