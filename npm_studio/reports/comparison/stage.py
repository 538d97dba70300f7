"""Where the sides of a comparison stand to be looked at: upright, in the middle, all in the same way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import Comparison, is_surface
from engine.geometry.mesh import Mesh

_ASIDE = 30.0
"""Degrees from the line of sight of the depth camera, which hides what was not seen."""
_STEADY_FRAMES = 4.0
"""Over which the middle of the subject is smoothed, so that a moving arm does not move the view."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Turns the world so that Y is up, and follows the subject over the ground."""

    turn: NDArray[np.float64]
    """(3, 3) world to stage"""
    middles: NDArray[np.float64]
    """(F, 3) what is looked at in each frame, metres, after the turn; of one height."""
    size_m: float
    """Longest side, metres, of the box of the subject in a frame."""
    floor_m: float
    """Height of the lowest point, after the turn."""
    radius_m: float
    """How far the subject reaches from the vertical through the middle."""
    azimuth: float
    """Degrees around Y from which one looks, 0 from +z."""

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """``points`` (N, 3) of the world, metres, upright."""
        upright: NDArray[np.float64] = np.asarray(points, np.float64) @ self.turn.T
        return upright

    def mesh(self, mesh: Mesh, frame: int) -> Mesh:
        """``mesh`` in units of the photo studio, in the middle of its cube."""
        centred = (self.points(mesh.vertices) - self.middles[frame]) * self.studio_scale
        return Mesh(centred.astype(np.float32), mesh.faces)

    def extent(self) -> NDArray[np.float32]:
        """Points (N, 3) around the subject, in units of the photo studio."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.stack([np.sin(angles), np.zeros(24), np.cos(angles)], axis=1) * self.radius_m
        low = self.floor_m - self.middles[0, 1]
        down = np.array([0, low, 0])
        points = np.concatenate([ring + down, ring - down]) * self.studio_scale
        return points.astype(np.float32)

    @property
    def studio_scale(self) -> float:
        """Units of the photo studio per metre."""
        return 0.8 / self.size_m


def stage_of(comparison: Comparison) -> Stage:
    """The stage for all frames: around the truth, or else around what most sides agree on.

    Raises:
        InputError: a mesh is damaged.
    """
    pose = _first_pose(comparison)
    turn = np.diag([1.0, -1.0, -1.0]) if pose is not None and pose[1, 1] > 0 else np.eye(3)  # its y axis leads down
    boxes = np.stack([_box(comparison, frame, turn) for frame in range(len(comparison))])  # (F, 2, 3)
    known = np.isfinite(boxes).all(axis=(1, 2))
    boxes = boxes if known.any() else np.tile(np.array([[-0.5] * 3, [0.5] * 3]), (len(boxes), 1, 1))
    boxes = _filled(boxes)
    middles = _smoothed(boxes.mean(axis=1))
    low, high = np.median(boxes[:, 0], axis=0), np.median(boxes[:, 1], axis=0)
    middles[:, 1] = (low[1] + high[1]) / 2
    size_m = float(np.quantile(np.ptp(boxes, axis=1).max(axis=1), 0.9))
    radius_m = float(np.quantile(np.abs(boxes - middles[:, None])[..., [0, 2]].max(axis=(1, 2)), 0.9))
    azimuth = _ASIDE
    if pose is not None:
        x, _, z = turn @ pose[:3, 3] - middles[0]
        azimuth += float(np.degrees(np.arctan2(x, z)))
    return Stage(turn, middles, max(size_m, 1e-3), float(np.median(boxes[:, 0, 1])), radius_m, azimuth)


def _first_pose(comparison: Comparison) -> NDArray[np.float64] | None:
    """Of the camera (4, 4), where any side knows it."""
    poses = (pose for side in comparison.sides for pose in side.cameras_to_world if pose is not None)
    return next(poses, None)


def _box(comparison: Comparison, frame: int, turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lowest and highest corner (2, 3) of the truth, or the medians of those of all sides; NaN without a surface."""
    meshes = [comparison.mesh(side, frame) for side in range(len(comparison.sides))]
    if comparison.reference is not None:
        meshes = [comparison.true_mesh(frame)]
    points = [mesh.vertices @ turn.T for mesh in meshes if is_surface(mesh)]
    if not points:
        return np.full((2, 3), np.nan)
    box: NDArray[np.float64] = np.median([[each.min(axis=0), each.max(axis=0)] for each in points], axis=0)
    return box


def _filled(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """``boxes`` (F, 2, 3) with those that are NaN interpolated between their neighbours."""
    frames, known = np.arange(len(boxes)), np.isfinite(boxes).all(axis=(1, 2))
    flat = boxes.reshape(len(boxes), -1)
    columns = [np.interp(frames, frames[known], column[known]) for column in flat.T]
    return np.stack(columns, axis=1).reshape(boxes.shape)


def _smoothed(middles: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    smooth: NDArray[np.float64] = gaussian_filter1d(middles, _STEADY_FRAMES, axis=0, mode="nearest")
    return smooth
