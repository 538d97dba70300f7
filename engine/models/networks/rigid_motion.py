"""Rigid motions as a network puts them out: logarithm of a quaternion, pivot, translation (Park et al. 2021, Nerfies).

Quaternions are ordered (x, y, z, w) here and everywhere else: the scalar part is last.
"""

import math

import torch
from torch import Tensor

PARAMETERS = 9
"""Numbers per motion: logarithm of a unit quaternion, pivot, translation."""


def quaternion_exp(logarithm: Tensor) -> Tensor:
    """Unit quaternions (..., 4), ordered (x, y, z, w), of ``logarithm`` (..., 3).

    The rotation is about the direction of ``logarithm`` by twice its length, in radians.
    """
    angle = torch.linalg.vector_norm(logarithm, dim=-1, keepdim=True)
    # sin(a) / a by way of sinc, whose value and gradient are right at zero too
    return torch.cat((logarithm * torch.sinc(angle / math.pi), angle.cos()), dim=-1)


def rotate(quaternions: Tensor, vectors: Tensor) -> Tensor:
    """``vectors`` (..., 3) rotated by unit ``quaternions`` (..., 4), ordered (x, y, z, w): q v conj(q)."""
    axis, scalar = quaternions[..., :3], quaternions[..., 3:]
    twice = 2 * torch.linalg.cross(axis, vectors)
    return vectors + scalar * twice + torch.linalg.cross(axis, twice)


def rigid_displacement(motions: Tensor, points: Tensor) -> Tensor:
    """Displacement (..., 3) of ``points`` (..., 3) by ``motions`` (..., 9): ``R (p - s) + s + t - p``."""
    assert motions.shape[-1] == PARAMETERS and points.shape[-1] == 3, (motions.shape, points.shape)
    logarithm, pivot, translation = motions.split(3, dim=-1)
    return rotate(quaternion_exp(logarithm), points - pivot) + pivot + translation - points
