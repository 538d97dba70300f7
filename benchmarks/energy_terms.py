"""What each term of a fit does at given codes: its residuals, its gradient, and where it would move the codes to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import DAMPING, STEADY, FitState, FittedCodes
from engine.methods.npm.linearisation import Linearised, linearise
from engine.methods.npm.normal_equations import Coupling, NormalEquations, normal_equations, solve
from engine.methods.npm.observations import Observations
from engine.methods.npm.posable import NeuralPosable
from engine.methods.npm.residuals import SurfaceRows
from engine.methods.npm.surface_samples import thinned
from engine.methods.npm.variables import RIGID, FittedModel, Variables
from engine.models.model import NeuralParametricModel

Figures = dict[str, Any]
WHOLE, ALL, PRIORS = "all", "all terms", "priors"
AT_END = 1.0
"""Fraction of the steps: weights and gates are those of the last one."""
MOVED_POINTS = 128
"""Of the surface, by which it is said how far a step moves it."""
_FRAMES_AT_ONCE = 16

PartOf = Callable[[Tensor], Tensor]
"""From canonical points (F, N, 3) to the index (F, N) of the part of the body that they are on."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """Of some rows, with what their residuals are like; sums."""

    frame: Tensor
    """(F, U)"""
    shape: Tensor
    """(S,)"""
    weight: float = 0.0
    lengths: float = 0.0
    """Weighted sum of the magnitudes of residuals."""
    along: tuple[float, ...] = ()
    """Weighted sums of residuals by direction."""

    def followed_by(self, other: "Gradient") -> "Gradient":
        """Of the frames of these rows and then those of ``other``."""
        return Gradient(
            torch.cat((self.frame, other.frame)),
            self.shape + other.shape,
            self.weight + other.weight,
            self.lengths + other.lengths,
            tuple(one + two for one, two in zip(self.along, other.along, strict=True)),
        )


def state_at(
    model: NeuralParametricModel, observations: Observations, config: FitConfig, codes: FittedCodes, seed: int = 0
) -> FitState:
    """A fit that has arrived at ``codes``, exactly: what of the shape is beyond its directions moves its mean."""
    device = model.device
    fitted = FittedModel.of(model, False, config.shape_directions)
    code = codes.shape_code.to(device)
    shape = fitted.shapes.coefficients(code)
    beyond = code - fitted.shapes.code(shape)
    fitted = replace(fitted, shapes=replace(fitted.shapes, mean=fitted.shapes.mean + beyond))
    poses = fitted.poses.coefficients(codes.pose_codes.to(device))
    variables = Variables(shape, poses, codes.rotations.to(device), codes.translations.to(device))
    return FitState(NeuralPosable(fitted), observations, config, variables, seed)


def fitted_of(state: FitState) -> FittedModel:
    """The model of a fit."""
    assert isinstance(state.posable, NeuralPosable)
    return state.posable.fitted


def term_figures(state: FitState, part_of: PartOf, parts: tuple[str, ...]) -> list[Figures]:
    """Rows for each term on the whole body and each part, for the priors, and for all terms together.

    - ``residual``: mean magnitude, weighted as the fit does; ``bias``: weighted mean along the directions of the term,
      the model less what was observed: outwards along the surface's normal, or x, y and z; canonical units;
    - ``gradient_shape``, ``gradient_pose``: lengths of the gradient by codes in standard deviations, of poses the root
      mean square over the frames;
    - ``pull_shape``, ``pull_pose``: the part of the whole Gauss-Newton step that is due to these rows, in standard
      deviations; ``pull``: how far it moves the surface, root mean square, canonical units. Pulls of all terms add up
      to the step; at the truth each is an error.
    """
    gradients, equations, coupling = gathered(state, part_of, parts)
    total = state.with_priors(equations)
    of_priors = Gradient(
        total.frame_gradient - equations.frame_gradient, total.shape_gradient - equations.shape_gradient
    )
    gradients[PRIORS, WHOLE] = of_priors
    gradients[ALL, WHOLE] = Gradient(total.frame_gradient, total.shape_gradient)
    moves = _surface_moves(state)
    return [
        {"term": term, "part": part} | _figures(total, coupling, gradient, moves)
        for (term, part), gradient in gradients.items()
    ]


def gathered(
    state: FitState, part_of: PartOf, parts: tuple[str, ...]
) -> tuple[dict[tuple[str, str], Gradient], NormalEquations, Coupling]:
    """Gradients by term and part, and of all terms without the priors the normal equations, and what couples frames."""
    device = state.posable.device
    steady = state.placed_steady()
    gradients: dict[tuple[str, str], Gradient] = {}
    blocks: list[NormalEquations] = []
    watched: list[Linearised] = []
    for frames in torch.arange(len(state.observations), device=device).split(_FRAMES_AT_ONCE):
        own: list[NormalEquations] = []
        for term, rows, linear in _linearised(state, frames, steady):
            if term == STEADY:
                watched.append(linear)
            residuals = ((linear.placed - rows.targets)[:, None] * rows.directions).sum(-1)
            own.append(_equations(linear, residuals, rows.weights))
            labels = part_of(rows.canonical)
            for index, part in ((None, WHOLE), *enumerate(parts)):
                weights = rows.weights if index is None else rows.weights * (labels == index)
                gradient = _gradient(linear, residuals, weights)
                known = gradients.get((term, part))
                gradients[term, part] = gradient if known is None else known.followed_by(gradient)
        blocks.append(sum(own[1:], own[0]))
    return gradients, NormalEquations.of_frames(blocks), state.coupling(watched, steady, AT_END)


def _linearised(state: FitState, frames: Tensor, steady: Tensor) -> Iterator[tuple[str, SurfaceRows, Linearised]]:
    variables, middle = state.variables.of(frames), steady[frames].mean(1)
    still, following = state.terms(frames, AT_END, steady)
    for terms, follows in ((still, False), (following, True)):
        for name, rows in terms.items():
            normals = rows.normals if follows else None
            yield (
                name,
                rows,
                linearise(fitted_of(state), variables, rows.canonical, normals, rows.directions, middle, True),
            )


def _equations(linear: Linearised, residuals: Tensor, weights: Tensor) -> NormalEquations:
    return normal_equations(
        linear.jacobians.flatten(1, 2),
        linear.shape_jacobians.flatten(1, 2),
        residuals.flatten(1, 2),
        weights[:, None].expand_as(residuals).flatten(1, 2),
    )


def _gradient(linear: Linearised, residuals: Tensor, weights: Tensor) -> Gradient:
    """Of residuals (f, R, N) with ``weights`` (f, N)."""
    weighted = weights[:, None] * residuals
    return Gradient(
        torch.einsum("frn,frnu->fu", weighted, linear.jacobians),
        torch.einsum("frn,frns->s", weighted, linear.shape_jacobians),
        float(weights.sum()),
        float((weights * residuals.norm(dim=1)).sum()),
        tuple(weighted.sum(dim=(0, 2)).tolist()),
    )


def _surface_moves(state: FitState) -> tuple[Tensor, Tensor]:
    """Derivatives (F, N, 3, U) and (F, N, 3, S) of points of the surface by all variables."""
    device, steady = state.posable.device, state.placed_steady()
    spread = thinned(state.surface.samples, MOVED_POINTS)
    by_frame, by_shape = [], []
    for frames in torch.arange(len(state.observations), device=device).split(_FRAMES_AT_ONCE):
        points, normals = (each.expand(len(frames), -1, -1) for each in (spread.points, spread.normals))
        axes = torch.eye(3, device=device)[None, :, None].expand(len(frames), -1, points.shape[1], -1)
        middle = steady[frames].mean(1)
        linear = linearise(fitted_of(state), state.variables.of(frames), points, normals, axes, middle, True)
        by_frame.append(linear.jacobians.transpose(1, 2))
        by_shape.append(linear.shape_jacobians.transpose(1, 2))
    return torch.cat(by_frame), torch.cat(by_shape)


def _figures(total: NormalEquations, coupling: Coupling, gradient: Gradient, moves: tuple[Tensor, Tensor]) -> Figures:
    poses = gradient.frame.shape[1] - RIGID
    damping = torch.full_like(gradient.frame, DAMPING)
    damping[:, poses:] = 1.0
    alone = replace(total, frame_gradient=gradient.frame, shape_gradient=gradient.shape)
    step, shape = solve(alone, damping, DAMPING, coupling)
    moved = torch.einsum("fndu,fu->fnd", moves[0], step) + moves[1] @ shape
    known = gradient.weight > 0
    return {
        "residual": gradient.lengths / gradient.weight if known else None,
        "bias": [value / gradient.weight for value in gradient.along] if known else [],
        "gradient_shape": float(gradient.shape.norm()),
        "gradient_pose": _rms(gradient.frame[:, :poses]),
        "pull_shape": float(shape.norm()),
        "pull_pose": _rms(step[:, :poses]),
        "pull": _rms(moved.flatten(0, 1)),
    }


def _rms(rows: Tensor) -> float:
    """Root mean square length of ``rows`` (F, D)."""
    return float(rows.square().sum(1).mean().sqrt())
