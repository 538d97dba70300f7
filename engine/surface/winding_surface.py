"""A closed surface around what a defective mesh encloses: where its winding number is one half."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance, winding_number
from engine.geometry.topology import triangle_areas
from engine.surface.contour import contour_cells
from engine.surface.lipschitz import LipschitzBounds
from engine.surface.octree import surface_cells

FEWEST, MOST = 64, 600
"""Bounds on the lattice cells per axis."""
_MEMBRANE = 0.05
# What one unit of winding number counts as in distance: over a hole the level is where the winding number says, however
# far the nearest triangle is, and the sum stays about as steep as a distance.


def winding_surface(vertices: NDArray[np.floating], faces: NDArray[np.integer], cells: int = 100_000) -> Mesh:
    """The surface on which the winding number of triangles is one half (Jacobson et al. 2013), closed and outward.

    Close to triangles its place is that of the triangles, to about a tenth of a cell of the lattice; over holes it is
    the smooth membrane of the winding number. Interior shells, fins and buried parts vanish. Only the lattice cells
    near the surface are evaluated. Empty where the mesh encloses nothing.

    Args:
        vertices: (V, 3), finite
        faces: (T, 3), mostly oriented outwards
        cells: about as many lattice cells as the surface passes through, which settles their size; the longest side
            of the bounding box takes nine tenths of `FEWEST` to `MOST` of them
    """
    v = np.asarray(vertices, np.float64)
    corners = v[np.unique(faces)]
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre, scale = (low + high) / 2, 0.9 / max(float((high - low).max()), 1e-30)
    v = (v - centre) * scale  # the lattice spans the cube

    def field(points: Tensor) -> Tensor:
        p = points.double().numpy()
        excess = 0.5 - winding_number(p, v, faces)
        size = np.minimum(unsigned_distance(p, v, faces), _MEMBRANE * np.abs(excess))
        return torch.from_numpy(np.where(excess < 0, -1.0, 1.0) * np.maximum(size, 1e-9)).float()

    bounds = LipschitzBounds(1.5, 1.5)
    area = float(triangle_areas(v, faces).sum())
    resolution = round(float(np.clip(np.sqrt(cells / max(area, 1e-12)), FEWEST, MOST))) + 1
    crossed, values = surface_cells(field, field, bounds, resolution, torch.device("cpu"))
    if len(crossed) == 0:
        return Mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.int32))
    mesh = contour_cells(crossed, values, resolution)
    return Mesh((mesh.vertices / scale + centre).astype(np.float32), np.asarray(mesh.faces, np.int32))
