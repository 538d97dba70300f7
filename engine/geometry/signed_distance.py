"""Signed distance to a triangle mesh, and points sampled on it."""

import numpy as np
from numpy.typing import NDArray


def signed_distance(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Signed distance (N,) float32 of ``points`` (N, 3) to a mesh, negative inside, in the mesh's unit.

    The magnitude is the exact distance to the closest triangle, the sign comes from the winding number
    (inside above one half), so small cracks do not flip it. Computed in double precision.

    Args:
        vertices: (V, 3)
        faces: (T, 3), outward orientation
    """
    distances = unsigned_distance(points, vertices, faces).astype(np.float32)
    return np.where(is_inside(points, vertices, faces), -distances, distances)


def unsigned_distance(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Exact distance (N,) of ``points`` (N, 3) to the closest triangle of a mesh (``faces`` (T, 3), T > 0)."""
    import igl

    squared = igl.point_mesh_squared_distance(*_as_double(points, vertices, faces))[0]
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0.0))
    return distances


def winding_number(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    """How often a mesh (``faces`` (T, 3), outward) goes around each of ``points`` (N, 3); (N,).

    The fast winding number of Barill et al. 2018, which approximates what is far away by dipoles: within 0.01 of the
    exact one (which is whole for closed meshes), everywhere but within rounding of the surface.
    """
    import igl

    p, v, f = _as_double(points, vertices, faces)
    winding: NDArray[np.float64] = igl.fast_winding_number(v, f, p)
    return winding


def is_inside(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Whether each of ``points`` (N, 3) is inside the mesh: `winding_number` above one half."""
    inside: NDArray[np.bool_] = winding_number(points, vertices, faces) > 0.5
    return inside


def _as_double(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    assert vertices.ndim == 2 and vertices.shape[1] == 3, vertices.shape
    assert faces.ndim == 2 and faces.shape[1] == 3, faces.shape
    p, v = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(vertices, np.float64)
    return p, v, np.ascontiguousarray(faces, np.int64)


def sample_surface(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Area-uniform samples of a mesh as face indices (N,) and barycentric coordinates (N, 3).

    ``(vertices[faces[i]] * barycentric[:, :, None]).sum(1)`` gives the points, for any mesh of the same topology.
    """
    corners = np.asarray(vertices, np.float64)[faces]  # (T, 3, 3)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    cumulative = np.cumsum(areas)
    picks = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right")
    root, v = np.sqrt(generator.random(count)), generator.random(count)
    barycentric = np.stack((1 - root, root * (1 - v), root * v), axis=1)
    return np.minimum(picks, len(faces) - 1), barycentric


def face_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """Unit normals (T, 3); zero for degenerate triangles."""
    corners = np.asarray(vertices, np.float64)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    result: NDArray[np.float64] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    return result
