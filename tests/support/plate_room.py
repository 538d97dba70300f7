"""A wall with a standing plate before it, and a network that knows nothing but plates: to find, follow and mask one."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.models.networks.coordinates import CoordinateConfig, CoordinateNetwork, PixelCoordinates
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import regular_times

CAMERA = PinholeCamera(128, 96, 80.0, 80.0, 64.0, 48.0)
SCALE = 0.4
"""Canonical units per metre."""
SIZE_M = 0.6, 1.5
WALL = -5.0
"""Where the wall is, along z in metres; the first camera stands at the origin."""
_UNSURE = 3.0
"""Expected error over how far what is taken for a plate is from lying in a vertical plane across."""


class PlateNetwork(CoordinateNetwork):
    """Takes for a plate what lies in a box of gravity-aligned axes well before the farthest thing, and is surest of
    what stands upright; its canonical coordinates are those of the crop."""

    def __init__(self, before: float = 0.2) -> None:
        """
        Args:
            before: canonical units; 0 where nothing else than plates is seen.
        """
        super().__init__(CoordinateConfig(size=64, channels=(1, 1), heads=1))
        self.before = before

    def forward(self, crop: Tensor) -> PixelCoordinates:
        points, valid = crop[:, :3], crop[:, 3] > 0
        z = points[:, 2]
        farthest = torch.where(valid, z, torch.inf).amin((1, 2), keepdim=True)
        inside = (
            valid & (points[:, 0].abs() < 0.2) & (points[:, 1:].abs().amax(1) < 0.5) & (z >= farthest + self.before)
        )
        count = inside.sum((1, 2)).clamp_min(1)
        mean = (z * inside).sum((1, 2)) / count
        spread = ((z - mean[:, None, None]).square() * inside).sum((1, 2)) / count
        deviation = (0.005 + _UNSURE * spread.sqrt())[:, None, None].expand_as(z)
        return PixelCoordinates(points, deviation.log(), torch.where(inside, 4.0, -4.0))


def standing(tilt: float = 0.0) -> NDArray[np.float64]:
    """Pose (4, 4) of a camera at the origin of a world with Y up, which looks along -z and down by ``tilt`` degrees."""
    angle = np.radians(tilt)
    forward = [0, -np.sin(angle), -np.cos(angle)]
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([[1, 0, 0], np.cross(forward, [1, 0, 0]), forward])
    return pose


def plate_depth(
    middle: tuple[float, float, float] | None, pose: NDArray[np.float64], wall: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Depth (H, W) in metres of a plate about ``middle``, if any, and a ``wall``, and the pixels of the plate."""
    rays = CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
    origin = pose[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (WALL - origin[2]) / rays[..., 2] if wall else np.full(rays.shape[:2], np.inf)
        depth[depth <= 0] = np.inf
        subject = np.zeros(depth.shape, bool)
        if middle is not None:
            front = (middle[2] - origin[2]) / rays[..., 2]
            x, y = (origin[axis] + front * rays[..., axis] - middle[axis] for axis in (0, 1))
            subject = (np.abs(x) < SIZE_M[0] / 2) & (np.abs(y) < SIZE_M[1] / 2) & (front > 0) & (front < depth)
            depth = np.where(subject, front, depth)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32), subject


def plate_sequence(middles: list[tuple[float, float, float]], tilt: float = 0.0, wall: bool = True) -> DepthSequence:
    """A recording that states no pose, of a plate about each of ``middles``."""
    depths = [plate_depth(middle, standing(tilt), wall)[0] for middle in middles]
    return DepthSequence(
        name="plate",
        root=Path("plate"),
        camera=CAMERA,
        frame_names=tuple(f"{index:06d}" for index in range(len(depths))),
        times_s=regular_times(len(depths), 30.0),
        read_frame=lambda index: depths[index],
    )
