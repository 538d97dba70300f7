"""The depth cameras of scenes, and where they stand."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from engine.geometry.camera import PinholeCamera
from external.anny.joints import turn
from external.anny.rig import Array
from external.scenes.plan import CameraKind, ScenePlan

CAMERAS = {
    "kinect": PinholeCamera(640, 480, 582.0, 582.0, 318.0, 242.0),
    "azure": PinholeCamera(640, 576, 504.0, 504.0, 321.0, 333.0),
    "realsense": PinholeCamera(640, 480, 383.0, 383.0, 320.0, 239.0),
}
"""Like a Kinect of the first generation, the narrow mode of an Azure Kinect, and a RealSense D435 at 640x480."""


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A camera and its path."""

    camera: PinholeCamera
    poses: Array
    """(F, 4, 4) OpenCV camera axes to the room, metres; the room has y up and its floor at y = 0."""
    recorded: Array | None = None
    """(F, 4, 4) what the recording says of them, in a world of its own with y up; None where it says nothing."""


def device(plan: ScenePlan, random: np.random.Generator) -> PinholeCamera:
    """One of many devices of the sensor: focal lengths and centre differ a little."""
    usual = CAMERAS[plan.sensor]
    factor = 1 + random.uniform(-0.02, 0.02)
    return replace(
        usual,
        fx=usual.fx * factor,
        fy=usual.fy * factor * (1 + random.uniform(-0.003, 0.003)),
        cx=usual.cx + random.uniform(-4, 4),
        cy=usual.cy + random.uniform(-4, 4),
    )


def stated(camera: PinholeCamera, error: float) -> PinholeCamera:
    """What the recording says of a camera whose focal lengths it takes for longer by a part ``error``."""
    return replace(camera, fx=camera.fx * (1 + error), fy=camera.fy * (1 + error))


def looking_at(target: Array, distance: float, tilt: float, azimuth: float = 0.0) -> Array:
    """The pose (4, 4) of a camera that sees ``target`` (3,) in the middle, from +z turned by ``azimuth``.

    ``tilt`` is in radians, downwards.
    """
    cosine, sine = np.cos(tilt), np.sin(tilt)
    level = np.array([[1.0, 0.0, 0.0], [0.0, -cosine, -sine], [0.0, sine, -cosine]])
    pose = np.eye(4)
    pose[:3, :3] = turn(np.eye(3)[1], azimuth) @ level
    pose[:3, 3] = target - distance * pose[:3, 2]
    return pose


def handheld(pose: Array, target: Array, times_s: Array, random: np.random.Generator) -> Array:
    """Poses (F, 4, 4) of a camera that somebody carries about around ``pose`` (4, 4), roughly looking at ``target``."""
    offset = _wander(times_s, random, np.array([0.35, 0.08, 0.2]), (0.15, 0.4))
    turned = _wander(times_s, random, np.array([0.03, 0.05, 0.03]), (0.3, 0.9))
    poses = np.tile(pose, (len(times_s), 1, 1))
    poses[:, :3, 3] += offset @ pose[:3, :3].T
    towards = target - poses[:, :3, 3]
    swing = np.arctan2(towards[:, 0], towards[:, 2]) - np.arctan2(*(target - pose[:3, 3])[[0, 2]])
    shake = Rotation.from_rotvec(turned).as_matrix()
    poses[:, :3, :3] = turn(np.eye(3)[1], swing) @ pose[:3, :3] @ shake
    return poses


def recorded_poses(poses: Array, kind: CameraKind, times_s: Array, random: np.random.Generator) -> Array | None:
    """What a camera of this kind says of its ``poses`` (F, 4, 4) in the room.

    Its world has y up as the room has, but an origin and a heading of its own: where the camera was at first.
    """
    if kind == "still":
        return None
    world = np.eye(4)
    world[:3, :3] = turn(np.eye(3)[1], random.uniform(-np.pi, np.pi))
    world[:3, 3] = -world[:3, :3] @ poses[0, :3, 3]
    known = world @ poses
    if kind == "moving-noisy":
        error = Rotation.from_rotvec(_wander(times_s, random, np.full(3, np.radians(0.7)), (0.3, 2.0))).as_matrix()
        known[:, :3, :3] = known[:, :3, :3] @ error
        known[:, :3, 3] += _wander(times_s, random, np.full(3, 0.012), (0.3, 2.0))
    return known


def _wander(times_s: Array, random: np.random.Generator, reach: Array, hertz: tuple[float, float]) -> Array:
    """Smooth curves (F, 3) through three sines of each coordinate, as far as ``reach`` (3,)."""
    frequencies, phases = random.uniform(*hertz, (3, 3)), random.uniform(0, 2 * np.pi, (3, 3))
    waves = np.sin(2 * np.pi * times_s[:, None, None] * frequencies + phases)
    return np.asarray(reach * waves.mean(axis=1) * 1.5)


def strip_tilt(camera: PinholeCamera, strip: float, height: float, to_wall: float) -> float:
    """Radians by which a camera looks down that shows the floor in the lower ``strip`` of its picture.

    Args:
        height: of the camera above the floor.
        to_wall: horizontal distance of the wall that the floor ends at.
    """
    below = np.arctan(((1 - strip) * camera.height - camera.cy) / camera.fy)
    return float(np.arctan2(height, to_wall) - below)
