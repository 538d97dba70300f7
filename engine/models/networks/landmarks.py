"""Dense landmarks: where points of the whole surface are, the hidden ones too, as far as a crop tells.

Queries look at the bottom of the coordinate network in the way of a transformer decoder (Carion et al. 2020). Landmarks
with an expected error of their own, to which a model is fitted, are those of Wood et al., 3D Face Reconstruction with
Dense Landmarks, ECCV 2022.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LOG_DEVIATIONS = -7.0, 1.0
"""Logarithms of the smallest and largest standard deviation that a network says."""
_LAYERS = 2


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the network says of K points of the surface in B crops."""

    canonical: Tensor
    """(B, K, 3) where each is at rest; this differs between subjects"""
    positions: Tensor
    """(B, K, 3) where it is seen or must be, in the axes and units of the crop"""
    log_deviation: Tensor
    """(B, K) logarithm of the standard deviation of the error of both along each axis, canonical units"""


class LandmarkHead(nn.Module):
    """From features (B, C, P, P) to landmarks."""

    def __init__(self, channels: int, side: int, heads: int, count: int) -> None:
        """
        Args:
            side: P
            count: K
        """
        super().__init__()
        self.places = nn.Parameter(_noise(0.02, side * side, channels))
        self.queries = nn.Parameter(_noise(1.0, count, channels))
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(channels, heads, 2 * channels, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(_LAYERS)
        )
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, 7)
        self.middle = nn.Parameter(torch.zeros(count, 7))
        with torch.no_grad():
            self.output.weight.mul_(0.1)
            self.middle[:, 6] = -2.0

    def forward(self, features: Tensor) -> Landmarks:
        """
        Args:
            features: (B, C, P, P)
        """
        seen = features.flatten(2).transpose(1, 2) + self.places
        tokens = self.queries.expand(len(features), -1, -1)
        for layer in self.layers:
            tokens = layer(tokens, seen)
        said = self.output(self.norm(tokens)).float() + self.middle
        return Landmarks(said[..., :3], said[..., 3:6], said[..., 6].clamp(*LOG_DEVIATIONS))


def _noise(deviation: float, *size: int) -> Tensor:
    """Normal numbers; none on the meta device, where PyTorch makes them by TorchDynamo, which is slow to import."""
    values = torch.empty(size)
    return values if values.is_meta else values.normal_().mul_(deviation)
