"""Voxel encoders: from an occupancy grid to a code (Palafox et al. 2021), an initial guess for fitting."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SHAPE_CHANNELS = (8, 16, 32, 64, 128, 256)
POSE_CHANNELS = (16, 32, 64, 128, 256, 256)
_GRID = 4
"""Nodes per axis that are left when the convolutions end."""


@dataclass(frozen=True)
class EncoderConfig:
    """Size of a voxel encoder."""

    code_size: int
    resolution: int = 128
    """Nodes per axis of the occupancy grid: a power of two (published: 128 and 256)."""
    channels: tuple[int, ...] = SHAPE_CHANNELS
    """Channels after each halving of the grid; a resolution of 128 uses the first five of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # lists come from JSON
        halvings = self.halvings
        if halvings < 2 or self.resolution != _GRID << halvings or self.resolution > 1024:
            raise ValueError(f"resolution {self.resolution} is not a power of two from 16 to 1024")
        if len(self.channels) < halvings or min(self.channels) < 1 or self.code_size < 1:
            raise ValueError(f"channels {self.channels} are not {halvings} positive numbers")

    @property
    def halvings(self) -> int:
        """Convolutions of stride two."""
        return (int(self.resolution) // _GRID).bit_length() - 1


class VoxelEncoder(nn.Module):
    """Occupancy of a grid to a code; parameter names are those of the published checkpoints."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels[: config.halvings]
        self.conv_in = _convolution(1, channels[0])
        for index, (before, after) in enumerate(pairwise(channels)):
            self.add_module(f"conv_{index}", _convolution(before, after))
            last = index == len(channels) - 2
            second = nn.Conv3d(after, after, 3, padding=1, padding_mode="replicate") if last else _ResidualBlock(after)
            self.add_module(f"conv_{index}_1", second)
        self.fc_0 = nn.Conv1d(channels[-1] * _GRID**3, 2 * config.code_size, 1)
        self.fc_out = nn.Conv1d(2 * config.code_size, config.code_size, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.xavier_uniform_(module.weight)

    def forward(self, occupancy: Tensor) -> Tensor:
        """Codes (B, C) of ``occupancy`` (B, R, R, R), one or True where something was seen.

        The grid spans the canonical cube, axes x, y, z.
        """
        assert occupancy.ndim == 4 and occupancy.shape[1:] == (self.config.resolution,) * 3, occupancy.shape
        value = self.conv_in(occupancy[:, None].to(self.fc_out.bias))
        for index in range(self.config.halvings - 1):
            value = self.get_submodule(f"conv_{index}")(value)
            value = self.get_submodule(f"conv_{index}_1")(value)
        hidden = functional.leaky_relu(self.fc_0(value.flatten(1)[..., None]), 0.01)
        codes: Tensor = self.fc_out(hidden)[..., 0]
        return codes


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block0 = nn.Sequential(nn.Conv3d(channels, channels, 3, padding=1), nn.BatchNorm3d(channels), nn.ReLU())
        self.block1 = nn.Sequential(nn.Conv3d(channels, channels, 3, padding=1), nn.BatchNorm3d(channels))

    def forward(self, value: Tensor) -> Tensor:
        """(B, C, R, R, R) to the same."""
        return torch.relu(value + self.block1(self.block0(value)))


def _convolution(before: int, after: int) -> nn.Sequential:
    """Halves the grid; nested as in the published code, for the names of the parameters."""
    return nn.Sequential(
        nn.Sequential(nn.Conv3d(before, after, 3, stride=2, padding=1), nn.BatchNorm3d(after), nn.ReLU())
    )
