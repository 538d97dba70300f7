"""Rigid motions as tensors: small rotations, and the best motion between corresponding points."""

import torch
from torch import Tensor

from engine.geometry.robust import redescending

_SMALL = 1e-8


def rotation_matrices(vectors: Tensor) -> Tensor:
    """Rotations (..., 3, 3) about ``vectors`` (..., 3) by their lengths in radians (Rodrigues' formula)."""
    assert vectors.shape[-1] == 3, vectors.shape
    angle = vectors.norm(dim=-1, keepdim=True).clamp_min(_SMALL)
    x, y, z = (vectors / angle).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))
    sine, cosine = angle.sin()[..., None], angle.cos()[..., None]
    return torch.eye(3, device=vectors.device, dtype=vectors.dtype) + sine * cross + (1 - cosine) * cross @ cross


def rigid_alignment(source: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations (B, 3, 3) and translations (B, 3) that bring ``source`` nearest to ``target`` (Kabsch 1976).

    Minimises the weighted sum of ``|R s + t - q|^2``.

    Args:
        source, target: (B, N, 3)
        weights: (B, N), not negative; a row of zeros gives the identity.
    """
    assert source.shape == target.shape and source.ndim == 3 and weights.shape == source.shape[:2]
    total = weights.sum(-1, keepdim=True)
    share = (weights / total.clamp_min(_SMALL))[..., None]
    middle_source, middle_target = (share * source).sum(1), (share * target).sum(1)
    covariance = (share * (source - middle_source[:, None])).transpose(1, 2) @ (target - middle_target[:, None])
    u, _, vh = torch.linalg.svd(covariance.double())
    sign = torch.linalg.det(vh.transpose(1, 2) @ u.transpose(1, 2)).sign()
    flip = torch.diag_embed(torch.stack((torch.ones_like(sign), torch.ones_like(sign), sign), -1))
    rotation = (vh.transpose(1, 2) @ flip @ u.transpose(1, 2)).to(source.dtype)
    translation = middle_target - (rotation @ middle_source[..., None])[..., 0]
    empty = total[:, 0] <= 0
    still = torch.eye(3, device=source.device, dtype=source.dtype)
    return torch.where(empty[:, None, None], still, rotation), torch.where(empty[:, None], 0, translation)


def robust_rigid_alignment(
    source: Tensor, target: Tensor, weights: Tensor, softness: float, rounds: int = 10
) -> tuple[Tensor, Tensor]:
    """`rigid_alignment` under the loss of Geman and McClure, by reweighting: points far off count for little.

    Args:
        softness: distance at which a point counts a quarter; it starts four times as large.
    """
    current = weights
    for step in range(rounds):
        rotation, translation = rigid_alignment(source, target, current)
        scale = softness * max(1.0, 4.0 * (1 - 2 * step / rounds))
        gaps = source @ rotation.transpose(1, 2) + translation[:, None] - target
        current = weights * redescending(gaps.square().sum(-1), scale)
    return rotation, translation
