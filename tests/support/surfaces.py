"""Simple surfaces: vertices (V, 3) float32 and faces (T, 3) int32."""

import numpy as np
import trimesh

Surface = tuple[np.ndarray, np.ndarray]


def sphere(radius: float = 0.25, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), detail: int = 4) -> Surface:
    mesh = trimesh.creation.icosphere(subdivisions=detail, radius=radius)
    return np.asarray(mesh.vertices + centre, np.float32), np.asarray(mesh.faces, np.int32)


def square(height: float = 0.0, side: float = 0.4) -> Surface:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side - side / 2
    vertices = np.column_stack((corners[:, 0], np.full(4, height), -corners[:, 1]))
    return vertices.astype(np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def block(lowest: tuple[float, float, float], highest: tuple[float, float, float]) -> Surface:
    """A box with sides along the axes."""
    mesh = trimesh.creation.box(bounds=(lowest, highest))
    return np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
