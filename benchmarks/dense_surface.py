"""The published way from codes to meshes, and whether other ways find the same surface."""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel

CHUNK = 500_000


class Clock:
    """Seconds since the last look, after all work of a device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.lap()

    def lap(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        elapsed, self._last = now - getattr(self, "_last", now), now
        return elapsed


def published_way(
    model: NeuralParametricModel, shape_code: Tensor, pose_code: Tensor | None, resolution: int
) -> dict[str, float]:
    """Milliseconds of the dense grid, PyMCubes and posing, all in float32."""
    clock = Clock(model.device)
    line = torch.linspace(-0.5, 0.5, resolution, device=model.device)
    field = np.empty(resolution**3, np.float32)
    with torch.no_grad():
        for start in range(0, resolution**3, CHUNK):
            index = torch.arange(start, min(start + CHUNK, resolution**3), device=model.device)
            nodes = torch.stack((index // resolution**2, index // resolution % resolution, index % resolution), dim=1)
            values = model.sdf(shape_code[None], line[nodes][None])[0]
            field[start : start + CHUNK] = values.cpu().numpy()
        evaluated = clock.lap()
        vertices = marching_cubes(field.reshape(3 * (resolution,))) / (resolution - 1) - 0.5
        contoured = clock.lap()
        if pose_code is not None:
            for start in range(0, len(vertices), CHUNK):
                points = torch.from_numpy(vertices[start : start + CHUNK]).float().to(model.device)
                model.pose(shape_code[None], pose_code[None], points[None])[0].cpu()
    posed = clock.lap()
    seconds = {"field": evaluated, "contour": contoured, "pose": posed, "total": evaluated + contoured + posed}
    return {name: 1000 * value for name, value in seconds.items()}


def marching_cubes(field: NDArray[np.float32]) -> NDArray[np.float64]:
    """Vertices (V, 3) of the zero level of ``field`` (N, N, N), in nodes; both libraries make triangles, too."""
    try:
        import mcubes
    except ImportError:
        from skimage import measure

        return np.asarray(measure.marching_cubes(field, 0.0)[0], np.float64)
    return np.asarray(mcubes.marching_cubes(field, 0.0)[0], np.float64)


def crossed_cells(field: Tensor) -> Tensor:
    """Cells of ``field`` (N, N, N) whose corners have both signs: keys (A,) as in `cell_keys`, ascending."""
    some = every = field < 0
    for axis in range(3):
        low, high = (0, field.shape[axis] - 1), (1, field.shape[axis] - 1)
        some = some.narrow(axis, *low) | some.narrow(axis, *high)
        every = every.narrow(axis, *low) & every.narrow(axis, *high)
    return (some & ~every).flatten().nonzero()[:, 0]


def cell_keys(cells: Tensor, resolution: int) -> Tensor:
    """One number (A,) for each of ``cells`` (A, 3) of the grid of ``resolution`` nodes per axis."""
    x, y, z = cells.long().unbind(1)
    return (x * (resolution - 1) + y) * (resolution - 1) + z


def difference(found: Tensor, true: Tensor) -> dict[str, int]:
    """How many of the keys ``true`` are not ``found``, and the other way round."""
    return {
        "missed_cells": int((~torch.isin(true, found)).sum()),
        "extra_cells": int((~torch.isin(found, true)).sum()),
    }


def is_closed_and_outward(mesh: Mesh, device: torch.device) -> bool:
    """Whether each edge is walked once in either direction, and the volume inside is positive; found on ``device``."""
    faces = torch.from_numpy(mesh.faces.astype(np.int64, order="C")).to(device)
    start, end = faces.flatten(), faces.roll(-1, dims=1).flatten()
    size = len(mesh.vertices)
    there, back = (start * size + end).sort().values, (end * size + start).sort().values
    closed = torch.equal(there, back) and bool((there[1:] != there[:-1]).all())
    a, b, c = torch.tensor(mesh.vertices, dtype=torch.float64, device=device)[faces].unbind(dim=1)
    return closed and float((a * torch.linalg.cross(b, c)).sum()) > 0
