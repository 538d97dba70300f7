"""Moving a fine surface by evaluating the networks at a few of its vertices only.

The displacement from the canonical to a posed surface is smooth. It is evaluated at some vertices, the anchors, and
carried to all others by moving least squares, which reproduces every affine motion. The surface keeps its detail and
its topology, and a preview costs as much as the anchors do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 8
_REGULARISATION = 1e-3


@dataclass(frozen=True, eq=False)
class Anchors:
    """Some vertices of a surface, and how the others follow them."""

    rows: NDArray[np.int64]
    """(A,) which vertices"""
    neighbours: NDArray[np.int64]
    """(V, 8) positions in ``rows``"""
    weights: NDArray[np.float32]
    """(V, 8), sum 1"""

    def spread(self, displacements: NDArray[np.float32]) -> NDArray[np.float32]:
        """Displacements (V, 3) of all vertices from those (A, 3) of the anchors."""
        return np.einsum("vk,vkc->vc", self.weights, displacements[self.neighbours])


def choose_anchors(vertices: NDArray[np.float32], count: int, seed: int = 0) -> Anchors:
    """About ``count`` anchors for ``vertices`` (V, 3).

    The weights of a vertex x minimise sum(w_i^2 / phi_i) subject to sum(w_i) = 1 and, up to a slight regularisation
    for neighbours that lie in a plane, sum(w_i x_i) = x, with phi falling with the distance from x.
    """
    from scipy.spatial import cKDTree

    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(len(vertices))[: max(count, _NEIGHBOURS)])
    distances, neighbours = cKDTree(vertices[rows]).query(vertices, k=min(_NEIGHBOURS, len(rows)))
    reach = distances[:, -1:] + 1e-9
    closeness = np.exp(-4 * np.square(distances / reach)) + 1e-6  # (V, k)
    offsets = (vertices[rows][neighbours] - vertices[:, None]) / reach[..., None]
    basis = np.concatenate((np.ones_like(offsets[..., :1]), offsets), axis=2)  # (V, k, 4)
    weighted = basis * closeness[..., None]
    moments = np.einsum("vki,vkj->vij", weighted, basis)
    moments += np.diag([0.0, _REGULARISATION, _REGULARISATION, _REGULARISATION])
    solution = np.linalg.solve(moments, np.eye(4)[:, :1])[..., 0]  # (V, 4)
    weights = np.einsum("vki,vi->vk", weighted, solution)
    return Anchors(rows, neighbours, weights.astype(np.float32))
