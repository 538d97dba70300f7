"""Marching cubes on a sparse set of lattice cells."""

import torch
import warp as wp
from torch import Tensor
from warp.geometry import sparse_marching_cubes_from_cells

from engine.geometry.mesh import Mesh
from engine.warp_runtime import start_warp


def contour_cells(cells: Tensor, values: Tensor, resolution: int) -> Mesh:
    """Triangles of the zero level inside ``cells``, vertices shared between neighbours, normals towards positive.

    Args:
        cells: (A, 3) int32, lowest corner of each cell on the lattice of ``resolution`` nodes per axis, unique.
        values: (A, 8) float32, distances at the corners, in the order of `engine.surface.octree.CORNERS`.
    """
    assert cells.ndim == 2
    assert values.shape == (len(cells), 8)
    start_warp()
    if cells.is_cuda:  # Warp works on a stream of its own
        torch.cuda.current_stream(cells.device).synchronize()
    device = wp.device_from_torch(cells.device)
    with wp.ScopedDevice(device):
        vertices, indices = sparse_marching_cubes_from_cells(
            wp.from_torch(cells.contiguous(), dtype=wp.vec3i),
            wp.from_torch(values.contiguous().reshape(-1)),
            origin=(-0.5, -0.5, -0.5),
            cell_width=1.0 / (resolution - 1),
            device=device,
        )
    return Mesh(vertices.numpy().reshape(-1, 3), indices.numpy().reshape(-1, 3))
