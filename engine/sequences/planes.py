"""Dominant planes of a recorded room: the floor and the walls behind a subject, found by RANSAC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence

_GRID = 96
"""Points looked at per frame are at most this many squared."""
_HYPOTHESES = 400
_MOST_PLANES = 5
_MIN_FRACTION = 0.03
"""Of all points, in a plane that counts; smaller ones are furniture and clothes."""
_MOST_BEHIND = 0.08
"""Of all points, behind a plane that bounds the room; behind a chest or a cupboard there is a wall."""
_LEAST_BORDER = 0.08
"""Of the border of the image, in a plane that bounds the room; a subject stands free, or is cut off by little of it."""
_BORDER_BAND = 0.12
"""Width of what counts as the border, relative to the image; many sensors see nothing right at it."""
_LEAST_EXTENT = (0.12, 0.05)
"""Standard deviations along and across a plane, relative to its distance."""


@dataclass(frozen=True)
class Plane:
    """Points x of camera axes with ``normal . x = offset`` (metres); the unit normal points to the camera's side."""

    normal: tuple[float, float, float]
    offset: float

    def height(self, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Signed distance (...) of ``points`` (..., 3) in metres, positive on the camera's side."""
        return points @ np.asarray(self.normal, points.dtype) - points.dtype.type(self.offset)

    @property
    def is_floor(self) -> bool:
        """Whether it lies under a camera that is tilted by less than 60 degrees and held upright."""
        return -self.normal[1] > max(0.5, abs(self.normal[0]), 0.5 * abs(self.normal[2]))

    @property
    def tilt_degrees(self) -> float:
        """Of the camera, where this is a floor."""
        return float(np.degrees(np.arccos(np.clip(-self.normal[1], -1, 1))))


def thickness(z: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Half the thickness (...) in metres within which points at depth ``z`` (...) belong to a plane.

    It grows with the square of the depth as the axial noise of depth cameras does (Nguyen et al. 2012), but is never
    more than a fortieth of the depth: of what is seen from a hand's breadth, or from thirty metres, something has to be
    left.
    """
    return np.minimum(0.012 + 0.0035 * z * z, 0.025 * z)


def frame_indices(count: int, frames: int) -> list[int]:
    """At most ``frames`` indices spread evenly over ``count``."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(frames, count))})


def background_planes(sequence: DepthSequence, frames: int = 5) -> tuple[Plane, ...]:
    """The planes that bound the room, largest first, in the camera axes of the first frame; from a few together."""
    still = stands_still(sequence.cameras_to_world)
    grids = []
    for index in frame_indices(len(sequence), frames):
        image = point_image(sequence.depth_m(index), sequence.camera)
        step = max(1, -(-max(image.shape[:2]) // _GRID))
        grid = image[step // 2 :: step, step // 2 :: step]
        grids.append(grid if still else transform_points(to_first_camera(sequence, index), grid))
    return find_planes(grids)


def to_first_camera(sequence: DepthSequence, index: int) -> NDArray[np.float64]:
    """Transform (4, 4) from the camera axes of one frame to those of the first."""
    return np.linalg.inv(sequence.camera_at(0)) @ sequence.camera_at(index)


def find_planes(grids: Sequence[NDArray[np.float32]], seed: int = 0) -> tuple[Plane, ...]:
    """Bounding planes of point images (h, w, 3), camera metres, NaN where nothing was seen; largest first.

    One plane after the other: triples of points that are neighbours in an image give hypotheses, the one with most
    points near it is fitted to them. It counts if it is large, reaches the border of the image, and next to nothing
    is behind it.
    """
    stack = np.stack(list(grids)).astype(np.float64)
    rng = np.random.default_rng(seed)
    alive = np.isfinite(stack[..., 2])
    everything = stack[alive]
    total, border = len(everything), _border(alive)
    # of all of it, seen or not: of a picture that shows a person alone, nothing else may be seen there
    least_border = _LEAST_BORDER * 2 * len(stack) * sum(stack.shape[1:3])
    planes: list[Plane] = []
    for _ in range(2 * _MOST_PLANES):
        if alive.sum() < max(_MIN_FRACTION * total, 50) or len(planes) == _MOST_PLANES:
            break
        points = stack[alive]
        plane = _best_hypothesis(stack, alive, points, rng)
        if plane is None:
            break
        for _ in range(3):
            near = np.abs(plane.height(points)) < thickness(points[:, 2])
            if near.sum() < 3:
                break
            plane, spread = _fit(points[near])
        if near.sum() < _MIN_FRACTION * total:
            break
        depth = float(np.median(points[near, 2]))
        is_large = spread[0] > _LEAST_EXTENT[0] * depth and spread[1] > _LEAST_EXTENT[1] * depth
        behind = (plane.height(everything) < -2 * thickness(everything[:, 2])).sum()
        height = np.nan_to_num(plane.height(stack), nan=np.inf)
        inside = np.abs(height) < thickness(stack[..., 2])
        reaches_border = (inside & alive)[border].sum() >= least_border
        if is_large and reaches_border and behind < _MOST_BEHIND * total:
            planes.append(plane)
            alive &= height >= thickness(stack[..., 2])
        alive &= ~inside  # whether it bounds the room or is a flat part of something that stands free
    return tuple(planes)


def _border(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of ``valid`` pixels (F, h, w), the outermost of each row and column that lie near the border of the image."""
    height, width = valid.shape[1:]
    border = np.zeros_like(valid)
    for axis, length in ((1, height), (2, width)):
        band = max(1, round(_BORDER_BAND * length))
        for outside_in in (1, -1):
            view = np.flip(valid, axis) if outside_in < 0 else valid
            first = np.expand_dims(view.argmax(axis), axis)
            outermost = np.zeros_like(valid)
            np.put_along_axis(outermost, first, (first < band) & np.take_along_axis(view, first, axis), axis)
            border |= np.flip(outermost, axis) if outside_in < 0 else outermost
    return border


def _best_hypothesis(
    stack: NDArray[np.float64], alive: NDArray[np.bool_], points: NDArray[np.float64], rng: np.random.Generator
) -> Plane | None:
    """The plane through three neighbouring points with most of ``points`` (N, 3) near it."""
    places = np.argwhere(alive)
    reach = max(3, max(stack.shape[1:3]) // 6)
    first = places[rng.integers(len(places), size=_HYPOTHESES)]
    corners = [first]
    for _ in range(2):
        moved = first + np.column_stack([np.zeros(len(first), int), rng.integers(-reach, reach + 1, (len(first), 2))])
        corners.append(np.clip(moved, 0, np.array(stack.shape[:3]) - 1))
    a, b, c = (stack[tuple(corner.T)] for corner in corners)
    is_alive = np.logical_and.reduce([alive[tuple(corner.T)] for corner in corners])
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    good = is_alive & (lengths > 1e-6)
    if not good.any():
        return None
    normals = normals[good] / lengths[good, None]
    offsets = (normals * a[good]).sum(axis=1)
    sample = points[rng.permutation(len(points))[:4000]]
    counts = (np.abs(sample @ normals.T - offsets) < thickness(sample[:, 2])[:, None]).sum(axis=0)
    best = int(counts.argmax())
    return _towards_camera(normals[best], float(offsets[best]))


def _fit(points: NDArray[np.float64]) -> tuple[Plane, NDArray[np.float64]]:
    """Least-squares plane of points (N, 3), and their two standard deviations in it, larger first."""
    centre = points.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov((points - centre).T))
    return _towards_camera(axes[:, 0], float(axes[:, 0] @ centre)), np.sqrt(np.maximum(values[:0:-1], 0))


def _towards_camera(normal: NDArray[np.float64], offset: float) -> Plane:
    sign = -1.0 if offset > 0 else 1.0  # the camera, at the origin, is at height -offset
    x, y, z = (float(sign * value) for value in normal)
    return Plane((x, y, z), sign * offset)
