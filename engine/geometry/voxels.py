"""Voxels of a mesh, and an inside test that needs no closed surface.

A grid of resolution N has N^3 cells, index order x, y, z, that fill the cube [-0.5, 0.5]^3; the centre of cell i is at
``(i + 0.5) / N - 0.5``.
"""

import numpy as np
from numpy.typing import NDArray

from csrc.inside import inside_parity
from csrc.voxels import voxelise_surface
from engine.geometry.mesh import Mesh


def surface_voxels(mesh: Mesh, resolution: int) -> NDArray[np.bool_]:
    """Cells (N, N, N) that a triangle of ``mesh`` (canonical units) passes through.

    Raises:
        ValueError: a vertex is not finite, or the resolution is outside 1 to 2048.
    """
    return voxelise_surface((_triangles(mesh) + 0.5) * resolution, resolution)


def solid_voxels(mesh: Mesh, resolution: int) -> NDArray[np.bool_]:
    """Cells (N, N, N) of the surface of ``mesh`` (canonical units), and those whose centre is inside of it.

    Raises:
        ValueError: a vertex is not finite, or the resolution is outside 1 to 2048.
    """
    occupied = surface_voxels(mesh, resolution)
    axis = (np.arange(resolution) + 0.5) / resolution - 0.5
    slabs = max(1, 2**21 // resolution**2)  # all cells at once would fill gigabytes
    for start in range(0, resolution, slabs):
        part = occupied[start : start + slabs]
        empty = np.nonzero(~part)
        centres = np.column_stack((axis[empty[0] + start], axis[empty[1]], axis[empty[2]]))
        part[empty] = inside_by_parity(centres, mesh)[0]
    return occupied


def inside_by_parity(points: NDArray[np.floating], mesh: Mesh) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of ``points`` (N, 3) is inside ``mesh``, and whether that stayed in doubt.

    Crossings are counted along both directions of the z axis. Points where their parities differ, which look through a
    hole, are looked at again along x and then along y (Chibane et al. 2020, implicit waterproofing). For a mesh with
    many holes prefer `engine.geometry.signed_distance.is_inside`.

    Returns:
        ``inside`` (N,) bool, and ``doubtful`` (N,) bool where holes lie in all three directions; those are outside.
    """
    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    triangles = _triangles(mesh)
    inside, doubtful = inside_parity(points, triangles)
    for axes in ([1, 2, 0], [2, 0, 1]):  # x, then y take the place of z
        if not doubtful.any():
            break
        again = np.flatnonzero(doubtful)
        inside[again], doubtful[again] = inside_parity(points[again][:, axes], triangles[..., axes])
    return inside, doubtful


def _triangles(mesh: Mesh) -> NDArray[np.float64]:
    """(T, 3, 3)"""
    triangles: NDArray[np.float64] = mesh.vertices.astype(np.float64)[mesh.faces]
    return triangles
