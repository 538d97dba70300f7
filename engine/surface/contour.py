"""Marching cubes on a sparse set of lattice cells."""

import numpy as np
from torch import Tensor

from engine.core.devices import to_host
from engine.geometry.mesh import Mesh
from engine.surface.marching_cubes import triangles_of_cells

_ORIGIN = -0.5


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
    width = 1.0 / (resolution - 1)
    contour = _contour_on_gpu if cells.is_cuda else triangles_of_cells
    return Mesh(*to_host(*contour(cells, values, _ORIGIN, width)))


def _contour_on_gpu(cells: Tensor, values: Tensor, origin: float, width: float) -> tuple[Tensor, Tensor]:  # GPU only
    import warp as wp
    from warp.geometry import sparse_marching_cubes_from_cells

    from engine.core.warp_runtime import start_warp, warp_on

    start_warp()
    if not wp.is_cuda_available():  # Warp wants a newer driver than PyTorch does
        return triangles_of_cells(cells.cpu(), values.cpu(), origin, width)
    with warp_on(cells.device) as device:
        vertices, indices = sparse_marching_cubes_from_cells(
            wp.from_torch(cells.contiguous(), dtype=wp.vec3i),
            wp.from_torch(values.contiguous().view(-1)),
            origin=(origin, origin, origin),
            cell_width=width,
            device=device,
        )
    return wp.to_torch(vertices).reshape(-1, 3), wp.to_torch(indices).reshape(-1, 3)


def empty_mesh() -> Mesh:
    """What there is to see of no surface."""
    return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
