"""Pinhole cameras with OpenCV axes (x right, y down, z forward) and pixel centres at +0.5."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.geometry.similarity import Similarity

FRONT_DISTANCE = 1.4
"""Canonical units between the front camera and the origin, as in the NPM paper's rendered depth maps."""


@dataclass(frozen=True)
class PinholeCamera:
    """An undistorted camera: ``u = fx X/Z + cx`` and ``v = fy Y/Z + cy`` in pixels.

    The pixel of row r and column c covers [c, c+1) x [r, r+1); its centre is (c + 0.5, r + 0.5).

    Raises:
        ValueError: a size or focal length is not positive, or a number is not finite.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"width and height must be positive, are {self.width} and {self.height}")
        if not np.isfinite([self.fx, self.fy, self.cx, self.cy]).all():
            raise ValueError("fx, fy, cx and cy must be finite")
        if self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"fx and fy must be positive, are {self.fx:g} and {self.fy:g}")

    def project(self, points_camera: ArrayLike) -> NDArray[np.float64]:
        """Pixel positions (..., 2) of ``points_camera`` (..., 3) in front of the camera (Z > 0)."""
        x, y, z = np.moveaxis(np.asarray(points_camera, np.float64), -1, 0)
        return np.stack([self.fx * x / z + self.cx, self.fy * y / z + self.cy], axis=-1)

    def rays(self) -> NDArray[np.float32]:
        """Directions (H, W, 3) through the pixel centres, camera axes, Z = 1."""
        x = (np.arange(self.width) + 0.5 - self.cx) / self.fx
        y = (np.arange(self.height) + 0.5 - self.cy) / self.fy
        rays = np.ones((self.height, self.width, 3), np.float32)
        rays[..., 0], rays[..., 1] = np.meshgrid(x, y)
        return rays


REFERENCE_CAMERA = PinholeCamera(640, 480, 573.353, 576.057, 319.85, 240.632)
"""The camera with which the NPM paper renders its depth maps."""


def front_camera_to_world(similarity: Similarity) -> NDArray[np.float64]:
    """Pose (4, 4) of the front camera: OpenCV camera axes to world metres.

    It stands on the +z axis of canonical space, `FRONT_DISTANCE` from the origin, and looks along -z: a canonical
    point (x, y, z) has the camera coordinates (x, -y, FRONT_DISTANCE - z), divided by the scale when in metres.
    """
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[:3, 3] = np.array([0.0, 0.0, FRONT_DISTANCE]) / similarity.scale + similarity.centre
    return pose


def turned(camera_to_world: ArrayLike, similarity: Similarity, angle: float) -> NDArray[np.float64]:
    """The pose (4, 4) turned by ``angle`` radians around the vertical axis through the canonical origin.

    Counter-clockwise seen from above, as the cameras of the published NPM code are.
    """
    pose = np.array(camera_to_world, np.float64)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    pose[:3, 3] = turn @ (pose[:3, 3] - similarity.centre) + similarity.centre
    pose[:3, :3] = turn @ pose[:3, :3]
    return pose


def orbit(camera_to_world: ArrayLike, similarity: Similarity, views: int) -> NDArray[np.float64]:
    """Poses (views, 4, 4) of cameras at equal angles around the vertical axis through the canonical origin.

    View 0 has the pose ``camera_to_world`` (4, 4); view i is `turned` by 2 pi i / views: the second of four looks
    along -x.
    """
    assert views > 0
    poses = [turned(camera_to_world, similarity, 2 * np.pi * view / views) for view in range(views)]
    return np.stack([np.asarray(camera_to_world, np.float64), *poses[1:]])


def transform_points(pose: ArrayLike, points: ArrayLike) -> NDArray[np.float32]:
    """``points`` (..., 3) moved by the rigid or affine ``pose`` (4, 4), float32."""
    pose, points = np.asarray(pose, np.float64), np.asarray(points)
    moved: NDArray[np.float32] = (points @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
    return moved
