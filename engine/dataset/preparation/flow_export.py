"""Flow samples as the published NPM code stores them: the same points on every frame of an identity.

`engine.training.flow_samples` draws such points during training; these are for handing data to other programs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.signed_distance import sample_surface


@dataclass(frozen=True, eq=False)
class FlowSampling:
    """Where the samples of an identity are, on whatever frame of it."""

    faces: NDArray[np.int64]
    """(N,) triangle of each sample"""
    barycentric: NDArray[np.float64]
    """(N, 3) place in the triangle"""
    offsets: NDArray[np.float64]
    """(N,) distance along the unit normal of the triangle, canonical units"""


def sample_flow(
    canonical: NDArray[np.floating],
    faces: NDArray[np.integer],
    sigma: float,
    count: int,
    generator: np.random.Generator,
) -> FlowSampling:
    """Choose ``count`` samples, uniform on the canonical mesh, with offsets uniform in [-``sigma``, ``sigma``].

    Args:
        canonical: (V, 3) canonical units
        faces: (T, 3)
    """
    picks, barycentric = sample_surface(canonical, faces, count, generator)
    return FlowSampling(picks, barycentric, sigma * (2 * generator.random(count) - 1))


def flow_points(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], sampling: FlowSampling
) -> NDArray[np.float64]:
    """Positions (N, 3) of the samples on one frame; on a triangle without area they stay on the surface.

    Args:
        vertices: (V, 3) of the frame
        faces: (T, 3), of the mesh that was sampled
    """
    corners = np.asarray(vertices, np.float64)[faces[sampling.faces]]  # (N, 3 corners, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    on_surface = np.einsum("nc,nci->ni", sampling.barycentric, corners)
    points: NDArray[np.float64] = on_surface + sampling.offsets[:, None] * normals
    return points
