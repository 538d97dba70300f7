"""The coordinate network: from what a depth camera sees of a subject to canonical coordinates, pixel by pixel.

A U-Net (Ronneberger et al. 2015) of residual blocks, with attention over the whole crop at its bottom: what is left and
what is right of a body is not told by a limb alone. Its input is `engine.geometry.metric_crop.MetricCrop.channels`.
Dense canonical coordinates by regression go back to Taylor et al., The Vitruvian Manifold, CVPR 2012.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.models.networks.landmarks import LOG_DEVIATIONS, LandmarkHead, Landmarks

_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Without cuDNN's, which plans for 40 ms for every number of crops that is new: a second of each fit."""


@dataclass(frozen=True)
class CoordinateConfig:
    """Size of a coordinate network.

    Raises:
        ValueError: the crop cannot be halved as often, or the attention does not divide the last channels.
    """

    size: int = 192
    """Pixels on a side of the crop; a multiple of 2 to the power of the halvings."""
    channels: tuple[int, ...] = (32, 64, 96, 160, 224)
    """Channels at the size of the crop, and after each halving of it."""
    heads: int = 4
    """Of the attention at the bottom."""
    inputs: int = 4
    """Channels of the crop."""
    landmarks: int = 0
    """Points of the surface, hidden ones too, of which the network says where they are; older networks have none."""
    upright: bool = True
    """Whether crops are turned upright. A hand has no vertical: its crops are in the axes of the camera."""
    sides: bool = False
    """Whether the network tells its subjects from mirrored ones, as right hands from left ones."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # lists come from JSON
        if len(self.channels) < 2 or min(self.channels) < 1 or self.inputs < 1 or self.heads < 1:
            raise ValueError(f"channels {self.channels} are not two or more positive numbers")
        if self.landmarks < 0:
            raise ValueError(f"{self.landmarks} landmarks make no sense")
        if self.size < 1 or not self.can_be_halved(self.size):
            raise ValueError(f"a crop of {self.size} pixels cannot be halved {len(self.channels) - 1} times")
        if self.channels[-1] % self.heads:
            raise ValueError(f"{self.channels[-1]} channels cannot be shared by {self.heads} heads")

    def can_be_halved(self, size: int) -> bool:
        """Whether a crop of ``size`` pixels on a side can be halved as often as the network does that."""
        return size % (1 << len(self.channels) - 1) == 0


@dataclass(frozen=True, eq=False)
class PixelCoordinates:
    """What the network says of each pixel of B crops; it means nothing where the crop is invalid."""

    canonical: Tensor
    """(B, 3, S, S) canonical coordinates of the subject's surface"""
    log_deviation: Tensor
    """(B, S, S) logarithm of the standard deviation of the position error along each axis, canonical units"""
    foreground: Tensor
    """(B, S, S) logit of the probability that the pixel shows the subject"""
    landmarks: Landmarks | None = None
    """None where the network has not learned any"""
    mirrored: Tensor | None = None
    """(B,) logit of the probability that the subject is seen in a mirror; None where the network cannot tell"""


class CoordinateNetwork(nn.Module):
    """See above; `forward` takes (B, C, S, S)."""

    def __init__(self, config: CoordinateConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.stem = _convolution(config.inputs, channels[0])
        self.down = nn.ModuleList(_convolution(before, after, stride=2) for before, after in pairwise(channels))
        self.encode = nn.ModuleList(_Residual(count) for count in channels[1:])
        self.attention = _Attention(channels[-1], config.heads)
        self.up = nn.ModuleList(nn.Conv2d(after, before, 1) for before, after in pairwise(channels))
        self.decode = nn.ModuleList(_Residual(count) for count in channels[:-1])
        self.head = nn.Conv2d(channels[0], 5, 1)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.copy_(torch.tensor([0.0, 0.0, 0.0, -2.0, -1.0]))  # type: ignore[union-attr]
        self.landmarks: LandmarkHead | None = None
        if config.landmarks:
            side = config.size >> len(channels) - 1
            self.landmarks = LandmarkHead(channels[-1], side, config.heads, config.landmarks)
        self.mirrored: nn.Sequential | None = None
        if config.sides:
            width = channels[-1]
            self.mirrored = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, crop: Tensor) -> PixelCoordinates:
        """Coordinates of every pixel, float32.

        Args:
            crop: (B, C, S, S); of a smaller size that can be halved as often, for a look that is cheap and rough, and
                says nothing of landmarks.
        """
        size = crop.shape[-1]
        assert crop.ndim == 4 and crop.shape[1:] == (self.config.inputs, size, size), crop.shape
        assert size <= self.config.size and self.config.can_be_halved(size), size
        with sdpa_kernel(_ATTENTION):
            return self._coordinates(crop)

    def _coordinates(self, crop: Tensor) -> PixelCoordinates:
        features = self.stem(crop)
        skipped = []
        for down, encode in zip(self.down, self.encode, strict=True):
            skipped.append(features)
            features = encode(down(features))
        features = self.attention(features)
        is_whole = crop.shape[-1] == self.config.size
        landmarks = self.landmarks(features) if self.landmarks is not None and is_whole else None
        mirrored = None
        if self.mirrored is not None:
            summary = torch.cat((features.mean((2, 3)), features.amax((2, 3))), dim=1)
            mirrored = self.mirrored(summary)[:, 0].float()
        for up, decode, skip in reversed(list(zip(self.up, self.decode, skipped, strict=True))):
            features = decode(functional.interpolate(up(features), scale_factor=2.0, mode="nearest") + skip)
        output = self.head(features).float()
        deviation = output[:, 3].clamp(*LOG_DEVIATIONS)
        return PixelCoordinates(output[:, :3], deviation, output[:, 4], landmarks, mirrored)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.second(self.first(features)))


class _Attention(nn.Module):
    """Every place of a small image looks at all others, and adds what it finds there."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.BatchNorm2d(channels)
        self.questions = nn.Conv2d(channels, 3 * channels, 1)
        self.answers = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        channels, height, width = features.shape[1:]
        sequence = self.questions(self.norm(features)).flatten(2).transpose(1, 2)  # (B, P, 3 C)
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in sequence.split(channels, dim=2)
        )
        found = functional.scaled_dot_product_attention(query, key, value)  # (B, heads, P, C / heads)
        image = found.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(2, (height, width))
        return features + self.answers(image)


def _convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
