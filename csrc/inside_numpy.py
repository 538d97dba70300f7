"""NumPy twin of the kernel in ``inside.pyx``: what it computes, and its oracle in the tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def inside_parity(points: ArrayLike, triangles: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of ``points`` (N, 3) is inside the surface of ``triangles`` (T, 3, 3), and whether that is in doubt.

    Returns ``inside`` (N,) bool, an odd number of triangles above (+z) and below, and ``hole`` (N,) bool, where only
    one of the two numbers is odd. A triangle that goes through the point is above it. Of each edge, only the half-open
    interval of y counts, so that a line through an edge or a vertex crosses the surface once.
    """
    points, triangles = np.asarray(points, np.float64), np.asarray(triangles, np.float64)
    above, below = np.zeros(len(points), bool), np.zeros(len(points), bool)
    x, y, _ = points.T
    for corners in triangles:
        hit = np.zeros(len(points), bool)
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            low, high = (a, b) if a[1] <= b[1] else (b, a)
            left_of_edge = (x - low[0]) * (high[1] - low[1]) < (high[0] - low[0]) * (y - low[1])
            hit ^= ((a[1] > y) != (b[1] > y)) & left_of_edge
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        height = ((points - corners[0]) * normal).sum(axis=1) * (-1 if normal[2] < 0 else 1)
        below ^= hit & (height > 0)
        above ^= hit & ~(height > 0)
    finite = np.isfinite(points).all(axis=1)
    return above & below & finite, (above ^ below) & finite
