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


def point_and_normal_images(
    depth_m: NDArray[np.float32], camera: PinholeCamera
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Camera points (H, W, 3) in metres and unit normals (H, W, 3) towards the camera, both NaN where unknown.

    Normals that cannot be trusted are NaN too: beside invalid pixels, and where the central difference bridges two
    surfaces or a surface is seen edge-on, which shows as a normal across the line of sight.
    """
    points = point_image(depth_m, camera)
    normals = depth_normals(points)
    with np.errstate(invalid="ignore"):
        cosine = -_products(points, normals) / np.sqrt(_products(points, points))
        np.copyto(normals, np.nan, where=~(cosine > MIN_COSINE)[..., None])
    return points, normals


def _products(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scalar products (H, W) of images (H, W, 3); NumPy's sum over so short an axis takes ten times as long."""
    (a, b, c), (x, y, z) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    products: NDArray[np.float32] = a * x + b * y + c * z
    return products


def points_and_normals(
    depth_m: NDArray[np.float32], camera: PinholeCamera
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The points (P, 3) that have a trusted normal, and those normals (P, 3), in row-major pixel order."""
    points, normals = point_and_normal_images(depth_m, camera)
    trusted = np.isfinite(normals[..., 0])
    return points[trusted], normals[trusted]


def depth_mesh(depth_m: NDArray[np.float32], camera: PinholeCamera, max_edge: float = 0.05) -> Mesh:
    """The visible surface as a mesh in camera axes, metres; no edge is longer than ``max_edge`` metres."""
    return Mesh(*triangulate_depth(point_image(depth_m, camera), max_edge))
