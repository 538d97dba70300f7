"""Depth images of triangle meshes by casting one ray per pixel, with NVIDIA Warp on CPU or CUDA."""

from typing import Any, no_type_check

import numpy as np
import torch
import warp as wp
from numpy.typing import ArrayLike, NDArray

from engine.geometry.camera import PinholeCamera
from engine.warp_runtime import start_warp


@wp.kernel
@no_type_check
def _cast_rays(
    mesh: wp.uint64,
    rays: wp.array2d(dtype=wp.vec3),
    rotation: wp.mat33,
    origin: wp.vec3,
    depth: wp.array2d(dtype=wp.float32),
):
    """Depth of the first hit along each camera ray; rays have Z = 1, so the ray parameter is the depth."""
    row, column = wp.tid()
    hit = wp.mesh_query_ray(mesh, origin, rotation * rays[row, column], 1.0e6)
    if hit.result:
        depth[row, column] = hit.t
    else:
        depth[row, column] = 0.0


class DepthRenderer:
    """Renders depth images of one mesh topology; its bounding volume hierarchy is refitted from frame to frame."""

    def __init__(self, faces: ArrayLike, camera: PinholeCamera, device: torch.device | str = "cpu") -> None:
        """
        Args:
            faces: (T, 3) integers.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
        """
        start_warp()
        self.camera = camera
        self._device = wp.get_device(str(device))
        self._faces = np.ascontiguousarray(faces, np.int32)
        if self._faces.ndim != 2 or self._faces.shape[1] != 3 or len(self._faces) == 0 or self._faces.min() < 0:
            raise ValueError(f"faces must be (T, 3) indices with T > 0, are {self._faces.shape}")
        self._rays = wp.array(camera.rays(), dtype=wp.vec3, device=self._device)
        self._depth = wp.zeros((camera.height, camera.width), dtype=wp.float32, device=self._device)
        self._mesh: Any = None

    def render(self, vertices: ArrayLike, camera_to_world: ArrayLike) -> NDArray[np.float32]:
        """Depth image (H, W) in metres, 0 where no surface is hit; both sides of a triangle are seen.

        Args:
            vertices: (V, 3) world metres.
            camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres.
        """
        vertices = np.ascontiguousarray(vertices, np.float32)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) <= self._faces.max():
            raise ValueError(f"vertices must be (V, 3) with V > {self._faces.max()}, are {vertices.shape}")
        self._update_mesh(vertices)
        pose = np.asarray(camera_to_world, np.float32)
        inputs = [self._mesh.id, self._rays, wp.mat33(pose[:3, :3].flatten()), wp.vec3(pose[:3, 3])]
        wp.launch(_cast_rays, dim=self._depth.shape, inputs=inputs, outputs=[self._depth], device=self._device)
        return np.array(self._depth.numpy())

    def _update_mesh(self, vertices: NDArray[np.float32]) -> None:
        if self._mesh is None or len(self._mesh.points) != len(vertices):
            points = wp.array(vertices, dtype=wp.vec3, device=self._device)
            indices = wp.array(self._faces.flatten(), dtype=wp.int32, device=self._device)
            self._mesh = wp.Mesh(points, indices)
        else:
            self._mesh.points.assign(vertices)
            self._mesh.refit()


def render_depth(
    vertices: ArrayLike,
    faces: ArrayLike,
    camera: PinholeCamera,
    camera_to_world: ArrayLike,
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Depth image (H, W) in metres of one mesh, 0 where no surface is hit.

    Args:
        vertices: (V, 3) world metres.
        faces: (T, 3) integers.
        camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres.
        device: ``cpu``, ``cuda`` or ``cuda:N``. For a sequence of meshes use `DepthRenderer`.
    """
    return DepthRenderer(faces, camera, device).render(vertices, camera_to_world)
