"""How far a surface moves along a path of codes, and moving along it at constant speed.

Equal steps of a code are not equal movements of the surface. The *movement* from one pair of codes to the next is the
root mean square distance, over points spread on the surface, between the posed place of a point and the posed place to
which the surface takes it. A change of pose takes every point along. A change of shape says nothing of where a point
goes within the surface, so it goes the shortest way, along the normal, to where the new signed distance is zero.
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh, vertex_normals
from engine.models.code_path import CodePath
from engine.models.model import NeuralParametricModel
from engine.surface.contour import empty_mesh
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import SignedDistance

RESOLUTION = 48
"""Of the surfaces whose vertices are the points: some thousand of a body, two to five centimetres apart."""
PARTS = 16
"""Of the way between two keyframes, in each of which the speed counts as constant."""
CARRIED = 8
"""Steps that points are carried along before they are spread anew on a surface that has changed."""
_ROUNDS, _EVEN = 4, 1.08
"""In which movements are evened out at the most, and how many times the least of them the largest may be."""
_LARGEST_STEP, _NEAR = 0.1, 1e-3
"""Canonical units: that a point may go, and of a surface, so that the first step counts as one towards it."""


def movements(
    model: NeuralParametricModel,
    path: CodePath,
    times: NDArray[np.float64],
    resolution: int = RESOLUTION,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Movement (N - 1,) of the surface from each of ``times`` (N,) of ``path`` to the next one, canonical units.

    Raises:
        InputError: the path leads through codes that have no surface.
        Cancelled: ``progress`` said so.
    """
    progress = progress or Progress()
    codes = path.at(times)
    moved = np.zeros(len(codes) - 1)
    surface, placed, carried = empty_mesh(), empty_mesh().vertices, 0
    arrived = np.zeros(0, np.bool_)
    for step, ((shape, pose), (next_shape, next_pose)) in enumerate(pairwise(codes)):
        progress.advance(step)
        is_still = torch.equal(shape, next_shape)
        if surface.is_empty or (carried >= CARRIED and not is_still):
            surface = extract_surface(model, shape, resolution, cancelled=progress.cancelled)
            if surface.is_empty:
                part = (times[step] - path.times[0]) / (path.times[-1] - path.times[0])
                problem = f"has no surface at {part:.0%} of the way"
                raise InputError("the path between these codes", problem, "use codes that are more alike")
            surface, arrived = _onto_zero(model, shape, surface, progress)
            placed, carried = _posed(model, shape, pose, surface.vertices), 0
        if not is_still:
            surface, have_arrived = _onto_zero(model, next_shape, surface, progress)
            arrived, carried = arrived & have_arrived, carried + 1
        now, placed = placed, _posed(model, next_shape, next_pose, surface.vertices)
        distances = np.square(placed.astype(np.float64) - now).sum(axis=1)
        moved[step] = np.sqrt((distances[arrived] if arrived.any() else distances).mean())
    return moved


def _posed(
    model: NeuralParametricModel, shape: Tensor, pose: Tensor | None, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    return points if pose is None else pose_vertices(model, shape, pose, points)


def times_of_constant_speed(
    model: NeuralParametricModel,
    path: CodePath,
    count: int,
    progress: Progress | None = None,
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
        Cancelled: ``progress`` said so.
    """
    progress = progress or Progress()
    parts = [np.linspace(start, end, PARTS, endpoint=False) for start, end in pairwise(path.times)]
    known = np.append(np.concatenate(parts), path.times[-1])
    progress.stage("measure the way", len(known) - 1)
    times = _divided(known, movements(model, path, known, progress=progress), count)
    progress.stage("measure frames", count - 1)
    moved = movements(model, path, times, progress=progress)
    for _ in range(_ROUNDS):
        if moved.max() <= _EVEN * moved.min():
            break
        progress.stage("even out", count - 1)
        closer = _divided(times, moved, count)
        measured = movements(model, path, closer, progress=progress)
        if measured.max() * moved.min() >= moved.max() * measured.min():
            break
        times, moved = closer, measured
    return times, moved


def _divided(times: NDArray[np.float64], moved: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``count`` times (N,) that divide ``times`` (M,), between which the surface has ``moved`` (M - 1,), evenly."""
    reached = np.concatenate(([0.0], np.cumsum(moved)))
    if reached[-1] == 0:
        return np.linspace(times[0], times[-1], count)
    return np.interp(np.linspace(0, reached[-1], count), reached, times)


def _onto_zero(
    model: NeuralParametricModel, shape: Tensor, surface: Mesh, progress: Progress
) -> tuple[Mesh, NDArray[np.bool_]]:
    """``surface`` with its vertices moved along their normals to where the distance of ``shape`` is zero.

    Returns:
        the surface, and which of its vertices (V,) a secant step has brought there: where a part of the surface
        vanishes, no other is near.
    """
    distance = SignedDistance(model, shape, False, progress.cancelled)
    points = torch.from_numpy(surface.vertices).to(model.device)
    normals = torch.from_numpy(vertex_normals(surface.vertices, surface.faces)).to(model.device)
    first = distance(points)
    way = first.clamp(-_LARGEST_STEP, _LARGEST_STEP)
    second = distance(points - way[:, None] * normals)
    # how fast the distance falls along the normal; about one, and not to be trusted where the way is short
    slope = torch.where(way.abs() > 1e-5, (first - second) / way, 1.0).clamp(0.5, 2.0)
    way = (way + second / slope).clamp(-_LARGEST_STEP, _LARGEST_STEP)
    arrived = second.abs() <= 0.5 * first.abs() + _NEAR
    vertices: NDArray[np.float32] = (points - way[:, None] * normals).cpu().numpy()
    return Mesh(vertices, surface.faces), arrived.cpu().numpy()
