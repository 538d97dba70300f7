"""A scan: the complete surface of a subject at one moment, as a mesh or as points from all sides."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import sample_surface

_NEIGHBOURS = 12
"""Of a point, which say how the surface lies there."""
_SPACING = 4
"""The neighbour that is as far away as the small pieces of surface that stand for points have to reach."""
_REACH = 1.3
"""Of that distance: pieces overlap, or rays would pass between them."""
_LONELY = 6.0
"""Times the usual distance between neighbours, beyond which a point belongs to nothing."""
MOST_POINTS = 60_000


@dataclass(frozen=True, eq=False)
class ScanFile:
    """A surface as a file has it, in its own unit and axes."""

    path: Path
    vertices: NDArray[np.float64]
    """(V, 3)"""
    faces: NDArray[np.int64] | None
    """(T, 3) of a mesh; None for points."""

    @property
    def is_cloud(self) -> bool:
        return self.faces is None


@dataclass(frozen=True, eq=False)
class Scan:
    """A surface that has been brought into the world of a sequence."""

    surface: Mesh
    """World, metres; of points small pieces of surface that stand for them."""
    file_to_world: NDArray[np.float64]
    """(4, 4) from the unit and the axes of the file, by a scale, a rotation and a translation."""
    unit: str
    """Of the file."""
    is_cloud: bool = False

    def in_file(self, mesh: Mesh) -> Mesh:
        """``mesh`` of the world in the unit and the axes of the file."""
        return Mesh(transform_points(np.linalg.inv(self.file_to_world), mesh.vertices), mesh.faces)


def surface_samples(mesh: Mesh, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Points (``count``, 3) of ``mesh``, spread evenly."""
    picks, barycentric = sample_surface(mesh.vertices, mesh.faces, count, np.random.default_rng(seed))
    samples: NDArray[np.float64] = (mesh.vertices[mesh.faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    return samples


def surface_of(file: ScanFile) -> Mesh:
    """What rays can hit of ``file``, in its unit and axes: its triangles, or pieces of surface around its points."""
    if file.faces is not None:
        used, corners = np.unique(file.faces, return_inverse=True)
        return Mesh(file.vertices[used].astype(np.float32), corners.reshape(-1, 3).astype(np.int32))
    return pieces_of_surface(file.vertices)


def pieces_of_surface(points: NDArray[np.float64]) -> Mesh:
    """Small overlapping squares in the tangent planes of ``points`` (N, 3), as large as the points are apart there.

    The plane is that of the nearest neighbours (Hoppe et al. 1992). Which side is outside need not be known: both
    are seen, and a camera sees the outer one. Points far from all others are left out; of more than `MOST_POINTS` some
    are taken.
    """
    from scipy.spatial import cKDTree

    if len(points) > MOST_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), MOST_POINTS, replace=False)]
    distances, rows = cKDTree(points).query(points, k=min(_NEIGHBOURS + 1, len(points)))
    apart = distances[:, min(_SPACING, distances.shape[1] - 1)]
    kept = apart < _LONELY * np.median(apart)
    near = points[rows[kept]] - points[rows[kept]].mean(axis=1, keepdims=True)
    axes = np.linalg.eigh(np.einsum("nki,nkj->nij", near, near))[1]  # of the largest spread last
    half = _REACH * apart[kept, None] / np.sqrt(2)
    one, other, middle = half * axes[:, :, 2], half * axes[:, :, 1], points[kept]
    corners = np.stack((middle - one - other, middle + one - other, middle + one + other, middle - one + other), axis=1)
    first = 4 * np.arange(len(middle))
    faces = (first[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return Mesh(corners.reshape(-1, 3).astype(np.float32), faces.astype(np.int32))
