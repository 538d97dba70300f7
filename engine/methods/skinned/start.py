"""Where a fit of a skinned body begins: a shape through the canonical coordinates, in the mean pose."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.geometry.robust import redescending
from engine.methods.npm.landmarks import landmarks_at_rest
from engine.methods.npm.observations import Observations
from engine.methods.npm.start import aligned, points_at_rest
from engine.methods.npm.variables import Variables, nearest_seen
from engine.methods.skinned.body import SkinnedBody
from engine.methods.skinned.posable import SkinnedPosable

_BOXED, _ROUNDS = 6, 6
"""Steps that bring the whole body to the size of the subject, and steps on distances to the nearest points."""
_OUTLYING = 3.0
"""Expected errors at which a distance counts a quarter."""
_BOX_WEIGHT = 3e5
"""Of squared distances in canonical units: a hundred observations with errors of 0.02."""
_PRIOR = 1.0
_BEGINNINGS = (0.0, 1.0)
"""Standard deviations: where a body model is only linear in pieces, steps may end in the wrong one."""


def first_variables(
    body: SkinnedBody, observations: Observations, seed: int, progress: Progress
) -> tuple[SkinnedPosable, Variables]:
    """Where the body begins, and the body, whose shape is then told in standard deviations of what is known of it.

    Shapes are what the network says of the canonical coordinates, give or take its errors, where these are of this
    surface; poses are the mean one.
    """
    progress.stage("search", 1)
    posable = SkinnedPosable(body, seed)
    found = shape_through_coordinates(posable, observations)
    shape = found.shape
    if body.knows_coordinates:
        posable, shape = SkinnedPosable(about(body, found), seed), torch.zeros_like(shape)
    still = posable.first(len(observations), shape)
    variables = aligned(posable, observations, still)
    progress.advance(1)
    return posable, nearest_seen(variables, observations.times_s, observations.seen_by_any.nonzero()[:, 0])


@dataclass(frozen=True, eq=False)
class KnownShape:
    """A shape (S,) and how it may be off: the rows (S, S) of ``factor`` times its transpose are its covariance."""

    shape: Tensor
    factor: Tensor


def about(body: SkinnedBody, known: KnownShape) -> SkinnedBody:
    """``body`` with shapes in standard deviations about what is ``known``."""
    shape, factor = known.shape.double().cpu(), known.factor.double().cpu()

    def absolute(relative: Tensor) -> Tensor:
        return shape + factor @ relative

    rest, values = body.rest, body.shape_values
    return replace(body, rest=lambda numbers: rest(absolute(numbers)), shape_values=lambda n: values(absolute(n)))


def shape_through_coordinates(posable: SkinnedPosable, observations: Observations) -> KnownShape:
    """The shape whose surface in the canonical pose goes through what the network says, frames together.

    Gauss-Newton steps from some beginnings, of which the best end is taken, on distances in expected errors under the
    loss of Geman and McClure, and on the squared shape in standard deviations. At first the landmarks, which stand for
    the whole body, are compared with the points that are nearest once both fill the same box: of a child nothing is
    near an adult. Then all that is known is compared with the nearest points, along the normals.
    """
    ends = [_descended(posable, observations, beginning) for beginning in _BEGINNINGS]
    return min(ends, key=lambda end: end[0])[1]


def _descended(posable: SkinnedPosable, observations: Observations, beginning: float) -> tuple[float, KnownShape]:
    """What is left of the energy, and the shape, of steps from ``beginning`` standard deviations of all its numbers."""
    points, deviations, shares = points_at_rest(observations)
    shape = torch.full((posable.body.shapes,), beginning).to(points)
    identity, still, whole = torch.eye(len(shape)).to(points), posable.first(1, shape), points
    if observations.landmarks is not None:
        whole = landmarks_at_rest(observations)[0]
    normal = identity
    for step in range(_BOXED + _ROUNDS):
        samples = posable.surface(replace(still, shape=shape), 0).samples
        if step < _BOXED:
            nearest = torch.cdist(_in_box(whole), _in_box(samples.points)).argmin(1)
            gaps, moves = whole - samples.points[nearest], posable.canonical_moves(shape)[nearest]
            residuals, jacobian = gaps.flatten(), moves.flatten(0, 1)
            weights = torch.full_like(residuals, _BOX_WEIGHT / len(residuals))
        else:
            nearest = posable.canonical(shape).nearest(points[None])[0]
            gaps, normals = points - samples.points[nearest], samples.normals[nearest]
            residuals = (gaps * normals).sum(-1) / deviations
            jacobian = (
                torch.einsum("nd,nds->ns", normals, posable.canonical_moves(shape)[nearest]) / deviations[:, None]
            )
            weights = shares * redescending(residuals.square(), _OUTLYING)
        normal = (weights[:, None] * jacobian).T @ jacobian + _PRIOR * identity
        shape = shape + torch.linalg.solve(normal, jacobian.T @ (weights * residuals) - _PRIOR * shape)
    squared = residuals.square() / _OUTLYING**2
    energy = float((shares * _OUTLYING**2 * squared / (1 + squared)).sum() + _PRIOR * shape.square().sum())
    return energy, KnownShape(shape, torch.linalg.inv(torch.linalg.cholesky(normal.double())).mT)


def _in_box(points: Tensor) -> Tensor:
    """``points`` (N, 3) in units of the box about them."""
    low, high = points.amin(0), points.amax(0)
    return (points - low) / (high - low).clamp_min(1e-9)
