"""From codes to meshes."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import Cancelled
from engine.geometry.mesh import Mesh
from engine.model import NeuralParametricModel
from engine.surface.contour import contour_cells
from engine.surface.folded import FoldedDecoder, SignedDistance, half_is_fast, never
from engine.surface.lipschitz import lipschitz_bounds, measure_half_error
from engine.surface.octree import close_at_cube, lattice_line, surface_cells, surface_cells_of_several

# A half precision that is off by more, a cell of the lattice of 200, sorts out nothing.
_LARGEST_HALF_ERROR = 0.005


def extract_surface(
    model: NeuralParametricModel,
    shape_code: Tensor,
    resolution: int,
    half: bool = False,
    cancelled: Callable[[], bool] = never,
) -> Mesh:
    """The canonical surface of ``shape_code`` as a closed mesh with outward normals.

    The triangles are those of marching cubes on the dense lattice ``linspace(-0.5, 0.5, resolution)^3``. A surface that
    leaves the cube is closed at the cube's faces; a code without any surface gives an empty mesh.

    Args:
        shape_code: (Cs,)
        resolution: nodes per axis, at least 8.
        half: run the network in half precision only, for previews; vertices move by up to a few thousandths.
        cancelled: polled every few milliseconds.

    Raises:
        Cancelled: ``cancelled`` said so.
    """
    return extract_surfaces(model, shape_code[None], resolution, half, cancelled)[0]


def extract_surfaces(
    model: NeuralParametricModel,
    shape_codes: Tensor,
    resolution: int,
    half: bool = False,
    cancelled: Callable[[], bool] = never,
) -> list[Mesh]:
    """`extract_surface` of each of ``shape_codes`` (B, Cs), found together: for many small meshes on a GPU."""
    assert resolution >= 8, resolution
    assert shape_codes.ndim == 2, shape_codes.shape
    bounds, device = lipschitz_bounds(model), model.device
    error = measure_half_error(model) if half_is_fast(device) and not half else torch.inf
    pruning_half = half or error < _LARGEST_HALF_ERROR

    if len(shape_codes) == 1:
        field = SignedDistance(model, shape_codes[0], half, cancelled)
        rough = SignedDistance(model, shape_codes[0], True, cancelled) if pruning_half and not half else field
        cells, values = surface_cells(field, rough, bounds, resolution, device, error)
        found = [(cells, values)]
    else:
        fields = SignedDistance(model, shape_codes, half, cancelled)
        rough = SignedDistance(model, shape_codes, True, cancelled) if pruning_half and not half else fields
        count = len(shape_codes)
        shapes, cells, values = surface_cells_of_several(fields, rough, bounds, resolution, device, count, error)
        sizes = shapes.bincount(minlength=count).tolist()
        found = list(zip(cells.split(sizes), values.split(sizes), strict=True))
    meshes = []
    for cells, values in found:
        if cancelled():
            raise Cancelled
        meshes.append(contour_cells(cells, values, resolution))
    return meshes


def dense_field(model: NeuralParametricModel, shape_code: Tensor, resolution: int) -> NDArray[np.float32]:
    """Signed distances (N, N, N) of ``shape_code`` (Cs,) on the whole lattice, axes x, y, z; slow, an oracle for tests.

    Nodes on the faces of the cube count as outside, as in `extract_surface`.
    """
    line = torch.arange(resolution, device=model.device)
    field = SignedDistance(model, shape_code, False, never)
    slabs = []
    for x in line:  # one slab after the other: half a gigabyte of points at 256^3 otherwise
        nodes = torch.cartesian_prod(x[None], line, line)
        points = lattice_line(resolution, model.device)[nodes]
        slabs.append(close_at_cube(field(points), nodes, resolution).reshape(resolution, resolution))
    return torch.stack(slabs).cpu().numpy()


def pose_vertices(
    model: NeuralParametricModel,
    shape_code: Tensor,
    pose_code: Tensor,
    vertices: NDArray[np.float32] | Tensor,
    half: bool = False,
) -> NDArray[np.float32]:
    """Posed positions (V, 3), canonical units, of canonical ``vertices`` (V, 3).

    Args:
        shape_code: (Cs,)
        pose_code: (Cp,)
        half: run the hidden layers in half precision.
    """
    assert model.pose_decoder is not None, "this model has no pose decoder"
    points = torch.as_tensor(vertices, dtype=torch.float32, device=model.device)
    code = torch.cat((shape_code.to(model.device), pose_code.to(model.device)))
    posed: NDArray[np.float32] = (points + FoldedDecoder(model.pose_decoder, code, half)(points)).cpu().numpy()
    return posed


class SurfaceCache:
    """The last few canonical surfaces of one model: changing the pose only moves their vertices.

    For use by one thread.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._meshes: OrderedDict[tuple[NeuralParametricModel, bytes, int, bool], Mesh] = OrderedDict()

    def canonical(
        self,
        model: NeuralParametricModel,
        shape_code: Tensor,
        resolution: int,
        half: bool = False,
        cancelled: Callable[[], bool] = never,
    ) -> Mesh:
        """`extract_surface` of these arguments, from memory when it was among the last ``size`` asked for."""
        key = (model, shape_code.detach().cpu().numpy().tobytes(), resolution, half)
        if key not in self._meshes:
            self._meshes[key] = extract_surface(model, shape_code, resolution, half, cancelled)
        self._meshes.move_to_end(key)
        while len(self._meshes) > self._size:
            self._meshes.popitem(last=False)
        return self._meshes[key]
