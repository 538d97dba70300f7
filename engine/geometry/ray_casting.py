"""Depth images of triangle meshes by casting one ray per pixel, with NVIDIA Warp on CPU or CUDA."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
import torch
import warp as wp
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from engine.core.warp_runtime import warp_on
from engine.geometry.camera import PinholeCamera

_LEAF_SIZE = 2  # triangles per leaf: the fastest for bodies of 27 thousand triangles on a CPU
_MESHES_KEPT = 1024
_NEAR = 1e-3  # metres: where a vertex is no longer safely in front of the camera


@wp.kernel
@no_type_check
def _cast_rays(
    mesh: wp.uint64,
    rays: wp.array2d(dtype=wp.vec3),
    rotation: wp.mat33,
    origin: wp.vec3,
    view: int,
    first_row: int,
    first_column: int,
    depth: wp.array3d(dtype=wp.float32),
    face: wp.array3d(dtype=wp.int32),
    barycentric: wp.array3d(dtype=wp.vec2),
):
    """The first hit along each camera ray; rays have Z = 1, so the ray parameter is the depth."""
    i, j = wp.tid()
    row = first_row + i
    column = first_column + j
    hit = wp.mesh_query_ray(mesh, origin, rotation * rays[row, column], 1.0e6)
    if hit.result:
        depth[view, row, column] = hit.t
        if face.shape[0] > 0:
            face[view, row, column] = hit.face
            barycentric[view, row, column] = wp.vec2(hit.u, hit.v)


@wp.kernel
@no_type_check
def _cast_rays_of_all(
    meshes: wp.array(dtype=wp.uint64),
    rays: wp.array2d(dtype=wp.vec3),
    rotations: wp.array(dtype=wp.mat33),
    origins: wp.array(dtype=wp.vec3),
    depth: wp.array3d(dtype=wp.float32),
):
    """As `_cast_rays`, each mesh with a camera pose of its own."""
    image, row, column = wp.tid()
    hit = wp.mesh_query_ray(meshes[image], origins[image], rotations[image] * rays[row, column], 1.0e6)
    if hit.result:
        depth[image, row, column] = hit.t


@dataclass(frozen=True, eq=False)
class SurfaceHits:
    """Where the rays of N views meet a mesh; tensors on the device of the renderer."""

    depth_m: Tensor
    """(N, H, W) float32 metres along the optical axis, 0 where no surface is hit."""
    face: Tensor
    """(N, H, W) int32 index of the triangle that is hit, -1 where there is none."""
    barycentric: Tensor
    """(N, H, W, 2) float32 weights of the first and second corner of that triangle; the third has the rest."""


class DepthRenderer:
    """Renders depth images of one mesh topology; its bounding volume hierarchy is refitted from frame to frame."""

    def __init__(self, faces: ArrayLike, camera: PinholeCamera, device: torch.device | str = "cpu") -> None:
        """
        Args:
            faces: (T, 3) integers.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
        """
        self.camera = camera
        self._device = torch.device(device)
        self._faces = np.ascontiguousarray(faces, np.int32)
        if self._faces.ndim != 2 or self._faces.shape[1] != 3 or len(self._faces) == 0 or self._faces.min() < 0:
            raise ValueError(f"faces must be (T, 3) indices with T > 0, are {self._faces.shape}")
        self._vertices_needed = int(self._faces.max()) + 1
        with warp_on(self._device) as of_warp:
            self._rays = wp.array(camera.rays(), dtype=wp.vec3, device=of_warp)
        self._mesh: Any = None

    def render(self, vertices: ArrayLike | Tensor, camera_to_world: ArrayLike) -> NDArray[np.float32]:
        """Depth images (H, W) or (N, H, W) in metres, 0 where no surface is hit; both sides of a triangle are seen.

        Args:
            vertices: (V, 3) world metres.
            camera_to_world: (4, 4) or (N, 4, 4) rigid, OpenCV camera axes to world metres.
        """
        poses = np.asarray(camera_to_world, np.float32)
        depth = self._cast(vertices, poses.reshape(-1, 4, 4), correspondences=False).depth_m.cpu().numpy()
        return depth[0] if poses.ndim == 2 else depth

    def trace(self, vertices: ArrayLike | Tensor, camera_to_world: ArrayLike) -> SurfaceHits:
        """What every pixel of N views sees of the mesh; nothing leaves the device.

        Args:
            vertices: (V, 3) world metres; a tensor on the renderer's device is used where it is.
            camera_to_world: (N, 4, 4) rigid, OpenCV camera axes to world metres.
        """
        return self._cast(vertices, np.asarray(camera_to_world, np.float32), correspondences=True)

    def _cast(self, vertices: ArrayLike | Tensor, poses: NDArray[np.float32], correspondences: bool) -> SurfaceHits:
        if poses.ndim != 3 or poses.shape[1:] != (4, 4):
            raise ValueError(f"camera_to_world must be (N, 4, 4), is {poses.shape}")
        positions = torch.as_tensor(vertices, dtype=torch.float32, device=self._device).detach().contiguous()
        if positions.ndim != 2 or positions.shape[1] != 3 or len(positions) < self._vertices_needed:
            raise ValueError(f"vertices must be (V, 3) with V >= {self._vertices_needed}, are {tuple(positions.shape)}")
        shape = (len(poses), self.camera.height, self.camera.width)
        seen = shape if correspondences else (0, *shape[1:])
        depth = torch.zeros(shape, device=positions.device)
        face = torch.full(seen, -1, dtype=torch.int32, device=positions.device)
        barycentric = torch.zeros((*seen, 2), device=positions.device)
        with warp_on(positions.device) as of_warp:
            outputs = [
                wp.from_torch(depth),
                wp.from_torch(face),
                wp.from_torch(barycentric, dtype=wp.vec2),
            ]
            self._update_mesh(positions, of_warp)
            for view, pose in enumerate(poses):
                top, left, rows, columns = self._window(positions, pose)
                camera = [self._mesh.id, self._rays, wp.mat33(pose[:3, :3].flatten()), wp.vec3(pose[:3, 3])]
                inputs = [*camera, view, top, left]
                wp.launch(_cast_rays, dim=(rows, columns), inputs=inputs, outputs=outputs, device=of_warp)
        return SurfaceHits(depth, face, barycentric)

    def _update_mesh(self, vertices: Tensor, of_warp: wp.Device) -> None:
        positions = wp.from_torch(vertices, dtype=wp.vec3)
        if self._mesh is None or len(self._mesh.points) != len(vertices):
            indices = wp.array(self._faces.flatten(), dtype=wp.int32, device=of_warp)
            self._mesh = wp.Mesh(wp.clone(positions), indices, bvh_leaf_size=_LEAF_SIZE)
        else:
            wp.copy(self._mesh.points, positions)
            self._mesh.refit()

    def _window(self, vertices: Tensor, pose: NDArray[np.float32]) -> tuple[int, int, int, int]:
        """Top row, left column, rows and columns of the part of the image that the mesh can be in.

        A body fills a tenth of its image. On CUDA it is the whole image: waiting for the vertices takes longer.
        """
        whole = (0, 0, self.camera.height, self.camera.width)
        if vertices.is_cuda:
            return whole
        points = (vertices.numpy() - pose[:3, 3]) @ pose[:3, :3]
        if not points[:, 2].min() > _NEAR:
            return whole
        pixels = self.camera.project(points)
        limits = (self.camera.width, self.camera.height)
        left, top = np.clip(np.floor(pixels.min(axis=0)) - 1, 0, limits).astype(int).tolist()
        right, bottom = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, limits).astype(int).tolist()
        return top, left, bottom - top, right - left


class BatchDepthRenderer:
    """Renders many meshes of few topologies at once, each from a camera pose of its own.

    The device is waited for once in a batch, not once in an image. Meshes are kept for later batches, which refit
    their hierarchies.
    """

    def __init__(self, camera: PinholeCamera, device: torch.device | str = "cpu") -> None:
        self.camera = camera
        self._device = torch.device(device)
        with warp_on(self._device) as of_warp:
            self._rays = wp.array(camera.rays(), dtype=wp.vec3, device=of_warp)
        # by topology, with their vertices as tensors, and their faces, whose memory no other topology may get
        self._meshes: dict[tuple[int, int, int], list[tuple[Any, Tensor, Tensor]]] = {}

    def render(self, vertices: Sequence[Tensor], faces: Sequence[Tensor], poses: ArrayLike) -> Tensor:
        """Depth images (B, H, W), 0 where no surface is hit, in the unit of vertices and poses.

        Args:
            vertices: B times (V, 3) of any floating type on the renderer's device.
            faces: B times (T, 3) indices there; meshes of one topology have the very same memory.
            poses: (B, 4, 4) rigid, OpenCV camera axes to the space of the vertices.
        """
        matrices = np.asarray(poses, np.float32)
        assert matrices.shape == (len(vertices), 4, 4) and len(faces) == len(vertices), matrices.shape
        depth = torch.zeros((len(vertices), self.camera.height, self.camera.width), device=self._device)
        if sum(map(len, self._meshes.values())) > _MESHES_KEPT:
            self._meshes.clear()
        used: Counter[tuple[int, int, int]] = Counter()
        meshes, stale = [], []
        for points, triangles in zip(vertices, faces, strict=True):
            key = triangles.data_ptr(), len(triangles), len(points)
            kept = self._meshes.setdefault(key, [])
            if used[key] < len(kept):
                mesh, held, _ = kept[used[key]]
                held.copy_(points)
                stale.append(mesh)
            else:
                mesh = self._make_mesh(points, triangles)
                kept.append((mesh, wp.to_torch(mesh.points), triangles))
            used[key] += 1
            meshes.append(mesh)
        with warp_on(self._device) as of_warp:
            inputs = [
                wp.array([mesh.id for mesh in meshes], dtype=wp.uint64, device=of_warp),
                self._rays,
                wp.array(np.ascontiguousarray(matrices[:, :3, :3]), dtype=wp.mat33, device=of_warp),
                wp.array(np.ascontiguousarray(matrices[:, :3, 3]), dtype=wp.vec3, device=of_warp),
            ]
            for mesh in stale:
                mesh.refit()
            wp.launch(_cast_rays_of_all, dim=depth.shape, inputs=inputs, outputs=[wp.from_torch(depth)], device=of_warp)
        return depth

    def _make_mesh(self, vertices: Tensor, faces: Tensor) -> Any:
        assert int(faces.min()) >= 0 and int(faces.max()) < len(vertices), "faces name vertices that are not there"
        points = vertices.to(self._device, torch.float32).contiguous()
        indices = faces.to(self._device, torch.int32).flatten().contiguous()
        with warp_on(self._device):
            positions, corners = wp.from_torch(points, dtype=wp.vec3), wp.from_torch(indices)
            return wp.Mesh(wp.clone(positions), wp.clone(corners), bvh_leaf_size=_LEAF_SIZE)


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
