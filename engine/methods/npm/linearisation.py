"""Residuals of posed surface points, and their derivatives with respect to all that a fit changes.

A code enters a decoder as a bias that all points of a row share. Given each point a copy of the code of its own, one
reverse pass through the decoder yields the exact derivative of a residual per point, row by row (as in Wang et al.
2021, DSP-SLAM, there for shape codes).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.npm.variables import RIGID, FittedModel, Variables

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


def linearise(
    fitted: FittedModel,
    variables: Variables,
    points: Tensor,
    normals: Tensor,
    directions: Tensor,
    middle: Tensor,
    shape_moves: bool,
) -> Linearised:
    """Place surface points and differentiate their coordinates along ``directions``.

    Args:
        points: (F, N, 3) canonical, near the surface; they follow it when the shape changes.
        normals: (F, N, 3) canonical unit normals there
        directions: (F, R, N, 3) in the space of the observations
        middle: (F, 3) there, which rotations are about
    """
    model, frames, count = fitted.model, len(variables), points.shape[1]
    with torch.enable_grad():
        shape = fitted.shape_code(variables).expand(frames * count, -1).detach().clone().requires_grad_(shape_moves)
        pose = fitted.pose_codes(variables)[:, None].expand(-1, count, -1).flatten(0, 1).clone().requires_grad_()
        followed = points.reshape(-1, 1, 3)
        if shape_moves:
            distance = model.sdf(shape, followed)
            followed = followed - distance.clamp(-FARTHEST_STEP, FARTHEST_STEP)[..., None] * normals.reshape(-1, 1, 3)
        local = model.pose(shape, pose, followed, fitted.half).view(frames, count, 3)
        wanted = (pose, shape) if shape_moves else (pose,)
        rows = directions.shape[1]
        pulled = directions @ variables.rotations[:, None]  # R^T d, as rows
        gradients = [
            torch.autograd.grad(local, wanted, pulled[:, row], retain_graph=row + 1 < rows) for row in range(rows)
        ]
    along_poses, along_shapes = fitted.poses.derivative, fitted.shapes.derivative
    pose_part = torch.stack([(each[0] @ along_poses).view(frames, count, -1) for each in gradients], dim=1)
    if shape_moves:
        shape_part = torch.stack([(each[1] @ along_shapes).view(frames, count, -1) for each in gradients], dim=1)
    else:
        shape_part = pose_part.new_zeros((*pose_part.shape[:3], 0))
    placed = variables.place(local.detach())
    arms = (placed - middle[:, None])[:, None].expand_as(directions)
    jacobians = torch.cat((pose_part, torch.linalg.cross(arms, directions), directions), dim=-1)
    assert jacobians.shape[-1] == len(fitted.poses.scales) + RIGID
    return Linearised(placed, jacobians, shape_part)
