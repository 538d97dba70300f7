"""Damped Gauss-Newton steps of all frames at once: own unknowns in each frame, one shape for all of them.

The normal equations have the form of an arrow: a block for each frame, coupled through the shape alone. The shape is
found first, from the Schur complement of the frames, and then each frame by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


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


def solve(equations: NormalEquations, damping: Tensor, shape_damping: float) -> tuple[Tensor, Tensor]:
    """Steps (F, U) of the frames and (S,) of the shape.

    Args:
        damping: (F, U) added to the diagonals of the frames
        shape_damping: added to that of the shape
    """
    frame = equations.frame + torch.diag_embed(damping)
    factor = torch.linalg.cholesky(frame)
    if equations.shape.shape[0] == 0:
        step = -torch.cholesky_solve(equations.frame_gradient[..., None], factor)[..., 0]
        return step, equations.shape_gradient
    right = torch.cat((equations.frame_gradient[..., None], equations.coupling), dim=-1)
    solved = torch.cholesky_solve(right, factor)  # H_f^-1 [g_f, C_f]
    reduced = equations.shape - (equations.coupling.transpose(1, 2) @ solved[..., 1:]).sum(0)
    reduced = reduced + shape_damping * torch.eye(len(reduced), device=reduced.device, dtype=reduced.dtype)
    gradient = equations.shape_gradient - (equations.coupling.transpose(1, 2) @ solved[..., :1])[..., 0].sum(0)
    shape = -torch.linalg.solve(reduced, gradient)
    return -solved[..., 0] - solved[..., 1:] @ shape, shape
