"""First values of all that a fit changes: from canonical coordinates where a network says them, else by search."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.geometry.rigid_alignment import robust_rigid_alignment
from engine.geometry.robust import redescending
from engine.methods.npm.landmarks import clearness, landmarks_at_rest
from engine.methods.npm.observations import Observations
from engine.methods.npm.posable import Posing
from engine.methods.npm.search import searched_variables
from engine.methods.npm.variables import FittedModel, Variables, nearest_seen

ALIGNED_POINTS = 512
"""Of each frame, that bring the mean pose to where the subject is."""
ALIGNMENT_SOFTNESS = 0.05
"""Canonical units from the mean pose at which a point counts a quarter: limbs are elsewhere, the trunk is not."""
SHAPE_POINTS = 4096
"""Of all frames together, that the first shape goes through."""
SHAPE_ROUNDS = 6
_OUTLYING = 2.0
"""Expected errors at which a signed distance counts a quarter."""
_WIDE_AT_FIRST = 0.04
"""Canonical units that all points are expected to be off in the first round at least: so far are head and feet of who
is far smaller than the mean shape, however sure the network is of them."""
_SHAPE_PRIOR = 1.0
_SHAPE_OBSERVATIONS = 400.0
"""Independent observations that these points are worth; their errors are much alike."""
_SHAPE_LANDMARKS = 100.0
"""Independent observations that the landmarks are worth there."""


def first_variables(fitted: FittedModel, observations: Observations, seed: int, progress: Progress) -> Variables:
    """Shape, poses and places to begin with.

    Raises:
        Cancelled: asked to stop.
    """
    if observations.coordinates is None:
        return searched_variables(fitted, observations, seed, progress)
    progress.stage("search", 1)
    variables = fitted.mean(len(observations))
    if not fitted.keeps_shape:
        variables = replace(variables, shape=shape_through_coordinates(fitted, observations))
    variables = aligned(fitted, observations, variables)
    progress.advance(1)
    return nearest_seen(variables, observations.times_s, observations.seen_by_any.nonzero()[:, 0])


def aligned(posing: Posing, observations: Observations, variables: Variables) -> Variables:
    """``variables`` with the places that bring posed canonical coordinates nearest to where they are.

    Those of the landmarks, where there are any, which stand for the whole body, and not for the side that is seen.
    """
    views = [_alignable(view) for view in observations.views]
    canonical, observed, deviations = (torch.cat(parts, dim=1) for parts in zip(*views, strict=True))
    if observations.landmarks is not None:
        canonical = landmarks_at_rest(observations)[0].repeat(len(views), 1)[None]
    with torch.no_grad():
        local = posing.local(variables, canonical)
    weights = 1 / deviations.square()
    rotations, translations = robust_rigid_alignment(local, observed, weights, ALIGNMENT_SOFTNESS)
    return replace(variables, rotations=rotations, translations=translations)


def _alignable(view: Observations) -> tuple[Tensor, Tensor, Tensor]:
    """Canonical points (F, N, 3) of one camera, where it has them (F, N, 3), and expected errors (F, N)."""
    assert view.coordinates is not None
    if view.landmarks is not None:
        parts = view.landmarks.canonical, view.landmarks.positions, view.landmarks.deviations
    else:
        points = slice(ALIGNED_POINTS)
        of_pixels = view.coordinates.canonical, view.points, view.coordinates.deviations
        parts = of_pixels[0][:, points], of_pixels[1][:, points], of_pixels[2][:, points]
    canonical, observed, deviations = parts
    return canonical, observed, torch.where(view.seen[:, None], deviations, torch.inf)


def shape_through_coordinates(fitted: FittedModel, observations: Observations) -> Tensor:
    """The shape (S,) whose surface goes through the canonical coordinates of all frames, and of the landmarks.

    Minimises their squared signed distances in expected errors, under the loss of Geman and McClure, from wide to
    narrow, and the squared shape in standard deviations, by Gauss-Newton steps from the mean shape.
    """
    points, deviations, shares = points_at_rest(observations)
    space = fitted.shapes
    along = space.derivative
    points, wider = points[:, None], (_WIDE_AT_FIRST / deviations).clamp_min(1)
    shape = torch.zeros(len(space.scales), device=points.device)
    for done in torch.linspace(0, 1, SHAPE_ROUNDS).tolist():
        codes = space.code(shape).expand(len(points), -1).clone().requires_grad_()
        with torch.enable_grad():
            distance = fitted.model.sdf(codes, points)[:, 0]
            (gradient,) = torch.autograd.grad(distance.sum(), codes)
        expected = deviations * wider ** (1 - done)
        residuals = distance.detach() / expected
        jacobian = (gradient @ along) / expected[:, None]
        weights = shares * redescending(residuals.square(), _OUTLYING)
        normal = (weights[:, None] * jacobian).T @ jacobian + _SHAPE_PRIOR * torch.eye(len(shape), device=shape.device)
        right = jacobian.T @ (weights * residuals) + _SHAPE_PRIOR * shape
        shape = shape - torch.linalg.solve(normal, right)
    return shape


def points_at_rest(observations: Observations) -> tuple[Tensor, Tensor, Tensor]:
    """Canonical points (N, 3) of the surface, their expected errors (N,), and what each is worth (N,)."""
    parts = []
    worth, shown = clearness(observations), sum(int(view.seen.sum()) for view in observations.views)
    for of_frames, view in zip(worth, observations.views, strict=True):
        coordinates = view.coordinates
        assert coordinates is not None
        seen, each = view.seen.nonzero()[:, 0], max(1, SHAPE_POINTS // shown)
        points = coordinates.canonical[seen, :each]
        deviations = coordinates.deviations[seen, :each].flatten()
        parts.append((points.flatten(0, 1), deviations, of_frames[seen].repeat_interleave(points.shape[1])))
    points, deviations, shares = (torch.cat(part) for part in zip(*parts, strict=True))
    shares = _SHAPE_OBSERVATIONS * shares / shares.sum()
    if observations.landmarks is None:
        return points, deviations, shares
    canonical, expected = landmarks_at_rest(observations)
    worth = torch.full_like(expected, _SHAPE_LANDMARKS / len(canonical))
    return torch.cat((points, canonical)), torch.cat((deviations, expected)), torch.cat((shares, worth))
