"""Codes in standard deviations along the principal directions of the training codes.

In these coordinates all directions have the same scale, so one learning rate and one prior serve all of them, and a
code cannot leave the space that the training codes span.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class WhitenedSpace:
    """Affine map from whitened coordinates (K,) to codes (C,)."""

    mean: Tensor
    """(C,)"""
    basis: Tensor
    """(K, C): principal directions times their standard deviations"""

    @staticmethod
    def of(codes: Tensor) -> "WhitenedSpace":
        """The space of training ``codes`` (N, C); directions below a thousandth of the largest spread are left out."""
        mean = codes.mean(0)
        _, singular, directions = torch.linalg.svd(codes - mean, full_matrices=False)
        scales = singular / max(1, len(codes) - 1) ** 0.5
        kept = scales > 1e-3 * scales[0].clamp_min(1e-12)
        return WhitenedSpace(mean, directions[kept] * scales[kept, None])

    def code(self, whitened: Tensor) -> Tensor:
        """Codes (..., C) of ``whitened`` coordinates (..., K)."""
        return self.mean + whitened @ self.basis

    def whiten(self, codes: Tensor) -> Tensor:
        """Coordinates (..., K) of ``codes`` (..., C), projected onto the space."""
        return (codes - self.mean) @ self.basis.T / self.basis.square().sum(1)
