"""What a single depth image (H, W), metres, says about the surface in front of the camera."""

import numpy as np
from numpy.typing import NDArray

from csrc.depth import backproject_depth, depth_normals, triangulate_depth
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh

MIN_COSINE = 0.2
"""Least cosine between a trusted normal and the direction to the camera (78 degrees)."""


def point_image(depth_m: NDArray[np.float32], camera: PinholeCamera) -> NDArray[np.float32]:
    """Camera points (H, W, 3) in metres of ``depth_m`` (H, W); NaN where the depth is invalid.

    Raises:
        ValueError: the image has not the camera's size.
    """
    if depth_m.shape != (camera.height, camera.width):
        raise ValueError(f"a depth image of {depth_m.shape} does not fit a camera of {(camera.height, camera.width)}")
    depth_m = np.ascontiguousarray(depth_m, np.float32)
    return backproject_depth(depth_m, camera.fx, camera.fy, camera.cx, camera.cy)


def points_and_normals(
    depth_m: NDArray[np.float32], camera: PinholeCamera
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Camera points (P, 3) in metres and unit normals (P, 3) towards the camera, in row-major pixel order.

    Pixels without a trustworthy normal are left out: those beside invalid ones, and those where the central
    difference bridges two surfaces or a surface is seen edge-on, which shows as a normal across the line of sight.
    """
    image = point_image(depth_m, camera)
    normal_image = depth_normals(image)
    has_normal = np.isfinite(normal_image[..., 0])
    points, normals = image[has_normal], normal_image[has_normal]
    cosine = -(points * normals).sum(axis=1) / np.linalg.norm(points, axis=1)
    trusted = cosine > MIN_COSINE
    return points[trusted], normals[trusted]


def depth_mesh(depth_m: NDArray[np.float32], camera: PinholeCamera, max_edge: float = 0.05) -> Mesh:
    """The visible surface as a mesh in camera axes, metres; no edge is longer than ``max_edge`` metres."""
    return Mesh(*triangulate_depth(point_image(depth_m, camera), max_edge))
