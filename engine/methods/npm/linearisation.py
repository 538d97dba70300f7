"""Residuals of posed surface points, and their derivatives with respect to all that a fit changes.

A code enters a decoder as biases that all points of a row share. Given each point a copy of the biases of its own, one
reverse pass through the decoder yields the exact derivative of a residual per point, row by row (as in Wang et al.
2021, DSP-SLAM, there for shape codes). What a direction of the codes does to the biases is the same for all points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.npm.variables import RIGID, FittedModel, Variables
from engine.models.networks.decoder import Decoder

FARTHEST_STEP = 0.03
"""Canonical units that a point follows the surface at most: a distance far from the surface is not one to it."""


@dataclass(frozen=True, eq=False)
class Linearised:
    """Points where they are, and how a given direction of each changes with the variables."""

    placed: Tensor
    """(F, N, 3) points in the space of the observations"""
    jacobians: Tensor
    """(F, R, N, K + 6) of direction r of each point: pose directions, rotation about the middle, translation"""
    shape_jacobians: Tensor
    """(F, R, N, S); S is 0 where the shape is fixed"""

    def first(self, count: int) -> "Linearised":
        """The first ``count`` points alone."""
        return Linearised(self.placed[:, :count], self.jacobians[:, :, :count], self.shape_jacobians[:, :, :count])


def linearise(
    fitted: FittedModel,
    variables: Variables,
    points: Tensor,
    normals: Tensor | None,
    directions: Tensor,
    middle: Tensor,
    shape_moves: bool,
    rates: Tensor | None = None,
) -> Linearised:
    """Place surface points and differentiate their coordinates along ``directions``.

    Args:
        points: (F, N, 3) canonical, near the surface; they follow it along ``normals`` when the shape changes.
        normals: (F, N, 3) canonical unit normals there; None: the points stay where they are.
        directions: (F, R, N, 3) in the space of the observations
        middle: (F, 3) there, which rotations are about
        rates: (F, N, S) as `distance_rates` says near the points; None: they are worked out at the points.
    """
    decoder = fitted.model.pose_decoder
    assert decoder is not None
    poses = len(fitted.poses.scales)
    along_normals = normals if shape_moves else None
    if along_normals is not None:
        by_shape = distance_rates(fitted, variables, points) if rates is None else rates
        with torch.no_grad():
            code = fitted.shape_code(variables)[None]
            distance = fitted.model.sdf(code, points.reshape(1, -1, 3)).view(points.shape[:2])
        followed = points - distance.clamp(-FARTHEST_STEP, FARTHEST_STEP)[..., None] * along_normals
    else:
        followed = points
    pulled = (directions @ variables.rotations[:, None]).transpose(0, 1)  # R^T d, as rows: (R, F, N, 3)
    codes = torch.cat((fitted.shape_code(variables).expand(len(variables), -1), fitted.pose_codes(variables)), dim=1)
    with torch.enable_grad():
        followed = followed.requires_grad_(along_normals is not None)
        displacement, biases = _with_own_biases(decoder, codes, followed, fitted.half)
        local = followed + displacement
        wanted = biases if along_normals is None else (*biases, followed)
        # of sums: to be given what to begin with, PyTorch would import its symbolic shapes, which takes a second
        sums = [(local * direction).sum() for direction in pulled]
        gradients = [torch.autograd.grad(each, wanted, retain_graph=True) for each in sums]
    along = fitted.pose_biases if shape_moves else fitted.pose_biases[:, :poses]
    # (F, R, N, K), and S more where the shape moves
    by_codes = torch.stack([_along(of_direction[:2], along) for of_direction in gradients], dim=1)
    shape_part = by_codes[..., poses:]
    if along_normals is not None:
        per_normal = torch.stack([(of_direction[2] * along_normals).sum(-1) for of_direction in gradients], dim=1)
        per_normal = per_normal * (distance.abs() <= FARTHEST_STEP)[:, None]
        shape_part = shape_part - per_normal[..., None] * by_shape[:, None]
    placed = variables.place(local.detach())
    arms = (placed - middle[:, None])[:, None].expand_as(directions)
    jacobians = torch.cat((by_codes[..., :poses], torch.linalg.cross(arms, directions), directions), dim=-1)
    assert jacobians.shape[-1] == poses + RIGID
    return Linearised(placed, jacobians, shape_part)


def distance_rates(fitted: FittedModel, variables: Variables, points: Tensor) -> Tensor:
    """Derivatives (..., S) of the signed distance at ``points`` (..., 3) by the shape."""
    with torch.enable_grad():
        code = fitted.shape_code(variables)[None]
        distance, biases = _with_own_biases(fitted.model.shape_decoder, code, points.reshape(1, -1, 3), False)
        gradients = torch.autograd.grad(distance.sum(), biases)
    return _along(gradients, fitted.shape_biases).view(*points.shape[:-1], -1)


def _with_own_biases(
    decoder: Decoder, codes: Tensor, points: Tensor, half: bool
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What ``decoder`` says (B, N, outputs), and the biases (B, N, width) of each point, to differentiate it by."""
    first, skip = (
        shared[:, None].repeat(1, points.shape[1], 1).requires_grad_() for shared in decoder.code_biases(codes, half)
    )
    return decoder.finish(decoder.raw(codes, points, half, biases=(first, skip)), points), (first, skip)


def _along(gradients: tuple[Tensor, ...], directions: Tensor) -> Tensor:
    """Derivatives (..., K), in float32, along ``directions`` (2 width, K) of both biases, by those of each of them."""
    both = torch.cat(gradients, dim=-1)
    return (both @ directions.to(both.dtype)).float()
