"""NumPy twin of the kernel in ``distance_grid.pyx``: what it computes, and its oracle in the tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def nearest_distance_grid(points: ArrayLike, axis: ArrayLike) -> NDArray[np.float32]:
    """Distances (N, N, N) float32, index order x, y, z, from lattice nodes to the nearest of ``points`` (P, 3).

    ``axis`` (N,) holds the ascending coordinates of the nodes along each of the three axes.
    """
    points, axis = np.asarray(points, np.float64), np.asarray(axis, np.float64)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    squared = np.full(nodes.shape[:3], np.inf)
    for point in points:
        np.minimum(squared, ((nodes - point) ** 2).sum(axis=-1), out=squared)
    return np.sqrt(squared).astype(np.float32)
