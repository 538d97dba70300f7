"""How far a surface moves along a path of codes, and moving along it at constant speed.

Equal steps of a code are not equal movements of the surface. The *movement* from one pair of codes to the next is the
root mean square distance, over points spread on the surface, between the posed place of a point and the posed place to
which the surface takes it. A change of pose takes every point along. A change of shape says nothing of where a point
goes within the surface, so it goes the shortest way, along the normal, to where the new signed distance is zero.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, vertex_normals
from engine.models.code_path import CodePath
from engine.models.model import NeuralParametricModel
from engine.surface.contour import empty_mesh
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import SignedDistance, not_cancelled

RESOLUTION = 48
"""Of the surfaces whose vertices are the points: some thousand of a body, two to five centimetres apart."""
PARTS = 16
"""Of the way between two keyframes, in each of which the speed counts as constant."""
_ROUNDS, _EVEN = 4, 1.03
"""In which movements are evened out at the most, and how many times the least of them the largest may be."""
_LARGEST_STEP = 0.1
"""That a point may go, canonical units: where a part of the surface vanishes, no other is near."""


def movements(
    model: NeuralParametricModel,
    path: CodePath,
    times: NDArray[np.float64],
    resolution: int = RESOLUTION,
    cancelled: Callable[[], bool] = not_cancelled,
) -> NDArray[np.float64]:
    """Movement (N - 1,) of the surface from each of ``times`` (N,) of ``path`` to the next one, canonical units.

    Raises:
        InputError: the path leads through codes that have no surface.
        Cancelled: ``cancelled`` said so.
    """
    codes = path.at(times)
    moved, surface = np.zeros(len(codes) - 1), empty_mesh()
    known: Tensor | None = None
    for step, ((shape, pose), (next_shape, next_pose)) in enumerate(pairwise(codes)):
        if known is None or not torch.equal(shape, known):
            surface, known = extract_surface(model, shape, resolution, cancelled=cancelled), shape
        if surface.is_empty:
            part = (times[step] - path.times[0]) / (path.times[-1] - path.times[0])
            problem = f"has no surface at {part:.0%} of the way"
            raise InputError("the path between these codes", problem, "use codes that are more alike")
        start = end = surface.vertices
        if not torch.equal(shape, next_shape):  # a contoured vertex is not quite where the distance is zero: find both
            start, end = (
                _onto_zero(SignedDistance(model, code, False, cancelled), surface, model.device)
                for code in (shape, next_shape)
            )
        if pose is not None and next_pose is not None:
            start = pose_vertices(model, shape, pose, start)
            end = pose_vertices(model, next_shape, next_pose, end)
        moved[step] = np.sqrt(np.square(end.astype(np.float64) - start).sum(axis=1).mean())
    return moved


def times_of_constant_speed(
    model: NeuralParametricModel,
    path: CodePath,
    count: int,
    cancelled: Callable[[], bool] = not_cancelled,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``count`` times (N,) of ``path``, ends included, from each of which to the next the surface goes equally far.

    The path is divided by its length, the sum of the movements of many small parts. As frames that are farther apart
    cut its bends, the movements between them are then measured and evened out, for a few rounds. Where the surface does
    not move at all, the times are evenly spaced. The times of the keyframes do not count, but where the path is smooth
    they bend it.

    Returns:
        the times, and the movements (N - 1,) between them, canonical units: how even they are in the end.

    Raises:
        InputError: the path leads through codes that have no surface.
        Cancelled: ``cancelled`` said so.
    """
    parts = [np.linspace(start, end, PARTS, endpoint=False) for start, end in pairwise(path.times)]
    known = np.append(np.concatenate(parts), path.times[-1])
    times = _divided(known, movements(model, path, known, cancelled=cancelled), count)
    moved = movements(model, path, times, cancelled=cancelled)
    for _ in range(_ROUNDS):
        if moved.max() <= _EVEN * moved.min():
            break
        closer = _divided(times, moved, count)
        measured = movements(model, path, closer, cancelled=cancelled)
        if measured.max() * moved.min() < moved.max() * measured.min():
            times, moved = closer, measured
    return times, moved


def _divided(times: NDArray[np.float64], moved: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``count`` times (N,) that divide ``times`` (M,), between which the surface has ``moved`` (M - 1,), evenly."""
    reached = np.concatenate(([0.0], np.cumsum(moved)))
    if reached[-1] == 0:
        return np.linspace(times[0], times[-1], count)
    return np.interp(np.linspace(0, reached[-1], count), reached, times)


def _onto_zero(distance: Callable[[Tensor], Tensor], surface: Mesh, device: torch.device) -> NDArray[np.float32]:
    """Vertices (V, 3) of ``surface`` moved along their normals, by a secant step, to where ``distance`` is zero."""
    points = torch.from_numpy(surface.vertices).to(device)
    normals = torch.from_numpy(vertex_normals(surface.vertices, surface.faces)).to(device)
    first = distance(points)
    way = first.clamp(-_LARGEST_STEP, _LARGEST_STEP)
    second = distance(points - way[:, None] * normals)
    # how fast the distance falls along the normal; about one, and not to be trusted where the way is short
    slope = torch.where(way.abs() > 1e-5, (first - second) / way, 1.0).clamp(0.5, 2.0)
    way = (way + second / slope).clamp(-_LARGEST_STEP, _LARGEST_STEP)
    result: NDArray[np.float32] = (points - way[:, None] * normals).cpu().numpy()
    return result
