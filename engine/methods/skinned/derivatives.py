"""How the bones of a posed body move with the pose and with the shape.

A small turn about an axis through the head of a joint moves all bones that hang on it alike, so the derivative of what
a bone carries is that of the turns of all joints above it, added up (as for robot arms: the geometric Jacobian).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.skinned.body import PosedBones, Rest, SkinnedBody

_SMALL = 1e-4
"""Radians below which the first terms of series are as exact as what they stand for."""


@dataclass(frozen=True, eq=False)
class PoseDerivatives:
    """By the numbers of the pose: points that a bone carries move by ``turns x p - shifts``."""

    turns: Tensor
    """(F, A, 3, K) of what moves with each moving joint"""
    shifts: Tensor
    """(F, A, 3, K)"""
    bends: Tensor | None
    """(F, 9 (B - 1), K) of the features that bend the surface at rest; None for bodies without"""


def by_pose(body: SkinnedBody, bones: PosedBones, poses: Tensor) -> PoseDerivatives:
    """Derivatives of ``bones`` at ``poses`` (F, K)."""
    space = body.poses
    moving, parents = space.moving, [body.parents[bone] for bone in space.moving.tolist()]
    vectors = space.vectors(poses)
    local = torch.einsum("faij,ajk->faik", right_jacobians(vectors), space.directions)  # of exp(vector), on its right
    # R_parent Q_parent^T R_joint takes them to the axes of the body; Q_parent is the orientation in the reference pose
    above = bones.turns[:, parents] @ body.reference[parents].mT
    own = above @ bones.rotations[:, moving] @ local  # (F, A, 3, K)
    carried = torch.linalg.cross(own, bones.heads[:, moving, :, None].expand_as(own), dim=2)
    added = body.ancestors[moving]  # (A, A)
    turns = torch.einsum("ba,faik->fbik", added, own)
    shifts = torch.einsum("ba,faik->fbik", added, carried)
    return PoseDerivatives(turns, shifts, None if body.pose_directions is None else _bends(body, bones, local))


def _bends(body: SkinnedBody, bones: PosedBones, local: Tensor) -> Tensor:
    """(F, 9 (B - 1), K) of the entries of joint rotations, by ``local`` turns (F, A, 3, K) on their right."""
    frames, _, _, directions = local.shape
    result = local.new_zeros(frames, len(body.parents), 9, directions)
    turned = skew(local.movedim(-1, 2))  # (F, A, K, 3, 3)
    entries = bones.rotations[:, body.poses.moving, None] @ turned
    result[:, body.poses.moving] = entries.flatten(-2).mT
    return result[:, 1:].flatten(1, 2)


def right_jacobians(vectors: Tensor) -> Tensor:
    """J (..., 3, 3) with ``exp(v + d) = exp(v) exp(J d)`` for small d, of rotation ``vectors`` v (..., 3)."""
    squared = vectors.square().sum(-1)[..., None, None]
    small = squared < _SMALL**2
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    first = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / safe)
    second = torch.where(small, 1 / 6 - squared / 120, (angle - angle.sin()) / (safe * angle))
    across = skew(vectors)
    return torch.eye(3).to(vectors) - first * across + second * across @ across


def skew(vectors: Tensor) -> Tensor:
    """Matrices (..., 3, 3) that give the cross product with ``vectors`` (..., 3)."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).unflatten(-1, (3, 3))


@dataclass(frozen=True, eq=False)
class RestDerivatives:
    """Of a shape at rest by the shape: what `torch.func.jacfwd` gives, the shape last."""

    points: Tensor
    """(P, 3, S) of points of the surface"""
    heads: Tensor
    """(B, 3, S)"""
    orientations: Tensor
    """(B, 3, 3, S)"""
    offsets: Tensor
    """(B, 3, S)"""


def rest_by_shape(body: SkinnedBody, shape: Tensor, points_of: Callable[[Rest], Tensor]) -> RestDerivatives:
    """At ``shape`` (S,); ``points_of`` (P, 3) is linear in the vertices at rest."""

    def parts(numbers: Tensor) -> Rest:
        rest = body.rest(numbers)
        return rest._replace(vertices=points_of(rest))

    found = torch.func.jacfwd(parts)(shape.detach().double().cpu())
    points, heads, orientations, offsets = (part.to(body.weights) for part in found)
    return RestDerivatives(points, heads, orientations, offsets)


def transforms_by_shape(body: SkinnedBody, rest: Rest, bones: PosedBones, changes: RestDerivatives) -> Tensor:
    """(F, B, 3, 4, S) of the transforms of ``bones`` from rest; their orientations stay where they are."""
    parents = [max(parent, 0) for parent in body.parents]
    steps = torch.einsum("fbij,bjs->fbis", bones.turns[:, parents], changes.offsets)
    heads = [torch.zeros_like(steps[:, 0])]
    for bone, parent in list(enumerate(body.parents))[1:]:
        heads.append(heads[parent] + steps[:, bone])
    linear = torch.einsum("fbij,bkjs->fbiks", bones.turns, changes.orientations)  # R dQ^T
    moved = torch.einsum("fbiks,bk->fbis", linear, rest.heads)
    moved = moved + torch.einsum("fbik,bks->fbis", bones.transforms[..., :3], changes.heads)
    shift = torch.stack(heads, 1) - moved
    return torch.cat((linear, shift[:, :, :, None]), 3)
