"""A decimated mesh, and a fine one that it carries along."""

from collections.abc import Callable

import igl
import numpy as np
from numpy.typing import NDArray

from engine.core.errors import ConfigField, InputError, remedy
from engine.geometry.mesh import Mesh
from engine.geometry.topology import faces_by_part, triangle_areas


def decimated(mesh: Mesh, vertices: int) -> Mesh:
    """The largest part of ``mesh`` with about as many ``vertices``, or as it is where it has fewer.

    Edges of least quadric error are collapsed (Garland and Heckbert 1997).

    Raises:
        InputError: edges of it cannot be collapsed, because more than two triangles meet in some.
    """
    parts = faces_by_part(mesh.faces.astype(np.int64))
    part = max(parts, key=lambda faces: float(triangle_areas(mesh.vertices, faces).sum()))
    used, faces = np.unique(part, return_inverse=True)
    points, faces = mesh.vertices[used], faces.reshape(-1, 3)
    if len(points) > vertices:
        triangles = np.asfortranarray(faces, np.int32)
        points, faces, *_ = igl.qslim(np.asfortranarray(points, np.float64), triangles, 2 * vertices)
        if len(faces) == 0 or len(points) > 2 * vertices:
            fix = remedy("repair it, or state {}", ConfigField("vertices", str(len(mesh.vertices))))
            raise InputError("the template", "cannot be decimated: more than two triangles share an edge", fix)
    return Mesh(points.astype(np.float32), faces.astype(np.int32))


def carried_by(coarse: Mesh, points: NDArray[np.floating]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """How ``points`` (N, 3) go with the vertices of ``coarse``: from these (C, 3), moved, to the points (N, 3).

    A point keeps its offset from the nearest point of the coarse surface, in axes that turn with the triangle.
    """
    rest = coarse.vertices.astype(np.float64)
    _, triangles, nearest = igl.point_mesh_squared_distance(
        np.ascontiguousarray(points, np.float64), rest, coarse.faces.astype(np.int64)
    )[:3]
    corners = coarse.faces[triangles]
    (a, b, c), shares = rest[corners].swapaxes(0, 1), np.empty((len(points), 3))
    normal = np.cross(b - a, c - a)
    squared = np.maximum((normal**2).sum(1), 1e-30)
    shares[:, 1] = (np.cross(nearest - a, c - a) * normal).sum(1) / squared
    shares[:, 2] = (np.cross(b - a, nearest - a) * normal).sum(1) / squared
    shares[:, 0] = 1 - shares[:, 1] - shares[:, 2]
    offsets = np.asarray(points, np.float64) - np.einsum("nk,nkd->nd", shares, rest[corners])
    local = np.einsum("nij,nj->ni", _axes(rest[corners]), offsets)

    def carry(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        assert vertices.shape == rest.shape, vertices.shape
        moved = vertices[corners]
        turned: NDArray[np.float64] = np.einsum("nij,ni->nj", _axes(moved), local)
        return np.einsum("nk,nkd->nd", shares, moved) + turned

    return carry


def _axes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit axes (N, 3, 3), as rows, of triangles with ``corners`` (N, 3, 3): along an edge, across it, the normal."""
    along = corners[:, 1] - corners[:, 0]
    normal = np.cross(along, corners[:, 2] - corners[:, 0])
    along, normal = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-15) for each in (along, normal))
    return np.stack((along, np.cross(normal, along), normal), axis=1)
