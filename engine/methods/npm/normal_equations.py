"""Damped Gauss-Newton steps of all frames at once: own unknowns in each frame, one shape for all of them.

The normal equations have the form of an arrow: a block for each frame, and one shape that all are coupled with. The
shape is found first, from the Schur complement of the frames, and then the frames.

Where what is close in time is coupled, too (`Coupling`), the blocks of the frames become a band. It is solved by
conjugate gradients in coordinates in which each frame's own block is the identity: a few batched products for each
iteration, however many frames there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.methods.npm.steadiness import REACH, across_frames

ITERATIONS = 40
"""Of conjugate gradients; the next step goes on where this one ends."""
_SMALLEST = 1e-30


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """``H d = -g`` in blocks; sums over weighted residuals."""

    frame: Tensor
    """(F, U, U)"""
    frame_gradient: Tensor
    """(F, U)"""
    coupling: Tensor
    """(F, U, S)"""
    shape: Tensor
    """(S, S)"""
    shape_gradient: Tensor
    """(S,)"""

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        return NormalEquations(
            self.frame + other.frame,
            self.frame_gradient + other.frame_gradient,
            self.coupling + other.coupling,
            self.shape + other.shape,
            self.shape_gradient + other.shape_gradient,
        )

    @staticmethod
    def of_frames(parts: "Sequence[NormalEquations]") -> "NormalEquations":
        """Of the frames of all ``parts``, one after the other, which share the shape."""
        return NormalEquations(
            torch.cat([part.frame for part in parts]),
            torch.cat([part.frame_gradient for part in parts]),
            torch.cat([part.coupling for part in parts]),
            torch.stack([part.shape for part in parts]).sum(0),
            torch.stack([part.shape_gradient for part in parts]).sum(0),
        )


def normal_equations(jacobians: Tensor, shape_jacobians: Tensor, residuals: Tensor, weights: Tensor) -> NormalEquations:
    """Of the sum of ``weights`` times squared ``residuals``, halved.

    Args:
        jacobians: (F, M, U)
        shape_jacobians: (F, M, S)
        residuals, weights: (F, M)
    """
    assert residuals.shape == weights.shape == jacobians.shape[:2] == shape_jacobians.shape[:2]
    unknowns = jacobians.shape[-1]
    rows = torch.cat((jacobians, shape_jacobians, residuals[..., None]), dim=-1)
    products = (weights[..., None] * rows).transpose(1, 2) @ rows  # all blocks in one product
    of_shape = products[:, unknowns:-1].sum(0)
    return NormalEquations(
        products[:, :unknowns, :unknowns],
        products[:, :unknowns, -1],
        products[:, :unknowns, unknowns:-1],
        of_shape[:, unknowns:-1],
        of_shape[:, -1],
    )


@dataclass(frozen=True, eq=False)
class Coupling:
    """What frames have in common beside the shape: positions that change with their unknowns, coupled in time."""

    band: Tensor
    """(F, P, 5) as `engine.methods.npm.steadiness` has it; what is in its middle is part of the frames' own blocks"""
    jacobians: Tensor
    """(F, P, U) of the positions"""
    shape_jacobians: Tensor
    """(F, P, S)"""

    def across(self, values: Tensor) -> Tensor:
        """What each frame has of ``values`` (F, P, R) of the other ones."""
        return across_frames(self.band, values) - self.band[..., REACH, None] * values

    def added_to(self, equations: NormalEquations) -> NormalEquations:
        """``equations`` with what couples the frames through the shape."""
        shape = self.across(self.shape_jacobians)
        return replace(
            equations,
            coupling=equations.coupling + self.jacobians.mT @ shape,
            shape=equations.shape + self.shape_jacobians.flatten(0, 1).mT @ shape.flatten(0, 1),
        )


def solve(
    equations: NormalEquations, damping: Tensor, shape_damping: float, coupling: Coupling | None = None
) -> tuple[Tensor, Tensor]:
    """Steps (F, U) of the frames and (S,) of the shape.

    Args:
        damping: (F, U) added to the diagonals of the frames
        shape_damping: added to that of the shape
        coupling: of frames that are close in time
    """
    solved, equations, reduced = _without_frames(equations, damping, coupling)
    if len(reduced) == 0:
        return -solved[..., 0], equations.shape_gradient
    reduced = reduced + shape_damping * torch.eye(len(reduced), device=reduced.device, dtype=reduced.dtype)
    gradient = equations.shape_gradient - (equations.coupling.mT @ solved[..., :1]).sum(0)[:, 0]
    shape = -torch.linalg.solve(reduced, gradient)
    return -solved[..., 0] - solved[..., 1:] @ shape, shape


def shape_information(equations: NormalEquations, damping: Tensor, coupling: Coupling | None = None) -> Tensor:
    """The inverse covariance (S, S) of the shape, whatever the frames turn out to be.

    It is one as far as weights are inverse variances of independent residuals.

    Args:
        damping, coupling: as in `solve`
    """
    return _without_frames(equations, damping, coupling)[2]


def _without_frames(
    equations: NormalEquations, damping: Tensor, coupling: Coupling | None
) -> tuple[Tensor, NormalEquations, Tensor]:
    """``H^-1 [g, C]`` (F, U, 1 + S), the equations with all that couples frames, and the Schur complement (S, S)."""
    factor = torch.linalg.cholesky(equations.frame + torch.diag_embed(damping))
    if coupling is not None:
        equations = coupling.added_to(equations)
    right = torch.cat((equations.frame_gradient[..., None], equations.coupling), dim=-1)
    solved = torch.cholesky_solve(right, factor) if coupling is None else _solve_coupled(factor, right, coupling)
    return solved, equations, equations.shape - (equations.coupling.mT @ solved[..., 1:]).sum(0)


def _solve_coupled(factor: Tensor, right: Tensor, coupling: Coupling) -> Tensor:
    """``H^-1 right`` (F, U, R) of blocks ``factor factor^T`` and what couples the frames, columns independently.

    Conjugate gradients from the solution of the frames by themselves.
    """
    whitened = torch.linalg.solve_triangular(factor, torch.cat((right, coupling.jacobians.mT), dim=-1), upper=False)
    columns = right.shape[-1]
    solved, positions = whitened[..., :columns], whitened[..., columns:]

    def of_others(values: Tensor) -> Tensor:
        return positions @ coupling.across(positions.mT @ values)

    residual = -of_others(solved)
    direction, squared = residual, _dot(residual, residual)
    for _ in range(ITERATIONS):
        product = direction + of_others(direction)
        length = squared / _dot(direction, product).clamp_min(_SMALLEST)
        solved = solved + length * direction
        residual = residual - length * product
        previous, squared = squared, _dot(residual, residual)
        direction = residual + squared / previous.clamp_min(_SMALLEST) * direction
    return torch.linalg.solve_triangular(factor.mT, solved, upper=True)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Products (1, 1, R) of the columns of (F, U, R), over all frames."""
    return (one * other).sum((0, 1), keepdim=True)
