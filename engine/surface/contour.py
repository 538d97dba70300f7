"""Marching cubes on a sparse set of lattice cells."""

import numpy as np
import warp as wp
from torch import Tensor
from warp.geometry import sparse_marching_cubes_from_cells

from engine.core.devices import to_host
from engine.core.warp_runtime import start_warp, warp_on
from engine.geometry.mesh import Mesh


def contour_cells(cells: Tensor, values: Tensor, resolution: int) -> Mesh:
    """Triangles of the zero level inside ``cells``, vertices shared between neighbours, normals towards positive.

    Args:
        cells: (A, 3) int32, lowest corner of each cell on the lattice of ``resolution`` nodes per axis, unique.
        values: (A, 8) float32, distances at the corners, in the order of `engine.surface.octree.CORNERS`.
    """
    assert cells.ndim == 2
    assert values.shape == (len(cells), 8)
    if len(cells) == 0:
        return empty_mesh()
    cells, values = cells.contiguous(), values.contiguous()
    start_warp()
    if cells.is_cuda and not wp.is_cuda_available():  # Warp wants a newer driver than PyTorch does
        cells, values = cells.cpu(), values.cpu()
    with warp_on(cells.device) as device:
        vertices, indices = sparse_marching_cubes_from_cells(
            wp.from_torch(cells, dtype=wp.vec3i),
            wp.from_torch(values.view(-1)),
            origin=(-0.5, -0.5, -0.5),
            cell_width=1.0 / (resolution - 1),
            device=device,
        )
    return Mesh(*to_host(wp.to_torch(vertices).reshape(-1, 3), wp.to_torch(indices).reshape(-1, 3)))


def empty_mesh() -> Mesh:
    """What there is to see of no surface."""
    return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
