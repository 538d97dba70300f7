"""From codes to meshes."""

from collections.abc import Callable
from math import isfinite
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.devices import to_host
from engine.core.errors import Cancelled
from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.surface.contour import contour_cells, empty_mesh
from engine.surface.folded import FoldedDecoder, SignedDistance, not_cancelled
from engine.surface.lipschitz import lipschitz_bounds, measure_half_error, measure_half_pose_error
from engine.surface.octree import close_at_cube, lattice_line, surface_cells, surface_cells_of_several
from engine.surface.precision import half_is_fast

# A half precision that is off by more, a cell of the lattice of 200, sorts out nothing.
_LARGEST_HALF_ERROR = 0.005
# In codes so many times as large as the largest of training, hidden values could leave the range of half precision.
_FARTHEST_CODE = 100.0
# More than a quarter of a cell of the lattice of 256 would be seen in a posed surface.
_LARGEST_HALF_POSE_ERROR = 0.001


def extract_surface(
    model: NeuralParametricModel,
    shape_code: Tensor,
    resolution: int,
    half: bool = False,
    cancelled: Callable[[], bool] = not_cancelled,
) -> Mesh:
    """The canonical surface of ``shape_code`` as a closed mesh with outward normals.

    The triangles are those of marching cubes on the dense lattice ``linspace(-0.5, 0.5, resolution)^3``. A surface that
    leaves the cube is closed at the cube's faces; a code without any surface, or one that is not finite, gives an empty
    mesh.

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
    cancelled: Callable[[], bool] = not_cancelled,
) -> list[Mesh]:
    """`extract_surface` of each of ``shape_codes`` (B, Cs), found together: for many small meshes on a GPU."""
    assert resolution >= 8, resolution
    assert shape_codes.ndim == 2, shape_codes.shape
    shape_codes = shape_codes.to(model.device)
    largest = float(shape_codes.abs().amax())
    if not isfinite(largest):  # hidden layers would turn it into numbers again
        usable = shape_codes.isfinite().all(dim=1)
        found = iter(extract_surfaces(model, shape_codes[usable], resolution, half, cancelled) if usable.any() else [])
        return [next(found) if one else empty_mesh() for one in usable.tolist()]
    bounds, device = lipschitz_bounds(model), model.device
    error = measure_half_error(model) if half_is_fast(device) and not half else torch.inf
    pruning_half = half or (error < _LARGEST_HALF_ERROR and largest < _FARTHEST_CODE * _largest_code(model))

    if len(shape_codes) == 1:
        field = SignedDistance(model, shape_codes[0], half, cancelled)
        rough = SignedDistance(model, shape_codes[0], True, cancelled) if pruning_half and not half else field
        cells, values = surface_cells(field, rough, bounds, resolution, device, error)
        crossed = [(cells, values)]
    else:
        fields = SignedDistance(model, shape_codes, half, cancelled)
        rough = SignedDistance(model, shape_codes, True, cancelled) if pruning_half and not half else fields
        count = len(shape_codes)
        shapes, cells, values = surface_cells_of_several(fields, rough, bounds, resolution, device, count, error)
        sizes = shapes.bincount(minlength=count).tolist()
        crossed = list(zip(cells.split(sizes), values.split(sizes), strict=True))
    meshes = []
    for cells, values in crossed:
        if cancelled():
            raise Cancelled
        meshes.append(contour_cells(cells, values, resolution))
    return meshes


def _largest_code(model: NeuralParametricModel) -> float:
    """Magnitude of the largest number in the training codes; computed once per model object."""
    if model not in _largest_codes:
        _largest_codes[model] = float(model.shape_codes.abs().amax())
    return _largest_codes[model]


_largest_codes: WeakKeyDictionary[NeuralParametricModel, float] = WeakKeyDictionary()


def dense_field(model: NeuralParametricModel, shape_code: Tensor, resolution: int) -> NDArray[np.float32]:
    """Signed distances (N, N, N) of ``shape_code`` (Cs,) on the whole lattice, axes x, y, z; slow, an oracle for tests.

    Nodes on the faces of the cube count as outside, as in `extract_surface`.
    """
    line = torch.arange(resolution, device=model.device)
    field = SignedDistance(model, shape_code, False, not_cancelled)
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
    half: bool | None = False,
) -> NDArray[np.float32]:
    """Posed positions (V, 3), canonical units, of canonical ``vertices`` (V, 3).

    Args:
        shape_code: (Cs,)
        pose_code: (Cp,)
        half: run the hidden layers in half precision; None, for what is only looked at: on a GPU, where that is ten
            times as fast and moves vertices by some 1e-5 (checked once per model by `measure_half_pose_error`).
    """
    assert model.pose_decoder is not None, "this model has no pose decoder"
    looked_at = half is None
    if half is None:
        half = model.device.type == "cuda" and measure_half_pose_error(model) < _LARGEST_HALF_POSE_ERROR
    points = torch.as_tensor(vertices, dtype=torch.float32).to(model.device, non_blocking=True)
    code = torch.cat((shape_code.to(model.device), pose_code.to(model.device)))
    posed: NDArray[np.float32]
    (posed,) = to_host(points + FoldedDecoder(model.pose_decoder, code, half)(points))
    if looked_at and half and not np.isfinite(posed).all():  # a code unlike those that were measured
        return pose_vertices(model, shape_code, pose_code, vertices, half=False)
    return posed
