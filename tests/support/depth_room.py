"""A recorded room: floor, walls and two spheres for a subject, ray by ray, with the camera tilted as one likes."""

from pathlib import Path

import numpy as np

from engine.geometry.camera import PinholeCamera
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import regular_times

CAMERA = PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
HEAD, BODY = (np.array([0.1, 1.42, 0.0]), 0.18), (np.array([0.1, 0.95, 0.0]), 0.42)
"""Centres in a world with Y up and the floor at 0, and radii: metres."""


def tilted(degrees: float, distance: float = 3.0) -> np.ndarray:
    """Pose (4, 4) of a camera that looks down by ``degrees`` at a point above the subject's middle."""
    angle = np.radians(degrees)
    pose = np.eye(4)
    forward = [0, -np.sin(angle), -np.cos(angle)]
    pose[:3, :3] = np.column_stack([[1, 0, 0], np.cross(forward, [1, 0, 0]), forward])
    pose[:3, 3] = np.array([0.1, 1.0, 0.0]) - distance * pose[:3, 2]
    return pose


def depth_of(pose: np.ndarray, background: bool = True, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) in metres and the pixels (H, W) of the subject, moved along x by ``shift`` metres."""
    rays = CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
    origin = pose[:3, 3]
    subject = np.full(rays.shape[:2], np.inf)
    for centre, radius in (HEAD, BODY):
        offset = origin - centre - [shift, 0, 0]
        a, b, c = (rays * rays).sum(-1), (rays @ offset), offset @ offset - radius**2
        root = b * b - a * c
        hit = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
        subject = np.minimum(subject, hit)
    room = np.full(rays.shape[:2], np.inf)
    if background:
        for axis, place in ((1, 0.0), (2, -1.5), (0, -1.6)):
            with np.errstate(divide="ignore"):
                distance = (place - origin[axis]) / rays[..., axis]
            room = np.minimum(room, np.where(distance > 0, distance, np.inf))
    depth = np.minimum(subject, room)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32), subject < room


def room_sequence(
    tilt: float = 12.0, frames: int = 3, background: bool = True, noise: bool = True
) -> tuple[DepthSequence, np.ndarray, np.ndarray]:
    """A recording that states no pose, the subject's pixels (F, H, W), and the pose (4, 4) that it was made with."""
    pose = tilted(tilt)
    rng = np.random.default_rng(3)
    depths, masks = zip(*(depth_of(pose, background, 0.05 * index) for index in range(frames)), strict=True)
    if noise:  # axial noise of a Kinect (Nguyen et al. 2012)
        depths = tuple(
            np.where(d > 0, d + rng.normal(size=d.shape) * (0.0012 + 0.0019 * (d - 0.4) ** 2), 0).astype(np.float32)
            for d in depths
        )
    sequence = DepthSequence(
        name="room",
        root=Path("room"),
        camera=CAMERA,
        times_s=regular_times(frames, 30.0),
        frame_names=tuple(f"{index:06d}" for index in range(frames)),
        read_frame=lambda index: depths[index],
        origin="synthetic",
    )
    return sequence, np.stack(masks), pose
