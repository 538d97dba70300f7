"""Codes of identities and frames that a model has not seen, fitted to their complete ground truth.

The networks stay as they are. What a fit leaves over is what the learned space cannot represent, apart from any
difficulty of observing it. Codes move in units of the spread of the training codes, per dimension. Rows are fitted
independently of each other, many at once; how many changes nothing but rounding.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel

CLAMP = 0.1
"""Signed distances beyond this magnitude are not told apart, canonical units."""
_SHAPE_RATE, _POSE_RATE = 0.1, 0.3  # of Adam, in standard deviations of the training codes
_SHAPE_PRIOR, _POSE_PRIOR = 1e-6, 1e-5  # weight of the mean squared standard score, against canonical units
_LAST_RATE = 0.01  # fraction of the learning rate that the cosine ends with
_SMOOTH = 1e-4  # canonical units below which a distance is as good as zero
_SEARCH_POINTS = {"shape": 1024, "pose": 32}
_CANDIDATES = 2048
# points through a network at once, with gradients
_POINTS_AT_ONCE = {"cpu": 1 << 15, "cuda": 1 << 18}


def fit_shape_codes(
    model: NeuralParametricModel,
    pools: Tensor,
    steps: int = 400,
    seed: int = 0,
    half: bool = False,
    points: int = 2048,
) -> Tensor:
    """Shape codes (I, Cs) whose signed distances agree best with samples of I shapes.

    Minimises the mean absolute error, clamped at `CLAMP`, by Adam from the best of the training codes and their mean.

    Args:
        pools: (I, N, 4) points and signed distances, canonical units, on the model's device; near and uniform
            samples in any order.
        steps: of Adam; 0 gives the start.
        seed: of the samples that each step sees.
        half: hidden layers in bfloat16.
        points: samples per shape and step.
    """
    assert pools.ndim == 3 and pools.shape[2] == 4, pools.shape

    def errors(codes: Tensor, rows: slice, columns: Tensor) -> Tensor:
        samples = pools[rows, columns]
        predicted = model.sdf(codes, samples[..., :3], half).clamp(-CLAMP, CLAMP)
        return (predicted - samples[..., 3].clamp(-CLAMP, CLAMP)).abs().mean(dim=1)

    space = CodeSpace.from_codes(model.shape_codes)
    start = _nearest_shape_codes(model, torch.cat((model.shape_codes, space.mean[None])), pools, half)
    return _minimise(errors, start, space, pools.shape[1], points, steps, _SHAPE_RATE, _SHAPE_PRIOR, seed)


def fit_pose_codes(
    model: NeuralParametricModel,
    shape_codes: Tensor,
    canonical: Tensor,
    posed: Tensor,
    steps: int = 400,
    seed: int = 0,
    half: bool = False,
    points: int = 1024,
) -> Tensor:
    """Pose codes (B, Cp) that move canonical points to where they are in B frames.

    Minimises the mean distance by Adam from the training code that is best by the same correspondences.

    Args:
        shape_codes: (B, Cs)
        canonical: (B, P, 3), on or near the surface
        posed: (B, P, 3), the same points in the frames
        steps: of Adam; 0 gives the start.
        seed: of the points that each step sees.
        half: hidden layers in bfloat16.
        points: points per frame and step.
    """
    assert model.pose_codes is not None
    assert canonical.shape == posed.shape and posed.ndim == 3 and posed.shape[2] == 3, (canonical.shape, posed.shape)
    assert len(shape_codes) == len(posed), (shape_codes.shape, posed.shape)

    def errors(codes: Tensor, rows: slice, columns: Tensor) -> Tensor:
        moved = model.pose(shape_codes[rows], codes, canonical[rows, columns], half)
        return ((moved - posed[rows, columns]).square().sum(dim=-1) + _SMOOTH**2).sqrt().mean(dim=1)

    start = model.pose_codes[nearest_pose_codes(model, shape_codes, canonical, posed, half)]
    space = CodeSpace.from_codes(model.pose_codes)
    return _minimise(errors, start, space, posed.shape[1], points, steps, _POSE_RATE, _POSE_PRIOR, seed)


@torch.no_grad()
def nearest_pose_codes(
    model: NeuralParametricModel,
    shape_codes: Tensor,
    canonical: Tensor,
    posed: Tensor,
    half: bool = False,
    points_at_once: int | None = None,
) -> Tensor:
    """Rows (B,) of the training pose codes, among up to 2048 evenly spaced ones, with the least mean distance.

    Arguments as in `fit_pose_codes`. Frames with the same shape code and canonical points share the work.

    Args:
        points_at_once: points in memory at a time; by default what suits the device.
    """
    assert model.pose_codes is not None
    library = _evenly(len(model.pose_codes), _CANDIDATES, posed.device)
    columns = _evenly(posed.shape[1], _SEARCH_POINTS["pose"], posed.device)
    canonical, posed = canonical[:, columns], posed[:, columns]
    shapes_and_points = torch.cat((shape_codes, canonical.flatten(1)), dim=1)
    distinct, group_of_row = torch.unique(shapes_and_points, dim=0, return_inverse=True)
    budget = points_at_once or _POINTS_AT_ONCE[posed.device.type]
    best = torch.empty(len(posed), dtype=torch.long, device=posed.device)
    for group in range(len(distinct)):
        rows = (group_of_row == group).nonzero()[:, 0]
        errors = []
        for part in library.split(max(1, budget // len(columns))):
            shapes, points = shape_codes[rows[:1]], canonical[rows[:1]]
            moved = model.pose(
                shapes.expand(len(part), -1), model.pose_codes[part], points.expand(len(part), -1, -1), half
            )
            errors.append(torch.stack([(moved - frame).norm(dim=-1).mean(dim=1) for frame in posed[rows]]))
        best[rows] = library[torch.cat(errors, dim=1).argmin(dim=1)]
    return best


@torch.no_grad()
def _nearest_shape_codes(model: NeuralParametricModel, candidates: Tensor, pools: Tensor, half: bool) -> Tensor:
    """The best of ``candidates`` (K, Cs) for each of ``pools`` (I, N, 4); (I, Cs)."""
    columns = _evenly(pools.shape[1], _SEARCH_POINTS["shape"], pools.device)
    best = []
    for pool in pools[:, columns]:
        true = pool[:, 3].clamp(-CLAMP, CLAMP)
        errors = []
        for part in candidates.split(max(1, _POINTS_AT_ONCE[pools.device.type] // len(columns))):
            predicted = model.sdf(part, pool[:, :3].expand(len(part), -1, -1), half).clamp(-CLAMP, CLAMP)
            errors.append((predicted - true).abs().mean(dim=1))
        best.append(torch.cat(errors).argmin())
    return candidates[torch.stack(best)]


def _minimise(
    errors: Callable[[Tensor, slice, Tensor], Tensor],
    start: Tensor,
    space: CodeSpace,
    available: int,
    points: int,
    steps: int,
    rate: float,
    prior: float,
    seed: int,
) -> Tensor:
    """Codes (B, C) by Adam from ``start`` (B, C), learning rate ``rate`` standard deviations with cosine decay.

    Args:
        errors: of codes (b, C), the rows (a slice of B) that they are for, and the columns of the samples to look
            at; (b,)
        available: samples per row, ``points`` of which are drawn in each step, the same for all rows.
        prior: weight of the mean squared standard score.
    """
    device = start.device
    points = min(points, available)
    scale = space.safe_std
    at_once = max(1, _POINTS_AT_ONCE[device.type] // points)
    fitted = []
    for first in range(0, len(start), at_once):
        rows = slice(first, min(first + at_once, len(start)))
        generator = torch.Generator(device).manual_seed(seed)
        scores = ((start[rows].detach() - space.mean) / scale).requires_grad_()
        optimizer = torch.optim.Adam([scores], rate)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * (_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps)))
            columns = torch.randint(available, (points,), generator=generator, device=device)
            with torch.enable_grad():
                error = errors(space.mean + scale * scores, rows, columns)
                loss = (error + prior * scores.square().mean(dim=1)).sum()
                # of the scores alone: the networks may be in training
                (scores.grad,) = torch.autograd.grad(loss, scores)
            optimizer.step()
        fitted.append(space.mean + scale * scores.detach())
    return torch.cat(fitted)


def _evenly(count: int, most: int, device: torch.device) -> Tensor:
    """Up to ``most`` evenly spaced indices below ``count``."""
    if count <= most:
        return torch.arange(count, device=device)
    return torch.arange(most, device=device) * count // most
