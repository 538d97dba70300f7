"""NumPy twin of the kernel in ``voxels.pyx``: what it computes, and its oracle in the tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def voxelise_surface(triangles: ArrayLike, resolution: int) -> NDArray[np.bool_]:
    """Cells (N, N, N) bool, index order x, y, z, of the cube [0, N]^3 that overlap one of ``triangles`` (T, 3, 3).

    Separating axes of a box and a triangle (Akenine-Moller, Fast 3D Triangle-Box Overlap Testing, 2001): the axes of
    the box, here as the bounding box of the triangle in whole cells, the normal of the triangle, and the products of
    the axes with its edges.
    """
    occupied = np.zeros((resolution,) * 3, bool)
    for corners in np.asarray(triangles, np.float64):  # (3, 3)
        if (corners.max(axis=0) < 0).any() or (corners.min(axis=0) > resolution).any():
            continue
        first = np.clip(np.floor(corners.min(axis=0)), 0, resolution - 1).astype(int)
        last = np.clip(np.floor(corners.max(axis=0)), 0, resolution - 1).astype(int)
        cells = np.stack(np.meshgrid(*map(np.arange, first, last + 1), indexing="ij"), axis=-1).reshape(-1, 3)
        edges = np.roll(corners, -1, axis=0) - corners
        axes = np.concatenate([np.cross(edges[:1], edges[1:2]), np.cross(np.eye(3)[:, None], edges).reshape(-1, 3)])
        shadow = _products(corners, axes)  # (3, 10)
        radius = 0.5 * np.abs(axes).sum(axis=1)
        centres = _products(cells + 0.5, axes)  # (K, 10)
        overlaps = (centres >= shadow.min(axis=0) - radius) & (centres <= shadow.max(axis=0) + radius)
        occupied[tuple(cells[overlaps.all(axis=1)].T)] = True
    return occupied


def _products(points: NDArray[np.floating], axes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Dot products (N, A), summed from x to z as the kernel does; a matrix product may round otherwise."""
    x, y, z = points.T[..., None]
    return x * axes[:, 0] + y * axes[:, 1] + z * axes[:, 2]
