"""What planes cut of a surface, and how long a tape around it is."""

import numpy as np
from numpy.typing import NDArray

_DIGITS = 7
"""Decimals of metres by which ends of lines are the same point."""
_LEAST_LINES = 3
"""Of a part of a section: fewer enclose nothing."""


class Sections:
    """Sections of one surface across directions without a part along z, in metres."""

    def __init__(self, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> None:
        """Of ``vertices`` (V, 3) and ``faces`` (T, 3); it may be open, as a limb without its body is."""
        import trimesh

        self._mesh = trimesh.Trimesh(np.asarray(vertices, np.float64), faces, process=False)

    def middle(self, level: float) -> NDArray[np.float64]:
        """The middle (3,) of all that a horizontal plane cuts."""
        lines = self._lines(np.array([0.0, level, 0.0]), np.array([0.0, 1.0, 0.0]))
        middle: NDArray[np.float64] = (lines.min(axis=(0, 1)) + lines.max(axis=(0, 1))) / 2
        return middle

    def girth(self, point: NDArray[np.float64], axis: NDArray[np.float64]) -> float:
        """Around the connected part of a section whose middle is nearest to ``point`` (3,), across ``axis`` (3,)."""
        across, lines = _across(axis), self._lines(point, axis)
        wanted = np.array([point @ across, point[2]])
        parts = [np.stack((part @ across, part[:, 2]), axis=1) for part in _parts(lines)]
        return hull_length(
            min(parts, key=lambda part: np.linalg.norm((part.min(axis=0) + part.max(axis=0)) / 2 - wanted))
        )

    def girth_of_all(self, point: NDArray[np.float64], axis: NDArray[np.float64]) -> float:
        """Around all that the plane through ``point`` (3,) across ``axis`` (3,) cuts."""
        ends = self._lines(point, axis).reshape(-1, 3)
        return hull_length(np.stack((ends @ _across(axis), ends[:, 2]), axis=1))

    def _lines(self, point: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2, 3)"""
        import trimesh

        lines: NDArray[np.float64] = trimesh.intersections.mesh_plane(self._mesh, axis, point)
        return lines


def hull_length(points: NDArray[np.float64]) -> float:
    """Length of the convex hull of ``points`` (N, 2)."""
    from scipy.spatial import ConvexHull

    return float(ConvexHull(points).area)  # which is the length of the boundary in two dimensions


def _across(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit vector (3,) across ``axis`` and z."""
    return np.array([-axis[1], axis[0], 0.0]) / np.hypot(axis[0], axis[1])


def _parts(lines: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Points (M, 3) of ``lines`` (N, 2, 3) that hang together by their ends."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.unique(lines.reshape(-1, 3).round(_DIGITS), axis=0, return_inverse=True)[1].reshape(-1, 2)
    links = coo_matrix((np.ones(len(ends), np.int8), ends.T), (2 * len(ends), 2 * len(ends)))
    part = connected_components(links, directed=False)[1][ends[:, 0]]
    numbers = np.flatnonzero(np.bincount(part) >= _LEAST_LINES)
    return [lines[part == number].reshape(-1, 3) for number in numbers]
