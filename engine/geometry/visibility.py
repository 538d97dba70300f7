"""Which points of a surface a camera sees, by casting one ray to each, with NVIDIA Warp."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from engine.geometry.camera import PinholeCamera, transform_points

TOUCHING_M = 1e-3
"""A surface that is nearer than this in front of a point is the point's own."""


def visible_points(
    points: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    camera: PinholeCamera,
    camera_to_world: ArrayLike,
) -> NDArray[np.bool_]:
    """Whether each of ``points`` (N, 3) is inside the image and nothing of a mesh is in front of it (N,).

    Args:
        points: on the surface of the mesh, world metres
        vertices: (V, 3), world metres
        faces: (T, 3)
        camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres
    """
    import warp as wp

    from engine.core.warp_runtime import warp_on
    from engine.geometry.point_kernels import find_hidden

    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    pose = np.asarray(camera_to_world, np.float64)
    seen = transform_points(np.linalg.inv(pose), points)
    in_front = seen[:, 2] > TOUCHING_M
    pixels = camera.project(np.where(in_front[:, None], seen, np.float32(1)))
    inside = in_front & (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1)
    hidden = np.zeros(len(points), np.uint8)
    with warp_on(torch.device("cpu")) as of_warp:
        mesh = wp.Mesh(
            wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=of_warp),
            wp.array(np.ascontiguousarray(faces, np.int32).flatten(), dtype=wp.int32, device=of_warp),
        )
        positions = wp.array(np.ascontiguousarray(points, np.float32), dtype=wp.vec3, device=of_warp)
        output = wp.array(hidden, dtype=wp.uint8, device=of_warp)
        inputs = [mesh.id, wp.vec3(*pose[:3, 3]), positions, TOUCHING_M]
        wp.launch(find_hidden, dim=len(points), inputs=inputs, outputs=[output], device=of_warp)
        hidden = output.numpy()
    visible: NDArray[np.bool_] = inside & (hidden == 0)
    return visible
