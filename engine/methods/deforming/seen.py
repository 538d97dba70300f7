"""What cameras saw of the subject in one frame, as a surface."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh, vertex_normals
from engine.geometry.visibility import visible_points
from engine.sequences.depth_sequence import DepthSequence

FEWEST_POINTS = 50
"""A frame with fewer points of the subject shows nothing to deform a mesh to."""
_PIXELS = 3.0
"""Between neighbours on a surface whose normal is 70 degrees from the line of sight, with a cosine of a third."""


@dataclass(frozen=True, eq=False)
class SeenSurface:
    """The triangulated depth of one frame, metres, world."""

    mesh: Mesh
    """Of all cameras; every vertex is of a triangle."""
    cameras: tuple[tuple[PinholeCamera, NDArray[np.float64]], ...]
    """Each with its pose (4, 4)."""

    def shows(self, vertices: NDArray[np.floating], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which ``vertices`` (V, 3) of a mesh any camera would see well, were nothing but it there: (V,).

        Not what it sees at a grazing angle, where the seen surface may end: the nearest of it is then its margin.
        """
        normals, each = vertex_normals(vertices.astype(np.float32), faces), []
        for camera, pose in self.cameras:
            towards = pose[:3, 3] - vertices
            faced = (normals * towards).sum(axis=1) * _PIXELS > np.linalg.norm(towards, axis=1)
            each.append(faced & visible_points(vertices, vertices, faces, camera, pose))
        return np.logical_or.reduce(each)


def seen_surface(subject: DepthSequence, frame: int, longest_edge: float) -> SeenSurface | None:
    """What the cameras of ``subject`` saw in ``frame``; None where that is next to nothing.

    Args:
        longest_edge: metres; three pixels are joined in any case
    """
    meshes, cameras = [], []
    for view in subject.views:
        depth = view.depth_m(frame)
        if not depth.any():
            continue
        pixel = float(np.median(depth[depth > 0])) / view.camera.fx
        meshes.append(view.mesh_world(frame, max(longest_edge, _PIXELS * pixel)))
        cameras.append((view.camera, view.camera_at(frame)))
    if not meshes:
        return None
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)])
    used, flat = np.unique(faces, return_inverse=True)
    if len(used) < FEWEST_POINTS:
        return None
    return SeenSurface(Mesh(vertices[used], flat.reshape(-1, 3).astype(np.int32)), tuple(cameras))
